"""A comparison as plain data, for programs."""

from __future__ import annotations

from typing import Any

from quilate.codec import to_data
from quilate.reports.comparison import wording
from quilate.reports.comparison.values import Flip, Row, RunComparison, Uncompared
from quilate.reports.comparison.words import CompareWords
from quilate.reports.summary import Cell

_BETTER = {"a better": "b", "b better": "a", "no difference shown": None}  # B was the first


def as_data(found: RunComparison) -> dict[str, Any]:
    """Everything that was found, with all flips; words are English."""
    words = CompareWords("en")
    return {
        "a": found.a.id,
        "b": found.b.id,
        "outcome": found.outcome,
        "says": wording.outcome(words, found),
        "level": found.level,
        "margin": found.margin,
        "correction": found.correction,
        "shared_samples": len(found.samples),
        "rows": [_row(words, row) for row in found.rows],
        "uncompared": [_uncompared(one) for one in found.uncompared],
        "differences": [to_data(one) for one in found.differences],
        "remeasured": [to_data(one) for one in found.remeasured],
        "notes": wording.notes(words, found),
        "judges": wording.judges(words, found),
    }


def _row(words: CompareWords, row: Row) -> dict[str, Any]:
    comparison = row.comparison
    interval = comparison.difference.interval
    return {
        "metric": row.metric,
        "targets": [row.target_a, row.target_b],
        "a": row.a,
        "b": row.b,
        "difference": comparison.difference.value,
        "interval": [interval.low, interval.high] if interval else None,
        "p": comparison.p_value,
        "p_adjusted": row.p,
        "test": comparison.test,
        "n": comparison.n,
        "detectable": row.detectable,
        "more_samples": row.more_samples,
        "better": _BETTER[comparison.verdict],
        "verdict": row.verdict,
        "says": wording.sentence(words, row),
        "margin": row.margin,
        "decides": row.decides,
        "distrusted": row.distrusted is not None,
        "people": _people(row),
        "coverage": [_coverage(cell) for cell in row.cells],
        "range": row.range,
        "at_risk": row.at_risk,
        "flips": [_flip(flip) for flip in row.flips],
    }


def _people(row: Row) -> dict[str, Any] | None:
    """The difference that people would give, where enough answers of both runs are labelled."""
    if row.people is None:
        return None
    found = row.people.corrected
    return {
        "difference": found.value,
        "interval": [found.interval.low, found.interval.high] if found.interval else None,
        "p": row.people_p,
        "labelled": row.people.n_labelled,
        "says": row.people_verdict,
    }


def _coverage(cell: Cell) -> dict[str, Any]:
    covered = cell.coverage
    return {
        "planned": covered.planned,
        "scored": covered.scored,
        "unscored": dict(covered.unscored),
        "errors": dict(covered.errors),
        "pending": covered.pending,
        "range": cell.range,
    }


def _flip(flip: Flip) -> dict[str, Any]:
    return {"sample": flip.sample, "a": flip.a, "b": flip.b, "better": flip.better}


def _uncompared(one: Uncompared) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "targets": [one.target_a, one.target_b],
        "pairs": one.pairs,
        "decides": one.decides,
        "coverage": [_coverage(cell) for cell in one.cells],
    }
