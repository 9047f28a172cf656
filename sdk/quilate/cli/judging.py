"""The commands that measure judges: ``quilate judge calibrate`` and ``quilate judge show``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quilate.cli.options import DEFAULT_STORE, AsJson, Lang, RunId, Store, run_ids

app = typer.Typer(
    name="judge",
    help="Measure a judge by people's labels, and see what that found.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Exit codes: 0 trust, with or without correction; 6 do not trust; 1 an error.")
def calibrate(
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labels, or recorded verdicts (JSON Lines or CSV with judge and human); else "
            "those that quilate label kept for the run.",
        ),
    ] = None,
    run: Annotated[
        str, typer.Option(metavar="RUN", help="The run that was labelled.", autocompletion=run_ids)
    ] = "latest",
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The judged metric; else the labels' one.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(metavar="LABEL=VALUE,…", help="Values of a file's labels.")
    ] = None,
    again: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Ask the judge again about N answers (calls it)."),
    ] = 0,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Measure a judge by people's labels.

    It says whether to trust it, to trust it with correction, or not. What is found of a run's judge
    is kept, and shown beside every number that it gives afterwards. Recorded verdicts of no run are
    measured, and not kept.
    """
    from quilate.cli import calibrating
    from quilate.cli.finishing import say
    from quilate.cli.folding import print_lines
    from quilate.codec import to_data
    from quilate.reports.calibration import calibration_lines, saying

    found, kept = calibrating.calibrate(
        labels, run, metric, scale, again=again, store=store, quiet=as_json, lang=lang
    )
    if as_json:
        typer.echo(json.dumps(to_data(found), ensure_ascii=False))
    else:
        print_lines(calibration_lines(found, lang))
    if kept is not None:
        say(saying(lang)["stored"].format(path=kept))
    if found.trust == "do not trust":
        raise typer.Exit(6)


@app.command()
def show(
    run: RunId = "latest", store: Store = DEFAULT_STORE, lang: Lang = None, as_json: AsJson = False
) -> None:
    """Show what is known of a run's judges.

    Each with what people's labels said of it, and the means that people would give.
    """
    from quilate import evals
    from quilate.cli import calibrating

    opened = evals.open_run(run, store=store)
    calibrating.show(opened, lang=lang, as_json=as_json)
