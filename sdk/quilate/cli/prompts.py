"""``quilate prompts``: the shipped prompts, listed and printed."""

import json
from typing import Annotated

import typer

from quilate.errors import ConfigurationError

prompts = typer.Typer(
    help="List and print the shipped prompts.", no_args_is_help=True, rich_markup_mode=None
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Lang = Annotated[
    str | None, typer.Option(metavar="LANG", help="Prompts in this language alone, such as es.")
]


@prompts.command("list")
def list_(lang: Lang = None, as_json: AsJson = False) -> None:
    """List every shipped prompt.

    Each with its languages, version, variables and digest.
    """
    from quilate.prompts.catalogue import catalogue

    known = catalogue()
    found = [one for one in known if lang in (None, one.language)]
    if not found:
        raise ConfigurationError(
            f"There are no prompts in the language '{lang}'.",
            remedy=f"They are there in: {', '.join(sorted({one.language for one in known}))}.",
        )
    if as_json:
        typer.echo(json.dumps([one.as_data() for one in found], ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from quilate.reports.visible import visible

    table = Table(box=None)
    for name in ("prompt", "language", "version"):
        table.add_column(name, no_wrap=True)
    table.add_column("digest", no_wrap=True)
    table.add_column("variables", overflow="fold")
    for one in found:
        words = (one.name, one.language, one.template.version, one.template.digest[:12])
        cells = (*words, ", ".join(one.template.variables))
        table.add_row(*(Text(visible(cell)) for cell in cells))
    Console().print(table)


@prompts.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A prompt, or an evaluator for all of its own.")
    ],
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Print a prompt as it is shipped.

    It is a file to start your own from. Of an evaluator that uses several, each is headed by its
    name.
    """
    from quilate.prompts.catalogue import find

    found = find(name, lang)
    if as_json:
        data = [{**one.as_data(), "text": one.source} for one in found]
        typer.echo(json.dumps(data, ensure_ascii=False))
        return
    for number, one in enumerate(found):
        if len(found) > 1:
            typer.echo(f"{chr(10) * (number > 0)}==> {one.name}.{one.language}.md <==")
        typer.echo(one.source, nl=not one.source.endswith("\n"))
