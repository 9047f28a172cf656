"""The studentised bootstrap of a mean: seeded, of values or of whole clusters."""

import math

import numpy as np

from quilate.stats.observations import Clusters, Floats

_BLOCK = 1 << 20  # draws held in memory at once


def bootstrap_t(
    x: Floats, groups: Clusters | None, *, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    """Ends of the bootstrap-t interval of the mean of two or more units that differ.

    Whole clusters are drawn with replacement; each resample gives t* = (mean* − mean) / SE*, and
    the ends are mean − t*_{1−α/2} · SE and mean − t*_{α/2} · SE (Efron & Tibshirani 1993, An
    Introduction to the Bootstrap, section 12.5; for clusters Cameron, Gelbach & Miller 2008,
    Review of Economics and Statistics 90). An end is infinite where so many resamples show no
    spread that it cannot be told.

    Raises ValueError for too few `resamples` to reach the quantiles of `level`.

    >>> low, high = bootstrap_t(np.array([1.0, 2.0, 4.0, 9.0, 12.0, 20.0]), None,
    ...                         level=0.9, seed=0, resamples=999)
    >>> low < 8.0 < high
    True
    """
    place = math.floor((resamples + 1) * (1.0 - level) / 2.0 + 1e-9)
    if place < 1:
        raise ValueError(f"{resamples} resamples are too few for a level of {level}.")
    mean = float(x.mean())
    residuals = x - mean
    sums = residuals if groups is None else groups.sums(residuals)
    sizes = np.ones(x.size) if groups is None else groups.sums(np.ones(x.size))
    drawn = np.sort(_studentised(sums, sizes, seed, resamples))
    error = _error(float(sums @ sums), sums.size, float(x.size))
    return mean - float(drawn[-place]) * error, mean - float(drawn[place - 1]) * error


def _studentised(sums: Floats, sizes: Floats, seed: int, resamples: int) -> Floats:
    """t* of each resample, from the clusters' residual sums and sizes."""
    rng, units = np.random.default_rng(seed), sums.size
    columns = np.column_stack([sums, sizes, sums * sums, sums * sizes, sizes * sizes])
    rows = max(1, _BLOCK // units)
    parts = []
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        picks = rng.integers(0, units, (count, units)) + units * np.arange(count)[:, None]
        times = np.bincount(picks.ravel(), minlength=count * units).reshape(count, units)
        total, size, square, cross, sized = (times @ columns).T
        shift = total / size
        # Rounding may leave a sum of squares just off 0, where a resample has one unit only.
        squares = square - 2.0 * shift * cross + shift**2 * sized
        squares[squares <= 1e-12 * square] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            t = shift / np.sqrt(units / (units - 1) * squares) * size
        parts.append(np.where(shift == 0.0, 0.0, t))
    return np.concatenate(parts)


def _error(squares: float, units: int, size: float) -> float:
    return math.sqrt(units / (units - 1) * squares) / size
