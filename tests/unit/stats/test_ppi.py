"""Prediction-powered means against the ppi-python package, and by simulation."""

import math

import numpy as np
import pytest
import scipy.stats

from quilate.stats import compare_paired, mean, ppi_difference, ppi_mean


def drawn(rng, n, unlabelled, *, share=0.6, right=0.9):
    """Human 0/1 labels and a judge that agrees with them so often: y, f, g."""
    y = (rng.random(n + unlabelled) < share).astype(float)
    f = np.where(rng.random(y.size) < right, y, 1 - y)
    return y[:n], f[:n], f[n:], y


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.8, 1.0])
def test_value_and_error_are_those_of_ppi_python(weight):
    # ppi-python (Angelopoulos et al.) divides by n where we divide by n − 1, and takes normal
    # quantiles where we take Student's; both are turned back here.
    ppi_py = pytest.importorskip("ppi_py")
    rng = np.random.default_rng(1)
    y = rng.normal(2.0, 1.0, 60)
    f, g = y + rng.normal(0.3, 0.6, 60), rng.normal(2.3, 1.2, 300)
    result = ppi_mean(y, f, g, judge_weight=weight)
    value = np.ravel(ppi_py.ppi_mean_pointestimate(y, f, g, lam=weight))[0]
    assert result.value == pytest.approx(value, rel=1e-12)
    low, high = (np.ravel(end)[0] for end in ppi_py.ppi_mean_ci(y, f, g, alpha=0.05, lam=weight))
    theirs = (high - low) / 2 / scipy.stats.norm.ppf(0.975)
    ours = math.sqrt(np.var(y - weight * f) / 60 + weight**2 * np.var(g) / 300)  # as they have it
    assert theirs == pytest.approx(ours, rel=1e-9)
    unbiased = math.sqrt(np.var(y - weight * f, ddof=1) / 60 + weight**2 * np.var(g, ddof=1) / 300)
    assert result.corrected.std_error == pytest.approx(unbiased, rel=1e-12)
    half = scipy.stats.t.ppf(0.975, 59) * unbiased
    assert result.interval.high - result.value == pytest.approx(half, rel=1e-9)


def test_the_tuned_weight_is_near_that_of_ppi_python():
    # Theirs pools the variance of both parts' predictions, ours does not: the same in the limit.
    ppi_py = pytest.importorskip("ppi_py")
    rng = np.random.default_rng(2)
    y, f, g, _ = drawn(rng, 2000, 8000)
    value = np.ravel(ppi_py.ppi_mean_pointestimate(y, f, g))[0]
    result = ppi_mean(y, f, g)
    assert result.value == pytest.approx(value, abs=2e-4)
    assert result.judge_weight == pytest.approx(0.8 * np.corrcoef(y, f)[0, 1], abs=0.03)


def test_the_tuned_weight_minimises_the_squared_influences():
    rng = np.random.default_rng(3)
    y, f, g, _ = drawn(rng, 40, 160)

    def spread(weight):
        residual = y - weight * f
        return np.var(residual) / 40 + weight**2 * np.var(g) / 160

    grid = np.linspace(0, 1, 100_001)
    best = grid[np.argmin([spread(weight) for weight in grid[::100]]) * 100]
    assert ppi_mean(y, f, g).judge_weight == pytest.approx(best, abs=1e-3)


def test_weight_zero_is_the_labels_alone_and_a_useless_judge_gets_little():
    rng = np.random.default_rng(4)
    y, f, g, _ = drawn(rng, 400, 1600, right=0.5)
    assert ppi_mean(y, f, g, judge_weight=0.0).corrected == mean(y)
    result = ppi_mean(y, f, g)
    assert result.judge_weight < 0.15
    assert result.width_ratio < 1.02
    contrary = ppi_mean(y, 1 - y, g)
    assert contrary.judge_weight == 0.0
    assert contrary.corrected == contrary.classical


def test_a_biased_judge_is_corrected_where_the_raw_mean_is_wrong():
    rng = np.random.default_rng(5)
    results = []
    for _ in range(300):
        y = (rng.random(1000) < 0.5).astype(float)
        f = np.where(rng.random(1000) < 0.3, 1.0, y)  # calls a third of the wrong ones right
        results.append(ppi_mean(y[:200], f[:200], f[200:], bounds=(0.0, 1.0)))
    assert np.mean([result.value for result in results]) == pytest.approx(0.5, abs=0.005)
    assert np.mean([0.5 in result.interval for result in results]) > 0.92
    assert not any(0.5 in result.raw.interval for result in results)
    assert results[0].raw.n == 1000
    assert np.mean([result.width_ratio for result in results]) < 0.9


