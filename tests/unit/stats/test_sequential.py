"""Tests and intervals that hold at any time: by simulation, by exact integrals, by enumeration."""

import copy
import itertools
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.stats import SequentialTest, confidence_sequence, replay
from quilate.stats.betting import BETS, PacedBets, confidence_set, log_wealth

repeatable = settings(deadline=None, derandomize=True, max_examples=50)


def paired(rng, shape, discordant, effect):
    """Differences of paired 0/1 scores: +1, 0, −1."""
    u = rng.random(shape)
    wins = (discordant + effect) / 2
    return np.where(u < wins, 1.0, np.where(u < discordant, -1.0, 0.0))


def at_most(share, rows, level):
    """Whether so many of the rows are compatible with a rate of at most `level`."""
    return scipy.stats.binomtest(round(share * rows), rows, level, alternative="greater").pvalue


def test_wealth_is_the_mean_over_bets_of_the_likelihood_ratio_on_discordant_pairs():
    # A bet of θ at margin 0 is the likelihood ratio of a coin with P(win) = (1 + θ)/2 against a
    # fair one on the discordant pairs: scipy's binomial probabilities give it independently.
    wins, losses = 14, 5
    test = SequentialTest().update([1.0] * wins + [0.0] * 30 + [-1.0] * losses)
    coin = scipy.stats.binom.pmf(wins, wins + losses, (1 + BETS) / 2)
    fair = scipy.stats.binom.pmf(wins, wins + losses, 0.5)
    assert test.e_not_worse == pytest.approx(np.mean(coin / fair), rel=1e-10)
    coin = scipy.stats.binom.pmf(losses, wins + losses, (1 + BETS) / 2)
    assert test.e_worse == pytest.approx(np.mean(coin / fair), rel=1e-10)


def test_the_bets_stand_for_their_continuous_mixture():
    # θ = u^1.5 with u uniform: the integral by scipy's quadrature, for 60 wins and 20 losses.
    def ratio(u):
        bet = u**1.5
        return (1 + bet) ** 60 * (1 - bet) ** 20

    integral, _ = scipy.integrate.quad(ratio, 0, 1)
    test = SequentialTest().update([1.0] * 60 + [-1.0] * 20)
    assert test.e_not_worse == pytest.approx(integral, rel=0.01)


@pytest.mark.parametrize("options", [{}, {"horizon": 6}, {"population": 6}], ids=str)
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_expected_evidence_under_the_null_is_one_by_enumeration(options, margin):
    # All sequences of six differences −1, 0, 1 with mean −margin exactly; from a population, all
    # orders of six fixed ones.
    if "population" in options:
        pool = [1.0, 1.0, 0.0, 0.0, -1.0, -1.0] if margin == 0 else [0.5, 0.1, 0, -0.4, -1, -1]
        rows = np.array(list(itertools.permutations(pool)))
        weights = np.full(len(rows), 1 / len(rows))
    else:
        chances = {1.0: 0.2, 0.0: 0.6 - margin, -1.0: 0.2 + margin}
        rows = np.array(list(itertools.product(chances, repeat=6)))
        weights = np.prod([[chances[value] for value in row] for row in rows], axis=1)
    null = (1 - margin) / 2
    units = (rows + 1) / 2
    for x, m in ((units, null), (1 - units, 1 - null)):
        path = log_wealth(x, m, enough=math.log(20), **options)
        assert (weights @ np.exp(path)) == pytest.approx(np.ones(6), abs=1e-9)


def test_from_a_population_the_last_draw_has_no_bet_to_lose():
    path = log_wealth(np.array([[0.0, 1.0, 0.0, 1.0]]), 0.5, population=4)
    assert np.isfinite(path).all()
    refuted = log_wealth(np.array([[1.0, 1.0, 1.0, 0.0]]), 0.5, population=4)
    assert refuted[0, 2] == refuted[0, 3] == math.inf


NULLS = [
    # discordant share, margin
    (0.4, 0.0),
    (0.1, 0.0),
    (0.2, 0.05),
    (0.1, 0.02),
]


@pytest.mark.parametrize("options", [{}, {"horizon": 500}], ids=["open", "horizon"])
@pytest.mark.parametrize(("discordant", "margin"), NULLS)
def test_false_decisions_stay_within_alpha_though_every_n_is_looked_at(discordant, margin, options):
    rows = 1000
    rng = np.random.default_rng(11)
    differences = paired(rng, (rows, 500), discordant, -margin)
    decisions = np.array(replay(differences, margin=margin, **options).decisions)
    allowed = 0.05  # with a margin for each of the two errors, else for both together
    false = (
        [np.mean(decisions != "undecided")]
        if margin == 0
        else [np.mean(decisions == "not worse"), np.mean(decisions == "worse")]
    )
    for share in false:
        assert at_most(share, rows, allowed) > 0.001, share
    assert max(false) > 0.005  # the level is used, not left lying


