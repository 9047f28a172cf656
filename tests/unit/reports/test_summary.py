"""The figures of a report against hand-made runs whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_runs import make_run

from quilate.evals.results import Failure, Item, Run
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Cost, Usage
from quilate.reports.summary import Coverage, summarize
from quilate.stats import estimate


def small_run(items: list[Item], samples: int, planned: int, **fields: object) -> Run:
    run = Run(
        id="r1",
        name="small",
        created="",
        status="finished",
        targets=tuple(dict.fromkeys(item.target for item in items)),
        metrics={"m": Metric("m")},
        samples={str(n): Sample(str(n), f"¿{n}?") for n in range(samples)},
        items=items,
        planned=planned,
        provenance={},
    )
    return replace(run, **fields)  # type: ignore[arg-type]


def item(target: str, sample: int, *scores: Score, epoch: int = 0, **fields: object) -> Item:
    made = Item(target, str(sample), epoch, Output("x"), scores)
    return replace(made, **fields)  # type: ignore[arg-type]


def test_epochs_are_averaged_within_a_sample_first() -> None:
    values = {0: (1.0, 1.0, 1.0), 1: (0.0, 0.0, 0.0), 2: (1.0, 0.0, 1.0)}
    items = [
        item("a", sample, Score.of("m", value), epoch=epoch)
        for sample, epochs in values.items()
        for epoch, value in enumerate(epochs)
    ]
    summary = summarize(small_run(items, 3, 9))
    assert summary.epochs == 3
    assert summary.cells["m", "a"].estimate == estimate([1.0, 0.0, 2 / 3])
    assert summary.cells["m", "a"].estimate.n == 3


def test_intervals_are_clustered_by_the_group_of_the_samples() -> None:
    run = make_run(80)
    means = [
        s.value
        for i in run.items
        if i.target == "RAG k=1"
        for s in i.scores
        if s.metric == "abstention"
    ]
    groups = [run.samples[i.sample_id].group for i in run.items if i.target == "RAG k=1"]
    cell = summarize(run).cells["abstention", "RAG k=1"]
    assert cell.estimate == estimate(means, clusters=groups)
    alone = replace(run, samples={k: replace(s, group=None) for k, s in run.samples.items()})
    assert summarize(alone).cells["abstention", "RAG k=1"].estimate.clusters is None


def test_every_planned_item_is_accounted_for() -> None:
    items = [
        item("a", 0, Score.of("m", 1)),
        item("a", 1, Score.unscored("m", "the sample has no gold passages")),
        item("a", 2, Score.error("m", "ValueError: no")),
        item("a", 3, failure=Failure("timeout", "late"), output=None),
        item("a", 4),
    ]
    cell = summarize(small_run(items, 6, 6)).cells["m", "a"]
    assert cell.coverage == Coverage(
        planned=6,
        scored=1,
        unscored={"the sample has no gold passages": 1},
        errors={"ValueError": 1, "timeout": 1, "no score given": 1},
        pending=1,
        messages={"ValueError": "no"},
    )
    assert cell.coverage.missing == 4


def test_the_range_takes_missing_scores_at_both_ends_and_leaves_out_what_does_not_apply() -> None:
    items = [
        item("a", 0, Score.of("m", 1)),
        item("a", 1, Score.of("m", 0)),
        item("a", 2, Score.error("m", "ValueError: no")),
        item("a", 3, Score.unscored("m", "does not apply")),
    ]
    cell = summarize(small_run(items, 5, 5)).cells["m", "a"]
    assert cell.estimate.value == 0.5
    assert cell.range == (1 / 4, 3 / 4)  # one error, one item not reached


@pytest.mark.parametrize("metric", [Metric("m", bounds=None), Metric("m")])
def test_no_range_where_nothing_is_missing_or_the_metric_has_no_bounds(metric: Metric) -> None:
    bad = [] if metric.bounds else [item("a", 1, Score.error("m", "ValueError: no"))]
    items = [item("a", 0, Score.of("m", 1)), *bad]
    run = small_run(items, len(items), len(items), metrics={"m": metric})
    assert summarize(run).cells["m", "a"].range is None


def test_pairs_take_the_shared_samples_and_one_family_for_each_metric() -> None:
    summary = summarize(make_run(120))
    pairs = [pair for pair in summary.pairs if pair.metric == "token_f1"]
    assert [(pair.a, pair.b) for pair in pairs] == [
        ("closed book", "RAG k=1"),
        ("closed book", "RAG k=4"),
        ("RAG k=1", "RAG k=4"),
    ]
    raw = sorted(pair.comparison.p_value for pair in pairs)
    adjusted = sorted(pair.comparison.p_adjusted or 0 for pair in pairs)
    assert adjusted[0] == pytest.approx(3 * raw[0])
    assert pairs[1].winner == "RAG k=4"
    assert pairs[1].comparison.n == 102  # the samples that RAG k=4 failed on are out of both
    assert not any(
        pair.metric == "mrr" and "closed book" in (pair.a, pair.b) for pair in summary.pairs
    )


def test_lower_is_better_turns_the_winner() -> None:
    items = [item("a", n, Score.of("m", 0.9)) for n in range(20)]
    items += [item("b", n, Score.of("m", 0.1 + n / 1000)) for n in range(20)]
    higher = summarize(small_run(items, 20, 40))
    lower = summarize(small_run(items, 20, 40, metrics={"m": Metric("m", higher_is_better=False)}))
    assert (higher.pairs[0].winner, lower.pairs[0].winner) == ("a", "b")


def test_the_smallest_visible_effect_shrinks_with_more_samples() -> None:
    few, many = (summarize(make_run(n, seed=3)).pairs for n in (40, 400))
    name = ("exact_match", "closed book", "RAG k=1")
    small = next(p.detectable for p in few if (p.metric, p.a, p.b) == name)
    large = next(p.detectable for p in many if (p.metric, p.a, p.b) == name)
    assert small and large and large < small / 2


def test_scores_outside_the_declared_bounds_do_not_break_the_report() -> None:
    items = [item("a", n, Score.of("m", 1.5 + n)) for n in range(4)]
    assert summarize(small_run(items, 4, 4)).cells["m", "a"].estimate.value == 3.0


def test_an_empty_run_has_figures_without_values() -> None:
    summary = summarize(small_run([], 2, 4, targets=("a", "b")))
    assert summary.cells["m", "a"].estimate.value is None
    assert summary.cells["m", "a"].coverage.pending == 2
    assert summary.pairs == () and summary.efforts[0].seconds_median is None


def test_cost_is_as_sure_as_its_least_sure_part() -> None:
    priced = Output("x", usage=Usage(10, 5), cost=Cost(0.25, "exact"))
    guessed = Output("x", usage=Usage(10, 5), cost=Cost(0.5, "estimated"))
    judged = Score.of("m", 1, usage=Usage(3, 1), cost=Cost(0.125, "exact"))
    items = [
        item("a", 0, judged, output=priced, seconds=1.0),
        item("a", 1, Score.of("m", 0), output=guessed, seconds=3.0),
    ]
    effort = summarize(small_run(items, 2, 2)).efforts[0]
    assert effort.cost == Cost(0.75, "estimated") and effort.usage == Usage(20, 10)
    assert effort.evaluation_cost == Cost(0.125, "exact")  # the rule-based score cost nothing
    assert (effort.seconds_median, effort.seconds_p95) == (2.0, 3.0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        summarize(make_run(8), level)


def test_a_wider_level_gives_wider_intervals() -> None:
    run = make_run(40)
    narrow, wide = (summarize(run, level).cells["token_f1", "RAG k=4"] for level in (0.8, 0.99))
    assert narrow.estimate.interval and wide.estimate.interval
    assert wide.estimate.interval.low < narrow.estimate.interval.low


def test_a_difference_larger_than_the_bounds_is_not_called_visible():
    """Few pairs that differ wildly: nothing that a share can differ by would have been seen."""
    few = summarize(make_run(3, targets=("one", "two"), hostile=False))
    for pair in few.pairs:
        bounds = next(one.bounds for one in few.metrics if one.name == pair.metric)
        if bounds is not None and pair.detectable is not None:
            assert pair.detectable <= bounds[1] - bounds[0]
    assert any(pair.detectable is None for pair in few.pairs)
