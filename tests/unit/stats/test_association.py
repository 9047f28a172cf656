"""Pearson's and Kendall's correlations against scipy, and their intervals by simulation."""

import math

import numpy as np
import pytest
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
