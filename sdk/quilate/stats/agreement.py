"""How far raters agree beyond chance, on labels: Cohen's and Fleiss' kappa, Gwet's AC1 and AC2.

Krippendorff's alpha, which fits all of them, is in `krippendorff`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from quilate.stats.estimates import (
    NO_VALUES,
    ONE_CLUSTER,
    Estimate,
    Interval,
    estimate,
    t_quantile,
    z_quantile,
)
from quilate.stats.observations import Clusters, Floats, as_clusters, check_share
from quilate.stats.ratings import (
    NO_PAIRS,
    ONE_LABEL,
    Ratings,
    Table,
    Weights,
    agreement_weights,
    tabulate,
)
from quilate.stats.robust import degrees_of_freedom, standard_error

NO_VARIATION = "the labels show no variation to estimate the error from"


def cohen_kappa(
    a: Sequence[Hashable],
    b: Sequence[Hashable],
    *,
    weights: Weights | None = None,
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Agreement of two raters on the same items beyond chance (Cohen 1960): 1 perfect, 0 chance.

    Labels are compared by equality. With `weights` (Cohen 1968; see
    `quilate.stats.ratings.agreement_weights`) near labels agree in part; then labels must be
    numbers, or `labels` give all of them in order. The interval is normal, with the large-sample
    standard error of Fleiss, Cohen & Everitt (1969), clipped to [−1, 1]; with `clusters` it is
    Student's, with the sandwich of the same terms. There is none where that error is 0, as at
    perfect agreement. Kappa is undefined when both raters used one label throughout.

    Raises ValueError for sequences of different lengths, missing labels, and labels without an
    order.

    >>> cohen_kappa(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"]).value
    0.5
    >>> round(cohen_kappa([1, 2, 3, 3], [1, 3, 3, 2], weights="quadratic").value, 4)
    0.6364
    """
    check_share(level, "level")
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} labels and b {len(b)}; rate the same items.")
    if any(label is None or label != label for side in (a, b) for label in side):
        raise ValueError("A label is missing (None or NaN): leave the item out of both lists.")
    groups = as_clusters(clusters, len(a))
    count = None if groups is None else groups.count
    if not len(a):
        return Estimate(None, None, 0, count, reason=NO_VALUES)
    known, codes = _codes(a, b, labels, ordered=weights is not None)
    if len(np.unique(codes)) == 1:
        reason = "both raters gave one label throughout"
        return Estimate(None, None, len(a), count, reason=reason)
    near = agreement_weights(known, weights)
    row, column = (np.bincount(side, minlength=len(known)) / len(a) for side in codes)
    by_a, by_b = near @ column, row @ near
    each = near[codes[0], codes[1]]
    observed, expected = float(each.mean()), float(row @ near @ column)
    kappa = min((observed - expected) / (1.0 - expected), 1.0)
    terms = (each - (by_a[codes[0]] + by_b[codes[1]]) * (1.0 - kappa)) / (1.0 - expected)
    if groups is not None:
        return _pseudo(kappa, terms, groups, level, "cluster-robust t", len(a))
    error = math.sqrt(float(terms.var()) / len(a))
    if error < 1e-7:  # 0 but for rounding
        return Estimate(kappa, None, len(a), reason=NO_VARIATION)
    half = z_quantile(level) * error
    low, high = max(kappa - half, -1.0), min(kappa + half, 1.0)
    return Estimate(
        kappa, Interval(low, high, level, "Fleiss–Cohen–Everitt"), len(a), std_error=error
    )


