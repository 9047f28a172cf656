"""Curves from a judge's scores to probabilities, fitted to human labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from quilate.stats.observations import Floats, as_floats, as_pairs, is_binary


@dataclass(frozen=True, slots=True)
class PlattScaling:
    """Probability from a judge's score: 1 / (1 + exp(−(slope·score + intercept)))."""

    slope: float
    intercept: float

    def __call__(self, scores: npt.ArrayLike) -> Floats:
        """Probabilities (n,) of scores (n,)."""
        result: Floats = expit(self.slope * as_floats(scores, "scores") + self.intercept)
        return result


def platt_scaling(scores: npt.ArrayLike, labels: npt.ArrayLike) -> PlattScaling:
    """Fit a logistic curve to human labels (Platt 1999), for few labels.

    Targets are Platt's, (ones + 1)/(ones + 2) and 1/(zeros + 2), so that scores which separate the
    labels still give a finite curve. Judge it on labels that it was not fitted to.

    Raises ValueError for fewer than two items, labels other than 0 and 1, or one constant score.

    >>> curve = platt_scaling([1, 2, 3, 4], [0, 0, 1, 1])
    >>> curve([1.0, 4.0]).round(2).tolist()
    [0.2, 0.8]
    """
    x, y = as_pairs(scores, labels, ("scores", "labels"))
    check_binary(y, "labels")
    if x.size < 2 or np.ptp(x) == 0.0:
        raise ValueError("A calibration curve needs two different scores or more.")
    ones = float(y.sum())
    target = np.where(y == 1.0, (ones + 1.0) / (ones + 2.0), 1.0 / (x.size - ones + 2.0))
    centre, scale = float(x.mean()), float(x.std())
    design = np.column_stack([(x - centre) / scale, np.ones(x.size)])
    weights = np.zeros(2)

    def loss(candidate: Floats) -> float:
        line = design @ candidate
        return float(np.sum(np.logaddexp(0.0, line) - target * line))

    for _ in range(100):
        p = expit(design @ weights)
        gradient = design.T @ (p - target)
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        size = 1.0
        while loss(weights - size * step) > loss(weights) and size > 1e-6:
            size /= 2.0
        weights = weights - size * step
        if float(np.abs(step).max()) < 1e-10:
            break
    slope = float(weights[0]) / scale
    return PlattScaling(slope, float(weights[1]) - slope * centre)


@dataclass(frozen=True, slots=True)
class IsotonicScaling:
    """Probability from a judge's score: a rising line through `scores` and `probabilities`."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: npt.ArrayLike) -> Floats:
        """Probabilities (n,) of scores (n,), interpolated; flat beyond the ends."""
        x = as_floats(scores, "scores")
        result: Floats = np.interp(x, self.scores, self.probabilities)
        return result


def isotonic_scaling(scores: npt.ArrayLike, labels: npt.ArrayLike) -> IsotonicScaling:
    """Fit the rising curve nearest to human labels (Zadrozny & Elkan 2002), for many labels.

    Takes no shape for granted but the order; with fewer than some hundreds of labels it follows
    noise, and Platt's curve does better. Raises ValueError without items, or for other labels.

    >>> isotonic_scaling([1, 2, 3, 4], [0, 1, 0, 1])([1, 2, 3, 4]).tolist()
    [0.0, 0.5, 0.5, 1.0]
    """
    x, y = as_pairs(scores, labels, ("scores", "labels"))
    check_binary(y, "labels")
    if x.size == 0:
        raise ValueError("A calibration curve needs scores.")
    distinct, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=y) / counts
    from scipy.optimize import isotonic_regression  # a tenth of a second to load

    fitted = isotonic_regression(shares, weights=counts).x
    return IsotonicScaling(tuple(distinct.tolist()), tuple(fitted.tolist()))


def check_binary(values: Floats, name: str) -> None:
    """Raise ValueError unless every value is 0 or 1."""
    if not is_binary(values):
        raise ValueError(f"{name} must be 0 or 1.")
