"""A run as a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quilate import registry
from quilate.evals.results import Run

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("target", "sample", "epoch", "metric", "value", "status", "reason", "text")


def to_pandas(run: Run) -> pd.DataFrame:
    """One row a score: target, sample, epoch, metric, value, status, reason, output text.

    A failed item has one row without a metric, of status ``failed``, its reason the failure. A
    missing value is NaN, as pandas has it. Raises MissingDependency where pandas is not installed.
    """
    pandas = registry.require("pandas", extra="pandas")
    rows: list[tuple[object, ...]] = []
    for item in run.items:
        who = (item.target, item.sample_id, item.epoch)
        text = item.output.text if item.output else None
        if item.failure is not None:
            reason = f"{item.failure.kind}: {item.failure.message}"
            rows.append((*who, None, None, "failed", reason, text))
        rows += [(*who, s.metric, s.value, s.status, s.reason, text) for s in item.scores]
    frame: pd.DataFrame = pandas.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"value": "float64"})
