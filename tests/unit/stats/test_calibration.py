"""Calibration against closed forms, scikit-learn, statsmodels and simulation."""

import math

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm

from quilate.stats import (
    brier_score,
    corrected_prevalence,
    expected_calibration_error,
    isotonic_scaling,
    platt_scaling,
    proportion,
    reliability_curve,
    spiegelhalter,
)


def judged(rng, n, distort=lambda p: p):
    """Probabilities and labels that follow a distortion of them."""
    p = rng.beta(1.5, 1.5, n)
    return p, (rng.random(n) < distort(p)).astype(float)


def overconfident(p):
    """True chances nearer to a half than the judge says."""
    return 0.5 + 0.5 * (p - 0.5)


def test_the_curve_agrees_with_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration")
    p, y = judged(np.random.default_rng(1), 1000)
    observed, predicted = calibration.calibration_curve(y, p, n_bins=10, strategy="quantile")
    curve = reliability_curve(p, y, bins=10)
    assert [part.n for part in curve] == [100] * 10
    assert [part.observed for part in curve] == pytest.approx(observed)
    assert [part.predicted for part in curve] == pytest.approx(predicted)
    for part in curve:
        assert part.low <= part.predicted <= part.high
        ones = round(part.observed * part.n)
        expected = scipy.stats.binomtest(ones, part.n).proportion_ci(method="wilson")
        assert (part.interval.low, part.interval.high) == pytest.approx(tuple(expected))


def test_equal_probabilities_share_a_bin():
    p = [0.2] * 50 + [0.5] * 3 + [0.9] * 47
    curve = reliability_curve(p, [0] * 40 + [1] * 60, bins=10)
    assert [(part.n, part.low, part.high) for part in curve] == [
        (50, 0.2, 0.2),
        (3, 0.5, 0.5),
        (47, 0.9, 0.9),
    ]
    assert curve[0].observed == 0.2
    assert reliability_curve([], []) == ()
    rng = np.random.default_rng(0)
    many = reliability_curve(rng.random(1003), rng.integers(0, 2, 1003), bins=7)
    assert len(many) == 7
    assert sum(part.n for part in many) == 1003
    assert max(part.n for part in many) - min(part.n for part in many) <= 1


def test_brier_score_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    p, y = judged(np.random.default_rng(2), 300)
    score = brier_score(p, y)
    assert score.value == pytest.approx(metrics.brier_score_loss(y, p), rel=1e-12)
    expected = scipy.stats.ttest_1samp((p - y) ** 2, 0).confidence_interval()
    assert (score.interval.low, score.interval.high) == pytest.approx(tuple(expected))
    assert brier_score([0.5, 0.5], [0, 1]).value == 0.25
    assert brier_score([], []).value is None


def test_plug_in_error_by_hand():
    # Bins {0.1, 0.3}: predicted 0.2, observed 0.5; {0.6, 1.0}: predicted 0.8, observed 1.
    error = expected_calibration_error([0.1, 0.3, 0.6, 1.0], [1, 0, 1, 1], bins=2)
    assert error.plug_in == pytest.approx(0.5 * 0.3 + 0.5 * 0.2)


def test_noise_alone_is_not_called_miscalibration():
    rng = np.random.default_rng(3)
    found = [
        expected_calibration_error(*judged(rng, 300), resamples=200, seed=seed)
        for seed in range(60)
    ]
    plug_in = np.mean([error.plug_in for error in found])
    assert plug_in > 0.04
    assert np.mean([error.if_calibrated for error in found]) == pytest.approx(plug_in, abs=0.006)
    assert np.mean([error.estimate.value for error in found]) < 0.6 * plug_in
    assert np.mean([error.estimate.interval.low == 0.0 for error in found]) > 0.9


