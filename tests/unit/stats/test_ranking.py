"""Bradley–Terry against Agresti's baseball seasons and statsmodels' logistic regression."""

import numpy as np
import pytest
import statsmodels.api as sm

from quilate.stats import bradley_terry

TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
# Agresti 2002, Categorical Data Analysis, table 10.10: wins at home and away of the row's team at
# home to the column's, American League East, 1987; as the R package BradleyTerry2 has them.
BASEBALL = {
    "Milwaukee": "-- 43 42 43 61 42 60", "Detroit": "33 -- 42 43 60 61 43",
    "Toronto": "25 43 -- 24 43 42 60", "New York": "33 51 25 -- 43 42 61",
    "Boston": "51 25 33 42 -- 52 60", "Cleveland": "25 33 34 43 42 -- 24",
    "Baltimore": "25 15 16 24 16 34 --",
}  # fmt: skip


def baseball():
    return [
        (home, away, outcome)
        for home, row in BASEBALL.items()
        for away, games in zip(TEAMS, row.split(), strict=True)
        if games != "--"
        for outcome, times in ((1, games[0]), (0, games[1]))
        for _ in range(int(times))
    ]


def design(matches):
    systems = list(dict.fromkeys(side for match in matches for side in match[:2]))
    x = np.zeros((len(matches), len(systems)))
    for row, (a, b, _) in enumerate(matches):
        x[row, systems.index(a)], x[row, systems.index(b)] = 1.0, -1.0
    return systems, x, np.array([match[2] for match in matches])


def duels(seed, n=300, strengths=(1.0, 0.3, 0.0, -0.8), ties=0.0):
    rng = np.random.default_rng(seed)
    matches = []
    for _ in range(n):
        a, b = rng.choice(len(strengths), 2, replace=False)
        won = rng.random() < 1 / (1 + np.exp(strengths[b] - strengths[a]))
        matches.append((f"s{a}", f"s{b}", 0.5 if rng.random() < ties else float(won)))
    return matches


def test_agrestis_baseball():
    # Table 10.11, column 3: 1.58, 1.44, 1.29, 1.25, 1.11, 0.68 over Baltimore, errors about 0.3,
    # as BradleyTerry2's tests quote them.
    ranking = bradley_terry(baseball())
    assert tuple(one.system for one in ranking.standings) == TEAMS
    over = [ranking.difference(team, "Baltimore") for team in TEAMS[:-1]]
    assert [round(one.value, 2) for one in over] == [1.58, 1.44, 1.29, 1.25, 1.11, 0.68]
    assert [round(one.std_error, 1) for one in over] == [0.3] * 6
    first = ranking.standings[0]
    assert (first.wins, first.ties, first.losses) == (50, 0, 28)


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_strengths_and_errors_are_those_of_a_logistic_regression(ties):
    matches = duels(2, ties=ties)
    systems, x, y = design(matches)
    fit = sm.GLM(y, x[:, 1:], family=sm.families.Binomial()).fit(
        cov_type="HC0", tol=1e-12, maxiter=200
    )
    ranking = bradley_terry(matches)
    n = len(matches)
    for place, system in enumerate(systems[1:]):
        found = ranking.difference(system, systems[0])
        assert found.value == pytest.approx(fit.params[place], abs=1e-7)
        assert found.std_error == pytest.approx(fit.bse[place] * np.sqrt(n / (n - 1)), rel=1e-6)


def test_clustered_errors_are_those_of_a_logistic_regression():
    matches = duels(3)
    items = [number // 6 for number in range(len(matches))]
    systems, x, y = design(matches)
    fit = sm.GLM(y, x[:, 1:], family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(items), "use_correction": False}, tol=1e-12
    )
    ranking = bradley_terry(matches, clusters=items)
    assert ranking.clusters == 50
    for place, system in enumerate(systems[1:]):
        found = ranking.difference(system, systems[0])
        assert found.std_error == pytest.approx(fit.bse[place] * np.sqrt(50 / 49), rel=1e-6)


def test_strengths_sum_to_zero_and_errors_shrink_with_matches():
    few, many = bradley_terry(duels(4, 200)), bradley_terry(duels(4, 3200))
    for ranking in (few, many):
        strengths = [one.strength.value for one in ranking.standings]
        assert sum(strengths) == pytest.approx(0.0, abs=1e-9)
        assert strengths == sorted(strengths, reverse=True)
    ratio = few.standings[0].strength.std_error / many.standings[0].strength.std_error
    assert ratio == pytest.approx(4.0, rel=0.3)


