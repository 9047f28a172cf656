"""The report of a run as one HTML file: it works from disk, with no network and no server.

What models wrote is data: the figures are rendered by jinja2 with autoescape on, the samples are
JSON that the page's script inserts as text. A content security policy admits the page's own style
and script by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from quilate.errors import StoreError
from quilate.evals.results import Run
from quilate.reports import chart, wording
from quilate.reports.payload import as_json, payload
from quilate.reports.strings import Words, language
from quilate.reports.summary import Summary, summarize


def write(run: Run, path: str | Path, *, level: float = 0.95, lang: str | None = None) -> Path:
    """Write the report of `run` to `path` and return it; folders that are missing are made.

    Intervals are at `level`; `lang` is ``en`` or ``es``, None asks the environment (see
    `quilate.reports.strings`). The file is there whole or not at all. Raises StoreError where it
    cannot be written.
    """
    page, place = page_of(run, level=level, lang=lang), Path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(place, page)
    except OSError as error:
        raise StoreError(
            f"The report cannot be written: {error.strerror or error}.",
            where=str(place),
            remedy="Give a path in a folder that you may write to, on a disk that is not full.",
        ) from error
    return place


def page_of(run: Run, *, level: float = 0.95, lang: str | None = None) -> str:
    """The page that `write` writes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    words, summary = Words(language(lang)), summarize(run, level)
    style, script = _asset("report.css"), _asset("report.js")
    environment = Environment(
        loader=PackageLoader("quilate.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        run=run,
        summary=summary,
        words=words,
        wording=wording,
        charts=chart.charts(words, summary),
        policy=_policy(style, script),
        style=style,
        script=script,
        data=as_json(payload(run, words) | {"words": words.all(), "lang": words.lang}),
        languages=sorted({sample.language for sample in run.samples.values() if sample.language}),
        shown_metric=_shown_metric(summary),
        provenance=_flat(run.provenance),
    )


def _asset(name: str) -> str:
    return resources.files("quilate.reports").joinpath("templates", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """The content security policy: this style, this script, pictures inside the file."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _shown_metric(summary: Summary) -> int:
    """The metric that the samples show first: the first that has nearly all scores everywhere."""
    shares = [
        min((summary.cells[m.name, t].coverage.scored for t in summary.targets), default=0)
        for m in summary.metrics
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


def _write_whole(path: Path, text: str) -> None:
    """Write beside `path`, then rename: a reader never meets half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
