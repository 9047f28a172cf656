"""The result table of a run as text, for a terminal or a log: good at 80 columns."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from quilate.evals.results import Run
from quilate.reports import wording
from quilate.reports.strings import Words, language
from quilate.reports.summary import Cell, Summary, summarize
from quilate.reports.visible import visible


def render(run: Run, *, level: float = 0.95, lang: str | None = None, width: int = 80) -> str:
    """The summary of `run` as plain text, at most `width` columns wide.

    `lang` is ``en`` or ``es``; None asks the environment (see `quilate.reports.strings`).
    """
    console = Console(file=io.StringIO(), width=width, force_terminal=False, no_color=True)
    with console.capture() as captured:
        print_run(run, console, level=level, lang=lang)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(lines).strip("\n") + "\n"


def print_run(run: Run, console: Console, *, level: float = 0.95, lang: str | None = None) -> None:
    """Print the summary of `run` on a rich console."""
    words, summary = Words(language(lang)), summarize(run, level)
    sections: list[Iterable[RenderableType]] = [
        [_heading(words, run, summary)],
        _figures(words, summary, console.width),
        _notes(words, summary),
        _findings(words, summary),
        _comparisons(words, summary),
        _judges(words, summary),
        _efforts(words, summary),
    ]
    for number, section in enumerate(sections):
        for place, part in enumerate(section):
            if number and not place:
                console.print()
            console.print(part)


def _plain(text: str, style: str = "") -> Text:
    """Text as it is: no markup, and no control character that could drive the terminal."""
    return Text(visible(text), style)


def _heading(words: Words, run: Run, summary: Summary) -> Text:
    counts = wording.counts(words, summary)
    lines = _plain(f"{run.name}", "bold") + _plain(f"  {run.id}\n{counts}", "dim")
    for notice in wording.notices(words, run, summary):
        lines += _plain(f"\n{notice}", "yellow")
    return lines


def _figures(words: Words, summary: Summary, width: int) -> Iterator[Table]:
    """One table, or several when the targets do not fit side by side."""
    name = max([len(metric.name) for metric in summary.metrics] + [len(words["metric"])])
    texts = [_figure_cell(words, cell, False).plain for cell in summary.cells.values()]
    lines = [line for text in (*texts, *summary.targets) for line in text.splitlines()]
    fitting = max((width - name) // (max(map(len, lines), default=0) + 2), 1)
    for start in range(0, len(summary.targets), fitting):
        yield _figure_table(words, summary, summary.targets[start : start + fitting])


def _figure_table(words: Words, summary: Summary, targets: Sequence[str]) -> Table:
    table = _table(words["metric"], *targets)
    best = _best(summary)
    for metric in summary.metrics:
        cells = [summary.cells[metric.name, target] for target in targets]
        row = [_figure_cell(words, cell, cell.target in best[metric.name]) for cell in cells]
        table.add_row(_plain(metric.name), *row)
    return table


def _best(summary: Summary) -> dict[str, set[str]]:
    """By metric, the targets that are shown to be better than another and worse than none."""
    best: dict[str, set[str]] = {metric.name: set() for metric in summary.metrics}
    for pair in summary.pairs:
        if pair.winner:
            best[pair.metric].add(pair.winner)
    for pair in summary.pairs:
        if pair.winner:
            best[pair.metric].discard(pair.b if pair.winner == pair.a else pair.a)
    return best


def _figure_cell(words: Words, cell: Cell, best: bool) -> Text:
    text = _plain(wording.figure(words, cell.estimate), "bold green" if best else "")
    for marker in (wording.coverage(words, cell.coverage), wording.possible_range(words, cell)):
        text += _plain(f"\n{marker}" if marker else "", "dim")
    return text


def _notes(words: Words, summary: Summary) -> Iterator[RenderableType]:
    yield _plain(wording.method(words, summary), "dim")
    for metric, reasons in wording.unscored(words, summary):
        yield _plain(f"{metric}: {reasons}", "dim")


def _findings(words: Words, summary: Summary) -> Iterator[RenderableType]:
    yield _plain(words["findings"], "bold")
    for sentence in wording.findings(words, summary):
        yield _plain(f"• {sentence}")


def _comparisons(words: Words, summary: Summary) -> Iterator[RenderableType]:
    if not summary.pairs:
        return
    table = _table(
        *map(words.__getitem__, ("comparisons", "difference", "p_adjusted", "detectable"))
    )
    for pair in summary.pairs:
        style = "bold" if pair.winner else ""
        p = pair.comparison.p_adjusted
        difference = wording.figure(words, pair.comparison.difference, sign=True)
        verdict = _plain(wording.verdict(words, pair), style)
        verdict.truncate(26, overflow="ellipsis")  # the findings above name the target in full
        table.add_row(
            _plain(f"{pair.metric}\n  {pair.a} − {pair.b}"),
            _plain(f"{difference}\n", style) + verdict,
            _plain("" if p is None else words.p_value(p)),
            _plain("—" if pair.detectable is None else words.number(pair.detectable)),
        )
    yield table


def _judges(words: Words, summary: Summary) -> Iterator[RenderableType]:
    for judge in summary.judges:
        yield _plain(wording.judge_sentence(words, judge), "bold yellow" if judge.weak else "")
        if judge.agreements and judge.calibration is None:  # people's labels tell more
            table = _table(words["reference"], words["agreement"], words["standing"])
            for agreement in judge.agreements:
                table.add_row(
                    _plain(agreement.reference),
                    _plain(f"{agreement.measure} {wording.figure(words, agreement.estimate)}"),
                    _plain(words[agreement.standing]),
                )
            yield table


def _efforts(words: Words, summary: Summary) -> Iterator[RenderableType]:
    headings = ("target", "tokens", "evaluation_tokens", "cost", "median_seconds", "p95_seconds")
    table = _table(*map(words.__getitem__, headings))
    for effort in summary.efforts:
        usage = effort.usage
        table.add_row(
            _plain(effort.target),
            f"{words.count(usage.input_tokens)} / {words.count(usage.output_tokens)}",
            words.count(effort.evaluation_usage.total_tokens),
            wording.money(words, effort.cost + effort.evaluation_cost),
            _seconds(words, effort.seconds_median),
            _seconds(words, effort.seconds_p95),
        )
    yield table
    lines = wording.errors(summary)
    yield _plain(f"{words['errors']}:" if lines else words["no_errors"])
    for line in lines:
        yield _plain(f"  {line}")


def _seconds(words: Words, value: float | None) -> str:
    return "—" if value is None else words.number(value)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(_plain(first), overflow="fold")
    for name in others:
        table.add_column(_plain(name), no_wrap=True)
    return table
