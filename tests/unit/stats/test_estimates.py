"""Means and proportions against statsmodels, scipy and the literature."""

import math

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from quilate.stats import Estimate, estimate, mean, proportion, wilson

repeatable = settings(deadline=None, derandomize=True)
SCORES = [0.31, 0.52, 0.88, 0.14, 0.97, 0.45, 0.66, 0.23, 0.79, 0.58]
DOCUMENTS = ["a", "a", "a", "b", "b", "c", "c", "c", "c", "d"]
FINITE = st.floats(-1e9, 1e9)
UNIT = st.floats(0.0, 1.0)


def ends(result: Estimate) -> tuple[float, float]:
    assert result.interval is not None
    return result.interval.low, result.interval.high


def cluster_fit(values, clusters):
    codes = np.unique(clusters, return_inverse=True)[1]
    return sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "df_correction": True}, use_t=True
    )


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_mean_has_the_t_interval_of_scipy(level):
    result = mean(SCORES, level=level)
    expected = scipy.stats.ttest_1samp(SCORES, 0.0).confidence_interval(level)
    assert ends(result) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert result.std_error == pytest.approx(scipy.stats.sem(SCORES), rel=1e-12)
    assert (result.n, result.clusters, result.df) == (10, None, 9)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_clustered_mean_has_the_interval_of_statsmodels_ols(level):
    result = mean(SCORES, clusters=DOCUMENTS, level=level)
    fit = cluster_fit(SCORES, DOCUMENTS)
    # statsmodels multiplies by (n - 1) / (n - k) too, which is 1 for a mean (k = 1).
    assert result.std_error == pytest.approx(float(fit.bse[0]), rel=1e-12)
    assert ends(result) == pytest.approx(tuple(fit.conf_int(1 - level)[0]), rel=1e-10)
    assert (result.clusters, result.df) == (4, 3)


