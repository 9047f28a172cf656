"""The delete-a-group jackknife, for figures whose standard error has no closed form."""

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from quilate.stats.estimates import Estimate, Interval, t_quantile
from quilate.stats.observations import as_clusters

Mask = npt.NDArray[np.bool_]

_BLOCKS = 50


def jackknife(
    figure: Callable[[Mask], float | None],
    clusters: Sequence[Hashable],
    *,
    smallest: float,
    largest: float = 1.0,
    level: float = 0.95,
) -> Estimate:
    """`figure` of all items, with the t interval of the delete-a-group jackknife (Kott 2001).

    `figure` is given which items count (n,) and returns None where it cannot be had. One cluster
    is left out at a time, or one of 50 blocks of them where there are more; a cluster None is an
    item of its own. The interval is clipped to [`smallest`, `largest`].

    >>> values = np.array([0.0, 0.5, 1.0, 1.0])
    >>> found = jackknife(lambda keep: float(values[keep].mean()), "aabc", smallest=0.0)
    >>> found.value, found.clusters
    (0.625, 3)
    """
    n = len(clusters)
    groups = as_clusters(clusters, n)
    known = 0 if groups is None else groups.count
    count = min(known, _BLOCKS)
    block = np.zeros(n, dtype=np.intp) if groups is None else groups.codes % max(count, 1)
    value = figure(np.ones(n, dtype=np.bool_))
    left_out = [figure(block != number) for number in range(count)]
    parts = np.array([one for one in left_out if one is not None])
    if value is None or parts.size < 3 or parts.size < count:
        return Estimate(value, None, n, known, reason="too few sources for an interval")
    error = math.sqrt((count - 1) / count * float(((parts - parts.mean()) ** 2).sum()))
    if error < 1e-12:
        return Estimate(value, None, n, known, reason="no spread between the sources")
    half = t_quantile(level, count - 1) * error
    low, high = max(value - half, smallest), min(value + half, largest)
    interval = Interval(low, high, level, "delete-a-group jackknife")
    return Estimate(value, interval, n, known, error)
