"""From the values of two targets to a verdict: better, worse, not worse, equivalent, or open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from quilate.evaluators import Metric
from quilate.judging.calibration import Calibration
from quilate.reports.comparison.people import people_say
from quilate.reports.comparison.values import Correction, Row, Verdict
from quilate.reports.summary import Bounds, Cell
from quilate.stats import (
    Comparison,
    Equivalence,
    benjamini_hochberg,
    compare_paired,
    equivalence,
    holm_adjust,
    minimum_detectable_effect,
    more_samples_needed,
    non_inferiority,
)
from quilate.stats.comparison import _decided
from quilate.stats.ppi import PpiEstimate

MUCH = 0.05
"""Share of the samples missing by error from which on a verdict that they could undo is none; a
smaller margin takes its place, for by itself such a share can lose more than that."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A pair of targets on one metric, before anything is decided."""

    metric: Metric
    target_a: str
    target_b: str
    samples: list[str]
    before: list[float]
    after: list[float]
    groups: list[str | None] | None
    cells: tuple[Cell, Cell]
    named: bool = False
    distrusted: Calibration | None = None
    people: PpiEstimate | None = None
    people_p: float | None = None

    def decides(self, margin: float | None) -> bool:
        """Seconds and money drift by themselves, and a judge that is not to be trusted says
        nothing: they decide only when they are asked about."""
        if self.distrusted is not None and not self.named:
            return False
        return self.metric.bounds is not None or (margin is None and self.named)

    @property
    def bounds(self) -> Bounds | None:
        """The metric's bounds, unless its own scores break them: then it has none."""
        bounds = self.metric.bounds
        if bounds is None:
            return None
        low, high = min(*self.before, *self.after), max(*self.before, *self.after)
        return bounds if bounds[0] <= low and high <= bounds[1] else None


def decide(
    drafts: Sequence[Draft], *, margin: float | None, level: float, correction: Correction
) -> tuple[Row, ...]:
    """A row for each draft. Their p-values are a family, adjusted together."""
    compared = [
        compare_paired(
            draft.after,
            draft.before,
            clusters=draft.groups,
            level=level,
            bounds=draft.bounds,
            higher_is_better=draft.metric.higher_is_better,
        )
        for draft in drafts
    ]
    family = _adjusted(compared, correction)
    corrected = 1.0 - (1.0 - level) / max(len(family), 1)
    return tuple(
        _row(draft, comparison, margin, level, corrected)
        for draft, comparison in zip(drafts, family, strict=True)
    )


def _adjusted(compared: Sequence[Comparison], correction: Correction) -> list[Comparison]:
    if correction == "holm":
        return holm_adjust(compared)
    adjusted = benjamini_hochberg([comparison.p_value for comparison in compared])
    return [_decided(replace(c, p_adjusted=p)) for c, p in zip(compared, adjusted, strict=True)]


def _row(
    draft: Draft, comparison: Comparison, margin: float | None, level: float, corrected: float
) -> Row:
    bounds = draft.metric.bounds
    units = None if margin is None or bounds is None else margin * (bounds[1] - bounds[0])
    found = (
        _difference(comparison, corrected)
        if units is None
        else _within(draft, comparison, units, level, corrected)
    )
    spread = _range(draft.cells)
    missing = [cell.coverage.missing / max(cell.coverage.planned, 1) for cell in draft.cells]
    much = max(missing) > (MUCH if units is None or margin is None else min(MUCH, margin))
    if found.verdict == "no difference shown":
        at_risk = missing[1] - missing[0] > MUCH  # B lost what might have shown it to be worse
    else:
        at_risk = spread is not None and _undone(found.verdict, spread, units, comparison)
    return Row(
        metric=draft.metric.name,
        target_a=draft.target_a,
        target_b=draft.target_b,
        samples=tuple(draft.samples),
        before=tuple(draft.before),
        after=tuple(draft.after),
        comparison=comparison,
        verdict="undecided" if at_risk and much else found.verdict,
        detectable=_detectable(comparison, corrected, draft.metric),
        more_samples=found.more or None,
        cells=draft.cells,
        range=spread,
        at_risk=at_risk,
        margin=units,
        decides=draft.decides(margin),
        distrusted=draft.distrusted,
        people=draft.people,
        people_p=draft.people_p,
        people_verdict=None
        if draft.people is None
        else people_say(draft.people, draft.people_p, level, draft.metric.higher_is_better),
    )


class _Found(NamedTuple):
    """A verdict, and for an open one about how many more samples would settle it."""

    verdict: Verdict
    more: int | None = None


def _difference(comparison: Comparison, corrected: float) -> _Found:
    """Without a margin: whether any difference is shown. B is the first of the comparison."""
    if comparison.verdict != "no difference shown":
        return _Found("better" if comparison.verdict == "a better" else "worse")
    more = more_samples_needed(comparison, level=corrected).more
    return _Found("no difference shown", more)


def _within(
    draft: Draft, comparison: Comparison, margin: float, level: float, corrected: float
) -> _Found:
    """With a margin: whether B is worse by less, or by more.

    That all rows pass needs no correction for their number, since each of them must (Berger 1982);
    that one fails does, since one is enough (Bonferroni).
    """
    x, y, higher = draft.after, draft.before, draft.metric.higher_is_better

    def inferior(confidence: float) -> Equivalence:
        return non_inferiority(
            x,
            y,
            margin=margin,
            clusters=draft.groups,
            level=confidence,
            bounds=draft.bounds,
            higher_is_better=higher,
        )

    if inferior(corrected).verdict == "worse":
        return _Found("worse")
    if comparison.verdict == "a better":
        return _Found("better")
    both = equivalence(x, y, margin=margin, clusters=draft.groups, level=level, bounds=draft.bounds)
    if both.verdict == "equivalent":
        return _Found("equivalent")
    asked = inferior(level)
    if asked.verdict == "not worse":
        return _Found("not worse")
    return _Found("undecided", more_samples_needed(asked).more)


def _range(cells: tuple[Cell, Cell]) -> Bounds | None:
    """Where B − A would lie if every score that is missing by error were known."""
    a, b = cells
    if a.range is None and b.range is None:
        return None
    ends = [cell.range or (cell.estimate.value,) * 2 for cell in (a, b)]
    (a_low, a_high), (b_low, b_high) = ends
    if a_low is None or a_high is None or b_low is None or b_high is None:
        return None
    return b_low - a_high, b_high - a_low


def _undone(verdict: Verdict, spread: Bounds, margin: float | None, found: Comparison) -> bool:
    """Whether a verdict that B is no worse would not hold at the worst end of `spread`."""
    low, high = spread if found.higher_is_better else (-spread[1], -spread[0])
    if verdict == "better":
        return low <= 0.0
    if verdict == "not worse":
        return low < -(margin or 0.0)
    if verdict == "equivalent":
        return low < -(margin or 0.0) or high > (margin or 0.0)
    return False


def _detectable(comparison: Comparison, level: float, metric: Metric) -> float | None:
    found = comparison.difference
    if not found.std_error or found.df < 1:
        return None
    smallest = minimum_detectable_effect(found.std_error, level=level, df=found.df)
    low, high = metric.bounds or (-math.inf, math.inf)
    return smallest if smallest <= high - low else None