def test_clustered_mean_has_the_standard_error_of_miller_2024():
    # arXiv:2411.00640, section on clustered questions, times the small-sample factor G / (G - 1):
    # SE^2 = SE_CLT^2 + (1 / n^2) * sum of within-cluster cross products of residuals.
    residuals = np.array(SCORES) - np.mean(SCORES)
    squared = float(residuals @ residuals)
    for i, first in enumerate(DOCUMENTS):
        for j, second in enumerate(DOCUMENTS):
            squared += residuals[i] * residuals[j] * (i != j and first == second)
    expected = math.sqrt(squared / 10**2 * 4 / 3)
    assert mean(SCORES, clusters=DOCUMENTS).std_error == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (1, 30), (7, 20), (50, 100), (20, 20)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_proportion_has_the_wilson_interval_of_statsmodels(successes, n, level):
    expected = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    result = proportion([1] * successes + [0] * (n - successes), level=level)
    assert ends(result) == pytest.approx(expected, abs=1e-12)
    assert wilson(successes, n, level=level) == result.interval


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals_of_newcombe_1998(successes, n, low, high):
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
    interval = wilson(successes, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_one_trial_has_a_wilson_interval_but_no_standard_error():
    result = proportion([1])
    assert ends(result) == pytest.approx(proportion_confint(1, 1, method="wilson"))
    assert result.std_error is None


def test_clustered_proportion_takes_the_effective_sample_size_of_korn_and_graubard():
    values = [1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1]
    clusters = ["a", "a", "a", "b", "b", "c", "c", "d", "d", "d", "e", "f"]
    n, g, share = 12, 6, 7 / 12
    robust = float(cluster_fit(values, clusters).bse[0]) ** 2
    size = min(n, n * share * (1 - share) / (n - 1) / robust)
    size *= (scipy.stats.t.ppf(0.975, n - 1) / scipy.stats.t.ppf(0.975, g - 1)) ** 2
    assert size < 6
    expected = proportion_confint(share * size, size, method="wilson")
    assert ends(proportion(values, clusters=clusters)) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("value", [0, 1])
def test_unanimous_clustered_proportion_counts_clusters_not_values(value):
    clusters = [label for label in "abcde" for _ in range(20)]
    low, high = ends(proportion([value] * 100, clusters=clusters))
    plain_low, plain_high = ends(proportion([value] * 5))
    assert high - low > plain_high - plain_low
    assert value in (low, high)


def test_effective_size_is_at_most_the_number_of_values():
    values, clusters = [0, 1] * 9 + [1, 1], [i // 2 for i in range(20)]
    assert mean(values, clusters=clusters).std_error < mean(values).std_error
    size = 20 * (scipy.stats.t.ppf(0.975, 19) / scipy.stats.t.ppf(0.975, 9)) ** 2
    expected = proportion_confint(11 / 20 * size, size, method="wilson")
    assert ends(proportion(values, clusters=clusters)) == pytest.approx(expected, rel=1e-10)


def test_balanced_clusters_do_not_beat_independent_values():
    values, clusters = [0, 1] * 10, [i // 2 for i in range(20)]
    low, high = ends(proportion(values, clusters=clusters))
    plain_low, plain_high = ends(proportion(values))
    assert low < plain_low < plain_high < high


@pytest.mark.parametrize("clusters", [range(10), [None] * 10])
def test_clusters_of_one_change_nothing(clusters):
    binary = [1, 1, 0, 1, 0, 0, 0, 1, 1, 1]
    assert ends(mean(SCORES, clusters=clusters)) == pytest.approx(ends(mean(SCORES)), rel=1e-12)
    assert ends(proportion(binary, clusters=clusters)) == ends(proportion(binary))


def test_estimate_chooses_by_the_scores_and_clips_to_the_bounds():
    assert estimate([0, 1, 1]) == proportion([0, 1, 1])
    assert estimate([0, 1, 1], bounds=None) == mean([0, 1, 1])
    assert estimate([0, 1, 1], bounds=(0.0, 5.0)) == mean([0, 1, 1], bounds=(0.0, 5.0))
    assert ends(mean([0.9, 1.0, 0.5]))[1] > 1.0
    assert ends(estimate([0.9, 1.0, 0.5]))[1] == 1.0


def test_scores_without_spread_claim_no_certainty():
    bounded = estimate([0.5] * 20)
    low, high = ends(bounded)
    share = 1 - 0.05 ** (1 / 20)
    assert (low, high) == pytest.approx((0.5 - share / 2, 0.5 + share / 2))
    assert bounded.std_error is None
    unbounded = mean([0.1] * 7)
    assert (unbounded.value, unbounded.interval) == (0.1, None)
    assert unbounded.reason is not None and "no spread" in unbounded.reason


@pytest.mark.parametrize("compute", [mean, proportion, estimate])
def test_nothing_is_an_estimate_without_a_value(compute):
    result = compute([])
    assert (result.value, result.interval, result.n) == (None, None, 0)
    assert result.reason == "no values"
    assert compute([], clusters=[]).clusters == 0


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (mean([0.4]), "one value"),
        (mean([0.4], clusters=["a"]), "one value"),
        (mean([0.4, 0.6], clusters=["a", "a"]), "one cluster"),
        (proportion([0, 1], clusters=["a", "a"]), "one cluster"),
    ],
)
def test_too_little_to_know_the_error_is_said(result, words):
    assert result.value is not None and result.interval is None
    assert words in result.reason


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean([0.1, math.nan]), r"values\[1\] is nan"),
        (lambda: mean([math.inf]), r"values\[0\] is inf"),
        (lambda: mean([1e200, 0.0]), "finite numbers"),
        (lambda: mean([[0.1], [0.2]]), "one-dimensional"),
        (lambda: mean([0.1, 0.2], clusters=["a"]), "1 labels for 2 values"),
        (lambda: mean([0.1], level=95), "level must lie between"),
        (lambda: estimate([0.5, 1.2]), "at position 1 lies outside the bounds"),
        (lambda: mean([0.5], bounds=(1.0, 0.0)), "rising order"),
        (lambda: proportion([0, 0.5]), "values of 0 and 1"),
        (lambda: wilson(3, 2), "3 successes of 2 trials"),
        (lambda: wilson(0, 0), "0 successes of 0 trials"),
    ],
)
def test_bad_input_is_refused_with_its_place(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@repeatable
@given(
    st.lists(st.tuples(FINITE, st.integers(0, 4)), min_size=1, max_size=30), st.floats(0.01, 0.99)
)
def test_mean_interval_holds_the_mean(rows, level):
    values, clusters = zip(*rows, strict=True)
    for result in (mean(values, level=level), mean(values, clusters=clusters, level=level)):
        assert result.value is not None and math.isfinite(result.value)
        assert (result.interval is None) == (result.reason is not None)
        if result.interval is not None:
            assert result.value in result.interval
            assert math.isfinite(result.interval.low) and math.isfinite(result.interval.high)


@repeatable
@given(st.lists(st.tuples(st.one_of(UNIT, st.sampled_from([0.0, 1.0])), st.integers(0, 4))))
def test_bounded_interval_stays_in_its_bounds_and_holds_the_estimate(rows):
    values, clusters = [row[0] for row in rows], [row[1] for row in rows]
    for result in (estimate(values), estimate(values, clusters=clusters)):
        if result.interval is not None:
            assert 0.0 <= result.interval.low <= result.value <= result.interval.high <= 1.0
            assert result.interval.low < result.interval.high


@repeatable
@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_estimates_do_not_depend_on_the_order(values, random):
    rows = [(value, index % 7) for index, value in enumerate(values)]
    shuffled = random.sample(rows, len(rows))
    first = proportion([r[0] for r in rows], clusters=[r[1] for r in rows])
    second = proportion([r[0] for r in shuffled], clusters=[r[1] for r in shuffled])
    assert first.value == second.value
    if first.interval is not None:
        assert ends(first) == pytest.approx(ends(second), abs=1e-9)


def coverage(draw, truth, runs=600):
    rng = np.random.default_rng(7)
    intervals = [draw(rng).interval for _ in range(runs)]
    return np.mean([interval is not None and truth in interval for interval in intervals])


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("n", [20, 100])
def test_wilson_covers(share, n):
    assert coverage(lambda rng: proportion(rng.random(n) < share), share, 2000) >= 0.92


def clustered_binary(rng, share, groups=30, size=5):
    """Beta-binomial, correlation 0.3 within clusters."""
    scale = 1 / 0.3 - 1
    chances = rng.beta(share * scale, (1 - share) * scale, size=groups)
    values = rng.random((groups, size)) < chances[:, None]
    return values.ravel(), np.repeat(np.arange(groups), size).tolist()


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_clustered_wilson_covers_where_the_plain_one_does_not(share):
    def robust(rng):
        values, clusters = clustered_binary(rng, share)
        return proportion(values, clusters=clusters)

    def plain(rng):
        return proportion(clustered_binary(rng, share)[0])

    assert coverage(robust, share, 1000) >= 0.92
    assert coverage(plain, share, 1000) < 0.88


def test_clustered_mean_covers():
    def draw(rng):
        shared = np.repeat(rng.normal(0.0, 1.0, size=25), 4)
        return mean(shared + rng.normal(0.0, 1.0, 100), clusters=(np.arange(100) // 4).tolist())

    assert coverage(draw, 0.0) >= 0.92


def test_interval_of_scores_without_spread_covers():
    # One in fifty scores differs: most samples of 20 show none, and the mean is 0.98 all the same.
    assert coverage(lambda rng: estimate((rng.random(20) > 0.02) * 1.0), 0.98, 2000) >= 0.92