def test_the_same_question_asked_again_tells_nothing_new():
    matches = duels(5, 200)
    once = bradley_terry(matches)
    again = bradley_terry(matches * 3, clusters=list(range(200)) * 3)
    naive = bradley_terry(matches * 3)
    assert again.difference("s0", "s3").std_error == pytest.approx(
        once.difference("s0", "s3").std_error, rel=1e-6
    )
    assert naive.difference("s0", "s3").std_error < 0.6 * once.difference("s0", "s3").std_error


def test_intervals_of_differences_cover():
    hits = [1.0 in bradley_terry(duels(100 + n, 240)).difference("s0", "s2").interval
            for n in range(300)]  # fmt: skip
    assert 0.92 <= np.mean(hits) <= 0.98


def test_the_probability_of_being_best():
    clear = bradley_terry(duels(6, 2000, strengths=(2.0, 0.0, -1.0)))
    assert clear.standings[0].system == "s0"
    assert clear.standings[0].best > 0.999
    alike = bradley_terry(duels(7, 2000, strengths=(0.0, 0.0, 0.0)))
    assert sum(one.best for one in alike.standings) == pytest.approx(1.0)
    assert alike.standings[0].best < 0.95
    again = bradley_terry(duels(7, 2000, strengths=(0.0, 0.0, 0.0)))
    assert [one.best for one in again.standings] == [one.best for one in alike.standings]


def test_two_systems_are_a_proportion():
    ranking = bradley_terry([("a", "b", 1)] * 30 + [("b", "a", 1)] * 10)
    found = ranking.win_probability("a", "b")
    assert found.value == pytest.approx(0.75)
    assert found.std_error == pytest.approx(np.sqrt(0.75 * 0.25 / 39), rel=1e-9)
    assert 0.5 < found.interval.low < 0.75 < found.interval.high < 1.0
    assert ranking.win_probability("b", "a").value == pytest.approx(0.25)


def test_a_tie_is_half_a_win_for_each():
    ranking = bradley_terry([("a", "b", 0.5)] * 2 + [("a", "b", 1), ("a", "b", 0)])
    assert ranking.win_probability("a", "b").value == pytest.approx(0.5)
    assert ranking.standings[0].ties == 2


def test_one_that_never_lost_has_a_rank_and_no_interval():
    matches = [("a", "b", 1), ("a", "c", 1), ("b", "c", 1), ("c", "b", 1), ("b", "c", 1)]
    ranking = bradley_terry(matches)
    assert [one.system for one in ranking.standings] == ["a", "b", "c"]
    assert all(one.strength.interval is None and one.best is None for one in ranking.standings)
    assert ranking.reason == "some systems won, or lost, every comparison with the others"
    found = ranking.win_probability("a", "b")
    assert (found.interval, found.reason) == (None, ranking.reason)
    assert np.isfinite(found.value)


def test_systems_that_never_met_are_not_ranked():
    ranking = bradley_terry([("a", "b", 1), ("b", "a", 1), ("c", "d", 1), ("d", "c", 1)])
    assert ranking.standings == ()
    assert "never compared" in ranking.reason


@pytest.mark.parametrize("matches", [[], [("a", "b", 1), ("b", "a", 1)]])
def test_little_is_told_of_little(matches):
    ranking = bradley_terry(matches, clusters=["q"] * len(matches))
    assert ranking.reason
    assert all(one.strength.interval is None for one in ranking.standings)


def test_all_ties_show_no_error():
    ranking = bradley_terry([("a", "b", 0.5)] * 8)
    assert ranking.reason == "the outcomes show no variation to estimate the error from"
    assert ranking.standings[0].strength.value == pytest.approx(0.0)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="compared with itself"):
        bradley_terry([("a", "a", 1)])
    with pytest.raises(ValueError, match="for a tie"):
        bradley_terry([("a", "b", 2)])
    with pytest.raises(ValueError, match="clusters has 1 labels for 2"):
        bradley_terry([("a", "b", 1), ("a", "b", 0)], clusters=["x"])
    with pytest.raises(KeyError):
        bradley_terry([("a", "b", 1), ("a", "b", 0)]).difference("a", "z")
