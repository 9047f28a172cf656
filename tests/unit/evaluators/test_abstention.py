"""Abstention against what the target was shown."""

import pytest

from quilate import registry, sync
from quilate.evaluators import Output, Sample
from quilate.retrievers import Hit, Passage
from quilate.testing import ScriptedModel
from quilate_evaluators.abstention import Abstention

GOLD = (Hit(Passage("a#1", "?", document_id="a"), 1.0),)
OTHER = (Hit(Passage("b#1", "?", document_id="b"), 1.0),)


def correct(output: Output, **sample):
    scores = sync.run(Abstention().evaluate(Sample("1", "?", **sample), output))
    return {score.metric: score for score in scores}["abstention_correct"]


@pytest.mark.parametrize("abstains", [True, False])
@pytest.mark.parametrize(
    ("context", "sample", "lacks"),
    [
        (GOLD, {"answerable": True, "gold": ("a#1",)}, False),
        (GOLD, {"answerable": True, "gold": ("a",)}, False),
        (OTHER, {"answerable": True, "gold": ("a",)}, True),
        ((), {"gold": ("a",)}, True),
        (GOLD, {"answerable": False, "gold": ("a",)}, True),
        (None, {"answerable": False}, True),
    ],
)
def test_to_abstain_is_right_where_the_answer_was_not_shown(context, sample, lacks, abstains):
    output = Output("x", context=context, abstained=abstains)
    assert correct(output, **sample).value == float(abstains == lacks)


def test_the_text_tells_where_the_target_does_not():
    assert correct(Output("No lo sé.", context=OTHER), gold=("a",)).value == 1.0
    assert correct(Output("Es Lima.", context=OTHER), gold=("a",)).value == 0.0


@pytest.mark.parametrize(
    ("context", "sample", "reason"),
    [
        (None, {"answerable": True, "gold": ("a",)}, "the target shows the model no passages"),
        (GOLD, {"answerable": True}, "the sample has no gold passages"),
        (GOLD, {}, "the sample has no gold passages"),
    ],
)
def test_what_nobody_knows_is_unscored(context, sample, reason):
    assert correct(Output("x", context=context), **sample).reason == reason


@pytest.mark.parametrize(
    "name", ["citation_support", "citation_validity", "groundedness", "groundedness_spans"]
)
def test_an_answer_that_abstains_by_its_words_alone_is_not_unsupported(name):
    """Of a target that does not tell, such as an application behind HTTP."""
    judges = ("citation_support", "groundedness")
    judged = {"model": ScriptedModel("unsupported")} if name in judges else {}
    evaluator = registry.evaluator(name, **judged)
    output = Output("I don't know.", context=(Hit(Passage("p", "Lima is old."), 1.0),))
    for score in sync.run(evaluator.evaluate(Sample("1", "How old?", language="en"), output)):
        assert score.reason == "the answer abstains"
