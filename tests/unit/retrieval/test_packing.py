from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from quilate.retrieval.chunkers import recursive
from quilate.retrieval.packing import numbered, pack
from quilate.retrieval.tokens import estimate_tokens
from quilate.retrievers import Document, Hit, Passage

TEXT = "Uno dos tres. Cuatro cinco seis. Siete ocho nueve. Diez once doce. Trece catorce."


def hit(passage: Passage) -> Hit:
    return Hit(passage, 1.0)


@given(
    budget=st.integers(0, 80),
    size=st.integers(4, 40),
    data=st.data(),
)
def test_the_budget_holds_and_what_is_shown_is_verbatim(
    budget: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    documents = [Document(name, TEXT * 2, title=name * 3) for name in "ab"]
    passages = [p for d in documents for p in recursive(d, size=size, overlap=overlap)]
    hits = [hit(p) for p in data.draw(st.permutations(passages))]
    shown = pack(hits, budget=budget)
    texts = [numbered(n, h.passage) for n, h in enumerate(shown, 1)]
    assert sum(map(estimate_tokens, texts)) <= budget
    for one in shown:
        assert (TEXT * 2)[one.passage.start : one.passage.end] == one.passage.text
    spans = sorted((h.passage.document_id, h.passage.start, h.passage.end) for h in shown)
    order = [next(i for i, h in enumerate(hits) if h.passage.id == s.passage.id) for s in shown]
    assert order == sorted(order)
    for before, after in pairwise(spans):
        inside = after[2] <= before[2] or after[1] == before[1]
        assert before[0] != after[0] or before[2] <= after[1] or not inside


def test_words_shown_already_are_cut_from_later_hits() -> None:
    first = Passage("d#1", TEXT[:32], "d", 0, 32)
    second = Passage("d#2", TEXT[14:50], "d", 14, 50)
    inside = Passage("d#3", TEXT[14:32], "d", 14, 32)
    shown = pack([hit(first), hit(second), hit(inside), hit(first)], budget=100)
    assert [h.passage.text for h in shown] == [TEXT[:32], "Siete ocho nueve."]
    assert (shown[1].passage.start, shown[1].passage.end) == (33, 50)


def test_passages_without_offsets_are_never_taken_for_one_another() -> None:
    hits = [hit(Passage("a", "uno")), hit(Passage("b", "uno"))]
    assert pack(hits, budget=100) == tuple(hits)


def test_a_long_hit_is_passed_over_and_a_shorter_one_shown() -> None:
    hits = [hit(Passage("a", "uno")), hit(Passage("b", TEXT)), hit(Passage("c", "dos"))]
    assert [h.passage.id for h in pack(hits, budget=12)] == ["a", "c"]


def test_when_none_fits_the_first_is_shown_sentence_by_sentence() -> None:
    (only,) = pack([hit(Passage("b", TEXT, "b", 100, 100 + len(TEXT)))], budget=16)
    assert only.passage.text == "Uno dos tres. Cuatro cinco seis."
    assert (only.passage.start, only.passage.end) == (100, 132)
    assert pack([hit(Passage("b", TEXT))], budget=3) == ()
    assert pack([], budget=10) == ()


def test_a_cut_that_ends_at_white_space_still_meets_what_was_shown() -> None:
    shown = [
        Passage("d#1", TEXT[33:], "d", 33, len(TEXT)),
        Passage("d#2", TEXT[14:32], "d", 14, 32),
    ]
    last = Passage("d#3", TEXT[:50], "d", 0, 50)
    packed = pack([hit(passage) for passage in (*shown, last)], budget=100)
    assert [h.passage.text for h in packed] == [TEXT[33:], TEXT[14:32], TEXT[:13]]
