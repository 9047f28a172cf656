"""Citation recall and precision by entailment, against figures worked out by hand."""

import math

import pytest

from quilate import sync
from quilate.errors import ConfigurationError, MalformedReply
from quilate.evaluators import Output, Sample
from quilate.models import Capabilities, Cost, Usage, reply
from quilate.retrieval.citations import cite
from quilate.retrievers import Hit, Passage
from quilate.testing import ScriptedModel
from quilate_evaluators.claims.citations import CitationSupport, cited_sentences

CONTEXT = tuple(Hit(Passage(f"p{n}", f"Text {n}."), 1.0) for n in (1, 2, 3))


def answer(text: str, **fields) -> Output:
    return Output(text, context=CONTEXT, citations=cite(text, CONTEXT), **fields)


def judged(output: Output, entailed: dict, fail=None, **options):
    """The scores, and what was asked: (sentence, numbers of the texts shown)."""
    asked = []

    def script(request):
        said = request.messages[-1].text
        sentence = said.partition("Claim: ")[2].split("\n")[0]
        shown = "".join(n for n in "123" if f"Text {n}." in said)
        asked.append((sentence, shown))
        if fail:
            raise fail
        yes = entailed[asked[-1]]
        shares = {"entailed": yes, "contradicted": 0.0, "neutral": 1 - yes}
        logs = {label: math.log(p) if p else -1e9 for label, p in shares.items()}
        return reply("neutral", choice_logprobs=logs, usage=Usage(5, 1), cost=Cost(0.25, "exact"))

    features = Capabilities.declared("choices", "choice_logprobs")
    model = ScriptedModel(script, capabilities=features)
    scores = sync.run(CitationSupport(model, **options).evaluate(Sample("1", "?"), output))
    return {score.metric: score for score in scores}, asked


def test_recall_is_over_sentences_and_precision_over_citations():
    output = answer("Lima is old [1]. It is big [2, 3]. It has trams.")
    entailed = {
        ("Lima is old .", "1"): 0.9,
        ("It is big .", "23"): 0.8,
        ("It is big .", "2"): 0.75,
        ("It is big .", "3"): 0.25,
    }
    found, asked = judged(output, entailed)
    assert found["citation_recall"].value == pytest.approx((0.9 + 0.8 + 0.0) / 3)
    # [2]: alone .75, without it .25;  [3]: alone .25, without it .75
    second, third = 0.8 * (1 - 0.25 * 0.25), 0.8 * (1 - 0.75 * 0.75)
    assert found["citation_precision"].value == pytest.approx((0.9 + second + third) / 3)
    # With two passages, what is left without one is the other: it is asked once.
    assert sorted(asked) == sorted(entailed)
    assert found["citation_recall"].usage == Usage(20, 4)
    assert found["citation_precision"].usage == Usage()
    assert found["citation_recall"].evidence == ("It has trams.",)


def test_three_citations_are_judged_together_alone_and_each_left_out():
    _, asked = judged(
        answer("It is big [1, 2, 3]."),
        dict.fromkeys(
            [("It is big .", shown) for shown in ("123", "1", "2", "3", "12", "13", "23")], 0.5
        ),
    )
    assert len(asked) == 1 + 2 * 3


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Es Lima. [1] Es grande [2].", [("Es Lima.", ("p1",)), ("Es grande .", ("p2",))]),
        ("[1] Es Lima.", [("Es Lima.", ("p1",))]),
        ("Es Lima [9].", [("Es Lima .", ())]),
        ("Es «x» [1] y «y» [1].", [("Es «x»  y «y» .", ("p1",))]),
        ("[1]", []),
    ],
)
def test_a_marker_belongs_to_the_sentence_that_it_is_in_or_follows(text, cited):
    assert cited_sentences(answer(text)) == cited


def test_an_answer_that_cites_nothing_has_no_recall_and_its_precision_is_unscored():
    found, asked = judged(answer("Es Lima."), {})
    assert found["citation_recall"].value == 0.0
    assert found["citation_precision"].reason == "the answer cites nothing"
    assert asked == []


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (Output("x"), "the target shows the model no passages"),
        (answer("I don't know [1].", abstained=True), "the answer abstains"),
        (answer("Uno. Dos. Tres."), "the answer has more sentences than max_sentences"),
    ],
)
def test_what_cannot_be_judged_is_unscored(output, reason):
    found, asked = judged(output, {}, max_sentences=2)
    assert {(one.status, one.reason) for one in found.values()} == {("unscored", reason)}
    assert asked == []


def test_an_unreadable_judgement_is_an_error_of_both_and_is_paid_for():
    error = MalformedReply("banana")
    error.usage, error.cost = Usage(5, 1), Cost(0.25, "exact")
    found, _ = judged(answer("Es Lima [1]."), {}, fail=error)
    assert {one.status for one in found.values()} == {"error"}
    assert "1 of 1 judgements could not be read: banana" in found["citation_recall"].reason
    assert found["citation_recall"].usage == Usage(5, 1)


@pytest.mark.parametrize("options", [{"votes": 0}, {"max_sentences": 0}, {"prompt": 3}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigurationError):
        CitationSupport(ScriptedModel(), **options)
