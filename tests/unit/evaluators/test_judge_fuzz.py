"""Ten thousand judge replies through every judge: none crashes, none becomes a number that it
should not, and each is accounted for by its reason."""

from __future__ import annotations

import inspect
import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from quilate import registry, sync
from quilate.decisions import Decision
from quilate.errors import MalformedReply
from quilate.evaluators import Citation, Output, Sample
from quilate.middleware.structured import Structured
from quilate.models import Capabilities, Cost, TokenLogprob, Usage, reply
from quilate.retrievers import Hit, Passage
from quilate.testing import ScriptedModel
from quilate_evaluators.groundedness import Groundedness
from quilate_evaluators.judges.jury import Jury
from quilate_evaluators.judges.pairwise import Pairwise
from quilate_evaluators.judges.rubric import Rubric
from tests.unit.evaluators.judge_replies import NOTHING, Reply, replies

COUNT = 10_000
SAMPLE = Sample("1", "Capital of Peru?", ("Quito",), ("p",), True, language="en")
CONTEXT = (Hit(Passage("p", "Lima is the capital."), 1.0),)
CITED = (Citation("[1]", 5, 8, "p", "Lima", "verified"),)
OUTPUT = Output("Lima [1]", CONTEXT, CONTEXT, CITED)
SUPPORT = {"supported": 1.0, "partly": 0.5, "unsupported": 0.0}
MARKS = {"1": 0.0, "2": 0.25, "3": 0.5, "4": 0.75, "5": 1.0}
PLACES = {"A": 0.5, "B": 0.5, "tie": 0.5}  # the same in both orders: it is the place that won
EACH = {"free": 5500, "choices": 1500, "schema": 1500, "tool": 1500}
ROUTES = {
    "free": (),
    "choices": ("choices",),
    "schema": ("json_schema",),
    "tool": ("tools", "tool_choice"),
}


def groundedness(model):
    return Groundedness(model, votes=1)


def rubric(model):
    return Rubric(model, "The answer is right.", votes=1)


def pairwise(model):
    return Pairwise(model, votes=1)


class Twin:
    """The same model under another identity, for a jury takes none twice."""

    def __init__(self, model):
        self._model = model
        self.info = replace(model.info, identity=f"{model.info.identity}:twin")

    def __getattr__(self, name):
        return getattr(self._model, name)


def jury(model):
    return Jury([model, Twin(model)], {"groundedness": {"votes": 1}})


JUDGES = {
    "groundedness": (groundedness, SUPPORT),
    "rubric": (rubric, MARKS),
    "pairwise": (pairwise, PLACES),
    "jury": (jury, SUPPORT),
}


class Saying:
    """A model of a route whose next reply is set from outside."""

    def __init__(self, route: str) -> None:
        self.text = ""
        capabilities = Capabilities.declared(*ROUTES[route])
        inner = ScriptedModel(self.answer, capabilities=capabilities)
        self.model = inner if route == "free" else Structured(inner)

    def answer(self, _request):
        return reply(self.text, usage=Usage(10, 1), cost=Cost(0.5, "exact"))


async def outcome(evaluator) -> tuple[str, float | None, Usage]:
    """Why there is or is no number, the number, and what was used."""
    try:
        scores = await evaluator.evaluate(SAMPLE, OUTPUT)
    except MalformedReply as error:
        assert error.usage is not None, "what is of no use is paid for too"
        assert "None of 1 replies names one of" in error.what
        if "is not what was asked for" in error.what:  # said by the layer that imposes formats
            return "the reply is not in the format asked for", None, error.usage
        return "the reply names no label, or several", None, error.usage
    assert [score.metric for score in scores] == [metric.name for metric in evaluator.metrics]
    assert all(score.value is not None and 0 <= score.value <= 1 for score in scores)
    return "scored", scores[0].value, scores[0].usage


async def through(make, values, route: str, said: list[Reply]) -> Counter:
    source = Saying(route)
    evaluator = make(source.model)
    counted: Counter = Counter()
    for one in said:
        source.text = one.text
        reason, value, usage = await outcome(evaluator)
        assert usage.total_tokens >= 11, "the judge was asked"
        counted[reason] += 1
        if value is not None:
            assert one.label is not None, f"{one.kind} {one.text[:200]!r} became {value}"
            assert value == pytest.approx(values[one.label]), f"{one.kind} {one.text[:200]!r}"
        elif route == "free":
            assert not one.sure, f"{one.kind} {one.text[:200]!r} was not understood"
    return counted


@pytest.mark.parametrize("judge", JUDGES)
def test_ten_thousand_replies(judge):
    make, values = JUDGES[judge]
    counted: Counter = Counter()
    for place, route in enumerate(ROUTES):
        said = replies(20261125 + place, EACH[route], list(values))
        counted += sync.run(through(make, values, route, said))
    assert sum(counted.values()) == COUNT, counted
    assert set(counted) == {
        "scored",
        "the reply names no label, or several",
        "the reply is not in the format asked for",
    }
    assert min(counted.values()) > COUNT / 10, counted


FLAWS = (math.nan, math.inf, -math.inf, -0.5, 1.5)


