"""Paired comparison of two targets on the same samples: how large, how sure, and a verdict."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy.typing as npt

from quilate.stats.estimates import Estimate, mean
from quilate.stats.multiple import holm
from quilate.stats.observations import (
    Bounds,
    Clusters,
    Floats,
    as_clusters,
    as_pairs,
    check_bounds,
    check_choice,
    check_share,
    is_binary,
)
from quilate.stats.paired_tests import mcnemar, paired_t, sign_flip
from quilate.stats.tango import tango_interval

Verdict = Literal["a better", "b better", "no difference shown"]
Test = Literal["exact McNemar", "exact sign flip", "Monte Carlo sign flip", "paired t"]
Method = Literal["auto", "t", "bootstrap-t"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Target a against target b. `difference` is the mean of a − b: positive when a scores higher.

    `wins`, `losses` and `ties` count samples from a's side, and mind `higher_is_better`.
    `p_value` is two-sided. `p_adjusted` is set by `holm_adjust`, for a family of comparisons.

    One rule keeps interval, p-value and verdict from contradicting each other: where the test does
    not reject at 1 − level, an interval that misses 0 is extended to 0 (which can only raise its
    coverage), and a target is called better when, and only when, the interval excludes 0. Without
    an interval (see `difference.reason`) the p-value alone decides.
    """

    difference: Estimate
    p_value: float
    test: Test
    wins: int
    losses: int
    ties: int
    verdict: Verdict
    level: float = 0.95
    higher_is_better: bool = True
    p_adjusted: float | None = None

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.difference.n


def compare_paired(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: Bounds | None = None,
    higher_is_better: bool = True,
    method: Method = "auto",
    test: Literal["exact", "t"] = "exact",
    seed: int = 0,
    resamples: int = 9999,
) -> Comparison:
    """Compare the scores of two targets on the same samples, in the same order.

    The interval is Tango's (1998) for independent 0/1 scores, else the (cluster-robust) t interval
    of the mean of a − b, clipped to what the scores' `bounds` allow; scores that are all 0 or 1
    have the bounds (0, 1) unless told otherwise. `method` "t" asks for t in any case,
    "bootstrap-t" for the studentised (cluster) bootstrap of `mean`.

    The p-value is McNemar's exact one (1947) for independent 0/1 scores; otherwise that of the
    sign-flip permutation test (Fisher 1935), which exchanges a and b within whole clusters: all
    assignments up to 16 units that differ, else `resamples` drawn from `seed`, with
    p = (k + 1) / (resamples + 1) (Phipson & Smyth 2010). `test` "t" asks for the paired,
    cluster-robust t test; where the differences show no spread, which leaves it undefined, the
    exact one stands in.

    Raises ValueError for unpaired or non-finite scores, or scores outside `bounds`.

    >>> result = compare_paired([1, 1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0])
    >>> result.difference.value, result.p_value, result.verdict
    (0.875, 0.015625, 'a better')
    """
    check_share(level, "level")
    check_choice(method, "method", get_args(Method))
    check_choice(test, "test", ("exact", "t"))
    x, y = as_pairs(a, b, ("a", "b"))
    binary, bounds = checked_bounds(x, y, bounds)
    delta = x - y
    above, below = int((delta > 0).sum()), int((delta < 0).sum())
    groups = as_clusters(clusters, delta.size)
    independent = binary and (groups is None or groups.count == delta.size)
    moved = (above, below) if independent else None
    drawn: Literal["t", "bootstrap-t"] = "bootstrap-t" if method == "bootstrap-t" else "t"
    difference = mean(
        delta, clusters=clusters, level=level, bounds=bounds, method=drawn, seed=seed,
        resamples=resamples,
    )  # fmt: skip
    if moved is not None and method == "auto" and delta.size > 1:
        interval = tango_interval(*moved, delta.size, level=level)
        difference = replace(difference, interval=interval)
    p_value, name = _tested(difference, test, delta, groups, moved, seed, resamples)
    wins, losses = (above, below) if higher_is_better else (below, above)
    return _decided(
        Comparison(
            difference=difference,
            p_value=p_value,
            test=name,
            wins=wins,
            losses=losses,
            ties=delta.size - above - below,
            verdict="no difference shown",
            level=level,
            higher_is_better=higher_is_better,
        )
    )


def _tested(
    difference: Estimate,
    test: Literal["exact", "t"],
    delta: Floats,
    groups: Clusters | None,
    moved: tuple[int, int] | None,
    seed: int,
    resamples: int,
) -> tuple[float, Test]:
    """The p-value of the test asked for, and its name; the exact one where t is undefined."""
    p_value = paired_t(difference) if test == "t" else None
    if p_value is not None:
        return p_value, "paired t"
    return _exact(delta, groups, moved, seed, resamples)


def checked_bounds(x: Floats, y: Floats, bounds: Bounds | None) -> tuple[bool, Bounds | None]:
    """Whether all scores are 0 or 1, and the bounds of x − y.

    Raises ValueError for scores outside `bounds`.
    """
    binary = is_binary(x) and is_binary(y)
    if bounds is None and binary:
        bounds = (0.0, 1.0)
    if bounds is None:
        return binary, None
    check_bounds(x, bounds)
    check_bounds(y, bounds)
    return binary, (bounds[0] - bounds[1], bounds[1] - bounds[0])


def _exact(
    delta: Floats,
    groups: Clusters | None,
    discordant: tuple[int, int] | None,
    seed: int,
    resamples: int,
) -> tuple[float, Test]:
    if discordant is not None:
        return mcnemar(*discordant), "exact McNemar"
    units = delta if groups is None else groups.sums(delta)
    return sign_flip(units, seed=seed, resamples=resamples)


def holm_adjust(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Decide a family of comparisons together: `p_adjusted` set, intervals and verdicts by it.

    >>> weak = compare_paired([1] * 6 + [0], [0] * 7)
    >>> weak.verdict, holm_adjust([weak, weak])[0].verdict
    ('a better', 'no difference shown')
    """
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [
        _decided(replace(comparison, p_adjusted=p))
        for comparison, p in zip(comparisons, adjusted, strict=True)
    ]


def _decided(comparison: Comparison) -> Comparison:
    """Apply the rule that `Comparison` states."""
    difference, level = comparison.difference, comparison.level
    p_value = comparison.p_adjusted if comparison.p_adjusted is not None else comparison.p_value
    rejected = p_value <= 1.0 - level + 1e-12  # 1 - 0.9 is a little less than 0.1
    interval = difference.interval
    if interval is not None and not rejected and 0.0 not in interval:
        low, high = min(interval.low, 0.0), max(interval.high, 0.0)
        method = f"{interval.method}, extended to 0"
        interval = replace(interval, low=low, high=high, method=method)
        difference = replace(difference, interval=interval)
    shown = rejected if interval is None else 0.0 not in interval
    verdict: Verdict = "no difference shown"
    if shown and difference.value:
        a_better = (difference.value > 0.0) == comparison.higher_is_better
        verdict = "a better" if a_better else "b better"
    return replace(comparison, difference=difference, verdict=verdict)
