"""Variance components against statsmodels' REML, hand computation, and known populations."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.stats import mean, variance_components

repeatable = settings(deadline=None, derandomize=True)


def test_balanced_components_are_those_of_statsmodels_reml():
    # For balanced data the moment estimates are the REML ones where all are positive.
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 1, (20, 1)) + rng.normal(0, 0.7, (20, 4))
    frame = pd.DataFrame({"y": scores.ravel(), "item": np.repeat(np.arange(20), 4)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = smf.mixedlm("y ~ 1", frame, groups="item").fit(reml=True)
    parts = variance_components(scores)
    assert parts.item == pytest.approx(float(fit.cov_re.iloc[0, 0]), rel=1e-4)
    assert parts.epoch == pytest.approx(float(fit.scale), rel=1e-4)
    assert parts.std_error == pytest.approx(float(fit.bse["Intercept"]), rel=1e-4)


def test_snedecor_and_cochrans_unbalanced_formula_by_hand():
    # Groups (1, 3), (2), (6, 8, 10): n0 = (6 - (4 + 1 + 9) / 6) / 2 = 11/6; within = (2 + 8) / 3.
    parts = variance_components([[1.0, 3.0], [2.0, None], [6.0, 8.0, 10.0]])
    within = 10 / 3
    between = (2 * (2 - 5) ** 2 + (2 - 5) ** 2 + 3 * (8 - 5) ** 2) / 2
    assert parts.epoch == pytest.approx(within)
    assert parts.item == pytest.approx((between - within) / (11 / 6))
    assert (parts.items, parts.epochs) == (3, pytest.approx(3 / (1 / 2 + 1 + 1 / 3)))
    assert parts.mean == 4.0


def test_standard_error_is_that_of_the_items_means():
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 1, (30, 1)) + rng.normal(0, 1, (30, 5))
    expected = mean(scores.mean(axis=1)).std_error
    assert variance_components(scores).std_error == pytest.approx(expected, rel=1e-9)


def crossed_and_nested(rng, n, m, k, deviations):
    shapes = [(n, 1, 1), (n, m, 1), (1, 1, k), (n, 1, k), (n, m, k)]
    return sum(rng.normal(0, sd, shape) for sd, shape in zip(deviations, shapes, strict=True))


def residual_squares(x, *factors):
    """Of the least-squares regression on the dummies of some factors."""
    dummies = np.hstack([(factor[:, None] == np.unique(factor)) * 1.0 for factor in factors])
    fitted = dummies @ np.linalg.lstsq(dummies, x.ravel(), rcond=None)[0]
    return float(((x.ravel() - fitted) ** 2).sum())


def test_judged_components_solve_the_expected_mean_squares_of_regressions():
    n, m, k = 8, 3, 4
    x = crossed_and_nested(np.random.default_rng(3), n, m, k, (1.0, 0.6, 1.5, 0.7, 0.3))
    item, epoch, judge = np.indices(x.shape).reshape(3, -1)
    answer, crossed = item * m + epoch, item * k + judge
    steps = [
        residual_squares(x, np.zeros(x.size)),
        residual_squares(x, item),
        residual_squares(x, item, judge),
        residual_squares(x, crossed),
        residual_squares(x, crossed, answer),
        0.0,
    ]
    degrees = [n - 1, k - 1, (n - 1) * (k - 1), n * (m - 1), n * (m - 1) * (k - 1)]
    squares = -np.diff(steps) / degrees
    ms_item, ms_judge, ms_crossed, ms_answer, residual = squares
    parts = variance_components(x)
    assert parts.residual == pytest.approx(residual, rel=1e-8)
    assert parts.item_judge == pytest.approx((ms_crossed - residual) / m, rel=1e-8)
    assert parts.judge == pytest.approx((ms_judge - ms_crossed) / (n * m), rel=1e-8)
    assert parts.epoch == pytest.approx((ms_answer - residual) / k, rel=1e-8)
    item_part = (ms_item - ms_answer - ms_crossed + residual) / (m * k)
    assert parts.item == pytest.approx(item_part, rel=1e-8)


def test_components_of_a_known_population_are_found():
    deviations = np.array([1.0, 0.8, 0.5, 0.6, 0.4])
    x = crossed_and_nested(np.random.default_rng(4), 400, 4, 40, deviations)
    parts = variance_components(x)
    found = np.array([parts.item, parts.epoch, parts.judge, parts.item_judge, parts.residual])
    # Forty judges tell their variance to within about sqrt(2 / 39) of it.
    assert np.all(np.abs(found / deviations**2 - 1) < [0.2, 0.1, 0.6, 0.1, 0.1])
    assert (parts.items, parts.epochs, parts.judges) == (400, 4, 40)


def test_one_epoch_leaves_items_and_answers_together():
    parts = variance_components([[1.0], [0.0], [1.0], [1.0]])
    assert (parts.item, parts.epoch) == (pytest.approx(0.25), None)
    assert "one epoch" in parts.reason and parts.advice == "more items"
    judged = variance_components([[[1.0, 0.5]], [[0.0, 0.5]], [[0.5, 1.0]]])
    assert (judged.epoch, judged.item_judge) == (None, None) and judged.residual > 0
    with pytest.raises(ValueError, match="one epoch"):
        parts.best_epochs(item_cost=1.0, answer_cost=1.0)


def test_advice_names_the_largest_part():
    rng = np.random.default_rng(5)
    items = variance_components(rng.normal(0, 1, (50, 1)) + rng.normal(0, 0.1, (50, 3)))
    answers = variance_components(rng.normal(0, 0.1, (50, 1)) + rng.normal(0, 1, (50, 3)))
    severity = np.array([-1.0, 0.0, 1.0]) + rng.normal(0, 0.1, (50, 2, 3))
    assert items.advice == "more items" and answers.advice == "more epochs"
    assert variance_components(severity).advice == "more judges"


def test_variance_of_mean_foretells_other_sizes():
    rng = np.random.default_rng(6)
    parts = variance_components(rng.normal(0, 1, (300, 1)) + rng.normal(0, 2, (300, 3)))
    draws = rng.normal(0, 1, (4000, 25, 1)) + rng.normal(0, 2, (4000, 25, 8))
    assert parts.variance_of_mean(25, 8) == pytest.approx(draws.mean(axis=(1, 2)).var(), rel=0.25)
    assert parts.variance_of_mean(600) == pytest.approx(parts.variance_of_mean() / 2)
    # New items never do worse than more epochs for the same number of answers.
    assert parts.variance_of_mean(600, 3) < parts.variance_of_mean(300, 6)


@repeatable
@given(st.floats(0.1, 20), st.floats(0.1, 5), st.integers(0, 50))
def test_best_epochs_is_the_cheapest_of_all(item_cost, answer_cost, seed):
    rng = np.random.default_rng(seed)
    parts = variance_components(rng.normal(0, 1, (30, 1)) + rng.normal(0, 1.5, (30, 3)))

    def variance_per_budget(m):
        return (item_cost + m * answer_cost) * (parts.item + parts.epoch / m)

    best = parts.best_epochs(item_cost=item_cost, answer_cost=answer_cost)
    assert best == min(range(1, 200), key=variance_per_budget)


@repeatable
@given(st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=4), max_size=8))
def test_any_table_is_split_or_refused(rows):
    scored = [row for row in rows if any(x is not None for x in row)]
    if len(scored) < 2:
        with pytest.raises(ValueError, match="two items"):
            variance_components(rows)
        return
    parts = variance_components(rows)
    assert parts.item >= 0 and (parts.epoch is None) == (parts.reason is not None)
    assert parts.std_error >= 0


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[1.0, float("nan")], [0.0, 1.0]], "is nan"),
        ([[[1.0, None]], [[0.0, 1.0]]], "must be complete"),
        ([[[1.0, 1.0]], [None]], "must be complete"),
        ([[[1.0, 1.0]], [[0.0]]], "must be complete"),
        ([[[1.0], [0.0]], [[0.0], [1.0]]], "two judges or more"),
        ([[[1.0, float("inf")]], [[0.0, 1.0]]], "is inf"),
    ],
)
def test_bad_input_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        variance_components(scores)
