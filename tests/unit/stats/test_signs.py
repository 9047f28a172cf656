"""Sums under random signs: their distribution, against enumeration, binomials and the normal."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from quilate.stats.paired_tests import sign_flip
from quilate.stats.signs import random_sign_sums


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 3, 7, 8, 9])
def test_every_assignment_is_as_likely(n):
    """A chi-square test against all 2ⁿ sums, which powers of two keep apart."""
    units = 2.0 ** np.arange(n)
    sums = random_sign_sums(units, 512 * 2**n, rng())
    possible = sorted(np.dot(signs, units) for signs in itertools.product((-1, 1), repeat=n))
    values, counts = np.unique(sums, return_counts=True)
    assert values.tolist() == possible
    assert scipy.stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("n", [20, 1000])
def test_equal_units_are_a_binomial(n):
    sums = random_sign_sums(np.ones(n), 20_000, rng())
    heads = ((sums + n) / 2).astype(int)
    assert scipy.stats.ks_1samp(
        heads + rng().uniform(-0.5, 0.5, heads.size), _smoothed(n)
    ).pvalue > 0.001  # fmt: skip


def _smoothed(n):
    """Of a binomial with a uniform within half of it."""
    law = scipy.stats.binom(n, 0.5)
    return lambda x: (
        law.cdf(np.ceil(x - 0.5) - 1) + law.pmf(np.ceil(x - 0.5)) * (x - np.ceil(x - 0.5) + 0.5)
    )


def test_many_units_are_a_normal_of_the_right_spread():
    units = rng().normal(size=5000)
    sums = random_sign_sums(units, 9999, np.random.default_rng(1))
    assert scipy.stats.ks_1samp(sums / math.sqrt(units @ units), scipy.stats.norm.cdf).pvalue > 0.01


def test_draws_do_not_depend_on_each_other():
    """Neighbouring draws, and the two halves of the units, are uncorrelated."""
    units = np.ones(64)
    sums = random_sign_sums(units, 20_000, rng())
    assert abs(np.corrcoef(sums[1:], sums[:-1])[0, 1]) < 0.03
    halves = [random_sign_sums(np.repeat(half, 32), 20_000, rng()) for half in ((1, 0), (0, 1))]
    assert abs(np.corrcoef(*halves)[0, 1]) < 0.03
    assert np.array_equal(halves[0] + halves[1], sums)


def test_the_test_s_p_value_is_that_of_scipy_s_permutation_test():
    differences = rng().normal(0.3, 1.0, 40)
    theirs = scipy.stats.permutation_test(
        (differences,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=99_999,
        rng=np.random.default_rng(2),
    ).pvalue
    ours, name = sign_flip(differences, resamples=99_999)
    assert name == "Monte Carlo sign flip"
    assert ours == pytest.approx(theirs, abs=4 * math.sqrt(theirs * (1 - theirs) / 99_999 * 2))
