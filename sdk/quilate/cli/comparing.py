"""The command ``compare``."""

import gc
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quilate.cli.finishing import say
from quilate.cli.options import DEFAULT_STORE, AsJson, Html, Junit, Lang, Store, run_ids, share

if TYPE_CHECKING:
    from quilate.reports.comparison import RunComparison

COMPARE_CODES = (
    "Exit codes: 0 no metric is shown to be worse or, with --margin, all are shown to be no worse "
    "by more than it; 6 a metric is worse, with --margin by more than it; 7 undecided: with "
    "--margin, too few samples to tell; or too much is missing in a run; 1 an error."
)
_CODES = {"worse": 6, "undecided": 7}


class Correction(StrEnum):
    """How p-values are adjusted for their number."""

    holm = "holm"
    bh = "bh"


def compare(
    run_a: Annotated[
        str, typer.Argument(metavar="RUN_A", help="The earlier run.", autocompletion=run_ids)
    ],
    run_b: Annotated[
        str,
        typer.Argument(metavar="RUN_B", help="The run to compare with it.", autocompletion=run_ids),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This metric alone; may be repeated."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            parser=share,
            metavar="M",
            help="The loss that does not matter, of a metric's range: 0.02 or 2%.",
        ),
    ] = None,
    correction: Annotated[
        Correction,
        typer.Option(help="For many metrics: Holm, or Benjamini and Hochberg (finds more)."),
    ] = Correction.holm,
    flips: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Samples to list, worse and better, of each metric."),
    ] = 3,
    store: Store = DEFAULT_STORE,
    html: Html = None,
    junit: Junit = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs, paired by sample, with a verdict for CI.

    A run's one target is compared with the other's, several with those of the same name. Each
    difference is B − A. All metrics decide the exit code, or those named.
    """
    from quilate.cli.onward import check_writable
    from quilate.reports.comparison import compare as compare_runs

    check_writable(html, junit)
    gc.freeze()  # what was imported stays: not worth looking at while many samples come and go
    found = compare_runs(
        run_a,
        run_b,
        metrics=metric or (),
        margin=margin,
        correction=correction.value,
        store=store,
    )
    _finish(found, html=html, junit=junit, lang=lang, flips=flips, as_json=as_json)


def _finish(
    found: "RunComparison",
    *,
    html: Path | None,
    junit: Path | None,
    lang: str | None,
    flips: int,
    as_json: bool,
) -> None:
    """Write what was asked for, print the comparison, and exit by its outcome."""
    written = []  # first: whoever reads the text may leave in the middle of it
    if html:
        from quilate.reports.strings import Words, language

        label = Words(language(lang))["html_report"]
        written.append(f"{label}: {found.to_html(html, lang=lang).resolve()}")
    if junit:
        written.append(f"JUnit: {found.to_junit(junit, lang=lang).resolve()}")
    if as_json:
        typer.echo(json.dumps(found.to_data(), ensure_ascii=False))
    else:
        from rich.console import Console

        from quilate.reports.comparison.terminal import show

        show(found, Console(), lang=lang, flips=flips)
    for line in written:
        say(line)
    if found.outcome in _CODES:
        raise typer.Exit(_CODES[found.outcome])
