"""Agreement of raters against irrCAC's documents, statsmodels, Fleiss 1971, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from quilate.stats import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    gwet_ac2,
    krippendorff_alpha,
    percent_agreement,
)
from quilate.stats.ratings import agreement_weights

repeatable = settings(deadline=None, derandomize=True)
N = None
# Gwet's package irrCAC (R), README, dataset cac.raw4raters: 12 subjects, 4 raters, NA missing.
RAW_4_RATERS = [
    [1, 1, N, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [N, 5, 5, 5], [N, N, 1, 1], [N, N, 3, N],
]  # fmt: skip
# The same README, dataset distrib.6raters: psychiatrists by diagnosis, 15 patients.
SIX_RATERS = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0],
    [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
    [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1],
]  # fmt: skip
# Fleiss 1971, Psychological Bulletin 76, table 1: 30 patients, 6 psychiatrists; each row the
# diagnoses of a patient, as statsmodels' tests have them.
FLEISS_1971 = """444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444
222333 144444 224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224
111155 224444 133333 555555"""


def rows_of(counts):
    return [[label for label, times in enumerate(row) for _ in range(times)] for row in counts]


def raters(table):
    """Two label sequences with this confusion table, labels 1, 2, …"""
    cells = [
        (i + 1, j + 1) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)
    ]
    return [cell[0] for cell in cells], [cell[1] for cell in cells]


def test_gwet_ac1_with_missing_ratings_is_as_irrcac_documents():
    found = gwet_ac1(RAW_4_RATERS)
    assert found.value == pytest.approx(0.77544, abs=5e-6)
    assert found.std_error == pytest.approx(0.14295, abs=5e-6)
    assert (found.interval.low, found.interval.high) == (pytest.approx(0.461, abs=5e-4), 1.0)
    assert found.n == 12


def test_fleiss_kappa_with_missing_ratings_is_as_irrcac_documents():
    found = fleiss_kappa(RAW_4_RATERS)
    assert found.value == pytest.approx(0.76117, abs=5e-6)
    assert found.std_error == pytest.approx(0.15302, abs=5e-6)
    assert (found.interval.low, found.interval.high) == (pytest.approx(0.424, abs=5e-4), 1.0)


def test_percent_agreement_is_as_irrcac_documents():
    found = percent_agreement(RAW_4_RATERS)
    assert found.value == pytest.approx(0.8181818, abs=5e-8)
    assert found.n == 11  # units with two ratings; irrCAC's error counts the twelfth too
    # The same README, cont3x3abstractors: 89 of 100 agree, standard error 0.03128898.
    a, b = raters([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    two = percent_agreement(list(zip(a, b, strict=True)))
    # Of a table it divides by n, of raw ratings by n − 1, as we do always.
    assert two.value == 0.89
    assert two.std_error * math.sqrt(99 / 100) == pytest.approx(0.03128898, abs=5e-9)
    assert two.interval.method == "Wilson"


def test_ac1_and_fleiss_of_six_psychiatrists_are_as_irrcac_documents():
    rows = rows_of(SIX_RATERS)
    ac1, fleiss = gwet_ac1(rows), fleiss_kappa(rows)
    assert (ac1.value, ac1.std_error) == (
        pytest.approx(0.4448007, abs=5e-8),
        pytest.approx(0.08418757, abs=5e-9),
    )
    assert (fleiss.value, fleiss.std_error) == (
        pytest.approx(0.4139265, abs=5e-8),
        pytest.approx(0.08119291, abs=5e-9),
    )
    ends = [ac1.interval.low, ac1.interval.high, fleiss.interval.low, fleiss.interval.high]
    assert ends == pytest.approx([0.264, 0.625, 0.240, 0.588], abs=5e-4)


def test_two_raters_are_as_irrcac_documents():
    a, b = raters([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    ac1 = gwet_ac1(list(zip(a, b, strict=True)))
    assert ac1.value == pytest.approx(0.8493305, abs=5e-8)
    assert ac1.std_error * math.sqrt(99 / 100) == pytest.approx(0.04321747, abs=5e-9)
    assert cohen_kappa(a, b).value == pytest.approx(0.7964094, abs=5e-8)


def test_fleiss_kappa_of_his_own_patients():
    rows = [list(patient) for patient in FLEISS_1971.split()]
    found = fleiss_kappa(rows)
    assert found.value == pytest.approx(0.43, abs=5e-3)  # R, irr: kappam.fleiss(diagnoses) is 0.43
    numbers = [[int(label) for label in row] for row in rows]
    assert found.value == pytest.approx(
        statsmodels_fleiss(aggregate_raters(np.array(numbers))[0]), rel=1e-12
    )


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
@pytest.mark.parametrize(
    "table", [[[44, 5, 1], [7, 20, 3], [9, 5, 6]], [[5, 8, 2], [4, 8, 3], [1, 2, 9]]]
)
def test_weighted_kappa_agrees_with_statsmodels(table, weights):
    a, b = raters(table)
    found, expected = cohen_kappa(a, b, weights=weights), cohens_kappa(np.array(table), wt=weights)
    assert found.value == pytest.approx(expected.kappa, rel=1e-12)
    assert found.std_error == pytest.approx(expected.std_kappa, rel=1e-10)


def test_ac2_is_the_formula_by_hand():
    # Pairs 1-1, 2-3, 3-3, 1-2 on a scale of three, quadratic weights 1, 0.75, 0: observed
    # (1 + .75 + 1 + .75)/4 = .875; labels' shares 3/8, 2/8, 3/8; expected 6/6 · .65625.
    found = gwet_ac2([[1, 1], [2, 3], [3, 3], [1, 2]])
    assert found.value == pytest.approx((0.875 - 0.65625) / (1 - 0.65625), rel=1e-12)


def test_ac2_without_weight_between_labels_is_ac1():
    labels = [1, 2]
    rows = [[1, 1, 2], [2, 2, 2], [1, 2, N], [1, 1, 1]]
    for weights in ("linear", "quadratic", "ordinal"):
        assert gwet_ac2(rows, weights=weights, labels=labels).value == pytest.approx(
            gwet_ac1(rows).value
        )


def test_weights_are_those_of_irrcacs_vignette():
    # irrCAC, vignette "Weighted Chance-corrected Agreement Coefficients": weights of 1:3.
    rows = {name: agreement_weights([1, 2, 3], name)[0] for name in ("linear", "ordinal")}
    assert rows["linear"].tolist() == [1.0, 0.5, 0.0]
    assert rows["ordinal"].tolist() == pytest.approx([1.0, 0.6666667, 0.0], abs=5e-8)
    assert agreement_weights([1, 2, 3], "quadratic")[1].tolist() == [0.75, 1.0, 0.75]
    assert agreement_weights(["low", "mid", "high"], "linear")[0].tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("figure", [fleiss_kappa, gwet_ac1, krippendorff_alpha, percent_agreement])
def test_clusters_widen_what_stands_or_falls_together(figure):
    rng = np.random.default_rng(5)
    units = [[int(x), int(x if rng.random() < 0.7 else 1 - x)] for x in rng.integers(0, 2, 40)]
    copies, clusters = units * 5, [n % 40 for n in range(200)]
    alone, repeated = figure(units), figure(copies, clusters=clusters)
    naive = figure(copies)
    assert repeated.value == pytest.approx(alone.value, abs=0.02)  # alpha corrects by n
    assert repeated.clusters == 40
    assert repeated.std_error == pytest.approx(alone.std_error, rel=0.05)
    assert naive.std_error < 0.6 * repeated.std_error


def test_clustered_cohen_kappa():
    rng = np.random.default_rng(6)
    a = rng.integers(0, 3, 60)
    b = np.where(rng.random(60) < 0.6, a, rng.integers(0, 3, 60))
    alone = cohen_kappa(a.tolist(), b.tolist())
    each = cohen_kappa(a.tolist(), b.tolist(), clusters=range(60))
    repeated = cohen_kappa(
        np.tile(a, 4).tolist(), np.tile(b, 4).tolist(), clusters=list(range(60)) * 4
    )
    # The sandwich divides by n − 1 where Fleiss, Cohen and Everitt divide by n.
    assert each.std_error == pytest.approx(alone.std_error * math.sqrt(60 / 59), rel=1e-10)
    assert repeated.std_error == pytest.approx(each.std_error, rel=1e-10)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [([], "no values"), ([[1, N], [N, 2]], "no unit has two ratings or more"),
     ([["x", "x"], ["x", "x"]], "every rating is the same label"),
     ([[N, N]], "no values")],
)  # fmt: skip
@pytest.mark.parametrize("figure", [fleiss_kappa, gwet_ac1, krippendorff_alpha])
def test_what_cannot_be_had_says_why(figure, rows, reason):
    found = figure(rows)
    assert (found.value, found.interval, found.reason) == (None, None, reason)


def test_perfect_agreement_has_a_value_and_no_interval():
    for figure in (fleiss_kappa, gwet_ac1, krippendorff_alpha):
        found = figure([["x", "x"], ["y", "y"], ["x", "x"], ["y", "y"]])
        assert found.value == pytest.approx(1.0)
        assert found.interval is None
        assert found.reason


def test_prevalence_collapses_kappa_and_not_ac1():
    rows = [["ok", "ok"]] * 95 + [["ok", "bad"]] * 3 + [["bad", "ok"]] * 2
    assert fleiss_kappa(rows).value < 0.0
    assert gwet_ac1(rows).value > 0.9


def test_labels_without_an_order_are_refused_where_it_matters():
    with pytest.raises(ValueError, match="give `labels` in order"):
        gwet_ac2([["low", "high"], ["low", "low"]])
    assert gwet_ac2([["low", "high"], ["low", "low"]], labels=["low", "mid", "high"]).value
    with pytest.raises(ValueError, match="'worst' is not one of the labels"):
        gwet_ac1([["low", "worst"]], labels=["low", "high"])
    with pytest.raises(ValueError, match="twice"):
        gwet_ac1([["low", "low"]], labels=["low", "low"])
    with pytest.raises(ValueError, match="weights is 'cubic'"):
        gwet_ac2([[1, 2], [2, 3]], weights="cubic")
    with pytest.raises(ValueError, match="clusters has 1 labels for 2 units"):
        gwet_ac1([[1, 2], [2, 3]], clusters=["a"])


@repeatable
@given(
    st.lists(st.lists(st.sampled_from([1, 2, 3, None]), min_size=1, max_size=4), max_size=25),
    st.booleans(),
)
def test_no_figure_is_ever_nan(rows, clustered):
    clusters = [n // 2 for n in range(len(rows))] if clustered else None
    found = [
        fleiss_kappa(rows, clusters=clusters),
        gwet_ac1(rows, clusters=clusters),
        gwet_ac2(rows, clusters=clusters),
        percent_agreement(rows, clusters=clusters),
        krippendorff_alpha(rows, measurement="ordinal", clusters=clusters),
        krippendorff_alpha(rows, measurement="ratio", clusters=clusters),
    ]
    for one in found:
        ends = [one.interval.low, one.interval.high] if one.interval else []
        numbers = [x for x in (one.value, one.std_error, *ends) if x is not None]
        assert all(math.isfinite(x) for x in numbers)
        if one.interval is not None:
            assert one.value - 1e-9 <= one.interval.high
            assert one.interval.low <= one.value + 1e-9
        else:
            assert one.reason
