"""Whether a judge's probabilities mean what they say.

Of the answers that a calibrated judge calls right with probability 0.8, people call 0.8 right.
`probabilities` are the judge's that an item is positive, `labels` the human 0 or 1. Values are
taken as independent.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from quilate.stats.estimates import (
    NO_SPREAD,
    NO_VALUES,
    Estimate,
    Interval,
    mean,
    wilson,
    z_quantile,
)
from quilate.stats.observations import Floats, as_pairs, check_share
from quilate.stats.recalibration import check_binary

_BLOCK = 64  # resamples held in memory at once


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Items whose probabilities lie between `low` and `high`: mean probability, share of ones.

    `interval` is Wilson's of the share: where it holds `predicted`, no miscalibration is shown.
    """

    low: float
    high: float
    n: int
    predicted: float
    observed: float
    interval: Interval


def reliability_curve(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 10, level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """Observed shares by predicted probability, in up to `bins` bins of equal numbers of items.

    Equal probabilities are never split between bins, so a judge of few distinct values gets a bin
    for each. Rising by probability; empty without items.

    Raises ValueError for probabilities outside [0, 1], labels other than 0 and 1, or `bins` < 1.

    >>> curve = reliability_curve([0.1, 0.1, 0.9, 0.9], [0, 0, 0, 1])
    >>> [(bin.predicted, bin.observed) for bin in curve]
    [(0.1, 0.0), (0.9, 0.5)]
    """
    check_share(level, "level")
    p, y = _checked(probabilities, labels)
    curve = []
    for members in _bins(p, bins):
        of_bin, ones = p[members], int(y[members].sum())
        low, high = float(of_bin.min()), float(of_bin.max())
        curve.append(
            ReliabilityBin(
                low=low,
                high=high,
                n=members.size,
                predicted=min(max(float(of_bin.mean()), low), high),
                observed=ones / members.size,
                interval=wilson(ones, members.size, level=level),
            )
        )
    return tuple(curve)


def brier_score(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Mean squared distance of probability and label (Brier 1950): 0 perfect, t interval.

    A judge that always says 0.5 has 0.25.

    >>> round(brier_score([0.9, 0.2, 0.6], [1, 0, 1]).value, 4)
    0.07
    """
    p, y = _checked(probabilities, labels)
    return mean((p - y) ** 2, level=level, bounds=(0.0, 1.0))


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Expected calibration error: the mean over items of |observed − predicted| in their bin.

    `plug_in` is the usual figure, which noise raises even for a calibrated judge, to
    `if_calibrated` on average. `estimate` has that bias taken off, with a bootstrap interval.
    `p_value` is of the hypothesis that the judge is calibrated (Spiegelhalter's test, two-sided);
    None where all probabilities are 0, 0.5 or 1, on which it is blind.
    """

    estimate: Estimate
    plug_in: float | None
    if_calibrated: float | None
    p_value: float | None


def expected_calibration_error(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    bins: int = 10,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 1000,
) -> CalibrationError:
    """How far the judge's probabilities are from shares of ones, over the bins of the curve.

    The bias of each |observed − predicted| is that of the absolute value of a normal variable with
    the bin's own error (Kumar, Liang & Ma 2019, "Verified Uncertainty Calibration"), taken off
    down to 0. The interval is normal, with the standard deviation of the same figure over
    resampled items, within [0, 1]; it reaches down to 0 where labels drawn from the judge's own
    probabilities show as large a plug-in error with probability 1 − `level` or more (after Bröcker
    & Smith 2007, "Increasing the reliability of reliability diagrams"). `p_value` is
    `spiegelhalter`'s.

    >>> error = expected_calibration_error([0.2] * 50 + [0.8] * 50, [0, 1] * 50)
    >>> round(error.plug_in, 3), error.p_value < 0.001
    (0.3, True)
    """
    check_share(level, "level")
    p, y = _checked(probabilities, labels)
    n = p.size
    if n == 0:
        return CalibrationError(Estimate(None, None, 0, reason=NO_VALUES), None, None, None)
    if resamples < 2:
        raise ValueError(f"resamples must be 2 or more, not {resamples}.")
    codes = _codes(p, bins)
    plug_in, value = (float(figure[0]) for figure in _errors(codes, p[None], y[None]))
    rng = np.random.default_rng(seed)
    blocks = [min(_BLOCK, resamples - start) for start in range(0, resamples, _BLOCK)]
    calibrated = np.concatenate(
        [
            _errors(codes, p[None], (rng.random((rows, n)) < p).astype(np.float64))[0]
            for rows in blocks
        ]
    )
    found = Estimate(value, None, n, reason=f"{n} items for {bins} bins: too few for an interval")
    if n >= 2 * bins:
        draws = (rng.integers(0, n, (rows, n)) for rows in blocks)
        again = np.concatenate([_errors(codes[draw], p[draw], y[draw])[1] for draw in draws])
        error = float(again.std(ddof=1))
        found = Estimate(value, None, n, reason=NO_SPREAD)
        if error > 1e-12:
            half = z_quantile(level) * error
            as_calibrated = plug_in <= float(np.quantile(calibrated, level))
            low = 0.0 if as_calibrated else max(value - half, 0.0)
            interval = Interval(low, min(value + half, 1.0), level, "bootstrap")
            found = Estimate(value, interval, n, std_error=error)
    return CalibrationError(found, plug_in, float(calibrated.mean()), spiegelhalter(p, y))


def spiegelhalter(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float | None:
    """Two-sided p-value of the hypothesis that the probabilities are right (Spiegelhalter 1986).

    None where every probability is 0, 0.5 or 1: then the statistic cannot vary.

    >>> spiegelhalter([0.9, 0.9, 0.9, 0.9], [0, 0, 1, 0]) < 0.001
    True
    """
    p, y = _checked(probabilities, labels)
    variance = float(np.sum((1.0 - 2.0 * p) ** 2 * p * (1.0 - p)))
    if variance <= 1e-12:
        return None
    z = float(np.sum((y - p) * (1.0 - 2.0 * p))) / math.sqrt(variance)
    return 2.0 * float(ndtr(-abs(z)))


def _checked(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Floats]:
    p, y = as_pairs(probabilities, labels, ("probabilities", "labels"))
    if np.any((p < 0.0) | (p > 1.0)):
        raise ValueError("probabilities must lie between 0 and 1.")
    check_binary(y, "labels")
    return p, y


def _bins(p: Floats, bins: int) -> list[npt.NDArray[np.intp]]:
    """Indices of the items of each bin: equal numbers, but equal values together."""
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, not {bins}.")
    distinct, kind = np.unique(p, return_inverse=True)
    if distinct.size <= bins:
        return [np.flatnonzero(kind == code) for code in range(distinct.size)]
    order = np.argsort(p, kind="stable")
    found: list[npt.NDArray[np.intp]] = []
    start = 0
    while start < p.size:
        # As many as leave the other bins an equal part each.
        wanted = start + max(1, round((p.size - start) / max(bins - len(found), 1)))
        end = int(np.searchsorted(p[order], p[order[min(wanted, p.size) - 1]], side="right"))
        found.append(order[start:end])
        start = end
    return found


def _codes(p: Floats, bins: int) -> npt.NDArray[np.intp]:
    """The bin of each item."""
    codes = np.empty(p.size, dtype=np.intp)
    for code, members in enumerate(_bins(p, bins)):
        codes[members] = code
    return codes


def _errors(codes: npt.NDArray[np.intp], p: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Of each row of labels (rows, n): the plug-in error, and that with its bias taken off."""
    rows, bins = y.shape[0], int(codes.max()) + 1
    cells = (codes + bins * np.arange(rows)[:, None]).ravel()

    def sums(values: Floats) -> Floats:
        spread = np.broadcast_to(values, y.shape).ravel()
        totals = np.bincount(cells, weights=spread, minlength=rows * bins)
        return totals.astype(np.float64, copy=False).reshape(rows, bins)

    n = sums(np.ones((1, 1)))
    filled = np.maximum(n, 1.0)
    share = sums(y) / filled
    gap = np.abs(share - sums(p) / filled)
    error = np.sqrt(share * (1.0 - share) / filled)
    # Mean of the absolute value of a normal variable around the gap; the gap itself without error.
    ratio = gap / np.where(error > 0.0, error, 1.0)
    noisy = error * math.sqrt(2.0 / math.pi) * np.exp(-(ratio**2) / 2.0)
    noisy += gap * (1.0 - 2.0 * ndtr(-ratio))
    expected = np.where(error > 0.0, noisy, gap)
    total = n.sum(axis=1)
    plug_in = (n * gap).sum(axis=1) / total
    unbiased = np.maximum((n * (2.0 * gap - expected)).sum(axis=1) / total, 0.0)
    return plug_in, unbiased
