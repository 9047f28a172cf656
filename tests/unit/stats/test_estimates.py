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
PAIRED_UP = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
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
def test_clusters_of_one_size_have_the_interval_of_statsmodels_ols(level):
    result = mean(SCORES, clusters=PAIRED_UP, level=level)
    fit = cluster_fit(SCORES, PAIRED_UP)
    # statsmodels multiplies by (n - 1) / (n - k) too, which is 1 for a mean (k = 1).
    assert result.std_error == pytest.approx(float(fit.bse[0]), rel=1e-12)
    assert ends(result) == pytest.approx(tuple(fit.conf_int(1 - level)[0]), rel=1e-10)
    assert (result.clusters, result.df) == (5, 4)


def test_clusters_of_one_size_have_the_standard_error_of_miller_2024():
    # arXiv:2411.00640, section on clustered questions, times the small-sample factor G / (G - 1):
    # SE^2 = SE_CLT^2 + (1 / n^2) * sum of within-cluster cross products of residuals.
    residuals = np.array(SCORES) - np.mean(SCORES)
    squared = float(residuals @ residuals)
    for i, first in enumerate(PAIRED_UP):
        for j, second in enumerate(PAIRED_UP):
            squared += residuals[i] * residuals[j] * (i != j and first == second)
    expected = math.sqrt(squared / 10**2 * 5 / 4)
    assert mean(SCORES, clusters=PAIRED_UP).std_error == pytest.approx(expected, rel=1e-12)


def bell_mccaffrey(values, clusters):
    """CR2 and the degrees of freedom of Imbens & Kolesár (2016) as their papers write them, with
    matrices, for a regression on a constant."""
    y, n = np.asarray(values, dtype=float), len(values)
    labels = np.array(clusters)
    hat, residuals = np.full((n, n), 1 / n), y - y.mean()
    same = labels[:, None] == labels[None, :]
    apart = same & ~np.eye(n, dtype=bool)
    between = np.outer(residuals, residuals)[apart].mean() if apart.any() else 0.0
    within = np.mean(residuals**2)
    correlation = min(max(between / within, 0.0), 1.0)
    omega = np.where(same, correlation, 0.0) + (1 - correlation) * np.eye(n)
    squared, columns = 0.0, []
    for label in dict.fromkeys(clusters):
        inside = np.flatnonzero(labels == label)
        values_of, vectors = np.linalg.eigh(np.eye(inside.size) - hat[np.ix_(inside, inside)])
        adjust = vectors @ np.diag(values_of**-0.5) @ vectors.T
        squared += (adjust @ residuals[inside]).sum() ** 2 / n**2
        columns.append((np.eye(n) - hat)[:, inside] @ adjust @ np.full(inside.size, 1 / n))
    spread = np.linalg.eigvalsh(np.transpose(columns).T @ omega @ np.transpose(columns))
    return math.sqrt(squared), spread.sum() ** 2 / (spread**2).sum()


@repeatable
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=3, max_size=40))
def test_unequal_clusters_have_the_error_and_degrees_of_bell_mccaffrey_and_imbens_kolesar(rows):
    values, clusters = [row[0] for row in rows], [row[1] for row in rows]
    result = mean(values, clusters=clusters)
    if len(set(clusters)) < 2 or np.std(values) < 1e-6 or not result.std_error:
        return
    error, df = bell_mccaffrey(values, clusters)
    assert result.std_error == pytest.approx(error, rel=1e-9)
    assert result.df == pytest.approx(df, rel=1e-6)


