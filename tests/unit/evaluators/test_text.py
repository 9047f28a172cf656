import pytest

from quilate import sync
from quilate.evaluators import Citation, Output, Sample, Score
from quilate_evaluators.text import ExactMatch, TokenF1, f1, normalize


def scores(evaluator, answer: str, *references: str, language: str | None = None) -> list[Score]:
    sample = Sample("1", "?", references=references, language=language)
    return sync.run(evaluator.evaluate(sample, Output(answer)))


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("The Counter!", "en", ["counter"]),
        ("¿El contador?", "es", ["contador"]),
        ("the contador", "es", ["the", "contador"]),  # each language loses its own articles alone
        ("`json.dumps()` …", "en", ["json.dumps"]),
        ("most_common.", "en", ["most_common"]),
        ("Ünïcode  ÁRBOL", None, ["ünïcode", "árbol"]),
        ("a + b = c", "es", ["a", "b", "c"]),
    ],
)
def test_normalize(text, language, words):
    assert normalize(text, language) == words


def test_f1_of_squad():
    # SQuAD's own evaluation script: 2 shared words of 3 and 2.
    assert f1(["a1", "b", "c"], ["b", "c"]) == pytest.approx(0.8)
    assert f1([], []) == 1.0
    assert f1(["x"], []) == 0.0
    assert f1(["b", "b"], ["b"]) == pytest.approx(2 / 3)  # repetition counts


def test_exact_match_takes_the_best_reference():
    assert scores(ExactMatch(), "Lima.", "Quito", "lima")[0].value == 1.0
    assert scores(ExactMatch(), "Lima, Peru", "lima")[0].value == 0.0


def test_token_f1_takes_the_best_reference():
    assert scores(TokenF1(), "Lima Peru", "Bogotá", "Lima")[0].value == pytest.approx(2 / 3)


@pytest.mark.parametrize("evaluator", [ExactMatch(), TokenF1()])
def test_without_references_there_is_no_score(evaluator):
    (score,) = scores(evaluator, "Lima")
    assert score.status == "unscored"
    assert score.value is None
    assert "references" in score.reason


def test_citation_markers_are_no_part_of_the_answer():
    text = 'Lima [1: "the capital is Lima"]'
    marker = Citation(text[5:], 5, len(text), "p", "the capital is Lima", "verified")
    sample = Sample("1", "?", references=("Lima",))
    output = Output(text, citations=(marker,))
    assert sync.run(ExactMatch().evaluate(sample, output))[0].value == 1.0
