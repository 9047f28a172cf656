"""A weak judge is said to be weak; a good one is believed as far as it was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_runs import make_run

from quilate.evaluators import Metric, Score
from quilate.reports.judges import Agreement, Judge, measure_judges
from quilate.reports.strings import Words
from quilate.reports.wording import judge_sentence
from quilate.stats import Estimate, Interval


def test_a_judge_that_guesses_is_said_to_be_weak() -> None:
    (judge,) = measure_judges(make_run(120, judge="weak"))
    assert judge.standing == "includes chance"
    assert "Do not rely on it" in judge_sentence(Words("en"), judge)
    assert "No te fíes de él" in judge_sentence(Words("es"), judge)


@pytest.mark.parametrize("seed", range(3))
def test_a_judge_that_sees_the_answers_is_better_than_chance(seed: int) -> None:
    (judge,) = measure_judges(make_run(120, seed=seed, judge="good"))
    found = {one.reference: one for one in judge.agreements}
    assert judge.standing == "better than chance"
    assert found["exact_match"].measure == "AUROC"
    assert found["token_f1"].measure == "Spearman"
    assert (found["exact_match"].estimate.value or 0) > 0.7
    assert "exact_match" in judge_sentence(Words("en"), judge)


def test_some_agreement_is_not_enough_to_be_believed() -> None:
    interval = Interval(0.15, 0.9, 0.95, "t")
    some = Agreement("recall@1", "Spearman", Estimate(0.5, interval, 40))
    none = Agreement("token_f1", "Spearman", Estimate(0.1, Interval(-0.2, 0.4, 0.95, "t"), 40))
    weak = Judge("groundedness", (some, none), 0.95)
    sentence = judge_sentence(Words("en"), weak)
    assert weak.standing == "better than chance" and weak.weak
    assert "is weak" in sentence and "No agreement is shown with token_f1" in sentence
    good = replace(some, estimate=Estimate(0.8, Interval(0.6, 0.9, 0.95, "t"), 40))
    strong = Judge("groundedness", (good, none), 0.95)
    sentence = judge_sentence(Words("en"), strong)
    assert not strong.weak
    assert "is weak" not in sentence and "No agreement is shown with token_f1" in sentence


def test_guessing_rarely_passes_for_judging() -> None:
    """At 95 %, about one guessing judge in twenty may look like more: here at most two do."""
    runs = [make_run(60, seed=seed, judge="weak", hostile=False) for seed in range(20)]
    standings = [judge.standing for run in runs for judge in measure_judges(run)]
    assert standings.count("includes chance") >= 18


def test_agreement_is_measured_within_targets() -> None:
    """Two targets, opposite levels of the metrics, no relation within either: no agreement."""
    run = make_run(200, targets=("RAG k=1", "closed book"), judge="weak", hostile=False)
    level = {"RAG k=1": 0.0, "closed book": 1.0}
    items = [
        replace(
            item,
            scores=(
                Score.of("groundedness", level[item.target] * 0.8 + (n // 2 % 5) * 0.01),
                Score.of("token_f1", (1 - level[item.target]) * 0.8 + (n // 2 % 7) * 0.01),
            ),
        )
        for n, item in enumerate(run.items)
    ]
    (judge,) = measure_judges(replace(run, items=items))
    (agreement,) = judge.agreements
    assert abs(agreement.estimate.value or 1) < 0.1


def test_a_judge_turned_upside_down_is_worse_than_chance() -> None:
    run = make_run(120, judge="good")
    judged = replace(run.metrics["groundedness"], higher_is_better=False)
    (judge,) = measure_judges(replace(run, metrics={**run.metrics, "groundedness": judged}))
    assert judge.standing == "worse than chance"
    assert "contradicts" in judge_sentence(Words("en"), judge)


def test_a_judge_with_nothing_to_compare_it_with_is_unmeasured() -> None:
    run = make_run(40)
    metrics = {
        "groundedness": run.metrics["groundedness"],
        "seconds": Metric("seconds", bounds=None),
    }
    (judge,) = measure_judges(replace(run, metrics=metrics))
    assert (judge.standing, judge.agreements) == ("unmeasured", ())
    for lang, said in (("en", "too little to compare"), ("es", "muy poco con que")):
        sentence = judge_sentence(Words(lang), judge)
        assert said in sentence
        assert f"quilate label {run.id} --metric groundedness" in sentence


def test_the_intervals_of_one_judge_hold_together() -> None:
    (judge,) = measure_judges(make_run(120), 0.95)
    assert judge.level == pytest.approx(1 - 0.05 / len(judge.agreements))
    assert all(
        one.estimate.interval.level == judge.level
        for one in judge.agreements
        if one.estimate.interval
    )


def test_targets_on_one_sample_do_not_count_as_independent_items() -> None:
    """The same items under eight names say nothing new: the interval must not shrink."""
    run = make_run(80, targets=("RAG k=1", "closed book"), judge="good")
    copies = [replace(item, target=f"{item.target} {n}") for item in run.items for n in range(8)]
    many = replace(run, items=copies, targets=tuple({item.target: None for item in copies}))
    (one,), (eight,) = measure_judges(run), measure_judges(many)
    for a, b in zip(one.agreements, eight.agreements, strict=True):
        if a.estimate.interval and b.estimate.interval and a.measure == "AUROC":
            assert b.estimate.interval.low == pytest.approx(a.estimate.interval.low, abs=1e-9)


def test_a_run_without_a_judge_has_no_judge_section() -> None:
    run = make_run(20)
    metrics = {name: metric for name, metric in run.metrics.items() if not metric.judged}
    items = [
        replace(i, scores=tuple(s for s in i.scores if s.metric in metrics)) for i in run.items
    ]
    assert measure_judges(replace(run, metrics=metrics, items=items)) == ()


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (Score.of("groundedness", 1), ("the same score", "la misma puntuación")),
        (Score.unscored("groundedness", "no JSON"), ("scored no answer", "no puntuó ninguna")),
    ],
)
def test_a_judge_that_tells_nothing_is_unmeasured_for_that_reason(
    score: Score, said: tuple[str, str]
) -> None:
    run = make_run(20)
    items = [
        replace(
            i,
            scores=(
                *(s for s in i.scores if s.metric != "groundedness"),
                score,
            ),
        )
        for i in run.items
    ]
    (judge,) = measure_judges(replace(run, items=items))
    assert judge.standing == "unmeasured"
    for lang, reason in zip(("en", "es"), said, strict=True):
        sentence = judge_sentence(Words(lang), judge)
        assert reason in sentence
        assert "too little" not in sentence


def test_what_tells_of_the_judge_itself_is_no_judge() -> None:
    run = make_run(40, judge="good")
    own = replace(run.metrics["groundedness"], of_judge=True)
    assert measure_judges(replace(run, metrics={**run.metrics, "groundedness": own})) == ()


def test_a_handful_of_sources_measures_no_judge() -> None:
    """Over five sources one agreement in some looks better than chance, whatever the judge does."""
    run = make_run(120, judge="good", hostile=False)
    few = {
        name: replace(one, group=f"g{n % 5}") for n, (name, one) in enumerate(run.samples.items())
    }
    (judge,) = measure_judges(replace(run, samples=few))
    assert (judge.agreements, judge.standing) == ((), "unmeasured")
    assert "could not be measured" in judge_sentence(Words("en"), judge)
