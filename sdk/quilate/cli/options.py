"""The arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORE = Path(".quilate")
DEFAULT_MODEL = "llamacpp/smollm2-135m-instruct"


class Language(StrEnum):
    """Languages of the reports."""

    en = "en"
    es = "es"


def run_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The runs of the store, for the shell's completion."""
    from quilate.errors import QuilateError
    from quilate.evals.runner import list_runs

    try:
        records = list_runs(context.params.get("store") or DEFAULT_STORE)
    except QuilateError:
        return []
    ordinary = sum(record.kind != "gate" for record in records)
    named = ["latest", "latest~1"][:ordinary] + [record.id for record in records]
    return [run_id for run_id in named if run_id.startswith(incomplete)]


def share(text: str | float) -> float:
    """A share, written as a number or in per cent; whether it is one of anything is checked later.

    >>> share("0.02"), share("2%"), share("2 %")
    (0.02, 0.02, 0.02)
    """
    written = str(text).strip()
    try:
        return float(written.removesuffix("%")) / (100.0 if written.endswith("%") else 1.0)
    except ValueError:
        raise typer.BadParameter(f"{written!r} is no share; write 0.02 or 2%.") from None


def confidence(text: str | float) -> float:
    """A share that a verdict may be sure to, as `share` reads it.

    >>> confidence("95%")
    0.95
    """
    value = share(text)
    if not 0.5 <= value <= 0.9999:
        raise typer.BadParameter(f"{text} does not lie between 0.5 and 0.9999; write 0.95 or 95%.")
    return value


Suite = Annotated[Path, typer.Argument(metavar="SUITE", help="The suite file (YAML).")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's id, its beginning or last part; latest, or latest~1, the one before it.",
        autocompletion=run_ids,
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
Lang = Annotated[
    Language | None,
    typer.Option(help="Language of tables and reports; else QUILATE_LANG, else the system's."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Embedder = Annotated[str, typer.Option(metavar="NAME", help="Embedder of the passages.")]
