"""The report of a run as one HTML file: it works from disk, with no network and no server.

What models wrote is data: the figures are rendered by jinja2 with autoescape on, the samples are
JSON that the page's script inserts as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quilate.evals.results import Run
from quilate.reports import chart, wording
from quilate.reports.pages import render_page, write_whole
from quilate.reports.payload import as_json, payload
from quilate.reports.strings import Words, language
from quilate.reports.summary import Summary, summarize


def write(run: Run, path: str | Path, *, level: float = 0.95, lang: str | None = None) -> Path:
    """Write the report of `run` to `path` and return it; folders that are missing are made.

    Intervals are at `level`; `lang` is ``en`` or ``es``, None asks the environment (see
    `quilate.reports.strings`). The file is there whole or not at all. Raises StoreError where it
    cannot be written.
    """
    return write_whole(Path(path), page_of(run, level=level, lang=lang))


def page_of(run: Run, *, level: float = 0.95, lang: str | None = None) -> str:
    """The page that `write` writes."""
    words, summary = Words(language(lang)), summarize(run, level)
    return render_page(
        "report.html.j2",
        styles=("report.css",),
        scripts=("page.js", "report.js"),
        run=run,
        summary=summary,
        words=words,
        wording=wording,
        charts=chart.charts(words, summary),
        data=as_json(payload(run, words) | {"words": words.all(), "lang": words.lang}),
        languages=sorted({sample.language for sample in run.samples.values() if sample.language}),
        shown_metric=_shown_metric(run, summary),
        provenance=_flat(run.provenance),
    )


def _shown_metric(run: Run, summary: Summary) -> int:
    """The metric that the samples show first: the first that has nearly all scores everywhere."""
    shares = [
        min((summary.cells[name, t].coverage.scored for t in summary.targets), default=0)
        for name in run.metrics
    ]
    return next((n for n, share in enumerate(shares) if share > 0.7 * max(shares)), 0)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as (dotted name, value) rows."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            rows.append((f"{prefix}{name}", text))
    return rows