def shares(rng: random.Random, labels) -> tuple[dict[str, float], bool]:
    """A distribution, or what is none."""
    drawn = [rng.random() ** 4 + 1e-12 for _ in labels]
    found = {label: share / sum(drawn) for label, share in zip(labels, drawn, strict=True)}
    flaw = rng.randrange(8)
    one = rng.choice(list(labels))
    if flaw == 0:
        found[one] = rng.choice(FLAWS)
    elif flaw == 1:
        del found[one]
    elif flaw == 2:
        found["banana"] = 0.0
    elif flaw == 3:
        found = {label: share * rng.choice([0.0, 0.5, 2.0]) for label, share in found.items()}
        return found, abs(sum(found.values()) - 1) < 0.01
    return found, flaw > 3


class Deciding(ScriptedModel):
    """A model with an endpoint of its own for decisions."""

    def __init__(self) -> None:
        super().__init__(capabilities=Capabilities.declared("decide"))
        self.found: dict[str, float] = {}

    async def decide(self, _request, questions):
        usage, cost = Usage(10, 1), Cost(0.5, "exact")
        return [Decision(q.id, self.found, "endpoint", usage=usage, cost=cost) for q in questions]


async def distributions(make, values, count: int) -> Counter:
    rng, model = random.Random(7), Deciding()
    evaluator = make(model)
    counted: Counter = Counter()
    for _ in range(count):
        model.found, right = shares(rng, list(values))
        try:
            scores = await evaluator.evaluate(SAMPLE, OUTPUT)
        except MalformedReply as error:
            assert "no distribution over its labels" in error.what
            assert error.usage is not None
            assert not right, model.found
            counted["the decision is no distribution"] += 1
            continue
        assert right, f"{model.found} became {scores[0].value}"
        whole = sum(model.found.values())
        expected = sum(share * values[label] for label, share in model.found.items()) / whole
        assert scores[0].value == pytest.approx(expected, abs=1e-9)
        counted["scored"] += 1
    return counted


@pytest.mark.parametrize("judge", JUDGES)
def test_distributions_of_an_endpoint(judge):
    counted = sync.run(distributions(*JUDGES[judge], 1000))
    assert sum(counted.values()) == 1000
    assert min(counted.values()) > 300


async def logarithms(count: int, *, whole: bool) -> Counter:
    rng, counted = random.Random(11), Counter()
    given: list = []
    features = ("choices", "choice_logprobs") if whole else ("logprobs",)
    model = ScriptedModel(lambda _: given[0], capabilities=Capabilities.declared(*features))
    evaluator = Groundedness(model, votes=1)
    for _ in range(count):
        logs = {label: -rng.random() * 20 for label in SUPPORT}
        flaw = rng.choice([None, None, math.nan, math.inf, 0.7, -math.inf])
        if flaw is not None:
            logs[rng.choice(list(logs))] = flaw
        right = flaw in (None, -math.inf)
        top = tuple((label[:2], log) for label, log in logs.items())
        fields = {"choice_logprobs": logs} if whole else {"logprobs": (TokenLogprob("x", -1, top),)}
        given[:] = [reply("banana", usage=Usage(10, 1), cost=Cost(0.5, "exact"), **fields)]
        try:
            (score,) = await evaluator.evaluate(SAMPLE, OUTPUT)
        except MalformedReply as error:
            assert "log-probabilities" in error.what
            assert not right, logs
            counted["the log-probabilities are none"] += 1
            continue
        weights = {label: math.exp(log) for label, log in logs.items()}
        expected = sum(SUPPORT[label] * weight for label, weight in weights.items())
        assert right, f"{logs} became {score.value}"
        assert score.value == pytest.approx(expected / sum(weights.values()))
        counted["scored"] += 1
    return counted


@pytest.mark.parametrize("whole", [True, False], ids=["whole labels", "first tokens"])
def test_log_probabilities_that_are_none(whole):
    counted = sync.run(logarithms(1000, whole=whole))
    assert sum(counted.values()) == 1000
    assert min(counted.values()) > 300


def other_judges():
    for name in registry.names("evaluators"):
        try:
            made = registry.factory("evaluators", name)
        except (ImportError, AttributeError):  # other tests say so
            continue
        ours = name not in JUDGES and made.__module__.startswith("quilate_")
        if ours and "model" in inspect.signature(made).parameters:
            yield name


OTHERS = list(other_judges())


@pytest.mark.parametrize("name", OTHERS or [pytest.param("", marks=pytest.mark.skip("none"))])
@pytest.mark.parametrize("route", ROUTES)
def test_what_says_nothing_becomes_no_number_in_any_other_judge(name, route):
    source = Saying(route)
    evaluator = registry.evaluator(name, model=source.model)

    async def each() -> Counter:
        counted: Counter = Counter()
        for one in replies(3, 200, ["supported"], NOTHING):
            if one.kind == "a megabyte":
                continue
            source.text = one.text
            try:
                scores = await evaluator.evaluate(SAMPLE, OUTPUT)
            except MalformedReply:
                counted["malformed"] += 1
                continue
            judged = {metric.name for metric in evaluator.metrics if metric.judged}
            for score in scores:
                assert score.value is None or score.metric not in judged, (one, score)
                assert score.value is not None or score.reason
            counted["no score"] += 1
        return counted

    assert sum(sync.run(each()).values()) == 196
