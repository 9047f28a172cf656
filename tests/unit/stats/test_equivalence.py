"""Equivalence and non-inferiority against statsmodels and scipy, and their error rates."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import ttost_paired

from quilate.stats import equivalence, mean, non_inferiority

repeatable = settings(deadline=None, derandomize=True)
A = [0.81, 0.42, 0.93, 0.55, 0.77, 0.38, 0.90, 0.61, 0.72, 0.49]
B = [0.60, 0.45, 0.70, 0.52, 0.61, 0.41, 0.66, 0.58, 0.70, 0.31]
DOCUMENTS = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "f"]


@pytest.mark.parametrize("margin", [0.05, 0.1, 0.25])
def test_equivalence_has_the_p_value_of_statsmodels(margin):
    result = equivalence(A, B, margin=margin)
    expected = ttost_paired(np.array(A), np.array(B), -margin, margin)[0]
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    assert (result.verdict == "equivalent") == (expected <= 0.05)


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_non_inferiority_has_the_p_value_of_scipys_one_sided_t_test(margin):
    expected = scipy.stats.ttest_1samp(np.subtract(B, A), -margin, alternative="greater").pvalue
    result = non_inferiority(B, A, margin=margin)
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    other = scipy.stats.ttest_1samp(np.subtract(A, B), margin, alternative="less").pvalue
    lower = non_inferiority(A, B, margin=margin, higher_is_better=False)
    assert lower.p_value == pytest.approx(other, rel=1e-9) == pytest.approx(expected, rel=1e-9)


def test_clusters_take_their_error_and_degrees_of_freedom():
    found = mean(np.subtract(A, B), clusters=DOCUMENTS)
    result = non_inferiority(A, B, margin=0.02, clusters=DOCUMENTS)
    ratio = (found.value + 0.02) / found.std_error
    assert result.p_value == pytest.approx(scipy.stats.t.sf(ratio, found.df), rel=1e-9)
    assert result.p_value != non_inferiority(A, B, margin=0.02).p_value


def test_the_four_answers():
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 0.05, 100)
    base = rng.random(100)
    answers = {
        shift: equivalence(base + shift + noise, base, margin=0.1).verdict
        for shift in (0.0, 0.2, -0.2, 0.1)
    }
    assert answers == {0.0: "equivalent", 0.2: "better", -0.2: "worse", 0.1: "undecided"}
    assert non_inferiority(base + 0.2 + noise, base, margin=0.1).verdict == "not worse"
    assert non_inferiority(base - 0.2 + noise, base, margin=0.1).verdict == "worse"
    assert non_inferiority(base - 0.1 + noise, base, margin=0.1).verdict == "undecided"
    worse = non_inferiority(base + 0.2 + noise, base, margin=0.1, higher_is_better=False)
    assert worse.verdict == "worse"


def from_counts(above, below, same):
    return [1] * above + [0] * below + [1] * same, [0] * above + [1] * below + [1] * same


def test_binary_pairs_take_tangos_test():
    # Tango 1998: 2 and 3 discordant of 100, margin 0.1. The maximum of the likelihood under a
    # difference of -0.1 is sought on a grid instead of by his formula.
    a, b = from_counts(2, 3, 95)
    grid = np.linspace(0.1, 0.55, 450_001)
    likely = (
        2 * np.log(grid - 0.1 + 1e-300) + 3 * np.log(grid) + 95 * np.log(1.1 - 2 * grid + 1e-300)
    )
    likely[2 * grid >= 1.1] = -np.inf
    below = grid[likely.argmax()]
    variance = 100 * (2 * below - 0.1 - 0.01)
    z = (2 - 3 + 10) / np.sqrt(variance)
    result = non_inferiority(a, b, margin=0.1)
    assert result.p_value == pytest.approx(scipy.stats.norm.sf(z), rel=1e-4)
    assert result.difference.interval.method == "Tango score"


def test_equal_targets_are_not_worse_once_there_are_enough_of_them():
    verdicts = [non_inferiority([1] * n, [1] * n, margin=0.05).verdict for n in (20, 51, 52, 200)]
    # 0 of n discordant: z = sqrt(n * 0.05 / 0.95) passes 1.645 from n = 52 on.
    assert verdicts == ["undecided", "undecided", "not worse", "not worse"]


def test_unanimous_graded_pairs_take_the_rule_of_three():
    few = non_inferiority([0.5] * 58, [0.5] * 58, margin=0.05, bounds=(0.0, 1.0))
    many = non_inferiority([0.5] * 59, [0.5] * 59, margin=0.05, bounds=(0.0, 1.0))
    assert (few.p_value, many.p_value) == pytest.approx((0.95**58, 0.95**59))  # 0.051 and 0.0485
    assert (few.verdict, many.verdict) == ("undecided", "not worse")
    assert few.difference.interval.low < -0.05 < many.difference.interval.low
    alike = equivalence([0.5] * 59, [0.5] * 59, margin=0.05, bounds=(0.0, 1.0))
    assert alike.verdict == "equivalent"
    shifted = non_inferiority([0.2] * 59, [0.5] * 59, margin=0.05, bounds=(0.0, 1.0))
    assert shifted.verdict == "worse"


@pytest.mark.parametrize("scores", [[], [0.5], [0.5] * 9])
def test_what_cannot_be_tested_is_undecided_with_a_reason(scores):
    for result in (
        non_inferiority(scores, scores, margin=0.1),
        equivalence(scores, scores, margin=0.1),
    ):
        assert (result.verdict, result.p_value) == ("undecided", 1.0)
        assert result.reason


PAIRS = st.one_of(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 5)), max_size=60),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 5)), max_size=25),
)


@repeatable
@given(PAIRS, st.booleans(), st.floats(0.001, 0.999), st.booleans())
def test_interval_and_verdict_say_the_same(rows, clustered, margin, higher):
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    clusters = [row[2] for row in rows] if clustered else None
    options = {"margin": margin, "clusters": clusters, "bounds": (0.0, 1.0)}
    alike = equivalence(a, b, higher_is_better=higher, **options)
    one_sided = non_inferiority(a, b, higher_is_better=higher, **options)
    assert 0.0 <= one_sided.p_value <= 1.0 and 0.0 <= alike.p_value <= 1.0
    assert one_sided.p_value <= alike.p_value
    interval = one_sided.difference.interval
    if interval is None:
        assert one_sided.reason and one_sided.verdict == "undecided"
        return
    assert interval.level == 0.9
    low, high = (interval.low, interval.high) if higher else (-interval.high, -interval.low)
    near = min(abs(low + margin), abs(high + margin), abs(high - margin), abs(low - margin)) < 1e-9
    if not near:
        expected = "not worse" if low > -margin else "worse" if high < -margin else "undecided"
        assert one_sided.verdict == expected
        if alike.verdict != "undecided":
            within = low > -margin and high < margin
            assert (alike.verdict == "equivalent") == within
    mirrored = non_inferiority(b, a, higher_is_better=not higher, **options)
    assert mirrored.verdict == one_sided.verdict
    assert mirrored.p_value == pytest.approx(one_sided.p_value, abs=1e-9)


@pytest.mark.parametrize("kind", ["binary", "graded", "clustered"])
def test_false_alarms_at_the_margin_keep_to_the_level(kind):
    rng, alarms = np.random.default_rng(12), 0
    for _ in range(800):
        clusters = None
        if kind == "binary":  # true difference -0.1: 5 % against 15 %
            draw = rng.random(150)
            a, b = draw < 0.05, (draw >= 0.05) & (draw < 0.2)
        else:
            a, b = rng.normal(-0.1, 0.5, 60), np.zeros(60)
        if kind == "clustered":
            a = a + np.repeat(rng.normal(0, 0.3, 15), 4)
            clusters = (np.arange(60) // 4).tolist()
        alarms += non_inferiority(a, b, margin=0.1, clusters=clusters).verdict == "not worse"
    assert alarms / 800 <= 0.05 + 3 * (0.05 * 0.95 / 800) ** 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: non_inferiority(A, B, margin=-0.1), "margin must be 0 or more"),
        (lambda: equivalence(A, B, margin=0.0), "margin must be positive"),
        (lambda: equivalence(A, B, margin=float("inf")), "margin must be positive"),
        (lambda: equivalence([0, 1], [1, 1], margin=1.0), "as wide as these scores can differ"),
        (lambda: non_inferiority(A, B[:-1], margin=0.1), "a has 10 values and b 9"),
        (lambda: non_inferiority(A, B, margin=0.1, level=0.4), "level must be above 0.5"),
        (lambda: non_inferiority(A, B, margin=0.1, bounds=(0.5, 1.0)), "outside the bounds"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_worse_answer_shows_no_more_than_equal_ones():
    """Rule of three by hand: 0.98^148 > 0.05 >= 0.98^149 for a margin of 0.02 within (0, 1)."""
    for n, verdict in ((20, "undecided"), (148, "undecided"), (149, "not worse")):
        same, one_less = [0.9] * n, [0.9] * (n - 1) + [0.9 - 1e-7]
        assert non_inferiority(same, same, margin=0.02, bounds=(0, 1)).verdict == verdict
        found = non_inferiority(one_less, same, margin=0.02, bounds=(0, 1))
        assert found.verdict == verdict
        assert (found.difference.interval.low >= -0.02) == (verdict == "not worse")
        assert found.p_value == pytest.approx(0.98**n, rel=1e-4)
    unbounded = non_inferiority([0.9] * 19 + [0.8999999], [0.9] * 20, margin=0.02)
    assert unbounded.verdict == "not worse"  # plain t
    lower = non_inferiority(
        [0.1] * 19 + [0.1 + 1e-7], [0.1] * 20, margin=0.02, bounds=(0, 1), higher_is_better=False
    )
    assert lower.verdict == "undecided"


def test_rare_large_losses_raise_no_more_alarms_than_the_level():
    """Answers a hair apart, but for one in fifty that is lost: the truth lies on the margin."""
    rng, alarms = np.random.default_rng(4), 0
    for _ in range(400):
        b = 1.0 - rng.beta(1, 200, 50)
        a = np.clip(b + rng.normal(0, 0.002, 50), 0, 1)
        a[rng.random(50) < 0.02] = 0.0
        alarms += non_inferiority(a, b, margin=0.0195, bounds=(0, 1)).verdict == "not worse"
    assert alarms / 400 <= 0.05


def test_clusters_that_hardly_vary_show_no_more_than_clusters_that_are_equal():
    clusters = [n // 50 for n in range(200)]
    equal, hardly = [0.0] * 200, [0.0] * 199 + [0.001]
    for values in (equal, hardly):
        found = non_inferiority(
            values, [0.0] * 200, margin=0.1, clusters=clusters, bounds=(0.0, 1.0)
        )
        assert found.verdict == "undecided"
        assert found.difference.interval.low == pytest.approx(-0.527, abs=1e-3)
