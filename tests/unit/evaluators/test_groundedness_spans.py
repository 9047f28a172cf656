"""Groundedness without a judge: by hand on small contexts, and against human labels."""

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest

from quilate import registry, sync
from quilate.errors import UnknownName
from quilate.evaluators import Output, Sample
from quilate.retrievers import EmbedderInfo, Hit, Passage
from quilate_evaluators.grounding.evaluator import MEANING, GroundednessSpans
from quilate_evaluators.grounding.support import (
    UNKNOWN,
    WEIGHTS,
    prepare,
    support,
    windows_of,
)

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[4] / "shared" / "data")
EN = "Lima was founded in 1535 by Francisco Pizarro. The city lies on the Pacific coast."
ES = "Lima fue fundada en 1535 por Francisco Pizarro. La ciudad está en la costa del Pacífico."


def score(answer: str, *passages: str, question: str = "What of Lima?", evaluator=None, **fields):
    context = tuple(Hit(Passage(f"p{n}", text), 1.0) for n, text in enumerate(passages))
    language = fields.pop("language", None)
    output = Output(answer, context=fields.pop("context", context), **fields)
    sample = Sample("1", question, language=language)
    (found,) = sync.run((evaluator or GroundednessSpans()).evaluate(sample, output))
    return found


def test_window_spans_and_nearness_are_what_they_are_by_hand():
    # Three sentences; "red" stands in one of them, "green" in none, "door" in two.
    context = prepare(["The red door. A blue door. A window."], "en")
    red, green = math.log(1 + 3 / 1.5), math.log(1 + 3 / 0.5)
    found = support("Red green.", "Which door?", context)
    assert found.window == pytest.approx(red / (red + green))
    assert found.spans == pytest.approx(math.sqrt(1) / 2)
    # At "red": itself, and "door" one word further.
    assert found.nearness == pytest.approx(red / (red + green) * math.exp(-1 / 10))
    parts = np.array([found.window, found.spans, found.nearness])
    assert found.value == pytest.approx(float(parts @ np.array(WEIGHTS)))
    assert sum(WEIGHTS) == pytest.approx(1.0)


def test_a_question_without_words_to_look_up_takes_no_part():
    assert support("Lima", "Why?", prepare(["Lima"], "en")).nearness is None
    assert score("The city lies on the Pacific coast.", EN, question="Why?").value == 1.0


def test_a_question_whose_words_the_passages_lack_speaks_neither_for_nor_against():
    said = "The city lies on the Pacific coast."
    unknown, near, far = (
        score(said, text, question=f"Which {word}?").value
        for text, word in ((EN, "harbour"), (EN, "coast"), (f"Harbour. {EN * 9}", "harbour"))
    )
    assert far < unknown < near
    assert unknown == pytest.approx(1 - WEIGHTS[2] * (1 - UNKNOWN))


def test_spans_count_the_longest_pieces_and_their_squares():
    context = prepare(["one two three. four five"], "en")
    found = support("one two three zero five", "?", context)
    assert found.spans == pytest.approx(math.sqrt(9 + 1) / 5)


def test_words_of_distant_sentences_do_not_support_together():
    far = (
        "Ana lives in Lima. " + "It rains there every day of winter. " * 4 + "Luis lives in Cusco."
    )
    near = support("Ana in Cusco.", "?", prepare([far], "en")).window
    assert near < support("Ana in Lima.", "?", prepare([far], "en")).window == 1.0


def test_the_answer_beside_the_words_of_the_question_is_the_better_one():
    question = "In which year was Lima founded?"
    text = EN + " In 1821 San Martín declared independence in its main square."
    right, wrong = (support(y, question, prepare([text], "en")) for y in ("1535", "1821"))
    assert (right.window, right.spans) == (wrong.window, wrong.spans) == (1.0, 1.0)
    assert right.nearness > wrong.nearness


@pytest.mark.parametrize(
    ("text", "right", "wrong", "language"),
    [
        (EN, "It was founded in 1535 by Pizarro.", "It was founded in 1821 by Bolívar.", "en"),
        (ES, "Fue fundada en 1535 por Pizarro.", "Fue fundada en 1821 por Bolívar.", "es"),
        (ES, "¿Dónde? En la costa del Pacifico.", "¿Dónde? En la sierra del Perú.", "es"),
        ("Costó 3,5 millones.", "Costó 3.5 millones.", "Costó 35 millones.", "es"),
        ("Tiene 1.250.000 habitantes.", "1,250,000 habitantes", "125.000 habitantes", "es"),
    ],
)
def test_what_the_passages_say_scores_higher_in_both_languages(text, right, wrong, language):
    assert score(right, text, language=language).value > score(wrong, text, language=language).value


