"""Search, related passages, the order of passages, and near-duplicates."""

import numpy as np
import pytest

from quilate import sync
from quilate.retrievers import EmbedderInfo, Passage
from quilate.testsets.corpus import Corpus
from quilate.testsets.dedup import Duplicates
from quilate.testsets.planning import Queue, ordered
from quilate.testsets.sources import passages_of
from tests.unit.testsets.scripts import BRIDGE, FAROS, FRESNEL, PALACIO

PASSAGES = [
    Passage("faros", FAROS, "es1"),
    Passage("fresnel", FRESNEL, "es2"),
    Passage("bridge", BRIDGE, "en1"),
    Passage("palacio", PALACIO, "en2"),
]


def ids(passages):
    return [passage.id for passage in passages]


def test_search_ranks_by_rare_words_without_accents_or_case():
    corpus = Corpus(PASSAGES)
    assert ids(corpus.search("AGUSTIN Fresnel y la torre", k=4))[0] == "fresnel"
    assert corpus.search("zzz", k=4) == []
    assert len(corpus.search("Hércules Vizcaya", k=1)) == 1


def test_bm25_agrees_with_the_formula():
    corpus = Corpus([Passage("a", "sol sol luna"), Passage("b", "luna mar"), Passage("c", "mar")])
    assert ids(corpus.search("luna", k=3)) == ["b", "a"]  # the shorter one first
    assert ids(corpus.search("sol mar", k=3)) == ["a", "c", "b"]


def test_related_passages_share_a_rare_word_and_tell_something_else():
    corpus = Corpus([*PASSAGES, Passage("copy", FAROS + " Fin.", "es3")])
    assert ids(corpus.related(PASSAGES[0])) == ["fresnel"]  # neither the copy nor English ones
    assert ids(corpus.related(PASSAGES[3])) == ["bridge"]


def test_chunks_that_overlap_are_not_related():
    overlapping = [
        Passage("1", "alpha beta gamma torre hercules", "d", 0, 30),
        Passage("2", "torre hercules delta epsilon zeta", "d", 17, 50),
        Passage("3", "torre hercules theta iota kappa", "d", 60, 90),
    ]
    padding = [Passage(f"p{n}", f"word{n} other{n}", f"p{n}") for n in range(40)]
    assert ids(Corpus([*overlapping, *padding]).related(overlapping[0])) == ["3"]


def test_languages_and_documents_take_turns_and_a_seed_repeats_the_order():
    texts = {f"d{n}": BRIDGE + f" Note {n}." for n in range(6)}
    many = [Passage(f"{name}#{k}", text + str(k), name) for name, text in texts.items()
            for k in range(3)]  # fmt: skip
    corpus = Corpus([*many, PASSAGES[0], PASSAGES[1]])
    order = ordered(corpus, ("en", "es"), seed=1)
    assert [corpus.language(one) for one in order[:4]] == ["en", "es", "en", "es"]
    english = [one for one in order if corpus.language(one) == "en"]
    assert len({one.document_id for one in english[:6]}) == 6
    assert ids(order) == ids(ordered(corpus, ("en", "es"), seed=1))
    assert ids(order) != ids(ordered(corpus, ("en", "es"), seed=2))


def test_waves_do_not_cross_into_the_next_round():
    corpus = Corpus(PASSAGES)
    queue = Queue("single", corpus, ordered(corpus, ("en", "es"), 0))
    assert [len(queue.take(3)) for _ in range(8)] == [3, 1, 3, 1, 3, 1, 0, 0]
    pairs = Queue("multi", corpus, ordered(corpus, ("en", "es"), 0)).take(9)
    assert {frozenset(ids(task.passages)) for task in pairs} == {
        frozenset({"faros", "fresnel"}), frozenset({"bridge", "palacio"}),
    }  # fmt: skip
    assert len(pairs) == 2


def test_documents_are_cut_as_an_index_cuts_them():
    from quilate.retrieval.chunkers import recursive
    from quilate.retrievers import Document

    text = " ".join([FAROS, FRESNEL] * 5)
    cut = passages_of([{"id": "d", "text": text}], chunk_tokens=64)
    assert cut == recursive(Document("d", text), size=64, overlap=8)
    assert ids(passages_of([{"id": "d", "text": text}], chunk_tokens=None)) == ["d"]


class Vectors:
    """An embedder of vectors that are given."""

    info = EmbedderInfo("given", "given", 2)

    def __init__(self, angles):
        self.angles = angles

    async def embed(self, texts, *, kind):
        turns = [self.angles[text] for text in texts]
        return np.array([[np.cos(t), np.sin(t)] for t in turns], dtype=np.float32)

    def count_tokens(self, text):
        return len(text.split())


BUILT = "When was the Tower built?"
SAME = "In which year did they construct it, that Tower of Hercules?"


@pytest.mark.parametrize(
    ("angle", "answers", "found"),
    [
        (0.1, ("1893",), "old"),  # cosine 0.995, the same answer
        (0.1, ("Palacio",), None),  # near, but it asks for something else
        (0.1, (), "old"),  # nothing to compare, but very near
        (0.3, (), None),  # cosine 0.955
        (0.3, ("1893",), "old"),
        (0.5, ("1893",), None),  # cosine 0.878
    ],
)
def test_near_questions_are_one_when_their_answers_agree(angle, answers, found):
    seen = Duplicates(Vectors({BUILT: 0.0, SAME: angle}))
    sync.run(seen.add("old", BUILT, ("1893",), "en"))
    assert sync.run(seen.find(SAME, answers, "en")) == found
    assert sync.run(seen.find(SAME, answers, "es")) is None


def test_other_numbers_make_another_question():
    seen = Duplicates()
    asked = "Which bridge was opened near Bilbao in the spring of the year 1893?"
    sync.run(seen.add("old", asked, (), "en"))
    assert sync.run(seen.find(asked.replace("Which", "what"), (), "en")) == "old"
    assert sync.run(seen.find(asked.replace("1893", "1894"), (), "en")) is None


def test_questions_of_nearly_the_same_words_with_other_answers_are_two():
    seen = Duplicates()
    asked = "What does the function json.dumps of the standard library give?"
    other = asked.replace("dumps", "loads")
    sync.run(seen.add("old", asked, ("JSON text",), "en"))
    assert sync.run(seen.find(other, ("a Python object",), "en")) is None
    assert sync.run(seen.find(other, ("text of JSON",), "en")) == "old"
    assert sync.run(seen.find(asked, ("a Python object",), "en")) == "old"
