"""Not worse, or as good: paired comparison against a margin instead of against 0.

A test that finds no difference does not show that there is none. These turn the question round:
the burden is to show that what difference there is stays within a margin, chosen beforehand as
the largest that does not matter.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy.typing as npt
from scipy.special import stdtr

from quilate.stats.comparison import checked_bounds
from quilate.stats.estimates import Estimate, alike_units, hull, mean, unanimous
from quilate.stats.observations import Bounds, as_clusters, as_pairs, check_share
from quilate.stats.tango import exceeds, tango_interval

EquivalenceVerdict = Literal["not worse", "worse", "equivalent", "better", "undecided"]
Question = Literal["non-inferiority", "equivalence"]


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Target a against target b by `margin`. `difference` is the mean of a − b, as in `Comparison`.

    Each claim is tested one-sided at 1 − `level` (5 %), so the interval of `difference` is
    two-sided at 2 · level − 1 (90 %): a is "not worse" when, and only when, its end on the bad
    side lies within the margin, "worse" when the whole of it lies beyond, "equivalent" when the
    whole of it lies within ±margin, "better" (of `equivalence` alone) when the whole of it lies
    beyond the margin on the good side. `p_value` is that of the claim "not worse" or "equivalent".
    `reason` says why nothing could be tested. `width` is how far a difference can be from 0 where
    that limited the t test (see `non_inferiority`).
    """

    difference: Estimate
    margin: float
    p_value: float
    verdict: EquivalenceVerdict
    question: Question
    level: float = 0.95
    higher_is_better: bool = True
    reason: str | None = None
    width: float | None = None

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.difference.n


@dataclass(frozen=True, slots=True)
class _Tests:
    """One-sided p-values that the true difference, a's side, lies above or below each limit."""

    above_low: float
    below_low: float
    above_high: float
    below_high: float
    width: float | None = None


def non_inferiority(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    margin: float,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: Bounds | None = None,
    higher_is_better: bool = True,
) -> Equivalence:
    """Whether a is shown to be worse than b by less than `margin` ("not worse"), or by more.

    One-sided tests at 1 − `level`: Tango's score test (1998) for independent 0/1 scores, else the
    (cluster-robust) t test of the mean of a − b, which where scores have bounds is no surer than
    the rule of three, were all differences equal: a mean over few that hardly vary says little of
    rare large ones. A margin of 0 asks for superiority.

    Raises ValueError for a margin that is negative or as wide as the scores' bounds, unpaired
    scores, or scores outside `bounds`.

    >>> same = [1, 0, 1, 1] * 50
    >>> non_inferiority(same, same, margin=0.05).verdict
    'not worse'
    >>> non_inferiority(same[:8], same[:8], margin=0.05).verdict
    'undecided'
    """
    if not 0.0 <= margin < float("inf"):
        raise ValueError(f"margin must be 0 or more, and finite, not {margin}.")
    difference, tests = _tested(a, b, margin, clusters, level, bounds, higher_is_better)
    if tests is None:
        return _untested(difference, margin, "non-inferiority", level, higher_is_better)
    alpha = _alpha(level)
    verdict: EquivalenceVerdict = "undecided"
    if tests.above_low <= alpha:
        verdict = "not worse"
    elif tests.below_low <= alpha:
        verdict = "worse"
    return Equivalence(
        difference,
        margin,
        tests.above_low,
        verdict,
        "non-inferiority",
        level,
        higher_is_better,
        width=tests.width,
    )


def equivalence(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    margin: float,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: Bounds | None = None,
    higher_is_better: bool = True,
) -> Equivalence:
    """Whether a and b are shown to differ by less than `margin`: two one-sided tests, TOST.

    Both at 1 − `level` (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15); the
    p-value is the larger of the two. The tests are those of `non_inferiority`.

    Raises ValueError for a margin that is not positive or as wide as the scores' bounds, unpaired
    scores, or scores outside `bounds`.

    >>> equivalence([0.50, 0.52, 0.49, 0.51], [0.51, 0.51, 0.50, 0.50], margin=0.05).verdict
    'equivalent'
    """
    if not 0.0 < margin < float("inf"):
        raise ValueError(f"margin must be positive and finite, not {margin}.")
    difference, tests = _tested(a, b, margin, clusters, level, bounds, higher_is_better)
    if tests is None:
        return _untested(difference, margin, "equivalence", level, higher_is_better)
    alpha, p_value = _alpha(level), max(tests.above_low, tests.below_high)
    verdict: EquivalenceVerdict = "undecided"
    if p_value <= alpha:
        verdict = "equivalent"
    elif tests.below_low <= alpha:
        verdict = "worse"
    elif tests.above_high <= alpha:
        verdict = "better"
    return Equivalence(
        difference,
        margin,
        p_value,
        verdict,
        "equivalence",
        level,
        higher_is_better,
        width=tests.width,
    )


