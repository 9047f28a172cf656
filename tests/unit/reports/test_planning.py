"""Samples and money that an effect asks for."""

import random
import statistics
from dataclasses import replace

import pytest

from quilate.errors import ConfigurationError
from quilate.evals.results import Item
from quilate.evals.suite import Suite
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Cost, Usage
from quilate.reports.planning import plan_samples
from quilate.reports.planning_text import plan_lines
from quilate.stats import samples_needed
from tests.unit.reports.sample_runs import make_run

UNNAMED = "it has no bounds, so an effect on its scale is planned when it is named (--metric)"


class _Measures:
    name, needs = "m", frozenset()
    metrics = (Metric("exact_match"), Metric("seconds", bounds=None))


def suite(*targets, count=100, **fields):
    samples = [Sample(f"s{n}", "?") for n in range(count)]
    return Suite("demo", samples, dict.fromkeys(targets or ("one",), str), [_Measures()], **fields)


def run_of(targets, value, count=200, groups=None, epochs=1):
    """A pilot whose scores are ``value(target, sample, epoch)``."""
    samples = {
        f"s{n}": Sample(f"s{n}", "?", group=None if groups is None else f"g{n % groups}")
        for n in range(count)
    }
    items = [
        Item(
            target,
            f"s{n}",
            epoch,
            Output("x", usage=Usage(100, 20), cost=Cost(0.001, "exact")),
            (Score.of("exact_match", value(target, n, epoch)),),
            seconds=2.0,
        )
        for n in range(count)
        for target in targets
        for epoch in range(epochs)
    ]
    pilot = make_run(4, targets=targets, hostile=False)
    return replace(
        pilot, id="p1", samples=samples, items=items, metrics={"exact_match": Metric("exact_match")}
    )


def test_without_a_pilot_the_bounds_say_the_most():
    found = plan_samples(suite(), 0.1)
    (one,) = found.needed
    assert one.basis == "bounds"
    assert one.deviation == pytest.approx(0.5 * 2**0.5)
    assert one.samples == samples_needed(one.deviation, 0.1)
    assert found.price is None
    assert found.skipped == (f"seconds: {UNNAMED}",)
    said = "\n".join(plan_lines(found, "en"))
    assert "too few for exact_match" in said
    assert "quilate run SUITE" in said
    assert "faltan" in "\n".join(plan_lines(found, "es"))


def test_pairs_of_a_pilot_give_the_spread_and_the_price():
    draw = random.Random(0)
    right = {(t, n): draw.random() < 0.8 for t in "ab" for n in range(200)}
    right.update({("b", n): right["a", n] for n in range(160)})  # alike on most
    found = plan_samples(
        suite("a", "b"), 0.05, pilot=run_of(("a", "b"), lambda t, n, e: right[t, n])
    )
    (one,) = found.needed
    differences = [float(right["a", n]) - right["b", n] for n in range(200)]
    assert one.basis == "pairs"
    assert one.deviation == pytest.approx(statistics.stdev(differences))
    assert one.design_effect == 1.0
    price = found.price
    assert price.samples == one.samples
    assert price.cost.usd == pytest.approx(one.samples * 2 * 0.001)
    assert price.cost.basis == "estimated"
    assert price.usage.total_tokens == one.samples * 2 * 120
    assert price.seconds == pytest.approx(one.samples * 2 * 2.0)


def test_sources_of_samples_ask_for_more():
    def alike(target, n, epoch):
        return (n % 20) < 10  # all ten of a source are right, or wrong

    alone = plan_samples(suite("a"), 0.05, pilot=run_of(("a",), alike)).needed[0]
    grouped = plan_samples(suite("a"), 0.05, pilot=run_of(("a",), alike, groups=20)).needed[0]
    assert alone.basis == grouped.basis == "one target"
    assert grouped.design_effect == pytest.approx(10, rel=0.1)
    assert grouped.samples == pytest.approx(10 * alone.samples, rel=0.1)


