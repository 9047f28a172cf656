"""The difference that people would give of two runs, from their labels of both runs' answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from scipy.special import stdtr

from quilate.evals.results import Run
from quilate.judging.calibration import Calibration
from quilate.judging.correcting import LABELLED
from quilate.stats import Comparison, Estimate
from quilate.stats.ppi import PpiEstimate, ppi_difference

if TYPE_CHECKING:
    from quilate.reports.comparison.decisions import Draft

Says = Literal["better", "worse", "no difference shown"]
Labels = Mapping[str, float]


def labels_in(run: Run, target: str, calibration: Calibration | None) -> Labels:
    """What people said of a target's answers in this run, by sample."""
    pairs = calibration.pairs if calibration else ()
    return {
        one.item[1]: one.human
        for one in pairs
        if one.run == run.id and one.item is not None and one.item[0] == target
    }


def people_difference(of_a: Labels, of_b: Labels, draft: Draft, level: float) -> PpiEstimate | None:
    """B − A as people would have it: the judge's paired difference, corrected by its error on the
    samples that are labelled in both runs. None where those are fewer than `LABELLED`."""
    samples = draft.samples
    known = [place for place, key in enumerate(samples) if key in of_a and key in of_b]
    if len(known) < LABELLED:
        return None
    rest = sorted(set(range(len(samples))).difference(known))

    def side(labels: Labels, scores: Sequence[float]) -> tuple[list[float], ...]:
        return (
            [labels[samples[place]] for place in known],
            [scores[place] for place in known],
            [scores[place] for place in rest],
        )

    (y, f, g), (z, h, k) = side(of_b, draft.after), side(of_a, draft.before)
    groups, clusters = draft.groups, None
    if groups is not None:
        clusters = [groups[place] for place in known], [groups[place] for place in rest]
    return ppi_difference(
        (y, f, g), (z, h, k), level=level, clusters=clusters, bounds=draft.metric.bounds
    )


def p_value(found: Estimate) -> float | None:
    """Of no difference, two-sided, by Student's t; None where no error could be estimated."""
    if found.value is None or not found.std_error or found.df < 1:
        return None
    return float(2.0 * stdtr(found.df, -abs(found.value) / found.std_error))


def people_say(found: PpiEstimate, higher_is_better: bool) -> Says:
    """B's verdict by the interval of people's difference."""
    interval = found.corrected.interval
    if interval is None or interval.low <= 0.0 <= interval.high:
        return "no difference shown"
    return "better" if (interval.low > 0.0) == higher_is_better else "worse"


def judge_says(comparison: Comparison) -> Says:
    """B's verdict by the judge's scores. B is the first of the comparison."""
    if comparison.verdict == "no difference shown":
        return "no difference shown"
    return "better" if comparison.verdict == "a better" else "worse"