def test_a_copied_answer_scores_high_and_an_alien_one_low():
    assert score(EN, EN).value > 0.9
    assert score("Bananas ripen overnight.", EN).value == 0.0
    assert score("Lima.", context=()).value == 0.0


def test_sentences_count_by_their_words_and_the_weak_ones_are_evidence():
    found = score("Lima was founded in 1535. Bananas ripen.", EN)
    alone = score("Lima was founded in 1535.", EN).value
    assert found.value == pytest.approx(alone * 5 / 7)
    assert found.evidence == ("Bananas ripen.",)
    assert found.explanation.startswith(f"{alone:.2f} Lima was founded in 1535.; 0.00 Bananas")


@pytest.mark.parametrize(
    ("answer", "fields", "reason"),
    [
        ("Lima", {"context": None}, "the target shows the model no passages"),
        ("Lima", {"abstained": True}, "the answer abstains"),
        ("No lo sé.", {}, "the answer abstains"),
        (" ", {}, "the answer is empty"),
        ("Yes.", {}, "the answer holds no word that could be looked up"),
        ("No", {}, "the answer holds no word that could be looked up"),
        ("Sí.", {"language": "es"}, "the answer holds no word that could be looked up"),
        ("…", {}, "the answer holds no word that could be looked up"),
        (ES, {}, "the answer and the passages are in different languages"),
    ],
)
def test_what_cannot_be_looked_up_is_unscored(answer, fields, reason):
    found = score(answer, EN, **fields)
    assert (found.status, found.reason) == ("unscored", reason)


class Alike:
    """An embedder for which texts are alike by whether they hold a word."""

    info = EmbedderInfo("alike", "alike", 2)

    async def embed(self, texts, *, kind):
        self.seen = getattr(self, "seen", []) + [(kind, text) for text in texts]
        rows = [
            (1.0, 0.0) if "Pizarro" in text else (0.85, math.sqrt(1 - 0.85**2)) for text in texts
        ]
        return np.array(rows, dtype=np.float32)

    def count_tokens(self, text):
        return len(text.split())


def test_the_likeness_of_meaning_counts_a_little_where_an_embedder_is_given():
    embedder = Alike()
    plain = score("Lima, by the sea.", EN).value
    found = score("Lima, by the sea.", EN, evaluator=GroundednessSpans(embedder))
    # Cosine .85 is half way from .75 to .95.
    assert found.value == pytest.approx((1 - MEANING) * plain + MEANING * 0.5, abs=1e-5)
    assert ("query", "What of Lima? Lima, by the sea.") in embedder.seen
    assert ("document", EN) in embedder.seen


def test_an_embedder_that_nobody_registered_is_refused():
    with pytest.raises(UnknownName):
        registry.evaluator("groundedness_spans", embedder="nanoe6")


def test_windows_are_runs_of_sentences():
    assert windows_of("Uno. Dos. Tres.", 2) == ["Uno. Dos.", "Dos. Tres."]
    assert windows_of("Uno.", 3) == ["Uno."]
    # Sources that were joined without a space are parted.
    assert windows_of("the 19th century.First for Women", 1) == [
        "the 19th century.",
        "First for Women",
    ]


@pytest.mark.parametrize(
    "hostile", ["a " * 200_000, "x" * 1_000_000, "Lima " * 100_000, "1 " * 9999]
)
def test_a_hostile_answer_costs_a_bounded_time(hostile):
    began = time.process_time()
    found = score(hostile, EN, hostile[:20_000])
    assert found.status in ("scored", "unscored")
    assert time.process_time() - began < 20


def test_it_separates_hallucinated_from_right_answers():
    """AUROC on the first 200 questions of HaluEval: 0.99 when it was written."""
    file = DATA / "halueval_qa.jsonl"
    if not file.is_file():
        pytest.skip(f"no {file}")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[:200]]
    ranked = [
        (score(answer, *row["contexts"], question=row["question"]).value, right)
        for row in rows
        for key, right in (("answers", True), ("hallucinated_answers", False))
        for answer in row[key]
    ]
    good = [value for value, right in ranked if right and value is not None]
    bad = [value for value, right in ranked if not right and value is not None]
    wins = sum((g > b) + (g == b) / 2 for g in good for b in bad)
    assert wins / (len(good) * len(bad)) > 0.98