def test_the_error_of_an_overconfident_judge_is_found_and_covered():
    rng = np.random.default_rng(4)
    p, y = judged(rng, 200_000, overconfident)
    truth = float(np.mean(np.abs(p - overconfident(p))))
    assert expected_calibration_error(p, y, resamples=10).plug_in == pytest.approx(truth, abs=0.005)
    found = [
        expected_calibration_error(*judged(rng, 400, overconfident), resamples=200, seed=seed)
        for seed in range(100)
    ]
    values = [error.estimate.value for error in found]
    plain = [error.plug_in for error in found]
    assert abs(np.mean(values) - truth) < abs(np.mean(plain) - truth)
    assert np.mean([truth in error.estimate.interval for error in found]) > 0.9
    assert np.mean([error.p_value < 0.05 for error in found]) > 0.9


def test_calibration_error_is_repeatable_and_says_when_it_cannot_be_had():
    p, y = judged(np.random.default_rng(5), 60)
    assert expected_calibration_error(p, y, seed=3) == expected_calibration_error(p, y, seed=3)
    few = expected_calibration_error(p[:12], y[:12])
    assert few.estimate.interval is None
    assert "too few" in few.estimate.reason
    certain = expected_calibration_error([1.0] * 30, [1] * 30)
    assert (certain.estimate.value, certain.estimate.interval) == (0.0, None)
    assert "no spread" in certain.estimate.reason
    nothing = expected_calibration_error([], [])
    assert (nothing.plug_in, nothing.estimate.reason) == (None, "no values")


def test_spiegelhalters_test_holds_its_level_and_is_right_for_one_probability():
    # All probabilities equal: z is that of the one-sample test of a proportion, statsmodels'.
    y = [1] * 30 + [0] * 20
    _, expected = sm.stats.proportions_ztest(30, 50, value=0.7, prop_var=0.7)
    assert spiegelhalter([0.7] * 50, y) == pytest.approx(expected, rel=1e-10)
    rng = np.random.default_rng(6)
    rejected = [spiegelhalter(*judged(rng, 100)) < 0.05 for _ in range(2000)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.015)
    assert spiegelhalter([0.5, 1.0, 0.0], [1, 1, 0]) is None


@pytest.mark.parametrize(("n", "shift"), [(12, 0.0), (200, 0.7), (500, 40.0)])
def test_platt_scaling_agrees_with_statsmodels(n, shift):
    rng = np.random.default_rng(n)
    x = rng.normal(shift, 2.0, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-(x - shift)))).astype(float)
    ones = y.sum()
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (n - ones + 2))
    fitted = sm.GLM(target, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-12)
    curve = platt_scaling(x, y)
    assert (curve.intercept, curve.slope) == pytest.approx(tuple(fitted.params), rel=1e-5)
    assert curve(x) == pytest.approx(fitted.fittedvalues, abs=1e-6)


def test_platt_scaling_stays_finite_when_scores_separate_the_labels():
    curve = platt_scaling([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1])
    assert math.isfinite(curve.slope)
    assert 0 < curve([0.0])[0] < 0.2
    rising = curve(np.linspace(0, 7, 20))
    assert (np.diff(rising) > 0).all()


def test_isotonic_scaling_agrees_with_scikit_learn():
    isotonic = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(7)
    p, y = judged(rng, 400, overconfident)
    p = p.round(2)
    reference = isotonic.IsotonicRegression(out_of_bounds="clip").fit(p, y)
    at = np.linspace(-0.2, 1.2, 57)
    assert isotonic_scaling(p, y)(at) == pytest.approx(reference.predict(at), abs=1e-9)


def test_recalibration_mends_an_overconfident_judge_on_new_items():
    rng = np.random.default_rng(8)
    p, y = judged(rng, 2000, overconfident)
    new, labels = judged(rng, 5000, overconfident)
    before = expected_calibration_error(new, labels, resamples=10).plug_in
    for fit in (platt_scaling, isotonic_scaling):
        after = expected_calibration_error(fit(p, y)(new), labels, resamples=10).plug_in
        assert after < before / 2
        assert brier_score(fit(p, y)(new), labels).value < brier_score(new, labels).value


def prevalence(rng, share, sensitivity, specificity, sizes):
    positives, negatives, unlabelled = sizes
    y = np.array([1.0] * positives + [0.0] * negatives)
    f = np.concatenate(
        [rng.random(positives) < sensitivity, rng.random(negatives) >= specificity]
    ).astype(float)
    truth = rng.random(unlabelled) < share
    says = np.where(
        truth, rng.random(unlabelled) < sensitivity, rng.random(unlabelled) >= specificity
    )
    return corrected_prevalence(y, f, says.astype(float))


