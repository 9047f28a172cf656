"""Distributions that models give: taken when they are some, and never when they are none."""

from __future__ import annotations

import math

import pytest

from quilate import sync
from quilate.decisions import Decision, Question, decide
from quilate.errors import MalformedReply
from quilate.middleware.structured import Structured
from quilate.models import Capabilities, Cost, TokenLogprob, Usage, ask, reply
from quilate.testing import ScriptedModel

QUESTION = Question("Is it?", ("yes", "no"))
PAID = {"usage": Usage(10, 1), "cost": Cost(0.5, "exact")}


class Deciding(ScriptedModel):
    def __init__(self, *decisions: Decision) -> None:
        super().__init__(capabilities=Capabilities.declared("decide"))
        self.decisions = decisions

    async def decide(self, request, questions):
        return list(self.decisions)


def endpoint(probabilities, **fields) -> Deciding:
    return Deciding(Decision("decision", probabilities, "endpoint", **{**PAID, **fields}))


def put(model, votes=1) -> Decision:
    return sync.run(decide(model, ask("?"), QUESTION, votes=votes))


def test_an_endpoints_distribution_is_taken_in_the_order_of_the_labels():
    found = put(endpoint({"no": 0.25, "yes": 0.75}))
    assert list(found.probabilities.items()) == [("yes", 0.75), ("no", 0.25)]
    assert (found.usage, found.cost) == (PAID["usage"], PAID["cost"])


def test_rounded_shares_are_made_to_sum_to_one():
    found = put(endpoint({"yes": 0.664, "no": 0.333}))
    assert math.fsum(found.probabilities.values()) == pytest.approx(1.0, abs=1e-12)
    assert found.probabilities["yes"] == pytest.approx(0.664 / 0.997)


@pytest.mark.parametrize(
    ("probabilities", "says"),
    [
        ({"yes": math.nan, "no": 0.5}, "nan is no probability"),
        ({"yes": math.inf, "no": 0.0}, "inf is no probability"),
        ({"yes": -0.2, "no": 1.2}, "-0.2 is no probability"),
        ({"yes": 0.9, "no": 0.9}, "sum to 1.8"),
        ({"yes": 0.0, "no": 0.0}, "sum to 0"),
        ({"yes": True, "no": False}, "True is no probability"),
        ({"yes": "0.5", "no": 0.5}, "'0.5' is no probability"),
        ({"yes": 1.0}, "it is over 'yes'"),
        ({"yes": 0.5, "no": 0.4, "maybe": 0.1}, "'maybe'"),
        ({}, "it is over nothing"),
    ],
)
def test_what_is_no_distribution_is_malformed_and_paid_for(probabilities, says):
    with pytest.raises(MalformedReply, match="no distribution over its labels") as caught:
        put(endpoint(probabilities))
    assert says in caught.value.what
    assert (caught.value.usage, caught.value.cost) == (PAID["usage"], PAID["cost"])


def test_a_decision_of_another_question_or_another_number_of_them_is_malformed():
    other = Decision("another", {"yes": 1.0, "no": 0.0}, "endpoint")
    with pytest.raises(MalformedReply, match="it answers 'another'"):
        put(Deciding(other))
    with pytest.raises(MalformedReply, match="There are 0 decisions"):
        put(Deciding())
    with pytest.raises(MalformedReply, match="nan is no probability"):
        put(endpoint({"yes": 1.0, "no": 0.0}, mass=math.nan))


def whole(**logs: float) -> ScriptedModel:
    answer = reply("yes", choice_logprobs=logs, **PAID)
    capabilities = Capabilities.declared("choices", "choice_logprobs")
    return ScriptedModel(lambda _: answer, capabilities=capabilities)


def first_token(*top: tuple[str, float]) -> ScriptedModel:
    answer = reply("yes", logprobs=(TokenLogprob(*top[0], top),), **PAID)
    return ScriptedModel(lambda _: answer, capabilities=Capabilities.declared("logprobs"))


@pytest.mark.parametrize("log", [math.nan, math.inf, 0.3])
def test_log_probabilities_that_are_none_are_malformed(log):
    for model in (whole(yes=-1.0, no=log), first_token(("yes", -1.0), ("no", log))):
        with pytest.raises(MalformedReply, match="log-probabilities") as caught:
            put(model)
        assert caught.value.usage == PAID["usage"]


def test_labels_that_are_impossible_have_no_share():
    assert put(whole(yes=-1.0, no=-math.inf)).probabilities == {"yes": 1.0, "no": 0.0}
    assert put(first_token(("yes", -1.0), ("no", -math.inf))).probabilities["no"] == 0.0
    with pytest.raises(MalformedReply, match="log-probabilities"):
        put(whole(yes=-math.inf, no=-math.inf))


def test_what_single_precision_adds_to_certainty_is_taken():
    assert put(whole(yes=1e-6, no=-20.0)).mass == 1.0


def test_an_expected_value_never_leaves_the_scale():
    thirds = dict.fromkeys("abc", 1 / 3 + 1e-16)
    assert Decision("q", thirds, "votes").expected(dict.fromkeys("abc", 0.7)) == 0.7
    tenths = dict.fromkeys("abcdefghij", 0.1)
    assert Decision("q", tenths, "votes").expected(dict.fromkeys(tenths, 1.0)) <= 1.0


@pytest.mark.parametrize("said", ['{"answer": null}', "{}", '{"answer": "none", "answer": "some"}'])
def test_nothing_is_not_the_choice_none(said):
    """Where formats are imposed, an answer that is not there must not become the label "none"."""
    model = Structured(ScriptedModel(said, capabilities=Capabilities.declared("choices")))
    with pytest.raises(MalformedReply):
        sync.run(decide(model, ask("?"), Question("?", ("none", "some")), votes=1))