def test_a_test_that_is_not_sequential_would_fail_the_same_check():
    rng = np.random.default_rng(11)
    d = paired(rng, (500, 800), 0.4, 0.0)
    z = np.abs(d.cumsum(axis=1)) / np.sqrt(np.maximum((d**2).cumsum(axis=1), 1))
    share = np.mean((z[:, 20:] > 1.96).any(axis=1))
    assert share > 0.25


def test_false_decisions_of_a_finite_suite_in_random_order():
    # The mean of the suite is just at −margin: saying "not worse" (or "worse") is an error.
    rng = np.random.default_rng(5)
    suite = np.array([1.0] * 15 + [-1.0] * 25 + [0.0] * 160)  # mean −0.05
    rows = np.array([rng.permutation(suite) for _ in range(2000)])
    decisions = np.array(replay(rows, margin=0.05, population=200).decisions)
    for wrong in ("not worse", "worse"):
        assert at_most(np.mean(decisions == wrong), 2000, 0.05) > 0.001


@pytest.mark.parametrize("options", [{}, {"horizon": 300}], ids=["open", "horizon"])
def test_graded_skewed_differences_hold_the_level_too(options):
    rng = np.random.default_rng(8)
    scores = rng.beta(0.3, 2.7, (2000, 300)) * 10 / 9 - 1 / 9  # mean 0, skewed
    decisions = np.array(replay(np.clip(scores, -1, 1), **options).decisions)
    assert at_most(np.mean(decisions != "undecided"), 2000, 0.05) > 0.001


@pytest.mark.parametrize(
    ("shape", "mean"), [((0.2, 1.8), 0.1), ((1, 1), 0.5), ((30, 10), 0.75)], ids=str
)
def test_confidence_sequences_cover_at_all_times_together(shape, mean):
    rng = np.random.default_rng(4)
    x = rng.beta(*shape, (1000, 400))
    enough = math.log(2 / 0.05)
    above = log_wealth(x, mean).max(axis=1) >= enough
    below = log_wealth(1 - x, 1 - mean).max(axis=1) >= enough
    assert at_most(np.mean(above | below), 1000, 0.05) > 0.001
    for row in x[:5]:
        for n in (1, 20, 400):
            interval = confidence_sequence(row[:n], (0.0, 1.0))
            refuted = (log_wealth(row[None, :n], mean)[0, -1] >= enough) or (
                log_wealth(1 - row[None, :n], 1 - mean)[0, -1] >= enough
            )
            assert (mean in interval) != refuted


def test_a_horizon_finds_what_a_fixed_test_of_that_size_finds_nearly_as_often():
    rng = np.random.default_rng(2)
    d = paired(rng, (600, 1000), 0.2, 0.0)
    margin = 0.05
    z = (d.mean(axis=1) + margin) / d.std(axis=1, ddof=1) * math.sqrt(1000)
    fixed = np.mean(z > scipy.stats.norm.ppf(0.95))
    found = replay(d, margin=margin, horizon=1000)
    open_ended = replay(d, margin=margin)
    power = np.mean(np.array(found.decisions) == "not worse")
    assert fixed > 0.95
    assert power > fixed - 0.07
    assert power > np.mean(np.array(open_ended.decisions) == "not worse") + 0.05
    assert found.stopped_at.mean() < 600


def test_a_clear_difference_is_decided_soon():
    rng = np.random.default_rng(2)
    result = replay(paired(rng, (300, 1000), 0.4, 0.3))
    assert set(result.decisions) == {"not worse"}
    assert result.stopped_at.mean() < 60


def test_a_finite_suite_is_decided_at_its_last_sample_at_the_latest():
    rng = np.random.default_rng(9)
    suite = np.array([1.0] * 11 + [-1.0] * 10 + [0.0] * 79)
    rows = np.array([rng.permutation(suite) for _ in range(200)])
    result = replay(rows, population=100)
    assert "undecided" not in result.decisions
    assert np.mean(np.array(result.decisions) == "not worse") > 0.93
    # With that many left to draw, the same values say less of a larger suite.
    assert "undecided" in replay(rows, population=1000).decisions


def test_an_exact_tie_of_a_finite_suite_stays_undecided_unless_chance_decides():
    test = SequentialTest(population=4).update([1.0, -1.0, 0.0, 0.0])
    assert (test.decision, test.estimate) == ("undecided", 0.0)
    assert (test.interval.low, test.interval.high) == pytest.approx((0.0, 0.0), abs=1e-6)


