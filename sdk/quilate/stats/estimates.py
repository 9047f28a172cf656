"""Means and proportions with their intervals, independent or clustered.

Samples that share a source (questions on one document, turns of one conversation) are not
independent; an interval that ignores it is too narrow. Give `clusters` and the standard error is
the cluster-robust one, corrected for few clusters (see `quilate.stats.robust`; Cameron & Miller
2015, "A Practitioner's Guide to Cluster-Robust Inference"; for language models Miller 2024,
"Adding Error Bars to Evals", arXiv:2411.00640).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from quilate.stats.bootstrap import bootstrap_t
from quilate.stats.observations import (
    Bounds,
    Clusters,
    Floats,
    as_clusters,
    as_floats,
    check_bounds,
    check_choice,
    check_share,
    is_binary,
)
from quilate.stats.robust import degrees_of_freedom, standard_error

Method = Literal["t", "score", "bootstrap-t"]

NO_VALUES = "no values"
ONE_VALUE = "one value: its spread cannot be estimated"
ONE_CLUSTER = "all values come from one cluster: the spread between clusters cannot be estimated"
NO_SPREAD = "no spread between values or clusters, and no bounds: the error cannot be estimated"
_CLOSE, _NEARLY_ALL = 0.01, 0.9  # of the bounds' width; of the values
UNBOUNDED = "too few values that differ: some resamples show no spread, and there are no bounds"


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
    `degrees` holds the degrees of freedom where they are not the number of units less one; read
    `df`.
    """

    value: float | None
    interval: Interval | None
    n: int
    clusters: int | None = None
    std_error: float | None = None
    reason: str | None = None
    degrees: float | None = None

    @property
    def df(self) -> float:
        """Degrees of freedom of the standard error: independent units less one, at least 0, or
        fewer, and not whole, for clusters of unequal sizes."""
        if self.degrees is not None:
            return self.degrees
        return max((self.n if self.clusters is None else self.clusters) - 1, 0)


def t_quantile(level: float, df: float) -> float:
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
    method: Method = "t",
    seed: int = 0,
    resamples: int = 1999,
) -> Estimate:
    """Mean with its interval, cluster-robust when `clusters` (a label for each value) is given.

    The standard error is CR2 with the degrees of freedom of Imbens & Kolesár (2016; see
    `quilate.stats.robust`): for independent values, and for clusters of one size, the usual one
    with units less one. A label None is a cluster of its own. Values without spread get an
    interval if they have `bounds` (see `unanimous`), and where nine of ten lie within a hundredth
    of the bounds' width of their median, no interval is surer than that one. `method`:

    - "t": mean ± t · SE, clipped to `bounds`.
    - "score": for values within `bounds`, whose variance shrinks towards them: Wilson's formula,
      the size being the one at which binary values would have this standard error, and t for z.
      It is the score interval of a quasi-binomial mean (Wedderburn 1974, Biometrika 61), keeps
      within the bounds, and covers better than t near them.
    - "bootstrap-t": studentised bootstrap of whole clusters (Efron & Tibshirani 1993, chapter 12;
      Cameron, Gelbach & Miller 2008), `resamples` drawn from `seed`. For skewed values without
      bounds (latency, cost), where t covers too little; wide when units are few.

    Raises ValueError for values that are not finite or lie outside `bounds`, and for "score"
    without bounds.

    >>> mean([1.0, 2.0, 3.0, 4.0]).value
    2.5
    >>> mean([0.2, 0.4, 0.3, 0.5], clusters=["a", "a", "b", "b"]).df
    1
    """
    check_share(level, "level")
    check_choice(method, "method", get_args(Method))
    x = as_floats(values)
    if bounds is not None:
        check_bounds(x, bounds)
    elif method == "score":
        raise ValueError("method 'score' needs the bounds of the values; give bounds, or use 't'.")
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
    df = degrees_of_freedom(x, groups)
    degrees = None if df == units - 1 else df
    name = _named(groups, method)
    interval: Interval | None
    if method == "score" and bounds is not None:
        interval = _score(value, error, df, bounds, level, name)
    else:
        half = t_quantile(level, df) * error
        ends = (value - half, value + half)
        if method == "bootstrap-t":
            ends = bootstrap_t(x, groups, level=level, seed=seed, resamples=resamples)
        interval = _clipped(value, ends, bounds, level, name)
    if interval is not None and bounds is not None:
        interval = _no_surer(interval, value, x, groups, bounds)
    reason = None if interval else UNBOUNDED
    return Estimate(value, interval, x.size, count, error, reason, degrees)


