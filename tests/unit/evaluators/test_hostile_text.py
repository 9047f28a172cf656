"""No answer crashes an evaluator of text, and a long one takes no more than its share of time."""

import math
import time

import pytest

from quilate import sync
from quilate.evaluators import Citation, Output, Sample
from quilate_evaluators.effort import Latency, Price, Tokens
from quilate_evaluators.pii import PiiLeak
from quilate_evaluators.structure import JsonMatch, JsonSchema, JsonValid
from quilate_evaluators.text.edits import EditSimilarity
from quilate_evaluators.text.language import Language
from quilate_evaluators.text.matching import ExactMatch, Includes
from quilate_evaluators.text.ngrams import Bleu, Chrf
from quilate_evaluators.text.numeric import Numeric
from quilate_evaluators.text.overlap import Rouge, TokenF1
from quilate_evaluators.text.patterns import Regex
from quilate_evaluators.text.refusal import Refusal

EVALUATORS = [
    ExactMatch(),
    ExactMatch("none"),
    Includes(),
    Includes(normalization="case"),
    Regex(r"\w+@\w+"),
    Numeric(),
    TokenF1(),
    Rouge(),
    Bleu(),
    Chrf(),
    EditSimilarity(),
    Language(),
    Refusal(),
    PiiLeak(),
    JsonValid(),
    JsonValid("first"),
    JsonSchema({"type": "object"}),
    JsonMatch(lists="unordered"),
    Latency(),
    Price(),
    Tokens(),
]
STRANGE = [
    "",
    " \n\t",
    "\0",
    "a\0b",
    "😀👩‍👩‍👧‍👦",
    "مرحبا بالعالم ١٢٣",
    "\u202eabc\u202c",
    "\ud800",  # half a surrogate pair
    "e" + "\u0301" * 1000,
    "¿¡«»…—",
    "####",
    "\\boxed{}",
    "{}",
    "[[[",
    '{"a": 1e400}',
    "٣,٤",
    "½ ² Ⅻ",
    "-",
    "1.",
    "NaN Infinity -inf",
    "%s %(x)s {0} {{x}}",
]
REFERENCES = ("Lima", '{"a": [1, "x"]}', "", "42", "\0", "مرحبا")


def scores(evaluator, answer, references=REFERENCES):
    sample = Sample("1", "¿Qué?", references=references, language="es")
    return sync.run(evaluator.evaluate(sample, Output(answer)))


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda each: each.name)
@pytest.mark.parametrize("answer", STRANGE, ids=ascii)
def test_strange_answers_are_scored_or_told_why_not(evaluator, answer):
    given = scores(evaluator, answer)
    assert [score.metric for score in given] == [metric.name for metric in evaluator.metrics]
    for score, metric in zip(given, evaluator.metrics, strict=True):
        assert score.status != "error"
        if score.value is not None and metric.bounds is not None:
            assert metric.bounds[0] <= score.value <= metric.bounds[1]
            assert math.isfinite(score.value)


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda each: each.name)
@pytest.mark.parametrize("answer", STRANGE, ids=ascii)
def test_an_answer_that_is_its_reference_is_right(evaluator, answer):
    right = {"exact_match", "includes", "token_f1", "edit_similarity"}
    for score in scores(evaluator, answer, (answer,)):
        if score.metric in right:
            assert score.value == 1.0


MEGABYTE = 10**6
LONG = {
    "one letter": "a" * MEGABYTE,
    "words": "el río corre 1.234,5 " * (MEGABYTE // 21),
    "json": "[" + "1," * (MEGABYTE // 2) + "1]",
}
QUARTER = MEGABYTE // 4  # enough to tell a square from a line
LONG |= {
    text: text * (QUARTER // len(text))
    for text in (
        "1",
        "1 ",
        '[{"a":',
        "a@",
        "+1 ",
        "I'm sorry, but ",
        " ",
        "\n",
        "ES91 2100 ",
        "\\frac{",
    )
}


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda each: each.name)
def test_a_megabyte_takes_seconds_at_most(evaluator):
    for name, answer in LONG.items():
        began = time.process_time()
        scores(evaluator, answer, ("el río corre", '{"a": [1, 2, 3]}', "42"))
        taken = time.process_time() - began
        # Linear work takes 0.1 to 3 s here; a square would take hours.
        assert taken < 20, (name, taken)


def test_a_long_reference_too():
    for evaluator in (ExactMatch(), TokenF1(), Rouge(), EditSimilarity(), Includes(), Numeric()):
        began = time.process_time()
        scores(evaluator, LONG["words"], (LONG["words"] + "x", LONG["json"]))
        assert time.process_time() - began < 20, evaluator.name


def test_many_citations_are_cut_out_in_one_go():
    text = "uno [1] " * 50_000
    markers = tuple(
        Citation("[1]", at + 4, at + 7, "p", None, "no_quote") for at in range(0, len(text), 8)
    )
    sample = Sample("1", "?", references=("uno " * 50_000,))
    began = time.process_time()
    (score,) = sync.run(ExactMatch().evaluate(sample, Output(text, citations=markers)))
    assert score.value == 1.0
    assert time.process_time() - began < 10