def fleiss_kappa(
    ratings: Ratings, *, clusters: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Agreement of any number of raters beyond chance (Fleiss 1971, Psychological Bulletin 76).

    `ratings` holds a row of labels for each unit; None or NaN is a missing one, and rows may differ
    in length. Missing ratings and the standard error are treated as Gwet does (2014, Handbook of
    Inter-Rater Reliability, chapter 5): a unit with one rating tells of chance alone. The interval
    is Student's over units, or over `clusters` of units, clipped to [−1, 1]. Kappa is undefined
    where every rating is one label, or no unit has two.

    >>> round(fleiss_kappa([["a", "a", "b"], ["b", "b", "b"], ["a", "a", "a"]]).value, 4)
    0.55
    """
    check_share(level, "level")
    table = tabulate(ratings, clusters=clusters)
    refusal = _refusal(table)
    if refusal is not None:
        return refusal
    share = table.counts / table.raters[:, None]
    overall = share.mean(axis=0)
    expected = float(overall @ overall)
    return _chance_corrected(table, np.eye(len(table.labels)), expected, share @ overall, level)


def gwet_ac1(
    ratings: Ratings,
    *,
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Gwet's AC1 (2008, British Journal of Mathematical and Statistical Psychology 61): agreement
    beyond chance that does not collapse, as kappa does, where nearly all ratings are one label.

    `ratings` are as in `fleiss_kappa`. `labels` are all that a rater could give; without them,
    those that occur. Missing ratings, standard error and interval are as there.

    >>> round(gwet_ac1([["a", "a"], ["a", "a"], ["a", "a"], ["a", "b"]]).value, 4)
    0.68
    """
    return _gwet(ratings, None, labels, clusters, level)


def gwet_ac2(
    ratings: Ratings,
    *,
    weights: Weights = "quadratic",
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Gwet's AC2: `gwet_ac1` where near labels agree in part, by `weights`.

    Labels are numbers, or `labels` give all of them in order.

    >>> round(gwet_ac2([[1, 1], [2, 3], [3, 3], [1, 2]]).value, 4)
    0.6364
    """
    return _gwet(ratings, weights, labels, clusters, level)


def _gwet(
    ratings: Ratings,
    weights: Weights | None,
    labels: Sequence[Hashable] | None,
    clusters: Sequence[Hashable] | None,
    level: float,
) -> Estimate:
    check_share(level, "level")
    table = tabulate(ratings, labels=labels, clusters=clusters, ordered=weights is not None)
    refusal = _refusal(table)
    if refusal is not None:
        return refusal
    q, near = len(table.labels), agreement_weights(table.labels, weights)
    share = table.counts / table.raters[:, None]
    overall = share.mean(axis=0)
    scale = float(near.sum()) / (q * (q - 1))
    expected = scale * float(overall @ (1.0 - overall))
    return _chance_corrected(table, near, expected, scale * (share @ (1.0 - overall)), level)


def percent_agreement(
    ratings: Ratings,
    *,
    weights: Weights | None = None,
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Share of pairs of raters that agree, averaged over the units with two ratings or more.

    Chance is not taken out. `ratings` and `weights` are as in `gwet_ac2`. The interval is Wilson's
    where every unit agrees or disagrees wholly, as with two raters, else Student's; clustered with
    `clusters`.

    >>> percent_agreement([["a", "a"], ["a", "b"], ["b", "b"], ["b", None]]).interval.method
    'Wilson'
    """
    table = tabulate(ratings, labels=labels, clusters=clusters, ordered=weights is not None)
    paired = table.raters > 1.0
    if not paired.any():
        return Estimate(None, None, 0, reason=NO_PAIRS if len(ratings) else NO_VALUES)
    values = _unit_agreement(table, agreement_weights(table.labels, weights))[paired]
    groups = None if table.groups is None else table.groups.codes[paired].tolist()
    return estimate(np.clip(values, 0.0, 1.0), clusters=groups, level=level)


def _refusal(table: Table) -> Estimate | None:
    """Why no coefficient can be had from these ratings."""
    n = len(table.counts)
    count = None if table.groups is None else table.groups.count
    if not n:
        return Estimate(None, None, 0, count, reason=NO_VALUES)
    if not (table.raters > 1.0).any():
        return Estimate(None, None, n, count, reason=NO_PAIRS)
    if len(table.labels) < 2:
        return Estimate(None, None, n, count, reason=ONE_LABEL)
    return None


def _unit_agreement(table: Table, near: Floats) -> Floats:
    """Of each unit, the share of its pairs of ratings that agree; 0 where it has no pair."""
    raters = table.raters
    pairs = np.where(raters > 1.0, raters * (raters - 1.0), 1.0)
    agreeing: Floats = (table.counts * (table.counts @ near - 1.0)).sum(axis=1) / pairs
    return np.where(raters > 1.0, agreeing, 0.0)


def _chance_corrected(
    table: Table, near: Floats, expected: float, by_unit: Floats, level: float
) -> Estimate:
    """(observed − expected) / (1 − expected) with Gwet's linearised variance.

    `by_unit` has each unit's part in `expected`, its mean. The coefficient is the mean of the
    terms, which is why their standard error is its own.
    """
    n, paired = len(table.counts), table.raters > 1.0
    agreeing = _unit_agreement(table, near)
    observed = float(agreeing[paired].mean())
    if 1.0 - expected < 1e-12:
        return Estimate(None, None, n, reason=ONE_LABEL)
    value = (observed - expected) / (1.0 - expected)
    terms = (n / paired.sum()) * (agreeing - expected * paired) / (1.0 - expected)
    terms = terms - 2.0 * (1.0 - value) * (by_unit - expected) / (1.0 - expected)
    method = "Gwet, t" if table.groups is None else "Gwet, cluster-robust t"
    return _pseudo(value, terms, table.groups, level, method, n)


def _pseudo(
    value: float, terms: Floats, groups: Clusters | None, level: float, method: str, n: int
) -> Estimate:
    """`value` with the t interval of the mean of its linearised `terms`, within [−1, 1]."""
    count = None if groups is None else groups.count
    units = n if groups is None else groups.count
    if units < 2:
        reason = ONE_CLUSTER if n > 1 else "one unit: the error cannot be estimated"
        return Estimate(value, None, n, count, reason=reason)
    error = standard_error(terms, groups)
    if error is None:
        return Estimate(value, None, n, count, reason=NO_VARIATION)
    degrees = degrees_of_freedom(terms, groups)
    half = t_quantile(level, degrees) * error
    # Where few units have two ratings, the coefficient itself may lie below −1.
    low, high = max(value - half, min(-1.0, value)), min(value + half, 1.0)
    interval = Interval(low, high, level, method)
    own = None if groups is None else degrees
    return Estimate(value, interval, n, count, error, degrees=own)


def _codes(
    a: Sequence[Hashable],
    b: Sequence[Hashable],
    labels: Sequence[Hashable] | None,
    *,
    ordered: bool,
) -> tuple[tuple[Hashable, ...], np.ndarray[tuple[int, int], np.dtype[np.intp]]]:
    """The labels, and (2, items) the places of both raters' labels among them."""
    known = tabulate([a, b], labels=labels, ordered=ordered).labels
    place = {label: number for number, label in enumerate(known)}
    codes = [[place[label] for label in side] for side in (a, b)]
    return known, np.array(codes, dtype=np.intp)