def _tested(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    margin: float,
    clusters: Sequence[Hashable] | None,
    level: float,
    bounds: Bounds | None,
    higher_is_better: bool,
) -> tuple[Estimate, _Tests | None]:
    check_share(level, "level")
    if level <= 0.5:
        raise ValueError(f"level must be above 0.5 for one-sided tests, not {level}.")
    x, y = as_pairs(a, b, ("a", "b"))
    binary, limits = checked_bounds(x, y, bounds)
    if limits is not None and margin >= limits[1]:
        raise ValueError(
            f"A margin of {margin:g} is as wide as these scores can differ: it asks for nothing."
        )
    delta = x - y
    groups = as_clusters(clusters, delta.size)
    two_sided = round(2.0 * level - 1.0, 12)  # 0.9 for 0.95, not a little less
    difference = mean(delta, clusters=clusters, level=two_sided, bounds=limits)
    value, interval = difference.value, difference.interval
    if value is None or interval is None:
        return difference, None
    if binary and (groups is None or groups.count == delta.size):
        above, below = int((delta > 0).sum()), int((delta < 0).sum())
        interval = tango_interval(above, below, delta.size, level=two_sided)
        difference = replace(difference, interval=interval)
        counts = (above, below) if higher_is_better else (below, above)
        return difference, _scored(*counts, delta.size, margin)
    sign = 1.0 if higher_is_better else -1.0
    if difference.std_error is not None:
        tests = _student(sign * value, difference.std_error, difference.df, margin)
        if limits is None:
            return difference, tests
        alike = alike_units(delta, groups, limits) or delta.size
        agreeing = unanimous(value, alike, limits, level=level)
        difference = replace(difference, interval=hull(interval, agreeing))
        return difference, _weaker(tests, sign * value, alike, limits[1], margin)
    if limits is None:
        return difference, None
    units = delta.size if groups is None else groups.count
    # Both ends of the rule of three already hold at `level` together, so each does.
    interval = replace(unanimous(value, units, limits, level=level), level=two_sided)
    difference = replace(difference, interval=interval)
    return difference, _agreeing(sign * value, units, limits[1], margin)


def _scored(above: int, below: int, n: int, margin: float) -> _Tests:
    low, high = (
        exceeds(above, below, n, max(-margin, -1.0)),
        exceeds(above, below, n, min(margin, 1.0)),
    )
    return _Tests(low, 1.0 - low, high, 1.0 - high)


def _student(value: float, error: float, df: float, margin: float) -> _Tests:
    low = float(stdtr(df, -(value + margin) / error))
    high = float(stdtr(df, -(value - margin) / error))
    return _Tests(low, 1.0 - low, high, 1.0 - high)


def _weaker(student: _Tests, value: float, n: int, width: float, margin: float) -> _Tests:
    """Of each claim the larger p-value: by t, and were all `n` differences this `value`."""
    equal = _agreeing(value, n, width, margin)
    return _Tests(
        max(student.above_low, equal.above_low),
        max(student.below_low, equal.below_low),
        max(student.above_high, equal.above_high),
        max(student.below_high, equal.below_high),
        width,
    )


def _agreeing(value: float, units: int, width: float, margin: float) -> _Tests:
    """For units that all show one difference: to move the mean to a limit, a share of the
    population must differ, and none of it was met (see `unanimous`)."""

    def beyond(limit: float, value: float) -> float:
        if value <= limit:
            return 1.0
        share = (value - limit) / (value + width) if limit > -width else 1.0
        return float(max(1.0 - share, 0.0) ** units)

    return _Tests(
        beyond(-margin, value),
        beyond(margin, -value),
        beyond(margin, value),
        beyond(-margin, -value),
    )


def _untested(
    difference: Estimate, margin: float, question: Question, level: float, higher_is_better: bool
) -> Equivalence:
    return Equivalence(
        difference, margin, 1.0, "undecided", question, level, higher_is_better, difference.reason
    )


def _alpha(level: float) -> float:
    return (
        1.0 - level + 1e-12
    )  # 1 - 0.95 is a little more than 0.05, 1 - 0.9 a little less than 0.1
