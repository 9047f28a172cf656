"""Estimates from samples that were not drawn evenly: by strata, or in two stages.

Cochran (1977), Sampling Techniques, third edition; Lohr (2010), Sampling: Design and Analysis,
second edition. Use them when what is evaluated is a chosen part of what the figure is about: so
many questions of each topic, so many turns of some conversations.
"""

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from quilate.stats.estimates import NO_SPREAD, NO_VALUES, Estimate, Interval, t_quantile
from quilate.stats.observations import (
    Bounds,
    Clusters,
    Floats,
    as_clusters,
    as_floats,
    check_bounds,
    check_share,
)


def stratified_mean(
    values: npt.ArrayLike,
    strata: Sequence[Hashable],
    sizes: Mapping[Hashable, float],
    *,
    level: float = 0.95,
    bounds: Bounds | None = None,
    finite: bool = False,
) -> Estimate:
    """Mean of a population whose strata were sampled apart, each weighted by its size there.

    `strata` names the stratum of each value, `sizes` how large each is in the population (counts,
    or shares: only the proportions matter, but for `finite`). Σ_h W_h x̄_h, with variance
    Σ_h W_h² s_h²/n_h (Cochran 1977, section 5.4) and Satterthwaite's degrees of freedom (section
    5.4, formula 5.16). `finite` takes `sizes` as counts and corrects for having seen part of them,
    as when a sample of a fixed suite stands for the suite.

    There is no interval when a stratum has one value, or no value shows spread. Raises ValueError
    for a stratum without a size or without values, and for values outside `bounds`.

    >>> easy, hard = [1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    >>> stratified_mean(easy + hard, ["easy"] * 4 + ["hard"] * 4, {"easy": 3, "hard": 1}).value
    0.625
    """
    check_share(level, "level")
    x = as_floats(values)
    if bounds is not None:
        check_bounds(x, bounds)
    if x.size == 0:
        return Estimate(None, None, 0, reason=NO_VALUES)
    groups = as_clusters(list(strata), x.size)
    assert groups is not None  # noqa: S101  strata are given
    population = _sizes(strata, sizes)
    if len(sizes) > population.size:
        raise ValueError("Each stratum of sizes needs values; without any its mean is unknown.")
    counts = groups.sums(np.ones(x.size))
    weights = population / population.sum()
    means = groups.sums(x) / counts
    value = float(weights @ means)
    if counts.min() < 2:
        return Estimate(
            value, None, x.size, reason="a stratum has one value: its spread is unknown"
        )
    spreads = groups.sums((x - means[groups.codes]) ** 2) / (counts - 1.0)
    parts = weights**2 * spreads / counts
    if finite:
        parts *= 1.0 - _fractions(counts, population)
    return _estimated(value, float(parts.sum()), _df(parts, counts - 1.0), x, None, level, bounds)


def two_stage_mean(
    values: npt.ArrayLike,
    clusters: Sequence[Hashable],
    sizes: Mapping[Hashable, float],
    *,
    population: int | None = None,
    level: float = 0.95,
    bounds: Bounds | None = None,
) -> Estimate:
    """Mean over all values of a population of clusters, of which some were drawn, and in them some
    values: conversations and turns of each, documents and questions on each.

    `sizes` says how many values each drawn cluster has in all, `population` how many clusters there
    are (None: far more than were drawn). The ratio estimate Σ_i M_i x̄_i / Σ_i M_i, with the
    variance of both stages (Lohr 2010, section 5.3; Cochran 1977, section 11.8) and clusters − 1
    degrees of freedom. Without `population` the second stage is within the spread of the first.

    There is no interval with one cluster, nor without spread. Raises ValueError for a cluster
    without a size or with more values than its size, fewer clusters in `population` than drawn, and
    values outside `bounds`.

    >>> sizes = {"a": 10, "b": 30}
    >>> two_stage_mean([1.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"], sizes).value
    0.875
    """
    check_share(level, "level")
    x = as_floats(values)
    if bounds is not None:
        check_bounds(x, bounds)
    if x.size == 0:
        return Estimate(None, None, 0, 0, reason=NO_VALUES)
    groups = as_clusters(list(clusters), x.size)
    assert groups is not None  # noqa: S101  clusters are given
    if population is not None and population < groups.count:
        raise ValueError(f"population is {population}, and {groups.count} clusters were drawn.")
    totals, counts = _sizes(clusters, sizes), groups.sums(np.ones(x.size))
    seen = _fractions(counts, totals)
    means = groups.sums(x) / counts
    value = float(totals @ means / totals.sum())
    if groups.count < 2:
        reason = "one cluster: the spread between clusters cannot be estimated"
        return Estimate(value, None, x.size, groups.count, reason=reason)
    drawn = 0.0 if population is None else groups.count / population
    between = _between(totals, means, value) * (1.0 - drawn)
    within = _within(x, groups, means, counts, totals, seen) if drawn else 0.0
    if within is None:
        reason = "a cluster has one value of several: its spread is unknown"
        return Estimate(value, None, x.size, groups.count, reason=reason)
    df = groups.count - 1.0
    return _estimated(value, between + within * drawn, df, x, groups.count, level, bounds)


