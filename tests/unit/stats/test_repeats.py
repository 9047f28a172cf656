"""pass@k, pass^k, majority@k and best of k against every choice of k tries, one by one."""

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.stats import best_of_n, majority_at_k, pass_at_k, pass_hat_k

repeatable = settings(deadline=None, derandomize=True)
outcomes = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=8)


def choices(tries, k, figure):
    return statistics.fmean(figure(chosen) for chosen in itertools.combinations(tries, k))


@repeatable
@given(outcomes, st.integers(1, 8))
def test_each_is_the_mean_over_all_choices(tries, k):
    n, c = len(tries), int(sum(tries))
    if k > n:
        with pytest.raises(ValueError, match=f"k is {k}"):
            pass_at_k(n, c, k)
        return
    majority = {-1: 0.0, 0: 0.5, 1: 1.0}
    assert pass_at_k(n, c, k) == pytest.approx(choices(tries, k, max))
    assert pass_hat_k(n, c, k) == pytest.approx(choices(tries, k, min))
    assert majority_at_k(n, c, k) == pytest.approx(
        choices(tries, k, lambda chosen: majority[np.sign(2 * sum(chosen) - k)])
    )
    assert best_of_n([tries], k) == pytest.approx([choices(tries, k, max)])


@repeatable
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=7), st.integers(1, 7))
def test_best_of_graded_tries(values, k):
    k = min(k, len(values))
    assert best_of_n([values], k) == pytest.approx([choices(values, k, max)], abs=1e-9)
    lowest = best_of_n([values], k, higher_is_better=False)
    assert lowest == pytest.approx([choices(values, k, min)], abs=1e-9)


def test_chen_et_al_compute_it_so():
    # Chen et al. 2021, figure 3: 1 − prod(1 − k / arange(n − c + 1, n + 1)), 1 where n − c < k.
    for n, c, k in [(200, 13, 1), (200, 13, 10), (200, 13, 100), (200, 150, 100)]:
        theirs = 1.0 if n - c < k else 1 - np.prod(1 - k / np.arange(n - c + 1, n + 1))
        assert pass_at_k(n, c, k) == pytest.approx(theirs, rel=1e-12)


def test_they_are_unbiased():
    rng = np.random.default_rng(1)
    share = rng.beta(0.5, 0.5, 4000)
    passed = rng.binomial(8, share)
    assert pass_at_k(8, passed, 3).mean() == pytest.approx((1 - (1 - share) ** 3).mean(), abs=0.01)
    assert pass_hat_k(8, passed, 3).mean() == pytest.approx((share**3).mean(), abs=0.01)
    majority = share**3 + 3 * share**2 * (1 - share)
    assert majority_at_k(8, passed, 3).mean() == pytest.approx(majority.mean(), abs=0.01)


def test_many_tries_neither_overflow_nor_cancel():
    assert pass_hat_k(100_000, 99_999, 50_000) == pytest.approx(0.5)
    assert pass_at_k(100_000, 1, 50_000) == pytest.approx(0.5)


def test_samples_may_differ_in_their_number_of_tries():
    assert pass_at_k([2, 4], [1, 1], 2).tolist() == [1.0, 0.5]
    assert pass_at_k([], [], 2).tolist() == []


@pytest.mark.parametrize(("n", "c"), [(4, 5), (4, -1), (4, 1.5), (2.5, 1)])
def test_counts_that_are_none_are_refused(n, c):
    with pytest.raises(ValueError, match="whole numbers"):
        pass_hat_k(n, c, 1)


def test_values_must_be_finite_and_two_dimensional():
    with pytest.raises(ValueError, match="finite"):
        best_of_n([[0.1, float("nan")]], 1)
    with pytest.raises(ValueError, match="samples, tries"):
        best_of_n([0.1, 0.2], 1)
