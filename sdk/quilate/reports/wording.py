"""Figures and findings as sentences: the same in the terminal and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import shorten

from quilate.evals import commands
from quilate.evals.results import Run
from quilate.models import Cost
from quilate.reports.calibration import (
    beside_line,
    corrected_line,
    place_line,
    unreadable_line,
)
from quilate.reports.figures import decimals as decimals
from quilate.reports.figures import figure as figure
from quilate.reports.judges import Judge
from quilate.reports.strings import Words
from quilate.reports.summary import Cell, Effort, Pair, Summary
from quilate.reports.tallies import Coverage

_JUDGE = {
    "better than chance": "judge_better",
    "includes chance": "judge_chance",
    "worse than chance": "judge_worse",
}
_SILENCE = {
    "no score": "judge_no_score",
    "one score": "judge_one_score",
    "too little": "judge_unmeasured",
}


def coverage(words: Words, covered: Coverage) -> str | None:
    """How many of the planned items have a score, unless all have."""
    if covered.scored == covered.planned:
        return None
    said = words("scored_of", scored=covered.scored, planned=covered.planned)
    if not covered.abstained:
        return said
    return f"{said}, {words.some('abstained', covered.abstained)}"


def method(words: Words, summary: Summary) -> str:
    """What the intervals and p-values are."""
    clustered = words["clustered"] if summary.clustered else ""
    return words("method", level=words.percent(summary.level), clustered=clustered)


def possible_range(words: Words, cell: Cell) -> str | None:
    """What the figure could be if every missing score were known."""
    if cell.range is None:
        return None
    low, high = (words.number(end) for end in cell.range)
    return words("range", low=low, high=high)


def verdict(words: Words, pair: Pair) -> str:
    """Which target is better, or that no difference is shown."""
    return words("better", winner=pair.winner) if pair.winner else words["no_difference"]


def unfinished(words: Words, run: Run) -> str | None:
    """Why a run has not asked everything and how to go on with it; None where it has."""
    if run.status == "finished":
        return None
    if run.status == "decided":
        known = run.reason or ""
        if run.kind == "gate":
            return words("gate_decided", verdict=gate_verdict(words, known))
        return words("decided", reason=known)
    reason = f" ({run.reason.rstrip('.')})" if run.reason else ""
    if run.kind == "gate":
        return words("gate_stopped", reason=reason, run=run.id)
    command = commands.resume(run.id, run.store or commands.DEFAULT_STORE)
    return words("stopped", reason=reason, command=command)


def gate_verdict(words: Words, reason: str | None) -> str:
    """What a gate decided, in the reader's language, where it is known."""
    return words[reason] if reason in ("not worse", "worse", "undecided") else reason or ""


def notices(words: Words, run: Run, summary: Summary) -> list[str]:
    """What must be known before any figure: answers that all failed, a run that is not finished,
    one that was replayed."""
    lines = []
    if all_failed(summary):
        lines.append(words("all_failed", reason=_first_failure(summary.efforts)))
    else:
        lines += [
            words("target_failed", target=effort.target, reason=_first_failure([effort]))
            for effort in summary.efforts
            if _failed(effort)
        ]
    lines += filter(None, [unfinished(words, run)])
    if run.provenance.get("replay"):
        lines.append(words("replayed", run=run.provenance["replay"]))
    return lines


def all_failed(summary: Summary) -> bool:
    """Whether there are answers, and none that did not fail."""
    asked = [effort for effort in summary.efforts if effort.items]
    return bool(asked) and all(map(_failed, asked))


def _failed(effort: Effort) -> bool:
    return 0 < effort.items == sum(effort.failures.values())


def _first_failure(efforts: Sequence[Effort]) -> str:
    kind, message = next(pair for effort in efforts for pair in effort.messages.items())
    return f"{kind}: {shorten(message, 400, placeholder=' …')}"


def counts(words: Words, summary: Summary) -> str:
    """How many targets, samples, items and epochs."""
    text = words(
        "counts",
        targets=words.some("targets", len(summary.targets)),
        samples=words.some("samples", summary.samples),
        finished=words.count(summary.finished),
        planned=words.some("finished_items", summary.planned),
    )
    return text if summary.epochs == 1 else f"{text} · {words('epochs', epochs=summary.epochs)}"