def neyman_allocation(
    total: int,
    sizes: Mapping[Hashable, int],
    deviations: Mapping[Hashable, float],
    *,
    costs: Mapping[Hashable, float] | None = None,
    minimum: int = 2,
) -> dict[Hashable, int]:
    """How many of `total` samples to draw from each stratum, for the smallest variance of the mean.

    In proportion to N_h · S_h (Neyman 1934), over √cost where strata differ in the `costs` of a
    sample (Cochran 1977, section 5.5); at least `minimum` (2 are needed for an error) and at most
    all of a stratum; what is cut off goes to the others. `deviations` are standard deviations, from
    an earlier run; of binary scores √(p(1 − p)).

    Raises ValueError when `total` is less than the minima or more than all strata hold, and for
    sizes, deviations or costs that are not positive (a deviation may be 0).

    >>> neyman_allocation(100, {"easy": 900, "hard": 100}, {"easy": 0.1, "hard": 0.5})
    {'easy': 64, 'hard': 36}
    """
    names = list(sizes)
    most = np.array([sizes[name] for name in names], dtype=np.float64)
    spread = np.array([_of(deviations, name, "deviations") for name in names])
    price = np.array([1.0 if costs is None else _of(costs, name, "costs") for name in names])
    if not (np.all(most > 0) and np.all(spread >= 0) and np.all(price > 0)):
        raise ValueError("sizes and costs must be positive, deviations 0 or more.")
    least = np.minimum(float(minimum), most)
    if not least.sum() <= total <= most.sum():
        raise ValueError(
            f"total is {total}; these strata ask for {least.sum():.0f} to {most.sum():.0f} samples."
        )
    wanted = most * spread / np.sqrt(price)
    shares = _shared(float(total), wanted if wanted.any() else most, least, most)
    return dict(zip(names, _rounded(shares, total), strict=True))


def _shared(total: float, wanted: Floats, least: Floats, most: Floats) -> Floats:
    """`total` in proportion to `wanted`, within each one's limits: c·wanted, cut off, for the c at
    which they add up, found by halving."""
    wanted = np.maximum(wanted, 1e-12 * float(wanted.max()))
    low, high = 0.0, float((most / wanted).max())
    for _ in range(200):
        middle = (low + high) / 2.0
        if np.clip(middle * wanted, least, most).sum() < total:
            low = middle
        else:
            high = middle
    return np.clip(high * wanted, least, most)


def _rounded(shares: Floats, total: int) -> list[int]:
    """Whole numbers that add up to `total`: the largest remainders are rounded up."""
    whole = np.floor(shares + 1e-9)
    order = np.argsort(whole - shares, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1.0
    return [int(count) for count in whole]


def _of(table: Mapping[Hashable, float], name: Hashable, what: str) -> float:
    if name not in table:
        raise ValueError(f"{what} has nothing for {name!r}.")
    return float(table[name])


def _sizes(labels: Sequence[Hashable], sizes: Mapping[Hashable, float]) -> Floats:
    """Sizes in the order in which the labels first appear, as `as_clusters` numbers them."""
    found = list(dict.fromkeys(labels))
    table = np.array([_of(sizes, name, "sizes") for name in found])
    if not (np.all(np.isfinite(table)) and np.all(table > 0.0)):
        raise ValueError("sizes must be positive and finite.")
    return table


def _fractions(counts: Floats, totals: Floats) -> Floats:
    if np.any(counts > totals):
        raise ValueError("There are more values than the size of their stratum or cluster.")
    return counts / totals


def _df(parts: Floats, degrees: Floats) -> float:
    squares = float((parts**2 / degrees).sum())
    return float(parts.sum()) ** 2 / squares if squares > 0.0 else float(degrees.sum())


def _between(totals: Floats, means: Floats, value: float) -> float:
    count, typical = totals.size, float(totals.mean())
    residuals = totals * (means - value)
    return float(residuals @ residuals) / (count - 1) / (count * typical**2)


def _within(
    x: Floats, groups: Clusters, means: Floats, counts: Floats, totals: Floats, seen: Floats
) -> float | None:
    if np.any((counts < 2) & (seen < 1.0)):
        return None
    spreads = groups.sums((x - means[groups.codes]) ** 2) / np.maximum(counts - 1.0, 1.0)
    parts = totals**2 * (1.0 - seen) * spreads / counts
    return float(parts.sum()) / float(totals.sum()) ** 2


def _estimated(
    value: float,
    variance: float,
    df: float,
    x: Floats,
    clusters: int | None,
    level: float,
    bounds: Bounds | None,
) -> Estimate:
    error = math.sqrt(variance)
    if error <= 1e-12 * float(np.abs(x).max()):
        return Estimate(value, None, x.size, clusters, reason=NO_SPREAD.partition(", and")[0])
    half = t_quantile(level, df) * error
    low, high = bounds or (-math.inf, math.inf)
    method = "stratified t" if clusters is None else "two-stage t"
    interval = Interval(max(value - half, low), min(value + half, high), level, method)
    return Estimate(value, interval, x.size, clusters, error, degrees=df)
