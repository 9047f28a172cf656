"""Paired comparison of two targets on the same samples: how large, how sure, and a verdict."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtri, stdtrit

from quilate.stats.estimates import Estimate, mean
from quilate.stats.observations import (
    Bounds,
    Floats,
    as_clusters,
    as_floats,
    as_pairs,
    check_bounds,
    check_share,
    is_binary,
)

Verdict = Literal["a better", "b better", "no difference shown"]
Test = Literal["exact McNemar", "exact sign flip", "Monte Carlo sign flip"]

_EXACT_UNITS = 16  # 2^16 sign assignments are enumerated; beyond, they are sampled
_BLOCK = 1 << 20  # signs held in memory at once


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
    seed: int = 0,
    resamples: int = 9999,
) -> Comparison:
    """Compare the scores of two targets on the same samples, in the same order.

    The interval is the (cluster-robust) t interval of the mean of a − b, clipped to what the
    scores' `bounds` allow; scores that are all 0 or 1 have the bounds (0, 1) unless told
    otherwise. The p-value is McNemar's exact one (1947) for independent 0/1 scores; otherwise that
    of the sign-flip permutation test (Fisher 1935), which exchanges a and b within whole clusters:
    all assignments up to 16 units that differ, else `resamples` drawn from `seed`, with
    p = (k + 1) / (resamples + 1) (Phipson & Smyth 2010).

    Raises ValueError for unpaired or non-finite scores, or scores outside `bounds`.

    >>> result = compare_paired([1, 1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0])
    >>> result.difference.value, result.p_value, result.verdict
    (0.875, 0.015625, 'a better')
    """
    check_share(level, "level")
    x, y = as_pairs(a, b, ("a", "b"))
    binary = is_binary(x) and is_binary(y)
    if bounds is None and binary:
        bounds = (0.0, 1.0)
    if bounds is not None:
        check_bounds(x, bounds)
        check_bounds(y, bounds)
        bounds = (bounds[0] - bounds[1], bounds[1] - bounds[0])
    delta = x - y
    above, below = int((delta > 0).sum()), int((delta < 0).sum())
    groups = as_clusters(clusters, delta.size)
    test: Test = "exact McNemar"
    if binary and (groups is None or groups.count == delta.size):
        p_value = mcnemar(above, below)
    else:
        units = delta if groups is None else groups.sums(delta)
        p_value, test = sign_flip(units, seed=seed, resamples=resamples)
    wins, losses = (above, below) if higher_is_better else (below, above)
    return _decided(
        Comparison(
            difference=mean(delta, clusters=clusters, level=level, bounds=bounds),
            p_value=p_value,
            test=test,
            wins=wins,
            losses=losses,
            ties=delta.size - above - below,
            verdict="no difference shown",
            level=level,
            higher_is_better=higher_is_better,
        )
    )


def mcnemar(above: int, below: int) -> float:
    """Two-sided exact p-value of McNemar's test from the two discordant counts.

    >>> mcnemar(0, 6)
    0.03125
    """
    return min(1.0, 2.0 * float(bdtr(min(above, below), above + below, 0.5)))


def sign_flip(
    units: Floats, *, seed: int = 0, resamples: int = 9999
) -> tuple[float, Literal["exact sign flip", "Monte Carlo sign flip"]]:
    """Two-sided p-value that the sum of `units` is this far from 0 when their signs are random.

    >>> sign_flip(np.array([1.0, 2.0, 3.0]))
    (0.25, 'exact sign flip')
    """
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, not {resamples}.")
    moving = units[units != 0.0]
    # Sums that are equal on paper may differ by rounding; they count as equal.
    observed = abs(float(moving.sum())) - 1e-10 * float(np.abs(moving).sum())
    if moving.size <= _EXACT_UNITS:
        sums = np.zeros(1)
        for unit in moving:
            sums = np.concatenate([sums + unit, sums - unit])
        return float(np.mean(np.abs(sums) >= observed)), "exact sign flip"
    extreme = 0
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // moving.size)
    for start in range(0, resamples, rows):
        signs = _random_signs(rng, min(rows, resamples - start), moving.size)
        extreme += int((np.abs(signs @ moving) >= observed).sum())
    return (extreme + 1) / (resamples + 1), "Monte Carlo sign flip"


def minimum_detectable_effect(
    std_error: float, *, level: float = 0.95, power: float = 0.8, df: int | None = None
) -> float:
    """Smallest true difference that a run with this `std_error` of the difference would show.

    A two-sided test at 1 − `level` finds it with probability `power`: (z_{α/2} + z_β) · SE
    (Miller 2024, arXiv:2411.00640); with `df`, t quantiles take the place of z, for few
    samples or clusters (Bloom 1995).

    Raises ValueError for a `std_error` that is not positive and finite, or `df` below 1.

    >>> round(minimum_detectable_effect(0.01), 4)
    0.028
    """
    check_share(level, "level")
    check_share(power, "power")
    if not 0.0 < std_error < float("inf"):
        raise ValueError(f"std_error must be positive and finite, not {std_error}.")
    if df is not None and df < 1:
        raise ValueError(f"df must be 1 or more, not {df}.")
    tails = np.array([(1.0 + level) / 2.0, power])
    quantiles = ndtri(tails) if df is None else stdtrit(df, tails)
    return max(0.0, float(quantiles.sum())) * std_error


def holm(p_values: npt.ArrayLike) -> list[float]:
    """P-values adjusted for being tested together, in the order given (Holm 1979).

    Calling those at most α significant keeps the chance of any false call within α.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = as_floats(p_values, "p_values")
    if np.any((p < 0.0) | (p > 1.0)):
        raise ValueError("p-values must lie between 0 and 1.")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


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


def _random_signs(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """(rows, columns) of −1 and 1, from single random bits."""
    width = -(-columns // 8)
    octets = np.frombuffer(rng.bytes(rows * width), dtype=np.uint8).reshape(rows, width)
    bits = np.unpackbits(octets, axis=1, count=columns)
    return 2.0 * bits.astype(np.float64) - 1.0
