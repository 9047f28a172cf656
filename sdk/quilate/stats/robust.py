"""Cluster-robust standard error of a mean and its degrees of freedom, right for few clusters.

The plain sandwich is too small when clusters are few or unequal. CR2 (Bell & McCaffrey 2002)
divides each cluster's squared sum of residuals by what a mean takes out of it, which makes the
variance unbiased for independent values; its degrees of freedom are Satterthwaite's under a model
with one correlation within clusters, estimated by moments (Imbens & Kolesár 2016, "Robust Standard
Errors in Small Samples", Review of Economics and Statistics 98). For a mean all of it has a closed
form, linear in the number of clusters.
"""

import math

import numpy as np

from quilate.stats.observations import Clusters, Floats


def standard_error(x: Floats, groups: Clusters | None) -> float | None:
    """Standard error of the mean of two or more units, or None when they show no spread.

    With S_g the sum of cluster g's residuals and n_g its size: SE² = Σ_g S_g² / (1 − n_g/n) / n².
    That is s²/n for independent values, and the plain sandwich times G/(G − 1) for clusters of one
    size.
    """
    residuals = x - x.mean()
    if groups is None:
        squared = x.size / (x.size - 1) * float(residuals @ residuals)
    else:
        sizes = groups.sums(np.ones(x.size))
        squared = float((groups.sums(residuals) ** 2 / (1.0 - sizes / x.size)).sum())
    error = math.sqrt(squared) / x.size
    rounding = 1e-12 * float(np.abs(x).max())
    return error if error > rounding else None


def degrees_of_freedom(x: Floats, groups: Clusters | None) -> float:
    """Satterthwaite's degrees of freedom of `standard_error`, for two or more units.

    Units less one for independent values and clusters of one size; fewer for unequal ones, down
    to 1, and the fewer the more alike the values of a cluster are.
    """
    if groups is None or groups.count == x.size:
        return float(x.size - 1)
    sizes = groups.sums(np.ones(x.size))
    if np.all(sizes == sizes[0]):
        return float(groups.count - 1)
    return _satterthwaite(sizes, within_correlation(x, groups))


def within_correlation(x: Floats, groups: Clusters) -> float:
    """Correlation of two values of one cluster, by moments, kept within 0 and 1.

    The mean product of residuals over pairs of one cluster, over their mean square; 0 where no
    cluster has two values, or the values show no spread.
    """
    residuals = x - x.mean()
    sizes = groups.sums(np.ones(x.size))
    pairs, squares = float((sizes * (sizes - 1.0)).sum()), float(residuals @ residuals)
    if not pairs or squares <= (1e-12 * float(np.abs(x).max())) ** 2 * x.size:
        return 0.0
    products = float((groups.sums(residuals) ** 2).sum()) - squares
    return min(max(products / pairs / (squares / x.size), 0.0), 1.0)


def _satterthwaite(sizes: Floats, correlation: float) -> float:
    """(tr M)² / tr M² for M = W C W: C the covariance of the clusters' residual sums under one
    `correlation` within clusters, W² = diag(1 / (1 − n_g/n)) the weights of CR2.

    C_gg = v_g − 2 n_g v_g/n + n_g² V/n² and C_gh = −n_g n_h (s_g + s_h) with s_g = v_g/(n_g n) −
    V/(2n²), where v_g is the variance of a cluster's sum and V their total. The square of a sum
    of s_g and s_h expands, so that no matrix is needed.
    """
    n = float(sizes.sum())
    weights = 1.0 / (1.0 - sizes / n)
    own = sizes * (1.0 + correlation * (sizes - 1.0))
    total = float(own.sum())
    diagonal = weights * (own - 2.0 * sizes * own / n + sizes**2 * total / n**2)
    s = own / (sizes * n) - total / (2.0 * n**2)
    w = weights * sizes**2
    every = 2.0 * float(w.sum()) * float((w * s) @ s) + 2.0 * float(w @ s) ** 2
    crossed = every - 4.0 * float(((w * s) ** 2).sum())
    squared = float(diagonal @ diagonal) + max(crossed, 0.0)
    return max(float(diagonal.sum()) ** 2 / squared, 1.0)
