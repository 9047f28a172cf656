"""Pearson's and Kendall's correlations against scipy, and their intervals by simulation."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

from quilate.stats import auroc, kendall, pearson, spearman


def test_pearson_agrees_with_scipy():
    rng = np.random.default_rng(4)
    x = rng.normal(size=50)
    y = 0.5 * x + rng.normal(size=50)
    found, expected = pearson(x, y), scipy.stats.pearsonr(x, y)
    assert found.value == pytest.approx(expected.statistic, rel=1e-12)
    interval = expected.confidence_interval(0.95)  # Fisher's, as scipy documents
    assert [found.interval.low, found.interval.high] == pytest.approx(list(interval), rel=1e-10)


def test_pearson_holds_numbers_of_any_size():
    assert pearson([1e-140, 2e-140, 4e-140, 3e-140], [1, 2, 3, 4]).value == pytest.approx(0.8)
    assert pearson([1e140, 2e140, 4e140, 3e140], [1, 2, 3, 4]).value == pytest.approx(0.8)


def test_kendall_agrees_with_scipy_on_ties():
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 5, 60), rng.integers(0, 4, 60)
    found = kendall(x, y)
    assert found.value == pytest.approx(scipy.stats.kendalltau(x, y).statistic, rel=1e-12)
    half = 1.959963984540054 * math.sqrt(0.437 / 56)
    expected = [math.tanh(math.atanh(found.value) + sign * half) for sign in (-1, 1)]
    assert [found.interval.low, found.interval.high] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("figure", [pearson, kendall])
@pytest.mark.parametrize(
    ("x", "y", "value"),
    [([], [], None), ([1], [2], None), ([1, 1, 1], [1, 2, 3], None),
     ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], 1.0), ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1.0)],
)  # fmt: skip
def test_what_cannot_be_had_says_why(figure, x, y, value):
    found = figure(x, y)
    assert (found.value, found.interval) == (value, None)
    assert found.reason


@pytest.mark.parametrize("figure", [pearson, kendall])
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_cover(figure, rho):
    rng, hits = np.random.default_rng(7), 0
    truth = rho if figure is pearson else 2 / math.pi * math.asin(rho)
    for _ in range(800):
        x, noise = rng.normal(size=(2, 60))
        hits += truth in figure(x, rho * x + math.sqrt(1 - rho**2) * noise).interval
    assert 0.92 <= hits / 800 <= 0.98


FIGURES = {
    "auroc": (auroc, 0.5),
    "spearman": (spearman, 0.0),
    "pearson": (pearson, 0.0),
    "kendall": (kendall, 0.0),
}


def copied(rng, name, documents=30, copies=5):
    """Nothing in common but by document, of which every value stands there so often."""
    x, y = rng.normal(size=documents), rng.normal(size=documents)
    if name == "auroc":
        y = (y > 0) * 1.0
    labels = np.repeat(np.arange(documents), copies).tolist()
    return np.repeat(x, copies), np.repeat(y, copies), labels


@pytest.mark.parametrize("name", FIGURES)
def test_clustered_intervals_cover_where_those_that_ignore_clusters_do_not(name):
    figure, truth = FIGURES[name]
    rng, runs = np.random.default_rng(1), 200 if name == "kendall" else 400
    clustered = ignoring = 0
    for _ in range(runs):
        x, y, labels = copied(rng, name)
        clustered += truth in figure(x, y, clusters=labels).interval
        ignoring += truth in figure(x, y).interval
    assert 0.915 <= clustered / runs <= 0.985
    assert ignoring / runs < 0.75


@pytest.mark.parametrize("name", FIGURES)
def test_clusters_of_one_change_nothing_and_high_figures_keep_their_interval(name):
    figure, _ = FIGURES[name]
    rng = np.random.default_rng(2)
    x, y, labels = copied(rng, name, copies=1)
    alone = figure(x, y)
    assert figure(x, y, clusters=labels).interval == alone.interval
    assert figure(x, y, clusters=[None] * len(x)).clusters == 30
    x, y, labels = copied(rng, name)
    strong = figure(x + 20 * y, y, clusters=labels) if name != "auroc" else None
    if strong is not None:
        assert strong.value in strong.interval
        assert 0.8 < strong.interval.low < strong.interval.high < 1.0
        assert strong.std_error > 0.0
    few = figure(x, y, clusters=["a"] * 75 + ["b"] * 75)
    assert few.interval is None and "too few" in few.reason


def almost_sure(name):
    """100 items of 50 clusters, in order but for one: without its cluster, all are right."""
    x, pairs = np.arange(100.0), (np.arange(100) % 50).tolist()
    if name == "auroc":
        return np.append(x[:99], -1.0), np.repeat([0, 1], 50), pairs
    x[[66, 75]] = x[[75, 66]]
    y = x.copy()
    y[[25, 75]] = y[[75, 25]]  # 41 ranks apart
    return x, y, pairs


@pytest.mark.parametrize("name", FIGURES)
def test_a_good_judge_keeps_a_narrow_interval_where_all_without_one_cluster_are_right(name):
    figure, _ = FIGURES[name]
    x, y, labels = almost_sure(name)
    kept = np.array(labels) != (49 if name == "auroc" else 25)
    assert figure(x[kept], y[kept]).value == pytest.approx(1.0)
    found, alone = figure(x, y, clusters=labels), figure(x, y)
    assert found.value == alone.value > 0.96
    assert found.value in found.interval
    assert 0.75 < found.interval.low < found.interval.high < 0.999
    if name == "auroc":  # one item of two in a cluster of its own: clusters change little
        assert found.std_error == pytest.approx(alone.std_error, rel=0.05)
        ends = [alone.interval.low, alone.interval.high]
        assert [found.interval.low, found.interval.high] == pytest.approx(ends, abs=0.01)


def noisy(rng, name, truth, documents=30, copies=4):
    """Pairs of a given AUROC or Pearson correlation, two fifths of their noise by document."""
    of = np.repeat(np.arange(documents), copies)

    def noise():
        shared, own = rng.normal(size=documents)[of], rng.normal(size=of.size)
        return math.sqrt(0.4) * shared + math.sqrt(0.6) * own

    if name == "auroc":
        y = (rng.random(of.size) < 0.5) * 1.0
        return noise() + math.sqrt(2) * scipy.stats.norm.ppf(truth) * y, y, of.tolist()
    x = noise()
    return x, truth * x + math.sqrt(1 - truth**2) * noise(), of.tolist()


@pytest.mark.parametrize(
    ("name", "truth"),
    [("auroc", 0.7), ("auroc", 0.9), ("auroc", 0.98), ("pearson", 0.5), ("pearson", 0.95)],
)
def test_clustered_intervals_cover_and_errors_are_true_up_to_the_end_of_the_scale(name, truth):
    figure, rng = FIGURES[name][0], np.random.default_rng(3)
    found = [
        figure(x, y, clusters=of) for x, y, of in (noisy(rng, name, truth) for _ in range(400))
    ]
    assert all(one.interval for one in found)
    assert 0.92 <= sum(truth in one.interval for one in found) / 400 <= 0.98
    error = math.sqrt(np.mean([one.std_error**2 for one in found]))
    assert error == pytest.approx(np.std([one.value for one in found]), rel=0.15)


@pytest.mark.parametrize("name", FIGURES)
def test_the_standard_error_is_on_the_scale_of_the_figure(name):
    """Not that of the interval: that one, times the slope between the two at the figure."""
    figure, _ = FIGURES[name]
    truth = 0.9 if name == "auroc" else 0.8
    x, y, of = noisy(np.random.default_rng(6), "auroc" if name == "auroc" else "pearson", truth)
    for found, quantile in (
        (figure(x, y), 1.959963984540054),
        (figure(x, y, clusters=of), scipy.stats.t.ppf(0.975, 29)),
    ):
        there = scipy.special.logit if name == "auroc" else np.arctanh
        slope = found.value * (1 - found.value) if name == "auroc" else 1 - found.value**2
        width = there(found.interval.high) - there(found.interval.low)
        assert found.std_error == pytest.approx(slope * width / 2 / quantile, rel=1e-9)
