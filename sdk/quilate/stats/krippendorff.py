"""Krippendorff's alpha: agreement for any number of raters, any scale and missing ratings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, get_args

import numpy as np

from quilate.stats.estimates import NO_VALUES, ONE_CLUSTER, Estimate, Interval, t_quantile
from quilate.stats.observations import Clusters, Floats, as_clusters, check_share
from quilate.stats.ratings import NO_PAIRS, ONE_LABEL, Ratings, positions, tabulate

Measurement = Literal["nominal", "ordinal", "interval", "ratio"]

_BLOCKS = 200


def krippendorff_alpha(
    ratings: Ratings,
    *,
    measurement: Measurement = "nominal",
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """1 − observed over expected disagreement (Krippendorff 2011, "Computing Krippendorff's
    Alpha-Reliability"): 1 perfect, 0 chance.

    `ratings` holds a row of labels for each unit; None or NaN is a missing one, and rows may differ
    in length. Units with one rating are left out. `measurement` says how far two labels disagree:
    ``nominal`` (equal or not), ``ordinal`` (by the ranks between them), ``interval`` (squared
    difference) or ``ratio`` (squared difference over sum, for positive numbers). For the last three
    labels are numbers; for ``ordinal`` they may be others, given by `labels` in order.

    Alpha has no standard error in closed form. The interval is Student's with that of a jackknife
    which leaves out one unit, or one of `clusters` of units, at a time (blocks of them from 200
    on; Kott 2001), clipped to at most 1. Alpha is undefined where all ratings are one label.

    Raises ValueError for labels that do not fit the measurement.

    >>> ratings = [[1, 1], [2, 2], [3, 3], [3, 2], [1, 1], [2, None]]
    >>> round(krippendorff_alpha(ratings, measurement="ordinal").value, 4)
    0.8898
    """
    check_share(level, "level")
    if measurement not in get_args(Measurement):
        raise ValueError(
            f"measurement is {measurement!r}; one of {', '.join(get_args(Measurement))}."
        )
    table = tabulate(ratings, labels=labels, clusters=clusters, ordered=measurement != "nominal")
    distances = _distances(measurement, table.labels)
    paired = table.raters > 1.0
    counts, n = table.counts[paired], int(paired.sum())
    groups = None
    if table.groups is not None:
        groups = as_clusters(table.groups.codes[paired].tolist(), n)
    count = None if groups is None else groups.count
    if not n:
        reason = NO_PAIRS if len(table.counts) else NO_VALUES
        return Estimate(None, None, 0, count, reason=reason)
    found = float(_alphas(np.ones((1, n)), counts, distances)[0])
    if np.isnan(found):
        return Estimate(None, None, n, count, reason=ONE_LABEL)
    value = min(found, 1.0)  # but for rounding
    units = n if groups is None else groups.count
    if units < 3:
        few = ONE_CLUSTER if units < 2 <= n else "too few units for an interval"
        return Estimate(value, None, n, count, reason=few)
    blocks = min(units, _BLOCKS)
    error = _jackknife_error(counts, distances, groups, blocks)
    if isinstance(error, str):
        return Estimate(value, None, n, count, reason=error)
    half = t_quantile(level, blocks - 1) * error
    interval = Interval(value - half, min(value + half, 1.0), level, "delete-a-group jackknife")
    return Estimate(value, interval, n, count, error)


def _jackknife_error(
    counts: Floats, distances: Floats | None, groups: Clusters | None, blocks: int
) -> float | str:
    """Standard error of alpha over what is left when one block of units is left out; or why there
    is none."""
    codes = np.arange(len(counts)) if groups is None else groups.codes
    left_out = codes[None, :] % blocks != np.arange(blocks)[:, None]
    alphas = _alphas(left_out.astype(np.float64), counts, distances)
    if np.isnan(alphas).any():
        return "one unit alone makes the ratings differ: the error cannot be estimated"
    error = float(np.sqrt((blocks - 1) / blocks * ((alphas - alphas.mean()) ** 2).sum()))
    return error if error >= 1e-12 else "the ratings show no variation to estimate the error from"


def _distances(measurement: Measurement, labels: Sequence[Hashable]) -> Floats | None:
    """Squared distances (labels, labels); for ``interval`` where labels stand (labels,); None for
    ``ordinal``, where that depends on the ratings."""
    if measurement == "ordinal":
        return None
    if measurement == "nominal":
        return 1.0 - np.eye(len(labels))
    at = positions(labels)
    if not all(isinstance(label, int | float | np.number) for label in labels):
        raise ValueError(f"The labels of an {measurement} scale are numbers.")
    if measurement == "interval":
        return at - at.mean() if at.size else at
    apart = (at[:, None] - at[None, :]) ** 2
    if at.size and at.min() < 0.0:
        raise ValueError("The labels of a ratio scale are positive numbers.")
    together = (at[:, None] + at[None, :]) ** 2
    return np.divide(apart, together, out=np.zeros_like(apart), where=together > 0.0)


def _alphas(weights: Floats, counts: Floats, distances: Floats | None) -> Floats:
    """Alpha for each row of `weights` (rows, units), how often each unit is taken: (rows,). NaN
    where all ratings taken are one label."""
    raters = counts.sum(axis=1)
    totals = weights @ counts
    n = totals.sum(axis=1)
    if distances is None or distances.ndim == 1:
        # The ordinal distance of two labels is the squared difference of their mid-ranks.
        ranks = np.cumsum(totals, axis=1) - totals / 2.0
        at = ranks if distances is None else distances[None, :]
        within = 2.0 * raters * (at**2 @ counts.T) - 2.0 * (at @ counts.T) ** 2
        observed = (weights * within / (raters - 1.0)).sum(axis=1)
        expected = 2.0 * n * (totals * at**2).sum(axis=1) - 2.0 * (totals * at).sum(axis=1) ** 2
    else:
        within = ((counts @ distances) * counts).sum(axis=1)
        observed = weights @ (within / (raters - 1.0))
        expected = ((totals @ distances) * totals).sum(axis=1)
    several = (totals > 0.0).sum(axis=1) > 1
    ratio = np.divide(observed, expected, out=np.full(len(n), np.nan), where=several)
    alphas: Floats = 1.0 - (n - 1.0) * ratio
    return alphas
