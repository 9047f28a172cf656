"""Paired comparison against statsmodels, scipy and published counts."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from quilate.stats import compare_paired, holm, holm_adjust, mean
from quilate.stats.tango import tango_interval

repeatable = settings(deadline=None, derandomize=True)
A = [0.81, 0.42, 0.93, 0.55, 0.77, 0.38, 0.90, 0.61, 0.72, 0.49]
B = [0.60, 0.45, 0.70, 0.52, 0.61, 0.41, 0.66, 0.58, 0.70, 0.31]
DOCUMENTS = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "f"]


def from_counts(both, only_a, only_b, neither):
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b


def test_gsm8k_verifiers_by_the_published_counts():
    # Recorded answers of Cobbe et al. 2021 (openai/grade-school-math): of 1,319 questions the 175B
    # verifier alone solves 306 and the 6B verifier alone 79; accuracies 56.25% and 39.04%.
    both = round(0.5625 * 1319) - 306
    a, b = from_counts(both, 306, 79, 1319 - both - 306 - 79)
    assert (round(100 * np.mean(a), 2), round(100 * np.mean(b), 2)) == (56.25, 39.04)
    result = compare_paired(a, b)
    expected = mcnemar([[both, 306], [79, 1319 - both - 385]], exact=True).pvalue
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    assert result.p_value < 1e-30
    assert (result.n, result.wins, result.losses, result.ties) == (1319, 306, 79, 934)
    assert result.difference.value == pytest.approx((306 - 79) / 1319)
    assert (result.test, result.verdict) == ("exact McNemar", "a better")


@pytest.mark.parametrize("counts", [(5, 9, 2, 4), (0, 3, 3, 0), (20, 0, 6, 1), (4, 0, 0, 4)])
def test_mcnemar_agrees_with_statsmodels(counts):
    both, only_a, only_b, neither = counts
    result = compare_paired(*from_counts(*counts))
    expected = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert result.p_value == pytest.approx(min(1.0, expected), rel=1e-12)


def scipy_sign_flip(units):
    return scipy.stats.permutation_test(
        (units,), lambda x, axis: np.sum(x, axis=axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    ).pvalue  # fmt: skip


def test_sign_flip_is_exact_for_few_pairs():
    result = compare_paired(A, B)
    assert result.test == "exact sign flip"
    assert result.p_value == pytest.approx(scipy_sign_flip(np.subtract(A, B)), rel=1e-12)


def test_sign_flip_flips_whole_clusters():
    result = compare_paired(A, B, clusters=DOCUMENTS)
    delta = np.subtract(A, B)
    units = np.bincount(np.unique(DOCUMENTS, return_inverse=True)[1], weights=delta)
    assert result.p_value == pytest.approx(scipy_sign_flip(units), rel=1e-12)
    doubled = compare_paired(A * 2, B * 2, clusters=list(range(10)) * 2)
    assert doubled.p_value == compare_paired(A, B).p_value > compare_paired(A * 2, B * 2).p_value


def test_sign_flip_gives_fishers_p_value_for_darwins_maize():
    # Darwin's 15 pairs of Zea mays, in eighths of an inch (Fisher 1935, The Design of Experiments,
    # section 21): of 32,768 sign assignments 1,726 are as extreme as the sum 314: p = 5.267%.
    differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    result = compare_paired(differences, [0] * 15)
    assert result.p_value == 1726 / 32768
    assert result.verdict == "no difference shown"
    # His t test finds 4.97%: the t interval misses 0 by a hair, and is extended to it.
    assert scipy.stats.ttest_1samp(differences, 0).pvalue < 0.05
    assert result.difference.interval.low == 0.0
    assert result.difference.interval.method == "t, extended to 0"


def test_monte_carlo_sign_flip_approaches_the_exact_p_value():
    rng = np.random.default_rng(3)
    delta = rng.normal(0.45, 1.0, size=18)
    result = compare_paired(delta, np.zeros(18), seed=1, resamples=49_999)
    exact = scipy_sign_flip(delta)
    assert result.test == "Monte Carlo sign flip"
    assert result.p_value == pytest.approx(exact, abs=4 * (exact / 50_000) ** 0.5)
    assert result == compare_paired(delta, np.zeros(18), seed=1, resamples=49_999)
    assert result.p_value != compare_paired(delta, np.zeros(18), seed=2, resamples=49_999).p_value


def test_monte_carlo_p_value_is_never_zero():
    result = compare_paired(np.linspace(1.0, 2.0, 5000), np.zeros(5000), resamples=999)
    assert result.p_value == 1 / 1000


def test_interval_is_that_of_the_paired_t_test():
    interval = compare_paired(A, B).difference.interval
    expected = scipy.stats.ttest_rel(A, B).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-10)


def test_interval_of_clusters_of_one_size_is_that_of_statsmodels_ols():
    codes = [index // 2 for index in range(10)]
    interval = compare_paired(A, B, clusters=codes, test="t").difference.interval
    fit = sm.OLS(np.subtract(A, B), np.ones(10)).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(codes)}, use_t=True
    )
    assert (interval.low, interval.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)


def test_binary_scores_in_clusters_do_not_take_mcnemar():
    a, b = from_counts(2, 8, 0, 2)
    clusters = [index // 4 for index in range(12)]
    result = compare_paired(a, b, clusters=clusters)
    assert (result.test, result.p_value, result.verdict) == (
        "exact sign flip",
        0.25,
        "no difference shown",
    )
    assert compare_paired(a, b).verdict == "a better"
    assert compare_paired(a, b, clusters=range(12)).test == "exact McNemar"


def test_equal_targets_show_no_difference_but_no_certainty_either():
    result = compare_paired([1, 0] * 10, [1, 0] * 10)
    assert (result.difference.value, result.p_value, result.ties) == (0.0, 1.0, 20)
    assert result.verdict == "no difference shown"
    interval = result.difference.interval
    z = scipy.stats.norm.ppf(0.975)
    assert interval.high == pytest.approx(z**2 / (20 + z**2)) and interval.low == -interval.high
    shared = compare_paired([1, 0] * 10, [1, 0] * 10, clusters=[i // 2 for i in range(20)])
    assert shared.difference.interval.high == pytest.approx(1 - 0.05**0.1)


def test_a_constant_difference_without_bounds_is_decided_by_the_test():
    few, many = compare_paired([3.0] * 5, [2.0] * 5), compare_paired([3.0] * 6, [2.0] * 6)
    assert few.difference.interval is None and many.difference.interval is None
    assert (few.p_value, few.verdict) == (2 / 32, "no difference shown")
    assert (many.p_value, many.verdict) == (2 / 64, "a better")


def test_lower_can_be_better():
    result = compare_paired(A, B, higher_is_better=False)
    plain = compare_paired(A, B)
    assert (result.difference, result.p_value) == (plain.difference, plain.p_value)
    assert (result.wins, result.losses) == (plain.losses, plain.wins)
    assert (result.verdict, plain.verdict) == ("b better", "a better")


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_compare_shows_no_difference(n):
    result = compare_paired([0.9] * n, [0.1] * n)
    assert (result.n, result.p_value, result.verdict) == (n, 1.0, "no difference shown")
    assert result.difference.interval is None and result.difference.reason


@pytest.mark.parametrize(
    ("above", "below", "n"),
    [(9, 1, 40), (0, 6, 30), (12, 12, 50), (0, 0, 25), (5, 0, 5), (3, 2, 900)],
)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_binary_pairs_have_the_interval_that_tangos_score_test_accepts(above, below, n, level):
    # Tango 1998: the variance under a difference d is that at the maximum of the trinomial
    # likelihood, which is sought here numerically instead of by his formula.
    a, b = from_counts(0, above, below, n - above - below)
    interval = compare_paired(a, b, level=level).difference.interval
    assert interval.method in ("Tango score", "Tango score, extended to 0")

    def accepted(d):
        def unlikely(q):
            cells = np.array([above, below, n - above - below])
            return -scipy.special.xlogy(cells, np.clip([q + d, q, 1 - 2 * q - d], 0, 1)).sum()

        least, most = max(0.0, -d), (1 - d) / 2
        q = scipy.optimize.minimize_scalar(
            unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-12}
        ).x
        z = scipy.stats.norm.ppf((1 + level) / 2)
        return (above - below - n * d) ** 2 <= z**2 * n * (2 * q + d * (1 - d))

    for end, outward in ((interval.low, -1e-3), (interval.high, 1e-3)):
        if not 0.999 > abs(end) > 0:  # the end of all differences, or extended to 0
            continue
        assert accepted(end - outward) and not accepted(end + outward)


def test_tangos_interval_agrees_with_mcnemars_score_test_at_no_difference():
    for above, below in [(12, 4), (30, 17), (8, 1), (25, 13)]:
        asymptotic = mcnemar([[20, above], [below, 20]], exact=False, correction=False).pvalue
        assert (0.0 in tango_interval(above, below, 100, level=0.95)) == (asymptotic > 0.05)


def test_the_t_interval_and_the_t_test_can_be_asked_for():
    a, b = from_counts(20, 12, 3, 15)
    result = compare_paired(a, b, method="t", test="t")
    expected = scipy.stats.ttest_rel(a, b)
    assert (result.test, result.difference.interval.method) == ("paired t", "t")
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    ends = expected.confidence_interval(0.95)
    assert (result.difference.interval.low, result.difference.interval.high) == pytest.approx(ends)


def test_clustered_t_test_is_that_of_statsmodels_ols():
    codes = [index // 2 for index in range(10)]
    fit = sm.OLS(np.subtract(A, B), np.ones(10)).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(codes)}, use_t=True
    )
    result = compare_paired(A, B, clusters=codes, test="t")
    assert result.p_value == pytest.approx(float(fit.pvalues[0]), rel=1e-9)


def test_without_spread_the_exact_test_stands_in_for_t():
    result = compare_paired([3.0] * 6, [2.0] * 6, test="t")
    assert (result.test, result.p_value) == ("exact sign flip", 2 / 64)


def test_cluster_bootstrap_interval_is_that_of_the_differences():
    result = compare_paired(A, B, clusters=DOCUMENTS, method="bootstrap-t", seed=5)
    expected = mean(
        np.subtract(A, B), clusters=DOCUMENTS, method="bootstrap-t", seed=5, resamples=9999
    )
    assert result.difference.interval.method.startswith("cluster-robust bootstrap-t")
    assert result.difference.interval.high == expected.interval.high
    assert result != compare_paired(A, B, clusters=DOCUMENTS, method="bootstrap-t", seed=6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare_paired([1, 0], [1]), "a has 2 values and b 1"),
        (lambda: compare_paired([1, float("nan")], [1, 0]), r"a\[1\] is nan"),
        (lambda: compare_paired([0.5], [1.5], bounds=(0.0, 1.0)), "outside the bounds"),
        (lambda: compare_paired(A, B, resamples=0), "resamples must be 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


PAIRS = st.one_of(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 5)), max_size=40),
    st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100), st.integers(0, 5)), max_size=25),
)


@repeatable
@given(PAIRS, st.booleans())
def test_swapping_the_targets_flips_the_sign_and_keeps_the_p_value(rows, clustered):
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    clusters = [row[2] for row in rows] if clustered else None
    first = compare_paired(a, b, clusters=clusters, resamples=199)
    second = compare_paired(b, a, clusters=clusters, resamples=199)
    assert first.p_value == second.p_value
    assert (first.wins, first.losses, first.ties) == (second.losses, second.wins, second.ties)
    mirror = {"a better": "b better", "b better": "a better"}
    assert second.verdict == mirror.get(first.verdict, first.verdict)
    if first.difference.value is not None:
        assert second.difference.value == -first.difference.value
    if first.difference.interval is not None:
        low, high = first.difference.interval.low, first.difference.interval.high
        assert (-second.difference.interval.high, -second.difference.interval.low) == (low, high)


@repeatable
@given(PAIRS, st.booleans())
def test_interval_p_value_and_verdict_never_contradict(rows, clustered):
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    clusters = [row[2] for row in rows] if clustered else None
    result = compare_paired(a, b, clusters=clusters, resamples=199)
    assert 0.0 < result.p_value <= 1.0
    interval = result.difference.interval
    if interval is not None:
        assert result.difference.value in interval
        assert (result.verdict == "no difference shown") == (0.0 in interval)
    if result.verdict != "no difference shown":
        assert result.p_value <= 0.05 + 1e-9
        assert (result.difference.value > 0) == (result.verdict == "a better")


@pytest.mark.parametrize("test", ["exact", "t"])
@pytest.mark.parametrize("kind", ["binary", "graded", "clustered", "unequal clusters"])
def test_false_alarms_keep_to_the_level(kind, test):
    rng, alarms, runs = np.random.default_rng(11), 0, 600
    for _ in range(runs):
        a, b = rng.random((2, 60))
        clusters = None
        if kind == "binary":
            a, b = a < 0.4, b < 0.4
        if "clusters" in kind or kind == "clustered":
            sizes = [4] * 15 if kind == "clustered" else [20, *[2] * 10, *[5] * 4]
            codes = np.repeat(np.arange(15), sizes)
            a, clusters = a + rng.normal(0, 0.5, 15)[codes], codes.tolist()
        result = compare_paired(a, b, clusters=clusters, test=test, resamples=199)
        alarms += result.verdict != "no difference shown"
    assert alarms / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
    assert alarms / runs >= 0.01


def test_holm_of_nothing_is_nothing():
    assert holm([]) == [] and holm_adjust([]) == []


def test_a_family_is_decided_by_its_adjusted_p_values():
    strong, weak = compare_paired(*from_counts(5, 40, 5, 5)), compare_paired([1] * 6, [0] * 6)
    assert weak.verdict == "a better"
    adjusted = holm_adjust([weak, strong, weak])
    assert [c.p_adjusted for c in adjusted] == holm([c.p_value for c in (weak, strong, weak)])
    assert [c.verdict for c in adjusted] == [
        "no difference shown",
        "a better",
        "no difference shown",
    ]
    assert 0.0 in adjusted[0].difference.interval
    assert adjusted[1].difference == strong.difference
