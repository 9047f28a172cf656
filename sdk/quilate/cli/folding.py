"""Long lines, folded for a terminal."""

import shutil
import textwrap
from collections.abc import Iterable

import typer

from quilate.reports.visible import visible

_LEAST = 40


def print_lines(lines: Iterable[str]) -> None:
    """Print lines folded to the terminal's width, what goes on indented below its beginning; whole
    where nothing tells a width, as in a pipe, where somebody may look for a sentence."""
    width = shutil.get_terminal_size(fallback=(0, 0)).columns
    for line in map(visible, lines):
        if not width:
            typer.echo(line)
            continue
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        for part in textwrap.wrap(
            line,
            max(width, _LEAST),
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            typer.echo(part)
