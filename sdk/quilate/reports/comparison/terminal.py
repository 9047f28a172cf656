"""A comparison as text, for a terminal or a log: good at 80 columns."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quilate.reports import wording as figures
from quilate.reports.comparison import wording
from quilate.reports.comparison.values import Flip, Items, Row, RunComparison
from quilate.reports.comparison.words import CompareWords
from quilate.reports.strings import language
from quilate.reports.visible import visible

_STYLES = {"worse": "bold red", "undecided": "bold yellow", "pass": "bold green"}
_SIGNS = ("▼", "▲")  # worse, better


def render(
    found: RunComparison, *, lang: str | None = None, flips: int = 3, width: int = 80
) -> str:
    """The comparison as plain text, at most `width` columns wide."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, no_color=True)
    with console.capture() as captured:
        show(found, console, lang=lang, flips=flips)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(lines).strip("\n") + "\n"


def show(
    found: RunComparison, console: Console, *, lang: str | None = None, flips: int = 3
) -> None:
    """Print the comparison on a rich console, with at most so many flips of each kind."""
    words = CompareWords(language(lang))
    _print(
        console,
        [
            f"A: {found.a.name}  {found.a.id}",
            f"B: {found.b.name}  {found.b.id}",
            words.some("shared", len(found.samples)),
        ],
    )
    _print(console, wording.notes(words, found), "yellow")
    _print(console, [wording.outcome(words, found)], _STYLES[found.outcome])
    if found.rows:
        console.print()
        console.print(_table(words, found))
        console.print()
    for row in found.rows:
        style = "yellow" if row.at_risk else ""
        _print(console, [f"• {wording.title(row)}: {wording.sentence(words, row)}"], style)
    for one in found.uncompared:
        line = f"• {wording.title(one)}: {wording.uncompared(words, one)}"
        _print(console, [line], "yellow" if one.decides else "dim")
    _print(console, wording.judges(words, found))
    if found.rows:
        _print(console, [wording.method(words, found)], "dim")
    if flips:
        _print(console, _flips(words, found, flips, console.width))
    console.print()
    heading = words["differ" if found.differences else "equal"]
    _print(console, [heading], "bold")
    _print(console, [f"  {d.setting}: {_brief(d.a)} → {_brief(d.b)}" for d in found.differences])


def _table(words: CompareWords, found: RunComparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(words["metric"], overflow="fold")
    for name in ("A", "B", "B − A", wording.p_heading(words, found), words["pairs"]):
        table.add_column(name, no_wrap=True)
    for row in found.rows:
        table.add_row(
            Text(visible(wording.title(row))),
            _cell(words, row, 0),
            _cell(words, row, 1),
            wording.figure(words, row),
            words.p_value(row.p),
            words.count(row.comparison.n),
        )
    return table


def _cell(words: CompareWords, row: Row, side: int) -> Text:
    digits = figures.decimals(row.comparison.difference)
    text = Text(words.number((row.a, row.b)[side], digits=digits))
    covered = row.cells[side].coverage
    if figures.coverage(words, covered):
        text.append(f"\n{words.count(covered.scored)}/{words.count(covered.planned)}", "dim")
    return text


def _flips(words: CompareWords, found: RunComparison, most: int, width: int) -> Iterator[str]:
    """For each row that decides what got worse, then what got better, with both answers. Of seconds
    and money every sample changes."""
    kinds = [
        (row, better, [flip for flip in row.flips if flip.better is better])
        for row in found.rows
        if row.decides
        for better in (False, True)
    ]
    shown = [flip for _, _, flips in kinds for flip in flips[:most]]
    answers = dict(zip(shown, found.answers(shown), strict=True))
    for row, better, flips in kinds:
        if not better and row.comparison.ties < row.comparison.n:
            changes = " · ".join(wording.changes(words, row))
            yield f"\n{words['flips']}, {wording.title(row)}: {changes}"
        for flip in flips[:most]:
            digits = figures.decimals(row.comparison.difference)
            yield from _flip(words, found, flip, answers[flip], width, digits)
        if len(flips) > most:
            rest = words("and_more", n=words.count(len(flips) - most))
            yield f"  {_SIGNS[better]} {rest}"


def _flip(
    words: CompareWords,
    found: RunComparison,
    flip: Flip,
    answers: tuple[Items, Items],
    width: int,
    digits: int,
) -> Iterator[str]:
    question = found.a.samples[flip.sample].question
    a, b = (words.number(value, digits=digits) for value in (flip.a, flip.b))
    head = f"  {_SIGNS[flip.better]} {flip.sample}  {a} → {b}  "
    yield head + _short(question, width - len(head))
    epoch, epochs = _telling(flip, *answers), max(map(len, answers))
    shown = words("of_epochs", epoch=epoch + 1, epochs=epochs) if epochs > 1 else ""
    for name, items in zip("AB", answers, strict=True):
        answer = _short(_answer(words, items, epoch), width - 9 - len(shown))
        yield f"      {name}{shown}: {answer}"


def _telling(flip: Flip, a: Items, b: Items) -> int:
    """The epoch that shows best how the sample changed: the first of those where the scores of the
    two differ most in the flip's direction."""
    metric = flip.metric.partition(" ")[0]
    before, after = (
        {item.epoch: one.value for item in side for one in item.scores if one.metric == metric}
        for side in (a, b)
    )
    sign = 1.0 if flip.b > flip.a else -1.0
    gains = {
        epoch: sign * (value - was)
        for epoch, was in before.items()
        if was is not None and (value := after.get(epoch)) is not None
    }
    return max(gains, key=lambda epoch: gains[epoch], default=0)


def _answer(words: CompareWords, items: Items, epoch: int) -> str:
    """That of one epoch, or why there is none."""
    first = next((item for item in items if item.epoch == epoch), None)
    if first is None:
        return words["no_answer"]
    if first.failure is not None:
        return words("failed", reason=f"{first.failure.kind}: {first.failure.message}")
    return (first.output.text if first.output else "") or words["empty_answer"]


def _short(text: str, width: int) -> str:
    line = " ".join(text.split())
    room = max(width, 20)
    return line if len(line) <= room else f"{line[: room - 1].rstrip()}…"


def _print(console: Console, lines: Sequence[str] | Iterator[str], style: str = "") -> None:
    for line in lines:
        console.print(visible(line), style=style, markup=False, highlight=False)


def _brief(value: Any) -> str:
    text = "—" if value is None else " ".join(str(value).split())
    return text if len(text) <= 32 else f"{text[:24]}…"