def test_unequal_clusters_have_fewer_degrees_of_freedom_and_a_wider_interval():
    unequal = ["a"] * 7 + ["b", "c", "d"]
    result = mean(SCORES, clusters=unequal)
    assert result.clusters == 4 and 1 <= result.df < 3
    half = scipy.stats.t.ppf(0.975, result.df) * result.std_error
    assert ends(result) == pytest.approx((result.value - half, result.value + half), rel=1e-10)


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
    n, share = 12, 7 / 12
    error, df = bell_mccaffrey(values, clusters)
    size = n * share * (1 - share) / (n - 1) / error**2
    size *= (scipy.stats.t.ppf(0.975, n - 1) / scipy.stats.t.ppf(0.975, df)) ** 2
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
    bounds = (0.0, 5.0)
    assert estimate([0, 1, 1], bounds=bounds) == mean([0, 1, 1], bounds=bounds, method="score")
    assert ends(mean([0.9, 1.0, 0.5]))[1] > 1.0
    assert ends(mean([0.9, 1.0, 0.5], bounds=(0.0, 1.0)))[1] == 1.0


@pytest.mark.parametrize("clusters", [None, DOCUMENTS])
@pytest.mark.parametrize("scale", [(0.0, 1.0), (-3.0, 4.0)])
def test_score_interval_holds_the_means_that_a_quasi_binomial_score_test_accepts(clusters, scale):
    # Wedderburn 1974: Var = dispersion * m * (1 - m), the dispersion estimated at the mean; the
    # ends solve (mean - m)^2 = t^2 SE^2 m (1 - m) / (mean (1 - mean)).
    low, width = scale[0], scale[1] - scale[0]
    values = [low + width * score for score in SCORES]
    result = mean(values, clusters=clusters, bounds=scale, method="score")
    plain = mean(SCORES, clusters=clusters)
    assert result.interval.method == ("score" if clusters is None else "cluster-robust score")
    t = scipy.stats.t.ppf(0.975, plain.df)
    for end in ends(result):
        m = (end - low) / width
        allowed = t**2 * plain.std_error**2 * m * (1 - m) / (plain.value * (1 - plain.value))
        assert (plain.value - m) ** 2 == pytest.approx(allowed, rel=1e-9)


