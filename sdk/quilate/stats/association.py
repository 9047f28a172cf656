"""How well numbers rank or follow others: AUROC and correlations.

Pairs are independent unless `clusters` (a label for each; None is a cluster of its own) says which
share a source. Then the standard error is that of a delete-a-group jackknife (Kott 2001), and the
interval is built on the scale of the other one, Fisher's or the logit: no closed form counts
clusters in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quilate.stats.estimates import NO_VALUES, Estimate, Interval, z_quantile
from quilate.stats.jackknife import jackknife
from quilate.stats.observations import Floats, as_clusters, as_pairs, check_share, is_binary

CONSTANT = "one side is constant"
ClusterLabels = Sequence[Hashable] | None


def auroc(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    clusters: ClusterLabels = None,
    level: float = 0.95,
) -> Estimate:
    """Probability that a positive item scores above a negative one, ties counting one half.

    `labels` are 0 and 1. The standard error is that of DeLong, DeLong & Clarke-Pearson (1988),
    right for tied scores too; the interval is built on the logit scale, which keeps it within
    (0, 1). There is none with fewer than two items of either label, nor at exactly 0 or 1.

    Raises ValueError for labels other than 0 and 1, or lengths that differ.

    >>> auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).value
    0.75
    """
    check_share(level, "level")
    score, label = as_pairs(scores, labels, ("scores", "labels"))
    if not is_binary(label):
        raise ValueError("labels must be 0 and 1.")
    return _clustered(_auroc, score, label, clusters, level, _LOGIT)


def _auroc(score: Floats, label: Floats, level: float) -> Estimate:
    positive, negative = score[label == 1.0], score[label == 0.0]
    n, m = positive.size, negative.size
    if not (n and m):
        return Estimate(None, None, n + m, reason="needs items of both labels")
    # Of each item, the share of the other label that it is ranked right against.
    ranks = midranks(np.concatenate([positive, negative]))
    right_positive = (ranks[:n] - midranks(positive)) / m
    right_negative = 1.0 - (ranks[n:] - midranks(negative)) / n
    area = float(right_positive.mean())
    if n < 2 or m < 2:
        return Estimate(area, None, n + m, reason="needs two items of each label for an interval")
    variance = float(right_positive.var(ddof=1)) / n + float(right_negative.var(ddof=1)) / m
    error = math.sqrt(variance)
    if error < 1e-12 or not 0.0 < area < 1.0:
        return Estimate(
            area, None, n + m, reason="all placements are equal: the error cannot be estimated"
        )
    half = z_quantile(level) * error / (area * (1.0 - area))
    centre = math.log(area / (1.0 - area))
    interval = Interval(_expit(centre - half), _expit(centre + half), level, "DeLong, logit")
    return Estimate(area, interval, n + m, std_error=error)


def spearman(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    clusters: ClusterLabels = None,
    level: float = 0.95,
) -> Estimate:
    """Spearman's rank correlation, ties at their mean rank.

    The interval is Fisher's z with the variance (1 + r²/2) / (n − 3) of Bonett & Wright (2000,
    Psychometrika 65); there is none for fewer than four pairs, nor at r = ±1. Undefined when one
    side is constant.

    >>> spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value
    0.8
    """
    check_share(level, "level")
    first, second = as_pairs(x, y, ("x", "y"))
    return _clustered(_spearman, first, second, clusters, level, _FISHER)


def _spearman(first: Floats, second: Floats, level: float) -> Estimate:
    r = _product_moment(midranks(first), midranks(second))
    if r is None:
        return _no_correlation(first.size)
    return _on_fishers_scale(
        r, first.size, (1.0 + r * r / 2.0) / max(first.size - 3, 1), 4, level, "Bonett–Wright"
    )


def pearson(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    clusters: ClusterLabels = None,
    level: float = 0.95,
) -> Estimate:
    """Pearson's product-moment correlation.

    The interval is Fisher's z with the variance 1 / (n − 3), which supposes that both sides are
    about normal; there is none for fewer than four pairs, nor at r = ±1. Undefined when one side is
    constant.

    >>> round(pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value, 10)
    0.8
    """
    check_share(level, "level")
    first, second = as_pairs(x, y, ("x", "y"))
    return _clustered(_pearson, first, second, clusters, level, _FISHER)


def _pearson(first: Floats, second: Floats, level: float) -> Estimate:
    r = _product_moment(first, second)
    if r is None:
        return _no_correlation(first.size)
    return _on_fishers_scale(r, first.size, 1.0 / max(first.size - 3, 1), 4, level, "Fisher")


def kendall(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    clusters: ClusterLabels = None,
    level: float = 0.95,
) -> Estimate:
    """Kendall's tau-b: pairs of items in the same order less pairs in opposite order, over what
    that could be, corrected for ties.

    The interval is Fisher's z with the variance 0.437 / (n − 4) of Fieller, Hartley & Pearson
    (1957, Biometrika 44), good for |tau| up to about 0.8 (Bonett & Wright 2000); there is none for
    fewer than five pairs, nor at tau = ±1. Undefined when one side is constant.

    >>> round(kendall([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value, 10)
    0.6
    """
    check_share(level, "level")
    first, second = as_pairs(x, y, ("x", "y"))
    return _clustered(_kendall, first, second, clusters, level, _FISHER)


def _kendall(first: Floats, second: Floats, level: float) -> Estimate:
    from scipy.stats import kendalltau

    if first.size < 2 or min(np.unique(first).size, np.unique(second).size) < 2:
        return _no_correlation(first.size)
    tau = float(kendalltau(first, second).statistic)
    variance = 0.437 / max(first.size - 4, 1)
    return _on_fishers_scale(tau, first.size, variance, 5, level, "Fieller–Hartley–Pearson")


def _expit(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(x / 2.0))


class _Scale(NamedTuple):
    """Where a figure's error is about the same whatever the figure: the way there and back, and the
    slope of the way back."""

    name: str
    there: Callable[[float], float]
    back: Callable[[float], float]
    slope: Callable[[float], float]


_FISHER = _Scale("Fisher z", math.atanh, math.tanh, lambda r: 1.0 - r * r)
_LOGIT = _Scale("logit", lambda p: math.log(p / (1.0 - p)), _expit, lambda p: p * (1.0 - p))


def _clustered(
    figure: Callable[[Floats, Floats, float], Estimate],
    x: Floats,
    y: Floats,
    clusters: ClusterLabels,
    level: float,
    scale: _Scale,
) -> Estimate:
    """A figure of independent pairs, with an interval over their clusters where some share one."""
    alone = figure(x, y, level)
    groups = as_clusters(clusters, x.size)
    if groups is None:
        return alone
    if alone.value is None or alone.interval is None or groups.count == x.size:
        return replace(alone, clusters=groups.count)

    # On the figure's own scale, and carried over by the slope at its value: a good judge's figure
    # without one group is often exactly 1, which the other scale has no place for.
    found = jackknife(
        lambda keep: figure(x[keep], y[keep], level).value,
        groups.codes.tolist(),
        smallest=-math.inf,
        largest=math.inf,
        level=level,
    )
    if found.interval is None:
        return Estimate(alone.value, None, alone.n, groups.count, reason=found.reason)
    half = (found.interval.high - found.interval.low) / 2.0 / scale.slope(alone.value)
    centre = scale.there(alone.value)
    method = f"{found.interval.method}, {scale.name}"
    interval = Interval(scale.back(centre - half), scale.back(centre + half), level, method)
    return replace(alone, interval=interval, std_error=found.std_error, clusters=groups.count)


def _product_moment(x: Floats, y: Floats) -> float | None:
    """Pearson's correlation, None where it is undefined."""
    if x.size < 2 or min(np.ptp(x), np.ptp(y)) == 0.0:
        return None
    # Scaled first, for the squares of very small or large numbers are 0 or infinite.
    u, v = (side / np.abs(side).max() for side in (x - x.mean(), y - y.mean()))
    return float(u @ v) / math.sqrt(float(u @ u) * float(v @ v))


def _no_correlation(n: int) -> Estimate:
    few = NO_VALUES if n == 0 else "needs two pairs or more"
    return Estimate(None, None, n, reason=few if n < 2 else CONSTANT)


def _on_fishers_scale(
    r: float, n: int, variance: float, least: int, level: float, method: str
) -> Estimate:
    """A correlation with the interval tanh(atanh r ± z·√variance), from `least` pairs on."""
    if n < least:
        words = {4: "four", 5: "five"}
        return Estimate(r, None, n, reason=f"needs {words[least]} pairs or more for an interval")
    if abs(r) > 1.0 - 1e-12:
        reason = "both sides agree fully: no error to estimate"
        return Estimate(math.copysign(1.0, r), None, n, reason=reason)
    error = math.sqrt(variance)
    half, z = z_quantile(level) * error, math.atanh(r)
    interval = Interval(math.tanh(z - half), math.tanh(z + half), level, method)
    return Estimate(r, interval, n, std_error=error * (1.0 - r * r))


def midranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of their ranks.

    >>> midranks(np.array([10.0, 20.0, 20.0, 5.0])).tolist()
    [2.0, 3.5, 3.5, 1.0]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2.0)[inverse]
    return ranks