def proportion(
    values: npt.ArrayLike, *, clusters: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Share of ones among zeros and ones, with Wilson's interval.

    With `clusters`, Wilson's formula takes an effective sample size instead of n (Korn & Graubard
    1998, who put it into the Clopper–Pearson formula): n divided by the design effect, which is the
    cluster-robust variance over that of independent values; times (t_{n−1} / t_df)², to pay for
    estimating the variance from clusters, with the `df` of `mean`. When all values are equal the
    design effect cannot be seen, and the number of clusters is taken as the size: as if each were
    one value. Clusters of one value each give the plain interval.

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
        return Estimate(value, interval, x.size, count, error)
    if units < 2:
        return Estimate(value, None, x.size, count, reason=ONE_CLUSTER)
    df = degrees_of_freedom(x, groups)
    size = _effective_size(value, x.size, groups, error)
    size *= (t_quantile(level, x.size - 1) / t_quantile(level, df)) ** 2
    interval = _wilson(value, size, level, "cluster-robust Wilson")
    degrees = None if df == units - 1 else df
    return Estimate(value, interval, x.size, count, error, degrees=degrees)


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

    Scores with bounds (0, 1) that are all 0 or 1 get Wilson's interval, others with `bounds` the
    score interval of `mean`. `bounds` None is for a metric without limits (latency, cost): t.

    >>> estimate([0, 1, 1, 1]).interval.method
    'Wilson'
    >>> estimate([0.2, 0.9, 0.4]).interval.method
    'score'
    """
    x = as_floats(values)
    if bounds == (0.0, 1.0) and is_binary(x):
        return proportion(x, clusters=clusters, level=level)
    method: Method = "t" if bounds is None else "score"
    return mean(x, clusters=clusters, level=level, bounds=bounds, method=method)


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


def hull(one: Interval, other: Interval) -> Interval:
    """The first, as far out as the second (a rule of three) where that is further."""
    low, high = min(one.low, other.low), max(one.high, other.high)
    widened = (low, high) != (one.low, one.high)
    method = f"{one.method}, rule of three" if widened else one.method
    return replace(one, low=low, high=high, method=method)


def alike_units(x: Floats, groups: Clusters | None, bounds: Bounds) -> int | None:
    """Of how many units the rule of three speaks where nearly all values are equal, so that the few
    that differ do not tell how far others may; None where more differ.

    Where all are, that is the clusters, as for values without spread; else the values.
    """
    close = np.abs(x - np.median(x)) <= _CLOSE * (bounds[1] - bounds[0])
    if close.all() and groups is not None:
        return groups.count
    return x.size if close.mean() >= _NEARLY_ALL else None


def _no_surer(
    interval: Interval, value: float, x: Floats, groups: Clusters | None, bounds: Bounds
) -> Interval:
    """An interval as far out as the rule of three where nearly all values are equal."""
    alike = alike_units(x, groups, bounds)
    if not alike:
        return interval
    return hull(interval, unanimous(value, alike, bounds, level=interval.level))


def _counts(x: Floats, groups: Clusters | None) -> tuple[int | None, int]:
    """Clusters as reported (None: independent), and the number of independent units."""
    return (None, x.size) if groups is None else (groups.count, groups.count)


def _mean(x: Floats) -> float:
    # Rounding may carry the mean of equal numbers just outside their range.
    return float(np.clip(x.mean(), x.min(), x.max()))


def _too_few(groups: Clusters | None) -> str:
    return ONE_VALUE if groups is None or groups.codes.size == 1 else ONE_CLUSTER


def _named(groups: Clusters | None, method: str) -> str:
    return method if groups is None else f"cluster-robust {method}"


def _clipped(
    value: float, ends: tuple[float, float], bounds: Bounds | None, level: float, method: str
) -> Interval | None:
    """The interval within `bounds`; None where an end lies nowhere."""
    low, high = bounds or (-math.inf, math.inf)
    low, high = min(max(ends[0], low), value), max(min(ends[1], high), value)
    return Interval(low, high, level, method) if math.isfinite(high - low) else None


def _score(
    value: float, error: float, df: float, bounds: Bounds, level: float, method: str
) -> Interval:
    low, width = bounds[0], bounds[1] - bounds[0]
    share, spread = (value - low) / width, error / width
    size = share * (1.0 - share) * (z_quantile(level) / (t_quantile(level, df) * spread)) ** 2
    unit = _wilson(share, size, level, method)
    ends = (low + width * unit.low, low + width * unit.high)
    return Interval(
        min(max(ends[0], low), value), max(min(ends[1], bounds[1]), value), level, method
    )


def _effective_size(share: float, n: int, groups: Clusters, error: float | None) -> float:
    if share in (0.0, 1.0):
        return float(groups.count)
    if error is None:  # every cluster has the same share: no sign of correlation
        return float(n)
    return n * share * (1.0 - share) / (n - 1) / error**2


def _wilson(share: float, size: float, level: float, method: str) -> Interval:
    ratio = z_quantile(level) ** 2 / size
    centre = (share + ratio / 2.0) / (1.0 + ratio)
    half = math.sqrt(share * (1.0 - share) * ratio + ratio**2 / 4.0) / (1.0 + ratio)
    # Rounding must not cost the end 0 or 1, nor the estimate, its place in the interval.
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(min(low, share), max(high, share), level, method)
