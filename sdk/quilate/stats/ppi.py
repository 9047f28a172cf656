"""Means corrected by a few human labels: prediction-powered inference.

A judge scores everything, people label a random part. The labels alone give a right mean with a
wide interval; the judge's mean has a narrow one around what may be the wrong place. Prediction-
powered inference takes the judge's mean and corrects it by the judge's mean error on the labelled
part (Angelopoulos et al. 2023, "Prediction-powered inference", Science 382). PPI++ weighs the judge
by λ, tuned so that the interval is as narrow as the judge allows: λ = 0, the labels alone, for a
judge that knows nothing (Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from quilate.stats.estimates import NO_SPREAD, Estimate, Interval, mean, t_quantile
from quilate.stats.observations import (
    Bounds,
    Clusters,
    Floats,
    as_clusters,
    as_floats,
    as_pairs,
    check_bounds,
    check_share,
)
from quilate.stats.robust import degrees_of_freedom

# Below so many labels, the intervals of shares near 0 or 1 cover less than their level, and the
# result's `note` says so; at 50 and more, `benchmarks.coverage` finds them at it.
FEW_LABELS = 50
FEW_CLUSTERS = 30
ClusterLabels = Sequence[Hashable] | None


@dataclass(frozen=True, slots=True)
class PpiEstimate:
    """The corrected mean, and beside it what it is made of.

    `corrected` is the estimate to report; `classical` uses the labels alone, `raw` the judge's
    scores of all items alone, so that its interval says nothing about the judge's error.
    `judge_weight` is λ, between 0 and 1. `note` says where the interval may cover less than its
    level.
    """

    corrected: Estimate
    classical: Estimate
    raw: Estimate
    judge_weight: float
    n_labelled: int
    n_unlabelled: int
    note: str | None = None

    @property
    def value(self) -> float | None:
        """The corrected mean."""
        return self.corrected.value

    @property
    def interval(self) -> Interval | None:
        """Interval of the corrected mean."""
        return self.corrected.interval

    @property
    def width_ratio(self) -> float | None:
        """Width of the corrected interval over that of the labels alone; None without either."""
        with_judge, without = self.corrected.interval, self.classical.interval
        if with_judge is None or without is None or without.high == without.low:
            return None
        return (with_judge.high - with_judge.low) / (without.high - without.low)


def ppi_mean(
    labels: npt.ArrayLike,
    predictions_labelled: npt.ArrayLike,
    predictions_unlabelled: npt.ArrayLike,
    *,
    level: float = 0.95,
    clusters: tuple[ClusterLabels, ClusterLabels] | None = None,
    judge_weight: float | None = None,
    bounds: Bounds | None = None,
) -> PpiEstimate:
    """Mean of human `labels` (n,) over labelled and unlabelled items, with the help of a judge.

    `predictions_labelled` (n,) are the judge's scores of the labelled items, in the same order,
    and `predictions_unlabelled` (N,) those of the others, on the scale of the labels. The labelled
    items must be a random part of all. The estimate is mean(y) + λ·(mean(f_unlabelled) −
    mean(f_labelled)); λ minimises its estimated variance within [0, 1] unless `judge_weight` fixes
    it. The variance is the sum of squared influences, cluster-robust (CR2) when `clusters` gives
    the cluster labels of both parts (which may share clusters); the quantile is Student's with as
    many degrees of freedom as labelled units less one, fewer for unequal clusters, and less another
    for a tuned λ, where PPI++ has the normal one, for n is often small. Of a judge that
    seldom errs few errors are among the labels, or none, and their variance says too little of
    those that were not seen: with the `bounds` of the labels the interval is as much wider as that
    of the judge's errors is too narrow (see `_unseen`), and is clipped to them.

    Raises ValueError for lengths that differ, values that are not finite, labels outside `bounds`.

    >>> result = ppi_mean([1, 0, 1, 1], [1, 0, 1, 0], [1, 1, 0, 1, 1, 0, 1, 1])
    >>> round(result.value, 3), result.classical.value, round(result.raw.value, 3)
    (0.841, 0.75, 0.667)
    """
    check_share(level, "level")
    y, f = as_pairs(labels, predictions_labelled, ("labels", "predictions_labelled"))
    g = as_floats(predictions_unlabelled, "predictions_unlabelled")
    if bounds is not None:
        check_bounds(y, bounds)
    if judge_weight is not None and not 0.0 <= judge_weight <= 1.0:
        raise ValueError(f"judge_weight must lie between 0 and 1, not {judge_weight}.")
    for_labels, for_all, groups = _clusters(clusters, y.size, g.size)
    classical = mean(y, clusters=for_labels, level=level, bounds=bounds)
    units = classical.n if classical.clusters is None else classical.clusters
    weight = judge_weight
    if weight is None:
        weight = _tuned(y, f, g, groups) if units > 2 else 0.0
    if g.size == 0:
        weight = 0.0
    tuned = judge_weight is None
    corrected = (
        classical
        if weight == 0.0 or y.size == 0
        else _corrected(y, f, g, weight, tuned, groups, for_labels, classical, level, bounds)
    )
    return PpiEstimate(
        corrected,
        classical,
        mean(np.concatenate([f, g]), clusters=for_all, level=level),
        weight,
        y.size,
        g.size,
        note=_note(units, for_labels is not None),
    )


def ppi_difference(
    a: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    b: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    *,
    level: float = 0.95,
    clusters: tuple[ClusterLabels, ClusterLabels] | None = None,
    bounds: Bounds | None = None,
) -> PpiEstimate:
    """Mean difference a − b of two systems on the same items, corrected by the same labels.

    Each system brings what `ppi_mean` takes: its labels, the judge's scores of its labelled
    answers, and of the unlabelled ones; the items in the same order in both. `bounds` are those of
    one system's labels. What the judge gets wrong alike for both cancels out before λ is tuned.

    >>> a = ([1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 0, 1, 1, 1])
    >>> b = ([0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1, 0, 1])
    >>> ppi_difference(a, b).classical.value
    0.5
    """
    names = ("labels", "predictions_labelled", "predictions_unlabelled")
    differences = []
    for name, of_a, of_b in zip(names, a, b, strict=True):
        x, y = as_pairs(of_a, of_b, (f"a's {name}", f"b's {name}"))
        differences.append(x - y)
    if bounds is not None:
        bounds = (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return ppi_mean(*differences, level=level, clusters=clusters, bounds=bounds)


def _clusters(
    clusters: tuple[ClusterLabels, ClusterLabels] | None, n: int, unlabelled: int
) -> tuple[ClusterLabels, ClusterLabels, Clusters | None]:
    """Labels of the labelled part and of all, and the membership of all."""
    if clusters is None:
        return None, None, None
    first, second = clusters
    first = [None] * n if first is None else list(first)
    second = [None] * unlabelled if second is None else list(second)
    for part, size in ((first, n), (second, unlabelled)):
        as_clusters(part, size)
    both = [*first, *second]
    return first, both, as_clusters(both, n + unlabelled)


def _influences(y: Floats, f: Floats, g: Floats) -> tuple[Floats, Floats]:
    """What each item, labelled ones first, adds to mean(y) and to mean(g) − mean(f), centred."""
    of_labels = np.concatenate([(y - y.mean()) / y.size, np.zeros(g.size)])
    of_judge = np.concatenate([(f.mean() - f) / f.size, (g - g.mean()) / g.size])
    return of_labels, of_judge


def _tuned(y: Floats, f: Floats, g: Floats, groups: Clusters | None) -> float:
    """The λ in [0, 1] that minimises the sum of squared influences."""
    if g.size == 0:
        return 0.0
    of_labels, of_judge = _influences(y, f, g)
    if groups is not None:
        of_labels, of_judge = groups.sums(of_labels), groups.sums(of_judge)
    spread = float(of_judge @ of_judge)
    if spread <= 1e-24 * float(np.abs(np.concatenate([f, g])).max()) ** 2:
        return 0.0
    return min(max(-float(of_labels @ of_judge) / spread, 0.0), 1.0)


def _corrected(
    y: Floats,
    f: Floats,
    g: Floats,
    weight: float,
    tuned: bool,
    groups: Clusters | None,
    for_labels: ClusterLabels,
    classical: Estimate,
    level: float,
    bounds: Bounds | None,
) -> Estimate:
    value = float(y.mean() + weight * (g.mean() - f.mean()))
    if bounds is not None:
        value = min(max(value, bounds[0]), bounds[1])
    n, clusters = classical.n, classical.clusters
    units = n if clusters is None else clusters
    if units - 1 - tuned < 1:
        return Estimate(
            value, None, n, clusters, reason="too few labels to estimate the error from"
        )
    if groups is None:
        df: float = units - 1 - tuned
        error = _standard_error(y, f, g, weight, units - 1 - tuned)
    else:
        error, df = _clustered(y, f, g, weight, tuned, groups)
    if bounds is None and np.ptp(y - weight * f) <= 1e-12 * max(1.0, float(np.abs(y).max())):
        return Estimate(value, None, n, clusters, reason=NO_SPREAD)
    half = t_quantile(level, df) * error
    less, more = _unseen(y - f, for_labels, level, bounds) if bounds else (0.0, 0.0)
    low, high = bounds or (-math.inf, math.inf)
    interval = Interval(
        max(value - math.hypot(half, weight * less), low),
        min(value + math.hypot(half, weight * more), high),
        level,
        "PPI++" if groups is None else "cluster-robust PPI++",
    )
    degrees = None if df == units - 1 else df
    return Estimate(value, interval, n, clusters, error, degrees=degrees)


def _unseen(
    errors: Floats, clusters: ClusterLabels, level: float, bounds: Bounds
) -> tuple[float, float]:
    """How much further down and up the mean of a judge's errors may lie than their variance says.

    The mean is that of what it gives too little less that of what it gives too much. Both are
    shares of the bounds' width with an interval that holds also where few or none are above 0
    (`_jeffreys`); put together (MOVER: Zou & Donner 2008, Statistics in Medicine 27) they are that
    of the mean. What they are wider, in squares, than the interval by the variance is what this
    gives: nearly nothing where errors are many.
    """
    width = bounds[1] - bounds[0]
    plain = mean(errors, clusters=clusters, level=level)
    known = t_quantile(level, plain.df) * (plain.std_error or 0.0)
    (less_under, more_under), (less_over, more_over) = (
        _jeffreys(
            mean(np.maximum(errors * sign, 0.0) / width, clusters=clusters, level=level), level
        )
        for sign in (1.0, -1.0)
    )
    halves = math.hypot(less_under, more_over), math.hypot(more_under, less_over)
    down, up = (math.sqrt(max((width * half) ** 2 - known**2, 0.0)) for half in halves)
    return down, up


def _jeffreys(found: Estimate, level: float) -> tuple[float, float]:
    """How far the ends of Jeffreys' interval of a share lie from it (Brown, Cai & DasGupta 2001,
    Statistical Science 16), the size being that at which values of 0 and 1 would have this standard
    error; of no spread, the number of units."""
    value = min(max(found.value or 0.0, 0.0), 1.0)
    spread = value * (1.0 - value)
    units = found.n if found.clusters is None else found.clusters
    size = spread / found.std_error**2 if found.std_error and spread else float(units)
    hits, tail = value * size, (1.0 - level) / 2.0
    low, high = (
        float(betaincinv(hits + 0.5, size - hits + 0.5, share)) for share in (tail, 1.0 - tail)
    )
    return max(value - low, 0.0) if value > 0.0 else 0.0, max(high - value, 0.0)


def _standard_error(y: Floats, f: Floats, g: Floats, weight: float, df: int) -> float:
    """Root of the summed squares of the influences, each part scaled for what was estimated."""
    residuals = (y - y.mean()) - weight * (f - f.mean())
    spread = g - g.mean()
    of_labels = float(residuals @ residuals) / df / y.size
    of_judge = weight**2 * float(spread @ spread) / max(g.size - 1, 1) / g.size
    return math.sqrt(of_labels + of_judge)


def _clustered(
    y: Floats, f: Floats, g: Floats, weight: float, tuned: bool, groups: Clusters
) -> tuple[float, float]:
    """Standard error and its degrees of freedom, right for few clusters (see `robust`).

    The value is a sum of two means, a regression on two indicators, whose CR2 divides a cluster's
    squared residuals in each part by what that part's mean takes out of them. The degrees of
    freedom are Welch and Satterthwaite's of the two, at most those of the labelled part. A tuned
    weight, which makes the variance look small where clusters are few, costs one in each.
    """
    n = y.size
    parts = Clusters(groups.codes[:n], groups.count), Clusters(groups.codes[n:], groups.count)
    sums, variances, degrees, counts = np.zeros(groups.count), [], [], []
    for values, part in zip((y - weight * f, weight * g), parts, strict=True):
        shares = part.sums(np.ones(values.size)) / values.size
        kept = np.where(shares < 1.0, 1.0 - shares, 1.0)  # of one cluster the residuals sum to 0
        scaled = part.sums(values - values.mean()) / values.size / np.sqrt(kept)
        sums += scaled
        own = Clusters(np.unique(part.codes, return_inverse=True)[1], int((shares > 0.0).sum()))
        counts.append(own.count)
        variances.append(float(scaled @ scaled))
        degrees.append(max(degrees_of_freedom(values, own) - tuned, 1.0) if own.count > 1 else 1.0)
    error = math.sqrt(float(sums @ sums))
    few = min(counts)
    if tuned:
        error *= math.sqrt((few - 1.0) / (few - 2.0)) if few > 2 else math.sqrt(2.0)
    spread = sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    welch = sum(variances) ** 2 / spread if spread > 0.0 else degrees[0]
    return error, max(min(degrees[0], welch), 1.0)


def _note(units: int, clustered: bool) -> str | None:
    few = FEW_CLUSTERS if clustered else FEW_LABELS
    if units >= few:
        return None
    what = "clusters with labels" if clustered else "labels"
    return f"{units} {what}: below {few} the interval may cover less than its level"