def test_score_interval_is_that_of_wilson_for_binary_values_but_for_t():
    values = [1, 1, 1, 0, 1, 0, 1, 1, 1, 1]
    size = 9 * (1.959963984540054 / scipy.stats.t.ppf(0.975, 9)) ** 2  # n - 1 for n: s^2 for p(1-p)
    expected = proportion_confint(0.8 * size, size, method="wilson")
    result = mean(values, bounds=(0.0, 1.0), method="score")
    assert ends(result) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("clusters", [None, [index // 3 for index in range(24)]])
def test_bootstrap_t_is_that_of_a_plain_loop(clusters):
    rng = np.random.default_rng(4)
    values = rng.lognormal(0.0, 1.0, 24)
    result = mean(values, clusters=clusters, method="bootstrap-t", seed=3, resamples=999)
    again = mean(values, clusters=clusters, method="bootstrap-t", seed=3, resamples=999)
    other = mean(values, clusters=clusters, method="bootstrap-t", seed=4, resamples=999)
    assert result == again and result != other
    labels = np.arange(24) if clusters is None else np.array(clusters)
    units = [values[labels == label] for label in np.unique(labels)]
    plain = mean(values, clusters=clusters)
    drawn = []
    for _ in range(4000):
        picked = [units[i] for i in rng.integers(0, len(units), len(units))]
        together = np.concatenate(picked)
        numbers = np.repeat(np.arange(len(picked)), [len(unit) for unit in picked]).tolist()
        sample = mean(together, clusters=numbers)
        drawn.append((sample.value - plain.value) / sample.std_error)
    high, low = np.quantile(drawn, [0.025, 0.975])
    expected = plain.value - low * plain.std_error, plain.value - high * plain.std_error
    assert ends(result) == pytest.approx(expected, rel=0.12)


def test_bootstrap_t_says_where_it_cannot_tell():
    result = mean([0.0] * 9 + [1.0], method="bootstrap-t")
    assert result.interval is None and "too few values that differ" in result.reason
    bounded = mean([0.0] * 9 + [1.0], bounds=(0.0, 1.0), method="bootstrap-t")
    assert ends(bounded)[1] == 1.0


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
        (lambda: mean([0, 0.5], method="score"), "needs the bounds"),
        (lambda: mean([0, 0.5], method="bootstrap-t", resamples=19), "19 resamples are too few"),
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
@given(st.lists(st.tuples(UNIT, st.integers(0, 4)), min_size=2, max_size=30), st.floats(0.05, 0.99))
def test_every_method_holds_the_mean_within_the_bounds(rows, level):
    values, clusters = [row[0] for row in rows], [row[1] for row in rows]
    for method in ("t", "score", "bootstrap-t"):
        for labels in (None, clusters):
            result = mean(
                values, clusters=labels, level=level, bounds=(0.0, 1.0), method=method,
                resamples=399,
            )  # fmt: skip
            assert (result.interval is None) == (result.reason is not None)
            if result.interval is not None:
                low, high = ends(result)
                assert 0.0 <= low <= result.value <= high <= 1.0


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


def test_few_unequal_clusters_cover_where_the_plain_sandwich_does_not():
    rng, sizes = np.random.default_rng(3), [30, 12, 8, 5, 5, 3, 2, 2, 2, 1]
    codes = np.repeat(np.arange(10), sizes)
    covered = plain = 0
    for _ in range(1500):
        values = rng.normal(0.0, 0.7, 10)[codes] + rng.normal(0.0, 0.7, codes.size)
        covered += 0.0 in mean(values, clusters=codes.tolist()).interval
        sums = np.bincount(codes, weights=values - values.mean())
        error = math.sqrt(10 / 9 * float(sums @ sums)) / codes.size
        plain += abs(values.mean()) <= scipy.stats.t.ppf(0.975, 9) * error
    assert covered / 1500 >= 0.94
    assert plain / 1500 < 0.92


def test_score_interval_covers_near_a_bound_where_t_does_not():
    def draw(method, bounds=None):
        return lambda rng: mean(
            np.where(rng.random(20) < 0.7, 1.0, rng.random(20)), bounds=bounds, method=method
        )

    assert coverage(draw("score", (0.0, 1.0)), 0.85, 3000) >= 0.935
    assert coverage(draw("t"), 0.85, 3000) < 0.925


def test_nearly_equal_scores_are_no_surer_than_equal_ones():
    equal, nearly = estimate([0.999] * 20), estimate([0.999] * 19 + [1.0])
    assert equal.interval.low == pytest.approx(nearly.interval.low, abs=1e-4)
    assert nearly.interval.method == "score, rule of three"
    # Where they do differ, the score interval is the wider one, and stays as it is.
    assert estimate([1.0] * 19 + [0.1]).interval.method == "score"
    clusters = ["a"] * 7 + ["b"] * 7 + ["c"] * 6
    alike = estimate([0.999] * 20, clusters=clusters)
    hardly = estimate([0.999] * 19 + [1.0], clusters=clusters)
    assert hardly.interval.low == pytest.approx(alike.interval.low, abs=1e-4)
    # In a metric without bounds nothing is known of what was not seen.
    assert mean([1.0] * 19 + [0.999]).interval.method == "t"


@pytest.mark.parametrize("n", [20, 100])
def test_scores_that_hardly_vary_cover_when_a_few_are_far_off(n):
    def draw(rng):
        u = rng.random(n)
        return estimate(np.where(u < 0.02, 0.0, np.where(u < 0.07, 0.999, 1.0)))

    assert coverage(draw, 0.98 - 0.05 * 0.001, 2000) >= 0.925


def test_bootstrap_t_covers_skewed_values_better_than_t():
    def draw(method):
        return lambda rng: mean(rng.lognormal(0.0, 1.0, 30), method=method, resamples=499)

    truth = math.exp(0.5)
    assert coverage(draw("bootstrap-t"), truth, 1500) > coverage(draw("t"), truth, 1500) + 0.02