OPTIONS = [{}, {"horizon": 120}, {"population": 120}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_one_at_a_time_is_the_same_as_a_replay_and_agrees_with_the_interval(options, margin):
    rng = np.random.default_rng(6)
    for effect in (-0.3, -0.1, 0.0, 0.2):
        rows = [paired(rng, 120, 0.4, effect), np.clip(rng.normal(effect, 0.3, 120), -1, 1)]
        for row in rows:
            expected = replay(row[None], margin=margin, **options)
            test = SequentialTest(margin=margin, **options)
            for value in row:
                test.update(value)
                if test.decision != "undecided":
                    break
            assert test.decision == expected.decisions[0]
            assert test.n == expected.stopped_at[0]
            interval = test.interval
            if test.decision == "not worse":
                assert test.decided_at == test.n and interval.low > -margin
            elif test.decision == "worse":
                assert test.decided_at == test.n and interval.high < -margin
            else:
                assert test.decided_at is None and -margin in interval
            assert interval.level == pytest.approx(0.9 if margin else 0.95)
            assert interval.low - 1e-6 <= test.estimate <= interval.high + 1e-6


def test_margin_zero_is_two_sided_and_its_decision_is_the_verdict():
    better = SequentialTest().update([1.0] * 20)
    worse = SequentialTest().update([-1.0] * 20)
    assert (better.decision, better.verdict) == ("not worse", "better")
    assert (worse.decision, worse.verdict) == ("worse", "worse")


def test_a_decision_stays_whatever_comes_later():
    test = SequentialTest(margin=0.1).update([1.0] * 30)
    decided_at = test.decided_at
    test.update([-1.0] * 200)
    assert (test.decision, test.decided_at, test.n) == ("not worse", decided_at, 230)


def test_lower_is_better_turns_the_question_round():
    rng = np.random.default_rng(1)
    d = paired(rng, 100, 0.5, 0.3)
    up = SequentialTest(margin=0.05).update(d)
    down = SequentialTest(margin=0.05, higher_is_better=False).update(-d)
    assert down.decision == up.decision == "not worse"
    assert (down.e_not_worse, down.decided_at) == (pytest.approx(up.e_not_worse), up.decided_at)
    assert down.interval.low == pytest.approx(-up.interval.high)
    assert down.estimate == pytest.approx(-up.estimate)
    assert replay(-d[None], margin=0.05, higher_is_better=False).decisions == ("not worse",)


def test_scale_does_not_matter():
    rng = np.random.default_rng(1)
    d = rng.uniform(-0.5, 0.9, 80)
    one = SequentialTest(margin=0.1).update(d)
    five = SequentialTest(margin=0.5, bounds=(-5.0, 5.0)).update(5 * d)
    assert five.e_not_worse == pytest.approx(one.e_not_worse)
    assert five.interval.low == pytest.approx(5 * one.interval.low, abs=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_state_survives_copying_and_replaying(options):
    rng = np.random.default_rng(0)
    d = paired(rng, 100, 0.3, 0.1)
    whole = SequentialTest(margin=0.05, **options).update(d)
    half = SequentialTest(margin=0.05, **options).update(d[:50])
    again = copy.deepcopy(half).update(list(d[50:]))
    assert (again.decision, again.decided_at) == (whole.decision, whole.decided_at)
    assert again.e_not_worse == whole.e_not_worse
    assert again.interval == whole.interval
    assert half.n == 50


def test_a_pickled_test_goes_on_in_another_process():
    # Processes of their own: pytest may load the module a second time for its doctests, and then
    # pickle refuses the first one's classes.
    code = (
        "import pickle, sys; from quilate.stats import SequentialTest;"
        "{}; sys.stdout.buffer.write(pickle.dumps(test))"
    )
    start = "test = SequentialTest(horizon=60).update([0.5, -0.5] * 10)"
    go_on = "test = pickle.loads(sys.stdin.buffer.read()).update([0.9] * 10)"
    end = "test = repr(pickle.loads(sys.stdin.buffer.read()).e_not_worse)"
    state = b""
    for step in (start, go_on, end):
        command = [sys.executable, "-c", code.format(step)]
        state = subprocess.run(command, input=state, capture_output=True, check=True).stdout
    whole = SequentialTest(horizon=60).update([0.5, -0.5] * 10 + [0.9] * 10)
    assert pickle.loads(state) == repr(whole.e_not_worse)


def test_long_runs_neither_overflow_nor_underflow():
    test = SequentialTest(margin=0.02, horizon=5000).update([1.0] * 4000)
    assert test.e_not_worse == math.exp(709)
    assert 0.0 < test.e_worse < 1e-4
    assert math.isfinite(test.interval.low)
    test.update([-1.0] * 4000)
    assert math.isfinite(test.e_worse)


def test_without_observations_nothing_is_known():
    test = SequentialTest(margin=0.05)
    assert (test.decision, test.verdict, test.estimate) == ("undecided", "undecided", None)
    assert (test.interval.low, test.interval.high, test.e_worse) == (-1.0, 1.0, 1.0)
    assert test.update([]).n == 0
    assert confidence_sequence([], (0.0, 4.0)).high == 4.0


@repeatable
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.sampled_from([{}, {"population": 40}]),
)
def test_confidence_sequences_hold_the_mean_seen_and_stay_in_bounds(values, options):
    interval = confidence_sequence(values, (0.0, 1.0), **options)
    assert 0.0 <= interval.low <= interval.high <= 1.0
    if not options:
        assert interval.low - 1e-6 <= np.mean(values) <= interval.high + 1e-6


def test_a_confidence_sequence_of_a_whole_population_is_its_mean():
    values = [0.2, 0.9, 0.4, 0.7, 0.1]
    interval = confidence_sequence(values, (0.0, 1.0), population=5)
    assert (interval.low, interval.high) == pytest.approx((0.46, 0.46), abs=1e-6)


def test_paced_bets_stop_at_their_goal_and_at_their_horizon():
    bets = PacedBets(np.array([0.5]), math.log(20), horizon=30)
    for _ in range(30):
        bets.take(1.0)
    reached = bets.log_wealth.copy()
    assert math.log(20) <= reached[0] < math.log(100)
    bets.take(0.0)
    assert bets.log_wealth == reached


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha must lie"),
        ({"alpha": 0.5}, "alpha must lie"),
        ({"margin": -0.1}, "margin must be 0 or more"),
        ({"margin": 1.0}, "less than the largest loss 1.0"),
        ({"margin": 3.0, "bounds": (-2.0, 4.0)}, "less than the largest loss 2.0"),
        ({"bounds": (0.0, 1.0)}, "must enclose 0"),
        ({"bounds": (1.0, -1.0)}, "rising order"),
        ({"population": 0}, "population must be 1"),
        ({"horizon": 0}, "horizon must be 1"),
        ({"horizon": 5, "population": 5}, "without a population"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SequentialTest(**options)
    with pytest.raises(ValueError, match=message):
        replay([[0.0]], **options)


def test_bad_values_are_refused_and_leave_the_test_as_it_was():
    test = SequentialTest(population=3).update([0.0, 0.5])
    for values, message in (
        ([0.1, float("nan")], "finite"),
        ([1.5], "outside the bounds"),
        ([0.1, 0.2], "population of 3"),
    ):
        with pytest.raises(ValueError, match=message):
            test.update(values)
        assert test.n == 2
    with pytest.raises(ValueError, match="two dimensions"):
        replay([0.1, 0.2])
    with pytest.raises(ValueError, match="population of 1"):
        confidence_sequence([0.1, 0.2], (0.0, 1.0), population=1)


def test_cluster_means_hold_the_level_where_items_of_a_cluster_do_not():
    # Documents of ten questions that stand or fall together.
    rng = np.random.default_rng(12)
    documents = paired(rng, (500, 60), 0.6, 0.0)
    by_document = replay(documents).decisions
    by_item = replay(np.repeat(documents, 10, axis=1)).decisions
    assert at_most(np.mean(np.array(by_document) != "undecided"), 500, 0.05) > 0.001
    assert np.mean(np.array(by_item) != "undecided") > 0.2


@pytest.mark.parametrize(("population", "horizon"), [(None, None), (300, None), (None, 300)])
@pytest.mark.parametrize("graded", [False, True])
def test_the_ends_of_an_interval_are_where_wealth_is_enough(population, horizon, graded):
    # By the vectorised wealth that tests stop by, which is written independently of the interval's.
    rng = np.random.default_rng(8)
    units = rng.beta(2, 3, 200) if graded else (rng.random(200) < 0.4) * 1.0
    enough = math.log(2 / 0.1)
    low, high = confidence_set(units, 0.9, population=population, horizon=horizon)
    for values, end in ((units, low), (1.0 - units, 1.0 - high)):
        wealth = log_wealth(
            values[None, :], end, population=population, horizon=horizon, enough=enough
        )
        assert wealth[0, -1] == pytest.approx(enough, abs=1e-4)