@pytest.mark.parametrize(("n", "wrong"), [(10, 0.1), (20, 0.1), (50, 0.04), (100, 0.02)])
@pytest.mark.parametrize("clustered", [False, True])
def test_a_judge_whose_rare_errors_the_labels_miss_is_covered(n, wrong, clustered):
    """It passes a few bad answers, and of a few labels often none shows it."""
    rng = np.random.default_rng(8)
    covered = alarms = 0
    for _ in range(300):
        y = (rng.random(n + 2000) < 0.5) * 1.0
        f = np.where(rng.random(n + 2000) < wrong, 1.0, y)
        groups = list(range(n)), list(range(n, n + 2000))
        options = {"bounds": (0.0, 1.0), "clusters": groups if clustered else None}
        covered += 0.5 in ppi_mean(y[:n], f[:n], f[n:], **options).interval
        z = rng.permutation(y[:n]), rng.permutation(y[n:])
        difference = ppi_difference((y[:n], f[:n], f[n:]), (z[0], z[0], z[1]), **options)
        alarms += 0.0 not in difference.interval
    assert covered >= 0.93 * 300
    assert alarms <= 0.07 * 300


@pytest.mark.parametrize(
    ("n", "share", "right"), [(30, 0.5, 0.9), (50, 0.6, 0.8), (100, 0.8, 0.95), (200, 0.3, 0.7)]
)
def test_intervals_cover_and_shrink(n, share, right):
    rng = np.random.default_rng(6)
    inside, ratios = [], []
    for _ in range(1000):
        y, f, g, _ = drawn(rng, n, 4 * n, share=share, right=right)
        result = ppi_mean(y, f, g)
        inside.append(share in result.interval)
        ratios.append(result.width_ratio)
    # 95 %, less what the binomial noise of 1,000 draws and small n explain
    assert 0.925 < np.mean(inside) < 0.975
    # φ² of labels and judge, a fifth of the items labelled
    judged = share * right + (1 - share) * (1 - right)
    phi = (share * right - share * judged) / math.sqrt(share * (1 - share) * judged * (1 - judged))
    assert np.mean(ratios) == pytest.approx(math.sqrt(1 - 0.8 * phi**2), abs=0.03)


def test_clustered_intervals_cover_where_those_that_ignore_clusters_do_not():
    rng = np.random.default_rng(7)
    clustered, ignoring = [], []
    for _ in range(500):
        document = np.repeat(np.arange(60), 10)
        level = rng.normal(0, 1, 60)[document]
        y = level + rng.normal(0, 1, 600)
        f = y + rng.normal(0, 1, 60)[document] + rng.normal(0, 0.5, 600)
        labelled = document < 30
        parts = (y[labelled], f[labelled], f[~labelled])
        clusters = (document[labelled].tolist(), document[~labelled].tolist())
        result = ppi_mean(*parts, clusters=clusters)
        clustered.append(0.0 in result.interval)
        ignoring.append(0.0 in ppi_mean(*parts).interval)
    assert 0.92 < np.mean(clustered) < 0.98
    assert np.mean(ignoring) < 0.7
    assert (result.corrected.clusters, result.raw.clusters) == (30, 60)
    assert result.interval.method == "cluster-robust PPI++"


def test_clusters_may_have_labelled_and_unlabelled_items():
    # All in both parts: with every cluster in each, its influence is one sum, by hand.
    y, f, g = np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0]), np.arange(6) / 5
    result = ppi_mean(
        y, f, g, clusters=(["a", "b", "c", "d"], ["a", "a", "b", "c", "d", "d"]), judge_weight=0.5
    )
    residual = (y - 0.5 * f - (y - 0.5 * f).mean()) / 4
    of_judge = 0.5 * (g - g.mean()) / 6
    judged = np.array([of_judge[:2].sum(), of_judge[2], of_judge[3], of_judge[4:].sum()])
    sizes = np.array([2, 1, 1, 2]) / 6
    # CR2: what each part's mean takes out of a cluster's residuals is put back.
    sums = residual / np.sqrt(3 / 4) + judged / np.sqrt(1 - sizes)
    assert result.corrected.std_error == pytest.approx(math.sqrt(sums @ sums))


@pytest.mark.parametrize(("documents", "labelled"), [(60, 30), (60, 50), (200, 50)])
def test_few_clusters_of_unequal_sizes_cover(documents, labelled):
    rng, inside = np.random.default_rng(9), []
    for _ in range(1200):
        document = np.repeat(np.arange(documents), rng.geometric(0.2, documents))
        share = rng.uniform(0.3, 0.7)
        often = rng.beta(2 * share, 2 * (1 - share), documents)[document]
        y = (rng.random(document.size) < often) * 1.0
        f = np.where(rng.random(y.size) < 0.92, y, 1 - y)
        known = document < labelled
        clusters = (document[known].tolist(), document[~known].tolist())
        result = ppi_mean(y[known], f[known], f[~known], clusters=clusters, bounds=(0, 1))
        inside.append(share in result.interval)
    assert np.mean(inside) >= 0.925  # 0.88 to 0.91 with the plain sandwich, as many degrees


def test_a_part_of_one_cluster_has_an_interval_all_the_same():
    y, f, g = [1.0, 0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0]
    result = ppi_mean(y, f, g, clusters=(list("abcde"), ["z"] * 3), bounds=(0, 1))
    assert result.value in result.interval


