"""The commands ``data …``: pipelines, and the datasets that they make."""

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quilate.cli.finishing import say
from quilate.cli.options import DEFAULT_STORE, AsJson, Lang, Store

if TYPE_CHECKING:
    from quilate.data.stores import Dataset, DatasetStore

app = typer.Typer(
    help="Clean, deduplicate and check data; keep it in versions.", no_args_is_help=True
)


def dataset_names(context: typer.Context, incomplete: str) -> list[str]:
    """The datasets of the store, for the shell's completion."""
    from quilate.errors import QuilateError

    try:
        names = _datasets(context.params.get("store") or DEFAULT_STORE).names()
    except QuilateError:
        return []
    return [name for name in names if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@VERSION]",
        help="A dataset, or a version of it by number or tag.",
        autocompletion=dataset_names,
    ),
]

Tokenizers = Annotated[
    list[str] | None,
    typer.Option(
        "--tokenizer",
        metavar="KIND/NAME",
        help="gguf/NAME, hf/PATH or tiktoken/ENCODING; may be repeated.",
    ),
]


def _datasets(store: Path) -> "DatasetStore":
    from quilate.data.stores import dataset_store

    return dataset_store(store)


def _is_dataset(name: str, store: Path) -> bool:
    return name.partition("@")[0] in _datasets(store).names()


def _opened(name: str, store: Path) -> "Dataset":
    from quilate.data.stores import open_dataset

    return open_dataset(name, store)


@app.command()
def run(
    pipeline: Annotated[Path, typer.Argument(metavar="PIPELINE", help="The pipeline (YAML).")],
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="Where the work is done: processes or ray.")
    ] = "processes",
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes, if not one for each processor."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The Ray cluster, or auto.")
    ] = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline, and keep what it makes as a version of a dataset.

    Finished work is kept at once: after Ctrl-C or a crash the same command goes on. Steps that
    were done on the same rows are not done again. What is dropped goes to the quarantine.
    """
    from quilate.cli.onward import same_goes_on
    from quilate.cli.progress import show_progress
    from quilate.data.pipeline import run_pipeline
    from quilate.reports.pipelines import closing_lines, empty_warning, step_table

    named = {"workers": workers, "address": address}
    options: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    with same_goes_on(), show_progress(quiet=as_json) as progress:
        done = run_pipeline(pipeline, store=store, engine=engine, progress=progress, **options)
    if warning := empty_warning(done, lang):
        say(warning)
    if as_json:
        told = {"version": done.dataset.version, "new": done.new, **done.manifest}
        typer.echo(json.dumps({**told, "quarantine": str(done.quarantine)}, ensure_ascii=False))
        return
    from rich.console import Console

    Console().print(step_table(done.manifest, lang))
    for line in closing_lines(done, lang):
        typer.echo(line)


@app.command("list")
def list_datasets(store: Store = DEFAULT_STORE, lang: Lang = None, as_json: AsJson = False) -> None:
    """List the datasets of the store and their versions."""
    from dataclasses import asdict

    datasets = _datasets(store)
    versions = [one for name in datasets.names() for one in datasets.versions(name)]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in versions], ensure_ascii=False))
        return
    from rich.console import Console

    from quilate.reports.pipelines import no_datasets, version_table

    if versions:
        Console().print(version_table(versions, lang))
    else:
        typer.echo(no_datasets(store, lang))


@app.command()
def show(
    name: Name, store: Store = DEFAULT_STORE, lang: Lang = None, as_json: AsJson = False
) -> None:
    """Show what a dataset holds and what each step did to it."""
    dataset = _opened(name, store)
    if as_json:
        typer.echo(json.dumps(dataset.manifest, ensure_ascii=False))
        return
    from rich.console import Console

    from quilate.reports.pipelines import step_table

    manifest = dataset.manifest
    typer.echo(f"{dataset.name}@{dataset.version}: {len(dataset)}  {manifest.get('created', '')}")
    for field, about in manifest.get("fields", {}).items():
        typer.echo(f"  {field}: {about['kind']} ({about['filled']})")
    Console().print(step_table(manifest, lang))


@app.command()
def head(
    name: Name,
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Rows.")] = 5,
    store: Store = DEFAULT_STORE,
) -> None:
    """Print the first rows of a dataset as JSON Lines."""
    for row in islice(_opened(name, store).rows(), n):
        typer.echo(json.dumps(row, ensure_ascii=False))


@app.command()
def export(
    name: Name,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Where it goes: .jsonl, .jsonl.gz, .json, .csv, .parquet, .arrow; without a "
            "suffix a folder that Hugging Face datasets loads.",
        ),
    ],
    images: Annotated[
        bool, typer.Option("--images", help="To a folder of images with metadata.jsonl.")
    ] = False,
    store: Store = DEFAULT_STORE,
) -> None:
    """Write a dataset to a file or folder."""
    from quilate.cli.onward import check_writable
    from quilate.data.files.writing import write_rows
    from quilate.data.stores import check_no_source

    check_writable(out if out.suffix and not images else None)
    dataset = _opened(name, store)
    check_no_source(dataset, out, store)
    count = write_rows(_Again(dataset), out, images=images)
    say(f"{out}: {count}")


class _Again:
    """A dataset's rows, which can be gone through twice."""

    def __init__(self, dataset: "Dataset") -> None:
        self._dataset = dataset

    def __iter__(self) -> Any:
        return self._dataset.rows()


