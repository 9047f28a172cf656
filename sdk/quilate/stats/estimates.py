"""Means and proportions with their intervals, independent or clustered.

Samples that share a source (questions on one document, turns of one conversation) are not
independent; an interval that ignores it is too narrow. Give `clusters` and the standard error is
the cluster-robust one (Cameron & Miller 2015, "A Practitioner's Guide to Cluster-Robust
Inference"; for language models Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from quilate.stats.observations import (
    Bounds,
    Clusters,
    Floats,
    as_clusters,
    as_floats,
    check_bounds,
    check_share,
    is_binary,
)

NO_VALUES = "no values"
ONE_VALUE = "one value: its spread cannot be estimated"
ONE_CLUSTER = "all values come from one cluster: the spread between clusters cannot be estimated"
NO_SPREAD = "no spread between values or clusters, and no bounds: the error cannot be estimated"


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval at `level`, by `method`; both ends belong to it.

    >>> 0.0 in Interval(-0.1, 0.3, level=0.95, method="t")
    True
    """

    low: float
    high: float
    level: float
    method: str

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure computed from `n` values in so many `clusters` (None: taken as independent).

    `value` or `interval` is None where it cannot be had, and then `reason` says why.
    `std_error` is None as well where the values show no spread, for 0 would claim certainty.
    """

    value: float | None
    interval: Interval | None
    n: int
    clusters: int | None = None
    std_error: float | None = None
    reason: str | None = None

    @property
    def df(self) -> int:
        """Degrees of freedom of the standard error: independent units less one, at least 0."""
        return max((self.n if self.clusters is None else self.clusters) - 1, 0)


def t_quantile(level: float, df: int) -> float:
    """Two-sided quantile of Student's t: P(|T| ≤ q) = level."""
    return float(stdtrit(df, (1.0 + level) / 2.0))


def z_quantile(level: float) -> float:
    """Two-sided quantile of the normal distribution: P(|Z| ≤ q) = level."""
    return float(ndtri((1.0 + level) / 2.0))


def mean(
    values: npt.ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: Bounds | None = None,
) -> Estimate:
    """Mean with a t interval, cluster-robust when `clusters` (a label for each value) is given.

    The clustered variance is the sandwich Σ_g (Σ_{i∈g} (x_i − x̄))² / n² times G/(G − 1), with
    G − 1 degrees of freedom. A label None is a cluster of its own. With `bounds` the interval is
    clipped to them, and values without spread still get one (see `unanimous`). Intervals from
    few clusters (G < 20 or so) or very unequal ones cover less than their level says.

    Raises ValueError for values that are not finite or lie outside `bounds`.

    >>> mean([1.0, 2.0, 3.0, 4.0]).value
    2.5
    >>> mean([0.2, 0.4, 0.3, 0.5], clusters=["a", "a", "b", "b"]).df
    1
    """
    check_share(level, "level")
    x = as_floats(values)
    if bounds is not None:
        check_bounds(x, bounds)
    groups = as_clusters(clusters, x.size)
    count, units = _counts(x, groups)
    if x.size == 0:
        return Estimate(None, None, 0, count, reason=NO_VALUES)
    value = _mean(x)
    if units < 2:
        return Estimate(value, None, x.size, count, reason=_too_few(groups))
    error = standard_error(x, groups)
    if error is None:
        if bounds is None:
            return Estimate(value, None, x.size, count, reason=NO_SPREAD)
        return Estimate(value, unanimous(value, units, bounds, level=level), x.size, count)
    half = t_quantile(level, units - 1) * error
    low, high = bounds or (-math.inf, math.inf)
    method = "t" if groups is None else "cluster-robust t"
    interval = Interval(max(value - half, low), min(value + half, high), level, method)
    return Estimate(value, interval, x.size, count, error)