def findings(words: Words, summary: Summary) -> list[str]:
    """A sentence for each metric and better target; one sentence when no difference is shown."""
    if all_failed(summary):
        return [words["no_answers"]]
    if len(summary.targets) < 2:
        return [words["one_target"]]
    beaten: dict[tuple[str, str], list[str]] = {}
    for pair in summary.pairs:
        if pair.winner:
            beaten.setdefault((pair.metric, pair.winner), []).append(_gap(words, pair))
    return [
        words("finding", metric=metric, winner=winner, gaps=words["and"].join(gaps))
        for (metric, winner), gaps in beaten.items()
    ] or [words["no_finding" if summary.pairs else "no_pairs"]]


def _gap(words: Words, pair: Pair) -> str:
    """``closed book by 0.31 [0.18, 0.44]``: the difference as the winner sees it."""
    difference = pair.comparison.difference
    digits = decimals(difference)
    gap = words.number(abs(difference.value or 0.0), digits=digits)
    if difference.interval is not None:
        ends = sorted((abs(difference.interval.low), abs(difference.interval.high)))
        gap += " " + words.interval(*ends, digits=digits)
    return words("gap", loser=pair.b if pair.winner == pair.a else pair.a, gap=gap)


def judge_sentence(words: Words, judge: Judge) -> str:
    """What people's labels say of the judge; without them, whether it separates anything better
    than chance, and what it does not, plainly."""
    if judge.moved is not None:
        place = place_line(words, judge.metric, *judge.moved)
        return f"{place} {judge_sentence(words, replace(judge, moved=None))}"
    if judge.calibration is not None:
        lines = [beside_line(words, judge.calibration)]
        lines += [corrected_line(words, judge.run, judge.metric, *one) for one in judge.corrected]
        return " ".join(lines)
    if judge.unreadable is not None:
        why = unreadable_line(words, judge.metric, judge.unreadable)
        return f"{why} {judge_sentence(words, replace(judge, unreadable=None))}"
    references = [one.reference for one in judge.agreements if one.standing == judge.standing]
    better = judge.standing == "better than chance"
    key = "judge_weak" if better and judge.weak else _JUDGE.get(judge.standing)
    sentence = words(
        key or _SILENCE[judge.silence],
        metric=judge.metric,
        references=", ".join(references),
        run=judge.run,
    )
    others = [one.reference for one in judge.agreements if one.standing != judge.standing]
    if not better or not others:
        return sentence
    return f"{sentence} {words('judge_not_shown', references=', '.join(others))}"


def money(words: Words, cost: Cost) -> str:
    """A sum with its basis: ``$0.12 (estimated)``; of unknown prices, what is known of them."""
    if cost.usd is None or (cost.basis == "unknown" and not cost.usd):
        return words["unknown"]
    if cost.basis == "unknown":
        return words("at_least", cost=words.dollars(cost.usd))
    return f"{words.dollars(cost.usd)} ({words[cost.basis]})"


def errors(summary: Summary) -> list[str]:
    """``timeout × 7 (RAG k=4): no answer in 30 s``: failures of targets, then what could not be
    scored, each kind with what the first one said. Metrics of one evaluator share a line."""
    lines = [
        f"{kind} × {count} ({effort.target}): {effort.messages[kind]}"
        for effort in summary.efforts
        for kind, count in effort.failures.items()
    ]
    failures = {effort.target: effort.failures for effort in summary.efforts}
    metrics: dict[tuple[str, int, str, str], list[str]] = {}
    for (metric, target), cell in summary.cells.items():
        own = Counter(cell.coverage.errors)
        own.subtract(failures[target])
        for kind, n in own.items():
            if n > 0:
                message = cell.coverage.messages.get(kind, "")
                metrics.setdefault((kind, n, target, message), []).append(metric)
    return lines + [
        f"{kind} × {n} ({', '.join(names)}, {target})" + (f": {message}" if message else "")
        for (kind, n, target, message), names in metrics.items()
    ]


def unscored(words: Words, summary: Summary) -> Iterator[tuple[str, str]]:
    """(metric, ``reason × count``) over all targets, for what has no score by its nature;
    then the reducers that say nothing of a metric, and why."""
    for metric in summary.metrics:
        total: Counter[str] = Counter()
        for target in summary.targets:
            total.update(summary.cells[metric.name, target].coverage.unscored)
        if total:
            reasons = (f"{words.phrase(reason)} × {n}" for reason, n in total.most_common())
            yield metric.name, "; ".join(reasons)
    for one in summary.left_out:
        yield f"{one.metric} {', '.join(one.reducers)}", words.phrase(one.reason)