def test_prevalence_by_rogan_and_gladens_formula():
    y, f = [1] * 20 + [0] * 30, [1] * 18 + [0] * 2 + [0] * 24 + [1] * 6
    found = corrected_prevalence(y, f, [1] * 55 + [0] * 45)
    assert (found.sensitivity.value, found.specificity.value) == (0.9, 0.8)
    assert found.corrected.value == pytest.approx((0.55 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert found.apparent == proportion([1] * 55 + [0] * 45)


def test_the_prevalence_interval_becomes_that_of_the_delta_method():
    # With large samples the adjustments of Lang & Reiczigel vanish, and what is left is the
    # variance by propagation of the three binomial errors.
    y, f = [1] * 5000 + [0] * 5000, [1] * 4500 + [0] * 500 + [0] * 4000 + [1] * 1000
    found = corrected_prevalence(y, f, [1] * 5500 + [0] * 4500).corrected
    variance = (
        0.55 * 0.45 / 10_000 + 0.5**2 * 0.9 * 0.1 / 5000 + 0.5**2 * 0.8 * 0.2 / 5000
    ) / 0.7**2
    assert found.value == pytest.approx(0.5)
    assert found.interval.high - found.interval.low == pytest.approx(
        2 * 1.96 * math.sqrt(variance), rel=0.01
    )


@pytest.mark.parametrize(
    ("share", "sensitivity", "specificity", "sizes"),
    [
        (0.5, 0.9, 0.8, (50, 50, 400)),
        (0.1, 0.9, 0.95, (30, 60, 300)),
        (0.02, 0.8, 0.98, (40, 200, 500)),
        (0.7, 0.75, 0.7, (60, 60, 200)),
    ],
)
def test_prevalence_intervals_cover_where_the_raw_share_does_not(
    share, sensitivity, specificity, sizes
):
    # Lang & Reiczigel (2014) report coverage near and mostly above the nominal level.
    rng = np.random.default_rng(9)
    found = [prevalence(rng, share, sensitivity, specificity, sizes) for _ in range(1000)]
    assert np.mean([share in each.corrected.interval for each in found]) > 0.93
    assert np.mean([share in each.apparent.interval for each in found]) < 0.9


def test_prevalence_without_a_usable_judge_has_a_reason():
    labels = [1] * 10 + [0] * 10
    coin = corrected_prevalence(labels, [1, 0] * 10, [1, 0, 1])
    assert coin.corrected.value is None
    assert "no better than chance" in coin.corrected.reason
    one_kind = corrected_prevalence([1] * 5, [1] * 5, [1, 0])
    assert "labels of both kinds" in one_kind.corrected.reason
    assert "needs" in corrected_prevalence(labels, labels, []).corrected.reason
    none = corrected_prevalence(labels, labels, [0] * 50).corrected
    assert none.value == 0.0
    assert none.interval.low == 0.0 < none.interval.high


@pytest.mark.parametrize(
    "call",
    [
        lambda: reliability_curve([0.5, 1.2], [0, 1]),
        lambda: reliability_curve([0.5, 0.2], [0, 2]),
        lambda: reliability_curve([0.5], [0, 1]),
        lambda: reliability_curve([0.5], [0], bins=0),
        lambda: brier_score([math.nan], [0]),
        lambda: expected_calibration_error([-0.1], [0]),
        lambda: expected_calibration_error([0.1], [0], resamples=1),
        lambda: platt_scaling([0.1, 0.1], [0, 1]),
        lambda: platt_scaling([0.1, 0.2], [0, 0.5]),
        lambda: isotonic_scaling([], []),
        lambda: corrected_prevalence([0.5], [1], [1]),
        lambda: corrected_prevalence([1], [0.5], [1]),
        lambda: corrected_prevalence([1], [1], [0.5]),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError, match=r"."):
        call()
