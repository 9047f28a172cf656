"""Tests that the differences of pairs are centred on 0: exact, by permutation, and Student's."""

from typing import Literal

import numpy as np
from scipy.special import bdtr, stdtr

from quilate.stats.estimates import Estimate
from quilate.stats.observations import Floats
from quilate.stats.signs import random_sign_sums

_EXACT_UNITS = 16  # 2^16 sign assignments are enumerated; beyond, they are sampled


def mcnemar(above: int, below: int) -> float:
    """Two-sided exact p-value of McNemar's test from the two discordant counts.

    >>> mcnemar(0, 6)
    0.03125
    """
    return min(1.0, 2.0 * float(bdtr(min(above, below), above + below, 0.5)))


def sign_flip(
    units: Floats, *, seed: int = 0, resamples: int = 9999
) -> tuple[float, Literal["exact sign flip", "Monte Carlo sign flip"]]:
    """Two-sided p-value that the sum of `units` is this far from 0 when their signs are random.

    >>> sign_flip(np.array([1.0, 2.0, 3.0]))
    (0.25, 'exact sign flip')
    """
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, not {resamples}.")
    moving = units[units != 0.0]
    # Sums that are equal on paper may differ by rounding; they count as equal.
    observed = abs(float(moving.sum())) - 1e-10 * float(np.abs(moving).sum())
    if moving.size <= _EXACT_UNITS:
        sums = np.zeros(1)
        for unit in moving:
            sums = np.concatenate([sums + unit, sums - unit])
        return float(np.mean(np.abs(sums) >= observed)), "exact sign flip"
    sums = random_sign_sums(moving, resamples, np.random.default_rng(seed))
    extreme = int((np.abs(sums) >= observed).sum())
    return (extreme + 1) / (resamples + 1), "Monte Carlo sign flip"


def paired_t(difference: Estimate) -> float | None:
    """Two-sided p-value of Student's t test that a mean `difference` is 0; None without an error.

    >>> from quilate.stats.estimates import mean
    >>> round(paired_t(mean([1.0, 2.0, 3.0])), 4)
    0.0742
    """
    if difference.value is None or difference.std_error is None:
        return None
    ratio = abs(difference.value) / difference.std_error
    return min(1.0, 2.0 * float(stdtr(difference.df, -ratio)))
