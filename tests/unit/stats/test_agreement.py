"""Agreement against statsmodels, scipy and published data."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from quilate.stats import auroc, cohen_kappa, spearman

repeatable = settings(deadline=None, derandomize=True)
# Hanley & McNeil 1982, Radiology 143, table I: ratings 1 to 5 of 109 CT images.
CT_NORMAL, CT_ABNORMAL = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]


def ct_images():
    ratings = np.tile(np.arange(1, 6), 2).repeat(CT_NORMAL + CT_ABNORMAL)
    return ratings, np.repeat([0, 1], [sum(CT_NORMAL), sum(CT_ABNORMAL)])


def raters(table):
    """Two label sequences with this confusion table."""
    cells = [
        (i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)
    ]
    return [cell[0] for cell in cells], [cell[1] for cell in cells]


@pytest.mark.parametrize(
    "table",
    [[[20, 5], [10, 15]], [[44, 5, 1], [7, 20, 3], [9, 5, 6]], [[1, 2], [3, 4]], [[0, 5], [4, 1]]],
)
def test_kappa_agrees_with_statsmodels(table):
    result, expected = cohen_kappa(*raters(table)), cohens_kappa(np.array(table))
    assert result.value == pytest.approx(expected.kappa, rel=1e-12)
    assert result.std_error == pytest.approx(expected.std_kappa, rel=1e-10)
    assert result.interval.low == pytest.approx(max(expected.kappa_low, -1), rel=1e-10)
    assert result.interval.high == pytest.approx(min(expected.kappa_upp, 1), rel=1e-10)


def test_kappa_without_an_error_to_estimate_has_no_interval():
    perfect = cohen_kappa(["x", "y", "z"], ["x", "y", "z"])
    assert (perfect.value, perfect.interval) == (pytest.approx(1.0), None)
    assert perfect.reason
    same = cohen_kappa(["x", "x"], ["x", "x"])
    assert (same.value, same.reason) == (None, "both raters gave one label throughout")
    assert cohen_kappa([], []).reason == "no values"
    with pytest.raises(ValueError, match="a has 1 labels and b 2"):
        cohen_kappa(["x"], ["x", "y"])


def test_auroc_gives_the_published_figures_of_the_ct_images():
    # Area 0.893 in Hanley & McNeil 1982; Stata's manual, roctab, for the same data: area 0.8932,
    # DeLong standard error 0.0307.
    ratings, abnormal = ct_images()
    result = auroc(ratings, abnormal)
    assert result.value == pytest.approx(0.8932, abs=5e-5)
    assert result.std_error == pytest.approx(0.0307, abs=5e-5)
    # The same interval on the logit scale, from the published figures.
    centre, half = math.log(0.8932 / 0.1068), 1.96 * 0.0307 / (0.8932 * 0.1068)
    expected = [1 / (1 + math.exp(-x)) for x in (centre - half, centre + half)]
    assert [result.interval.low, result.interval.high] == pytest.approx(expected, abs=5e-4)


def test_auroc_is_the_mann_whitney_share():
    ratings, abnormal = ct_images()
    u = scipy.stats.mannwhitneyu(ratings[abnormal == 1], ratings[abnormal == 0]).statistic
    assert auroc(ratings, abnormal).value == pytest.approx(u / (58 * 51), rel=1e-12)


def test_auroc_error_is_that_of_the_placements_one_by_one():
    rng = np.random.default_rng(2)
    scores, labels = rng.integers(0, 6, 40).astype(float), rng.integers(0, 2, 40)
    wins = np.subtract.outer(scores[labels == 1], scores[labels == 0])
    kernel = (wins > 0) + 0.5 * (wins == 0)
    n, m = kernel.shape
    variance = kernel.mean(axis=1).var(ddof=1) / n + kernel.mean(axis=0).var(ddof=1) / m
    assert auroc(scores, labels).std_error == pytest.approx(math.sqrt(variance), rel=1e-10)


@pytest.mark.parametrize(
    ("scores", "labels", "value"),
    [([], [], None), ([0.1, 0.2], [1, 1], None), ([0.1, 0.2, 0.3], [0, 0, 1], 1.0),
     ([1, 2, 3, 4], [0, 0, 1, 1], 1.0), ([5, 5, 5, 5], [0, 0, 1, 1], 0.5)],
)  # fmt: skip
def test_auroc_without_an_error_to_estimate_says_why(scores, labels, value):
    result = auroc(scores, labels)
    assert (result.value, result.interval) == (value, None)
    assert result.reason


def test_auroc_refuses_other_labels():
    with pytest.raises(ValueError, match="labels must be 0 and 1"):
        auroc([0.1, 0.2], [1, 2])


def test_spearman_agrees_with_scipy_on_ties():
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 5, 50), rng.integers(0, 4, 50)
    result = spearman(x, y)
    r = scipy.stats.spearmanr(x, y).statistic
    assert result.value == pytest.approx(r, rel=1e-12)
    # Bonett & Wright 2000: the standard error on Fisher's scale.
    half = scipy.stats.norm.ppf(0.975) * math.sqrt((1 + r**2 / 2) / 47)
    expected = [math.tanh(math.atanh(r) + sign * half) for sign in (-1, 1)]
    assert [result.interval.low, result.interval.high] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("x", "y", "value"),
    [([], [], None), ([1], [2], None), ([1, 1, 1], [1, 2, 3], None), ([1, 2, 3], [1, 3, 2], 0.5),
     ([1, 2, 3, 4, 5], [10, 20, 30, 40, 99], 1.0), ([1, 2, 3, 4], [4, 3, 2, 1], -1.0)],
)  # fmt: skip
def test_spearman_without_an_error_to_estimate_says_why(x, y, value):
    result = spearman(x, y)
    assert (result.value, result.interval) == (value, None)
    assert result.reason


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_spearman_interval_covers(rho):
    rng, hits = np.random.default_rng(6), 0
    truth = 6 / math.pi * math.asin(rho / 2)  # Spearman's correlation of a normal pair
    results = []
    for _ in range(800):
        x, noise = rng.normal(size=(2, 60))
        results.append(spearman(x, rho * x + math.sqrt(1 - rho**2) * noise))
        hits += truth in results[-1].interval
    assert hits / 800 >= 0.92
    spread = np.std([result.value for result in results])
    assert np.mean([result.std_error for result in results]) == pytest.approx(spread, rel=0.1)


def test_auroc_interval_covers():
    rng, hits = np.random.default_rng(8), 0
    labels = np.repeat([0, 1], 40)
    for _ in range(800):
        scores = rng.normal(size=80) + labels
        hits += scipy.stats.norm.cdf(1 / math.sqrt(2)) in auroc(scores, labels).interval
    assert hits / 800 >= 0.92


@repeatable
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 1)), max_size=40))
def test_auroc_of_reversed_scores_is_the_complement(rows):
    scores, labels = np.array([row[0] for row in rows]), [row[1] for row in rows]
    first, second = auroc(scores, labels), auroc(-scores, labels)
    assert (first.value is None) == (second.value is None)
    if first.value is not None:
        assert first.value == pytest.approx(1.0 - second.value)
        if first.interval is not None:
            assert 0.0 < first.interval.low <= first.value <= first.interval.high <= 1.0


@repeatable
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), max_size=40))
def test_kappa_is_symmetric_and_within_its_interval(rows):
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    first, second = cohen_kappa(a, b), cohen_kappa(b, a)
    assert (first.value is None) == (second.value is None)
    if first.value is not None:
        assert first.value == pytest.approx(second.value)
        assert -1.0 <= first.value <= 1.0
    assert (first.interval is None) == (first.reason is not None)
    if first.interval is not None:
        assert first.value in first.interval


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_label_is_told(missing):
    with pytest.raises(ValueError, match="A label is missing"):
        cohen_kappa([missing, 1], [1, 1])