def test_singleton_clusters_are_nearly_independence():
    rng = np.random.default_rng(8)
    y, f, g, _ = drawn(rng, 300, 1200)
    alone = ppi_mean(y, f, g)
    clustered = ppi_mean(y, f, g, clusters=(None, None))
    assert clustered.value == pytest.approx(alone.value, abs=1e-12)
    assert clustered.corrected.std_error == pytest.approx(alone.corrected.std_error, rel=0.01)


def test_a_difference_of_two_systems_is_the_mean_of_differences():
    rng = np.random.default_rng(9)
    a, b = drawn(rng, 100, 400, share=0.7), drawn(rng, 100, 400, share=0.5)
    result = ppi_difference(a[:3], b[:3], bounds=(0.0, 1.0))
    direct = ppi_mean(a[0] - b[0], a[1] - b[1], a[2] - b[2], bounds=(-1.0, 1.0))
    assert result == direct
    assert result.classical.value == pytest.approx((a[0] - b[0]).mean())


def test_a_judge_that_never_erred_on_the_labels_is_not_taken_for_perfect():
    y = np.array([1.0] * 15 + [0.0] * 5)
    g = np.array([1.0, 0.0] * 40)
    result = ppi_mean(y, y, g, judge_weight=1.0, bounds=(0.0, 1.0))
    assert result.value == 0.5
    # 20 agreements: an error in 1 − 0.05^(1/20) = 14 % cannot be excluded.
    assert result.interval.low < 0.5 - (1 - 0.05 ** (1 / 20))
    # Nor by a tuned weight, below 1, which leaves the residuals a spread of their own.
    tuned = ppi_mean(y, y, g, bounds=(0.0, 1.0))
    assert 0.5 < tuned.judge_weight < 1.0
    assert tuned.interval.low < tuned.value - 0.8 * (1 - 0.05 ** (1 / 20))
    without = ppi_mean(y, y, g, judge_weight=1.0)
    assert without.interval is None
    assert "no spread" in without.corrected.reason


def test_labels_that_are_all_equal_get_the_interval_of_the_labels_alone():
    result = ppi_mean([1.0] * 20, [1.0] * 18 + [0.0] * 2, [1.0, 0.0] * 40, bounds=(0.0, 1.0))
    assert result.judge_weight == 0.0
    assert result.interval.method == "rule of three"
    assert result.width_ratio == 1.0


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (([], [], [0.5, 0.6]), "no values"),
        (([1.0], [1.0], [0.0, 1.0]), "one value"),
    ],
)
def test_too_few_labels_have_no_interval_and_a_reason(parts, reason):
    result = ppi_mean(*parts, bounds=(0.0, 1.0))
    assert result.interval is None
    assert reason in result.corrected.reason
    assert result.width_ratio is None
    fixed = ppi_mean(*parts, judge_weight=1.0)
    assert fixed.interval is None and fixed.corrected.reason


def test_without_unlabelled_items_it_is_the_labels_alone():
    result = ppi_mean([1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [], judge_weight=1.0)
    assert (result.judge_weight, result.corrected) == (0.0, result.classical)
    one = ppi_mean([1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.4])
    assert one.value is not None and one.interval is not None


def test_few_labels_are_told():
    y, f, g, _ = drawn(np.random.default_rng(0), 50, 10)
    assert ppi_mean(y, f, g).note is None
    assert ppi_mean(y[:49], f[:49], g).note == (
        "49 labels: below 50 the interval may cover less than its level"
    )
    clusters = ([n // 10 for n in range(50)], [None] * 10)
    assert "5 clusters with labels" in ppi_mean(y, f, g, clusters=clusters).note


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        (([1.0], [1.0, 0.0], [0.0]), {}, "labels has 1 values"),
        (([1.0, math.nan], [1.0, 0.0], [0.0]), {}, "finite"),
        (([1.0, 2.0], [1.0, 0.0], [0.0]), {"bounds": (0.0, 1.0)}, "outside the bounds"),
        (([1.0, 0.0], [1.0, 0.0], [0.0]), {"judge_weight": 1.5}, "between 0 and 1"),
        (([1.0, 0.0], [1.0, 0.0], [0.0]), {"level": 1.0}, "level"),
        (([1.0, 0.0], [1.0, 0.0], [0.0]), {"clusters": (["a"], None)}, "1 labels for 2 values"),
    ],
)
def test_bad_input_is_refused(parts, options, message):
    with pytest.raises(ValueError, match=message):
        ppi_mean(*parts, **options)


def test_options_that_are_not_known_are_refused():
    for call in (
        lambda: mean([1.0, 2.0], method="boot"),
        lambda: compare_paired([1, 0], [0, 1], method="bootstrap"),
        lambda: compare_paired([1, 0], [0, 1], test="tt"),
    ):
        with pytest.raises(ValueError, match=r"(method|test) must be one of .*t.*, not"):
            call()
