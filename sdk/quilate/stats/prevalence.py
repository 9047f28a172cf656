"""The share of positives behind a judge's labels, when its errors of both kinds are known."""

import math
from dataclasses import dataclass

import numpy.typing as npt

from quilate.stats.estimates import Estimate, Interval, proportion, z_quantile
from quilate.stats.observations import as_floats, as_pairs, check_share
from quilate.stats.recalibration import check_binary


@dataclass(frozen=True, slots=True)
class Prevalence:
    """Share of positives corrected for the judge's errors, and what it was corrected with.

    `apparent` is the share that the judge calls positive, of the items without human label.
    """

    corrected: Estimate
    apparent: Estimate
    sensitivity: Estimate
    specificity: Estimate


def corrected_prevalence(
    labels: npt.ArrayLike,
    predictions_labelled: npt.ArrayLike,
    predictions_unlabelled: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> Prevalence:
    """Share of positives among unlabelled items, from a judge whose errors are known from labels.

    (apparent + specificity − 1) / (sensitivity + specificity − 1), within [0, 1] (Rogan & Gladen
    1978), with the interval of Lang & Reiczigel (2014, Preventive Veterinary Medicine 113), which
    counts in that sensitivity and specificity are estimates. All values are 0 or 1. The labelled
    items need not be a random part: it is enough that the judge errs as often on the positives,
    and on the negatives, of either part. Where they are a random part, `ppi_mean` is narrower.

    There is no figure for a judge that is no better than chance, or without labels of both kinds.

    >>> found = corrected_prevalence([1] * 10 + [0] * 10, [1] * 9 + [0] * 11, [1] * 50 + [0] * 50)
    >>> round(found.corrected.value, 3), found.sensitivity.value, found.specificity.value
    (0.556, 0.9, 1.0)
    """
    check_share(level, "level")
    y, f = as_pairs(labels, predictions_labelled, ("labels", "predictions_labelled"))
    g = as_floats(predictions_unlabelled, "predictions_unlabelled")
    for values, name in ((y, "labels"), (f, "predictions"), (g, "predictions")):
        check_binary(values, name)
    apparent = proportion(g, level=level)
    sensitivity = proportion(f[y == 1.0], level=level)
    specificity = proportion(1.0 - f[y == 0.0], level=level)
    corrected = _corrected_share(apparent, sensitivity, specificity, level)
    return Prevalence(corrected, apparent, sensitivity, specificity)


def _corrected_share(
    apparent: Estimate, sensitivity: Estimate, specificity: Estimate, level: float
) -> Estimate:
    n = apparent.n
    if apparent.value is None or sensitivity.value is None or specificity.value is None:
        return Estimate(None, None, n, reason="needs unlabelled items, and labels of both kinds")
    youden = sensitivity.value + specificity.value - 1.0
    if youden <= 0.0:
        return Estimate(None, None, n, reason="the judge is no better than chance on the labels")
    value = min(max((apparent.value + specificity.value - 1.0) / youden, 0.0), 1.0)
    z = z_quantile(level)
    share = (apparent.value * n + z**2 / 2.0) / (n + z**2)
    sens = (sensitivity.value * sensitivity.n + 1.0) / (sensitivity.n + 2.0)
    spec = (specificity.value * specificity.n + 1.0) / (specificity.n + 2.0)
    youden = sens + spec - 1.0
    if youden <= 0.0:
        return Estimate(value, None, n, reason="too few labels to tell the judge from chance")
    prevalence = (share + spec - 1.0) / youden
    of_sens = prevalence * sens * (1.0 - sens) / (sensitivity.n + 2.0)
    of_spec = (1.0 - prevalence) * spec * (1.0 - spec) / (specificity.n + 2.0)
    of_share = share * (1.0 - share) / (n + z**2)
    centre = prevalence + 2.0 * z**2 * (of_sens - of_spec)
    error = math.sqrt(of_share + prevalence * of_sens + (1.0 - prevalence) * of_spec) / youden
    low, high = max(centre - z * error, 0.0), min(centre + z * error, 1.0)
    interval = Interval(min(low, value), max(high, value), level, "Lang–Reiczigel")
    return Estimate(value, interval, n, std_error=error)
