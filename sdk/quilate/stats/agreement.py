"""How well scores agree with a reference: chance-corrected agreement, ranking, correlation.

Values are taken as independent.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from quilate.stats.estimates import NO_VALUES, Estimate, Interval, z_quantile
from quilate.stats.observations import Floats, as_pairs, check_share, is_binary


def cohen_kappa(a: Sequence[Hashable], b: Sequence[Hashable], *, level: float = 0.95) -> Estimate:
    """Agreement of two raters on the same items beyond chance (Cohen 1960): 1 perfect, 0 chance.

    Labels are compared by equality. The interval is normal, with the large-sample standard error
    of Fleiss, Cohen & Everitt (1969), clipped to [−1, 1]; there is none where that error is 0, as
    at perfect agreement. Kappa is undefined when both raters used one label throughout.

    Raises ValueError for sequences of different lengths.

    >>> cohen_kappa(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"]).value
    0.5
    """
    check_share(level, "level")
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} labels and b {len(b)}; rate the same items.")
    if not len(a):
        return Estimate(None, None, 0, reason=NO_VALUES)
    table = _confusion(a, b)
    row, column = table.sum(axis=1), table.sum(axis=0)
    observed, expected = float(np.trace(table)), float(row @ column)
    if len(table) == 1:
        return Estimate(None, None, len(a), reason="both raters gave one label throughout")
    kappa = min((observed - expected) / (1.0 - expected), 1.0)
    variance = _kappa_variance(table, kappa, expected)
    if variance < 1e-12:  # 0 but for rounding
        return Estimate(
            kappa, None, len(a), reason="the labels show no variation to estimate the error from"
        )
    error = math.sqrt(variance / len(a))
    half = z_quantile(level) * error
    low, high = max(kappa - half, -1.0), min(kappa + half, 1.0)
    return Estimate(
        kappa, Interval(low, high, level, "Fleiss–Cohen–Everitt"), len(a), std_error=error
    )


def auroc(scores: npt.ArrayLike, labels: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
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


def spearman(x: npt.ArrayLike, y: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Spearman's rank correlation, ties at their mean rank.

    The interval is Fisher's z with the variance (1 + r²/2) / (n − 3) of Bonett & Wright (2000,
    Psychometrika 65); there is none for fewer than four pairs, nor at r = ±1. Undefined when one
    side is constant.

    >>> spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value
    0.8
    """
    check_share(level, "level")
    first, second = as_pairs(x, y, ("x", "y"))
    n = first.size
    if n < 2:
        return Estimate(None, None, n, reason=NO_VALUES if n == 0 else "needs two pairs or more")
    u, v = midranks(first), midranks(second)
    u, v = u - u.mean(), v - v.mean()
    scale = math.sqrt(float(u @ u) * float(v @ v))
    if scale == 0.0:
        return Estimate(None, None, n, reason="one side is constant")
    r = float(u @ v) / scale
    if n < 4:
        return Estimate(r, None, n, reason="needs four pairs or more for an interval")
    if abs(r) > 1.0 - 1e-12:
        return Estimate(
            math.copysign(1.0, r), None, n, reason="ranks agree fully: no error to estimate"
        )
    error = math.sqrt((1.0 + r * r / 2.0) / (n - 3))
    half, z = z_quantile(level) * error, math.atanh(r)
    interval = Interval(math.tanh(z - half), math.tanh(z + half), level, "Bonett–Wright")
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


def _confusion(a: Sequence[Hashable], b: Sequence[Hashable]) -> Floats:
    """Shares (labels, labels): rows the labels of `a`, columns those of `b`."""
    known: dict[Hashable, int] = {}
    cells = [
        (known.setdefault(x, len(known)), known.setdefault(y, len(known)))
        for x, y in zip(a, b, strict=True)
    ]
    table = np.zeros((len(known), len(known)))
    np.add.at(table, tuple(np.transpose(cells)), 1.0)
    return table / len(cells)


def _kappa_variance(table: Floats, kappa: float, expected: float) -> float:
    """Variance of kappa times n: Fleiss, Cohen & Everitt (1969)."""
    row, column = table.sum(axis=1), table.sum(axis=0)
    d = 1.0 - kappa
    agreeing = float(np.diag(table) @ (1.0 - (row + column) * d) ** 2)
    crossed = table * (row[None, :] + column[:, None]) ** 2
    differing = d**2 * float(crossed.sum() - np.trace(crossed))
    return (agreeing + differing - (kappa - expected * d) ** 2) / (1.0 - expected) ** 2


def _expit(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(x / 2.0))