def proportion(
    values: npt.ArrayLike, *, clusters: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Share of ones among zeros and ones, with Wilson's interval.

    With `clusters`, Wilson's formula takes an effective sample size instead of n (Korn & Graubard
    1998, who put it into the Clopper–Pearson formula): n divided by the design effect, which is the
    cluster-robust variance over that of independent values; at most n; times
    (t_{n−1} / t_{G−1})², to pay for estimating the variance from G clusters. When all values are
    equal the design effect cannot be seen, and G is taken as the size: as if each cluster were one
    value, the most cautious choice. Clusters of one value each give the plain interval.

    Raises ValueError for a value that is neither 0 nor 1.

    >>> interval = proportion([1, 1, 1, 0]).interval
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.3006, 0.9544)
    """
    check_share(level, "level")
    x = as_floats(values)
    if not is_binary(x):
        raise ValueError("A proportion needs values of 0 and 1; use mean for others.")
    groups = as_clusters(clusters, x.size)
    count, units = _counts(x, groups)
    if x.size == 0:
        return Estimate(None, None, 0, count, reason=NO_VALUES)
    value = _mean(x)
    error = standard_error(x, groups) if units > 1 else None
    if groups is None or units == x.size:
        interval = _wilson(value, x.size, level, "Wilson")
    elif units < 2:
        return Estimate(value, None, x.size, count, reason=ONE_CLUSTER)
    else:
        size = _effective_size(x, groups, level)
        interval = _wilson(value, size, level, "cluster-robust Wilson")
    return Estimate(value, interval, x.size, count, error)


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, JASA 22) from counts of independent trials.

    Raises ValueError unless 0 ≤ successes ≤ n and n ≥ 1.

    >>> wilson(0, 20).low
    0.0
    """
    check_share(level, "level")
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} trials is not a proportion.")
    return _wilson(successes / n, n, level, "Wilson")


def estimate(
    values: npt.ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: Bounds | None = (0.0, 1.0),
) -> Estimate:
    """The figure for a metric's scores: a proportion or a mean, as the scores ask.

    Scores with bounds (0, 1) that are all 0 or 1 get Wilson's interval; others get the t interval,
    clipped to `bounds`. `bounds` None is for a metric without limits (latency, cost).

    >>> estimate([0, 1, 1, 1]).interval.method
    'Wilson'
    >>> estimate([0.2, 0.9, 0.4]).interval.method
    't'
    """
    x = as_floats(values)
    if bounds == (0.0, 1.0) and is_binary(x):
        return proportion(x, clusters=clusters, level=level)
    return mean(x, clusters=clusters, level=level, bounds=bounds)


def standard_error(x: Floats, groups: Clusters | None) -> float | None:
    """Standard error of the mean of two or more units, or None when they show no spread.

    Independent values are the case of clusters of one: the sandwich is then s² / n exactly.
    """
    residuals = x - x.mean()
    sums = residuals if groups is None else groups.sums(residuals)
    units = sums.size
    error = math.sqrt(units / (units - 1) * float(sums @ sums)) / x.size
    rounding = 1e-12 * float(np.abs(x).max())
    return error if error > rounding else None


def unanimous(value: float, units: int, bounds: Bounds, *, level: float = 0.95) -> Interval:
    """Interval of the mean when all independent units show the same `value`: the rule of three.

    If a share q of the population differed from `value`, all units would agree with probability
    (1 − q)^units; so q ≤ 1 − (1 − level)^(1/units), and those that differ lie within `bounds`
    (after Hanley & Lippman-Hand 1983, JAMA 249).

    >>> unanimous(0.0, 100, (0.0, 1.0)).high < 0.03
    True
    """
    share = 1.0 - (1.0 - level) ** (1.0 / units)
    low, high = bounds
    return Interval(
        value - share * (value - low), value + share * (high - value), level, "rule of three"
    )


def _counts(x: Floats, groups: Clusters | None) -> tuple[int | None, int]:
    """Clusters as reported (None: independent), and the number of independent units."""
    return (None, x.size) if groups is None else (groups.count, groups.count)


def _mean(x: Floats) -> float:
    # Rounding may carry the mean of equal numbers just outside their range.
    return float(np.clip(x.mean(), x.min(), x.max()))


def _too_few(groups: Clusters | None) -> str:
    return ONE_VALUE if groups is None or groups.codes.size == 1 else ONE_CLUSTER


def _effective_size(x: Floats, groups: Clusters, level: float) -> float:
    n, clustered = x.size, standard_error(x, groups)
    share = float(x.mean())
    if share in (0.0, 1.0):
        size = float(groups.count)
    elif clustered is None:  # every cluster has the same share: no sign of correlation
        size = float(n)
    else:
        independent = share * (1.0 - share) / (n - 1)
        size = min(float(n), n * independent / clustered**2)
    return size * (t_quantile(level, n - 1) / t_quantile(level, groups.count - 1)) ** 2


def _wilson(share: float, size: float, level: float, method: str) -> Interval:
    ratio = z_quantile(level) ** 2 / size
    centre = (share + ratio / 2.0) / (1.0 + ratio)
    half = math.sqrt(share * (1.0 - share) * ratio + ratio**2 / 4.0) / (1.0 + ratio)
    # Rounding must not cost the end 0 or 1, nor the estimate, its place in the interval.
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(min(low, share), max(high, share), level, method)