@app.command()
def tag(
    name: Name,
    label: Annotated[str, typer.Argument(metavar="TAG", help="A word, such as released.")],
    store: Store = DEFAULT_STORE,
) -> None:
    """Give a version of a dataset a tag, by which it is then found."""
    dataset = _opened(name, store)
    _datasets(store).tag(dataset.name, label, dataset.version)
    typer.echo(f"{dataset.name}@{label} = {dataset.name}@{dataset.version}")


@app.command()
def card(
    name: Name,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where it goes: .html, or .md for Markdown.")
    ],
    tokenizer: Tokenizers = None,
    field: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The text; else the field with most of it.")
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Rows shown; 0 shows no value of any row.")
    ] = 5,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
) -> None:
    """Write a dataset's card: contents, sources, steps."""
    from quilate.cli.onward import check_writable
    from quilate.data.card import make_card
    from quilate.data.card.values import check_ending

    check_ending(out)
    check_writable(out)
    made = make_card(_opened(name, store), tokenizers=tokenizer or (), field=field, samples=samples)
    made.write(out, lang)
    say(f"{out.resolve()}")


@app.command()
def tokens(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A dataset (NAME[@VERSION]), or a file of rows.")
    ],
    tokenizer: Tokenizers = None,
    field: Annotated[str, typer.Option(metavar="FIELD", help="The text.")] = "text",
    window: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="N", help="A context length; may be repeated."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Read the first N rows alone.")
    ] = None,
    store: Store = DEFAULT_STORE,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Say how tokenizers fit texts, with advice in words."""
    from quilate.data.files import Rejected, read_rows
    from quilate.data.tokens import fit

    # A dataset often lies beside the folder that it was made from, and has its name.
    if Path(source).exists() and not _is_dataset(source, store):
        rows: Any = (row for row in read_rows(source) if not isinstance(row, Rejected))
    else:
        rows = _opened(source, store)
    chosen = tokenizer or ["gguf/smollm2-135m-instruct"]
    found = fit(rows, chosen, field=field, windows=window or (512, 2048, 8192), limit=limit)
    if as_json:
        typer.echo(json.dumps(found.as_data(), ensure_ascii=False))
        return
    typer.echo(found.table(lang))


@app.command()
def steps(as_json: AsJson = False) -> None:
    """List the steps that a pipeline may have, with their options."""
    from quilate.data.catalogue import step_entries

    entries = step_entries()
    if as_json:
        typer.echo(json.dumps(entries, ensure_ascii=False))
        return
    for entry in entries:
        typer.echo(f"{entry['name']}: {entry['summary']}")
        for option, default in entry["options"].items():
            typer.echo(f"    {option}: {default}")
