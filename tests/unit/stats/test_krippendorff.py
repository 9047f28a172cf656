"""Krippendorff's alpha against his paper's example, others' documents, and its definition."""

import itertools

import numpy as np
import pytest

from quilate.stats import krippendorff_alpha

N = None
# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: 4 observers, 12
# units. The paper gives nominal .743, ordinal .815, interval .849, ratio .797.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]
UNITS = list(zip(*OBSERVERS, strict=True))
# The example of Wikipedia's article, three coders: nominal 0.691358, interval 0.810845 in the
# docstring of the package krippendorff (fast-krippendorff).
CODERS = [
    [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3],
    [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
    [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
]


@pytest.mark.parametrize(
    ("measurement", "alpha"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_the_example_of_the_paper(measurement, alpha):
    found = krippendorff_alpha(UNITS, measurement=measurement)
    assert found.value == pytest.approx(alpha, abs=5e-4)
    assert found.n == 11  # the twelfth has one rating
    assert found.value in found.interval


@pytest.mark.parametrize(("measurement", "alpha"), [("nominal", 0.691358), ("interval", 0.810845)])
def test_the_example_of_the_encyclopaedia(measurement, alpha):
    units = list(zip(*CODERS, strict=True))
    assert krippendorff_alpha(units, measurement=measurement).value == pytest.approx(
        alpha, abs=5e-7
    )


def test_irrcacs_figures():
    # irrCAC's README: cac.raw4raters is the same example, 0.74342.
    assert krippendorff_alpha(UNITS).value == pytest.approx(0.74342, abs=5e-6)


def test_words_in_order_are_an_ordinal_scale():
    words = dict(enumerate(["very low", "low", "mid", "high", "very high"], start=1))
    rows = [[words.get(label) for label in unit] for unit in UNITS]
    found = krippendorff_alpha(rows, measurement="ordinal", labels=list(words.values()))
    assert found.value == pytest.approx(0.815, abs=5e-4)


def test_alpha_is_its_definition_pair_by_pair():
    rng = np.random.default_rng(3)
    rows = [[float(x) for x in rng.normal(m, 1, rng.integers(1, 5))] for m in rng.normal(0, 2, 30)]
    pairable = [row for row in rows if len(row) > 1]
    values = [x for row in pairable for x in row]
    n = len(values)
    observed = sum(
        sum((x - y) ** 2 for x, y in itertools.permutations(row, 2)) / (len(row) - 1)
        for row in pairable
    )
    expected = sum((x - y) ** 2 for x, y in itertools.permutations(values, 2)) / (n - 1)
    found = krippendorff_alpha(rows, measurement="interval")
    assert found.value == pytest.approx(1 - observed / expected, rel=1e-10)


def test_the_error_is_that_of_the_jackknife_unit_by_unit():
    found = krippendorff_alpha(UNITS, measurement="ordinal")
    units = [unit for unit in UNITS if sum(label is not None for label in unit) > 1]
    left = [
        krippendorff_alpha(units[:n] + units[n + 1 :], measurement="ordinal").value
        for n in range(len(units))
    ]
    error = np.sqrt((len(left) - 1) * np.var(left))
    assert found.std_error == pytest.approx(error, rel=1e-10)


def test_intervals_cover():
    rng = np.random.default_rng(4)

    def study(n):
        truth = rng.normal(size=(n, 1))
        ratings = np.digitize(0.8 * truth + 0.6 * rng.normal(size=(n, 3)), [-1, 0, 1])
        kept = rng.random((n, 3)) < 0.8
        return [
            [int(x) if keep else None for x, keep in zip(*row, strict=True)]
            for row in zip(ratings, kept, strict=True)
        ]

    truth = np.mean(
        [krippendorff_alpha(study(20_000), measurement="ordinal").value for _ in range(3)]
    )
    found = [krippendorff_alpha(study(60), measurement="ordinal") for _ in range(300)]
    assert np.mean([truth in one.interval for one in found]) >= 0.91
    spread = np.std([one.value for one in found])
    assert np.mean([one.std_error for one in found]) == pytest.approx(spread, rel=0.12)


def test_many_units_are_left_out_in_blocks():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, (3000, 1))
    rows = np.where(rng.random((3000, 3)) < 0.7, truth, rng.integers(0, 4, (3000, 3))).tolist()
    whole = krippendorff_alpha(rows)
    parts = [
        krippendorff_alpha(rows[start : start + 150]).std_error for start in range(0, 3000, 150)
    ]
    assert whole.std_error == pytest.approx(np.mean(parts) / np.sqrt(20), rel=0.2)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="measurement is 'cardinal'"):
        krippendorff_alpha(UNITS, measurement="cardinal")
    with pytest.raises(ValueError, match="numbers"):
        krippendorff_alpha([["a", "b"]], measurement="interval", labels=["a", "b"])
    with pytest.raises(ValueError, match="positive"):
        krippendorff_alpha([[-1, 2]], measurement="ratio")
    with pytest.raises(ValueError, match="finite"):
        krippendorff_alpha([[1.0, float("inf")]], measurement="interval")


def test_few_units_have_a_value_and_no_interval():
    found = krippendorff_alpha([[1, 1], [2, 1]])
    assert (found.value, found.interval) == (pytest.approx(0.0), None)
    assert found.reason == "too few units for an interval"
    alone = krippendorff_alpha([[1, 1]] * 5 + [[1, 2]])
    assert (alone.interval, alone.reason) == (
        None, "one unit alone makes the ratings differ: the error cannot be estimated",
    )  # fmt: skip
