"""A fit as text, for a terminal or a log."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from quilate.data.tokens.values import Counts, Fit, TokenizerFit
from quilate.data.tokens.wording import TokenWords
from quilate.reports.strings import language
from quilate.reports.visible import visible


def render(fit: Fit, *, lang: str | None = None, width: int = 80) -> str:
    """The figures and the advice as plain text, at most `width` columns wide."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, no_color=True)
    with console.capture() as captured:
        print_fit(fit, console, lang=lang)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(lines).strip("\n") + "\n"


def print_fit(fit: Fit, console: Console, *, lang: str | None = None) -> None:
    """Print a fit on a rich console."""
    words = TokenWords(language(lang))
    console.print(_heading(words, fit))
    for one in fit.tokenizers:
        console.print()
        for part in _tokenizer(words, one):
            console.print(part)
    console.print()
    for sentence in fit.advice(words.lang):
        console.print(_plain(f"• {sentence}"))


def heading(words: TokenWords, fit: Fit) -> str:
    """What was measured, in one line."""
    said = [f"'{fit.field}'", words.some("read", fit.rows)]
    if fit.empty:
        said.append(words("empty", n=words.count(fit.empty)))
    if fit.sample is not None and fit.sample < 1:
        said.append(words("sampled", share=words.share(fit.sample)))
    if fit.limited:
        said.append(words["limited"])
    return ", ".join(said)


def _heading(words: TokenWords, fit: Fit) -> Text:
    lines = _plain(words["fit"], "bold") + _plain(f"  {heading(words, fit)}", "dim")
    if fit.guessed:
        lines += _plain("\n" + words("guessed", rows=words.some("rows", fit.guessed)), "yellow")
    return lines


def _tokenizer(words: TokenWords, one: TokenizerFit) -> Iterator[RenderableType]:
    yield _plain(one.name, "bold")
    yield _languages(words, one)
    if one.packing:
        yield _windows(words, one)


def _languages(words: TokenWords, one: TokenizerFit) -> Table:
    heads = ("rows", "per_word", "per_character", "per_byte", "whole", "unknown_short", "bytes")
    table = _table(words["language"], *map(words.__getitem__, heads))
    for name, counts in one.languages.items():
        _row(table, words, words.named(name), counts)
    if len(one.languages) > 1:
        _row(table, words, words["all_languages"], one.total)
    return table


def _row(table: Table, words: TokenWords, name: str, counts: Counts) -> None:
    table.add_row(
        _plain(name),
        words.count(counts.text.rows),
        words.ratio(counts.per_word),
        words.ratio(counts.per_character),
        words.ratio(counts.per_byte),
        words.share(counts.whole_share),
        words.share(counts.unknown_share),
        words.share(counts.byte_share),
    )


def _windows(words: TokenWords, one: TokenizerFit) -> Table:
    heads = ("rows_cut", "tokens_lost", "filled", "filled_batch", "filled_window")
    table = _table(words["window"], *map(words.__getitem__, heads))
    rows = max(one.total.text.rows, 1)
    tokens = max(round(one.total.lengths.mean * rows), 1)
    for cut, packing in zip(one.total.cuts, one.packing, strict=True):
        table.add_row(
            words.count(cut.window),
            words.share(cut.rows / rows),
            words.share(cut.tokens / tokens),
            words.share(packing.efficiency),
            words.share(packing.batch_efficiency),
            words.share(packing.padded_efficiency),
        )
    return table


def _plain(text: str, style: str = "") -> Text:
    """Text as it is: no markup, and no control character that could drive the terminal."""
    return Text(visible(text), style)


def _table(first: str, *others: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, collapse_padding=True
    )
    table.add_column(_plain(first), overflow="fold")
    for name in others:
        table.add_column(_plain(name), justify="right")
    return table
