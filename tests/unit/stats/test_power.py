"""Sizes of runs against statsmodels, and against simulation."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from quilate.stats import (
    Estimate,
    compare_paired,
    equivalence,
    minimum_detectable_effect,
    more_samples_needed,
    non_inferiority,
    samples_needed,
)

repeatable = settings(deadline=None, derandomize=True)


def test_minimum_detectable_effect_is_found_with_its_power():
    # Miller 2024 (arXiv:2411.00640), power analysis: (1.96 + 0.84) standard errors.
    assert minimum_detectable_effect(1.0) == pytest.approx(2.8016, abs=1e-4)
    # Bloom 1995, Evaluation Review 19: multiplier t(.975) + t(.8), with 20 degrees of freedom.
    assert minimum_detectable_effect(1.0, df=20) == pytest.approx(2.086 + 0.860, abs=1e-3)
    between = minimum_detectable_effect(1.0, df=20.5)
    assert minimum_detectable_effect(1.0, df=21) < between < minimum_detectable_effect(1.0, df=20)
    rng = np.random.default_rng(5)
    effect = minimum_detectable_effect(1 / 10)
    draws = rng.normal(effect, 1.0, size=(2000, 100))
    found = scipy.stats.ttest_1samp(draws, 0.0, axis=1).pvalue <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


@repeatable
@given(st.floats(0.05, 2.0), st.floats(0.6, 0.95), st.floats(0.8, 0.99))
def test_samples_needed_are_those_of_statsmodels(effect, power, level):
    needed = samples_needed(1.0, effect, level=level, power=power)
    test = TTestPower()
    assert test.power(effect, needed, 1 - level) >= power - 1e-6
    if needed > 2:
        assert test.power(effect, needed - 1, 1 - level) < power + 1e-6


@repeatable
@given(st.floats(1e-4, 1e6), st.floats(1e-4, 1e6))
def test_samples_needed_fall_as_the_effect_grows(deviation, effect):
    if effect / deviation > 1e-3:
        needed = samples_needed(deviation, effect)
        assert samples_needed(deviation, effect * 1.1) <= needed
        assert needed >= 2


def test_samples_needed_by_the_textbook():
    # Cohen 1988, Statistical Power Analysis, and G*Power's manual (matched pairs, d_z = 0.5,
    # alpha 0.05 two-sided, power 0.8): 34 pairs; statsmodels' solver says the same.
    assert samples_needed(1.0, 0.5) == 34
    assert math.ceil(TTestPower().solve_power(0.5, power=0.8, alpha=0.05)) == 34


def test_clusters_multiply_the_samples_by_the_design_effect():
    assert samples_needed(1.0, 0.5, design_effect=3.0) == 3 * 34
    assert samples_needed(1.0, 0.5, design_effect=1.5) == 51


def test_more_samples_are_those_of_the_plan_with_the_spread_seen():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.1, 1.0, (2, 60))
    found = compare_paired(a, b)
    spread = float(np.std(a - b, ddof=1))
    result = more_samples_needed(found, effect=0.2)
    assert (result.total, result.n, result.effect) == (samples_needed(spread, 0.2), 60, 0.2)
    assert result.more == result.total - 60
    assert more_samples_needed(found, effect=-0.2).total == result.total
    assert more_samples_needed(found.difference, effect=0.2).total == result.total
    observed = more_samples_needed(found)
    assert observed.total == samples_needed(spread, abs(found.difference.value))


def test_no_more_are_needed_when_the_run_was_large_enough():
    rng = np.random.default_rng(2)
    found = compare_paired(rng.normal(1.0, 1.0, 400), rng.normal(0.0, 1.0, 400))
    assert more_samples_needed(found, effect=1.0).more == 0


def test_more_samples_in_clusters_reach_the_asked_power():
    rng = np.random.default_rng(8)

    def run(documents):
        shared = np.repeat(rng.normal(0.0, 0.5, documents), 4)
        delta = 0.25 + shared + rng.normal(0.0, 0.5, 4 * documents)
        return delta, (np.arange(4 * documents) // 4).tolist()

    totals = []
    for _ in range(40):
        delta, clusters = run(30)
        found = compare_paired(delta, np.zeros_like(delta), clusters=clusters, test="t")
        totals.append(more_samples_needed(found, effect=0.25).total)
    documents, shown = round(float(np.median(totals)) / 4), 0
    for _ in range(600):
        delta, clusters = run(documents)
        found = compare_paired(delta, np.zeros_like(delta), clusters=clusters, test="t")
        shown += found.p_value <= 0.05
    assert shown / 600 == pytest.approx(0.8, abs=0.07)


def test_more_samples_for_non_inferiority_reach_the_asked_power():
    rng = np.random.default_rng(9)
    delta = rng.normal(0.0, 1.0, 50)
    delta = (delta - delta.mean()) / delta.std(ddof=1)
    found = non_inferiority(delta, np.zeros(50), margin=0.2)
    total = more_samples_needed(found, effect=0.0).total
    # One-sided normal approximation: ((1.645 + 0.842) / 0.2)^2.
    assert total == pytest.approx(((1.6449 + 0.8416) / 0.2) ** 2, rel=0.02)
    worse = more_samples_needed(found, effect=-0.4)
    assert worse.total == total  # as far beyond the margin as 0 lies within it
    flipped = non_inferiority(delta, np.zeros(50), margin=0.2, higher_is_better=False)
    assert more_samples_needed(flipped, effect=0.4).total == total
    on_the_limit = more_samples_needed(found, effect=-0.2)
    assert on_the_limit.more is None and "lies on the limit" in on_the_limit.reason


def test_more_samples_for_equivalence_reach_the_asked_power():
    rng = np.random.default_rng(10)
    delta = rng.normal(0.0, 1.0, 50)
    delta = (delta - delta.mean()) / delta.std(ddof=1)
    found = equivalence(delta, np.zeros(50), margin=0.3)
    total = more_samples_needed(found, effect=0.0).total
    draws = rng.normal(0.0, 1.0, (3000, total))
    low = scipy.stats.ttest_1samp(draws, -0.3, axis=1, alternative="greater").pvalue
    high = scipy.stats.ttest_1samp(draws, 0.3, axis=1, alternative="less").pvalue
    assert np.mean(np.maximum(low, high) <= 0.05) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (compare_paired([], []), "no values"),
        (compare_paired([1.0] * 9, [1.0] * 9), "no spread"),
        (compare_paired([3.0] * 9, [1.0] * 9), "no spread"),
        (Estimate(0.3, None, 5, reason="too few"), "too few"),
        (compare_paired([0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.3, 0.4]), "lies on the limit"),
    ],
)
def test_what_cannot_be_told_has_a_reason(found, words):
    result = more_samples_needed(found)
    assert result.more is None and result.total is None and words in result.reason


def test_an_effect_too_small_to_plan_for_is_said():
    found = compare_paired([0.1, 0.9, 0.2, 0.4], [0.1, 0.2, 0.3, 0.4])
    result = more_samples_needed(found, effect=1e-9)
    assert result.total is None and "too small" in result.reason
    with pytest.raises(ValueError, match="more than 10⁹ samples"):
        samples_needed(1.0, 1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimum_detectable_effect(0.0), "std_error must be positive"),
        (lambda: minimum_detectable_effect(0.1, power=1.0), "power must lie"),
        (lambda: minimum_detectable_effect(0.1, df=0), "df must be 1"),
        (lambda: samples_needed(0.0, 0.1), "std_deviation must be positive"),
        (lambda: samples_needed(1.0, -0.1), "effect must be positive"),
        (lambda: samples_needed(1.0, 0.1, design_effect=0), "design_effect must be positive"),
        (lambda: samples_needed(1.0, 0.1, level=95), "level must lie"),
        (lambda: more_samples_needed(Estimate(0.1, None, 3), power=2), "power must lie"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("question", [non_inferiority, equivalence])
def test_where_equal_answers_would_not_do_it_says_how_many_would(question):
    """0.98^148 > 0.05 >= 0.98^149."""
    found = question([0.9] * 19 + [0.9 - 1e-7], [0.9] * 20, margin=0.02, bounds=(0, 1))
    assert found.verdict == "undecided"
    assert more_samples_needed(found, effect=0.0).total == 149
    assert more_samples_needed(found, effect=0.0).more == 129