def test_repeated_epochs_say_what_to_have_more_of():
    draw = random.Random(0)
    noise = run_of(("a",), lambda t, n, e: draw.random() < 0.5, epochs=4)
    advice = plan_samples(suite("a"), 0.05, pilot=noise).advice
    assert advice.startswith("exact_match (a): ")
    assert "epochs" in advice
    assert (
        plan_samples(suite("a"), 0.05, pilot=run_of(("a",), lambda t, n, e: n % 2)).advice is None
    )


def test_spanish_says_all_of_it_in_spanish():
    draw = random.Random(0)
    noise = run_of(("a",), lambda t, n, e: draw.random() < 0.5, epochs=4)
    said = "\n".join(plan_lines(plan_samples(suite("a"), 0.05, pilot=noise), "es"))
    assert "exact_match (a): más épocas" in said
    assert "seconds: no tiene límites, así que un efecto en su escala" in said
    flat = plan_samples(suite("a"), 0.05, pilot=run_of(("a",), lambda t, n, e: 1))
    assert "hacer falta: hay pocas puntuaciones, o son iguales" in "\n".join(plan_lines(flat, "es"))
    assert "can take: too few scores, or all alike" in "\n".join(plan_lines(flat, "en"))


def test_a_metric_that_scores_a_share_of_the_samples_takes_more_of_them():
    pilot = run_of(("a", "b"), lambda t, n, e: n % 2 if t == "a" else n % 3 == 0)
    whole = plan_samples(suite("a", "b"), 0.1, pilot=pilot).needed[0]
    items = [
        replace(item, scores=(Score.unscored("exact_match", "the answer abstains"),))
        if int(item.sample_id[1:]) % 24 < 18
        else item
        for item in pilot.items
    ]
    found = plan_samples(suite("a", "b"), 0.1, pilot=replace(pilot, items=items))
    quarter = found.needed[0]
    assert whole.scored == 1.0
    assert quarter.scored == pytest.approx(0.25, abs=0.02)
    assert quarter.samples > 3 * whole.samples
    assert found.price.samples == quarter.samples
    assert "of them have a score" in plan_lines(found, "en")[1]
    assert "tiene puntuación" in plan_lines(found, "es")[1]


def test_metrics_that_need_the_same_stand_in_one_line():
    found = plan_samples(suite("a"), 0.1)
    twin = replace(found.needed[0], metric="twin")
    other = replace(twin, metric="other", samples=5)
    lines = plan_lines(replace(found, needed=(*found.needed, twin, other)), "en")
    assert lines[1].startswith("  exact_match, twin: ")
    assert lines[2].startswith("  other: 5 samples ")


def test_an_effect_is_of_metrics_with_bounds_unless_others_are_named():
    """0.05 is no effect of seconds just because it is one of a share."""
    pilot = run_of(("a",), lambda t, n, e: n % 2)
    items = [
        replace(item, scores=(*item.scores, Score.of("seconds", 1.0 + n % 7)))
        for n, item in enumerate(pilot.items)
    ]
    metrics = {**pilot.metrics, "seconds": Metric("seconds", bounds=None)}
    pilot = replace(pilot, items=items, metrics=metrics)
    found = plan_samples(suite("a"), 0.05, pilot=pilot)
    assert [one.metric for one in found.needed] == ["exact_match"]
    assert found.skipped == (f"seconds: {UNNAMED}",)
    named = plan_samples(suite("a"), 0.5, metrics=["seconds"], pilot=pilot)
    assert [one.metric for one in named.needed] == ["seconds"]
    assert plan_samples(suite("a"), 0.5, metrics="seconds", pilot=pilot) == named
    with pytest.raises(ConfigurationError, match="no earlier run shows its spread"):
        plan_samples(suite("a"), 0.5, metrics=["seconds"])


def test_an_effect_beyond_the_bounds_is_no_plan():
    with pytest.raises(ConfigurationError, match="more than its bounds allow"):
        plan_samples(suite(), 2.0)


def test_what_makes_no_plan_is_told():
    with pytest.raises(ConfigurationError, match="effect"):
        plan_samples(suite(), 0.0)
    with pytest.raises(ConfigurationError, match="no metric"):
        plan_samples(suite(), 0.1, metrics=["exact"])
    with pytest.raises(ConfigurationError, match="more than"):
        plan_samples(suite(), 1e-9)
