from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.errors import ConfigurationError
from quilate.retrieval.chunkers import recursive, sentence
from quilate.retrieval.tokens import estimate_tokens
from quilate.retrievers import Document

CHUNKERS = [recursive, sentence]
COUNTERS: dict[str, Callable[[str], int]] = {
    "estimate": estimate_tokens,
    "characters": len,
    "quarters, rounded down": lambda text: len(text) // 4,  # not additive: 3 + 3 letters make 1
    "words and two marks": lambda text: len(text.split()) + 2,
}
TEXTS = st.text(
    st.sampled_from("abcdeéñABCÑ  \n\t.!?…¿¡\"'«»-*#0123456789。日本\r")
    | st.characters(codec="utf-8"),
    max_size=400,
)


@pytest.mark.parametrize("chunker", CHUNKERS)
@pytest.mark.parametrize("counter", COUNTERS)
@settings(max_examples=150, deadline=None)
@given(text=TEXTS, size=st.integers(3, 40), data=st.data())
def test_chunks_are_exact_bounded_and_cover_the_text(
    chunker: Callable[..., list], counter: str, text: str, size: int, data: st.DataObject
) -> None:
    count = COUNTERS[counter]
    overlap = data.draw(st.integers(0, size - 1))
    passages = chunker(Document("d", text), size=size, overlap=overlap, count_tokens=count)

    covered: set[int] = set()
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip() != ""
        assert count(passage.text) <= size or len(passage.text) == 1
        covered.update(range(passage.start, passage.end))
    assert all(at in covered for at, letter in enumerate(text) if not letter.isspace())
    for before, after in pairwise(passages):
        assert before.start < after.start and before.end < after.end
        if after.start < before.end:
            assert count(text[after.start : before.end]) - count("") <= overlap
    assert len({passage.id for passage in passages}) == len(passages)


@pytest.mark.parametrize("chunker", CHUNKERS)
@pytest.mark.parametrize(("size", "overlap"), [(10, 10), (10, 11), (10, -1), (0, 0)])
def test_impossible_sizes_are_refused(
    chunker: Callable[..., list], size: int, overlap: int
) -> None:
    with pytest.raises(ConfigurationError, match="0 <= overlap < size"):
        chunker(Document("d", "uno dos"), size=size, overlap=overlap)


def test_what_a_counter_adds_to_every_text_is_counted_once() -> None:
    text = "Uno.\nDos.\nTres.\nCuatro.\nCinco."
    passages = recursive(
        Document("d", text), size=8, overlap=0, count_tokens=lambda text: len(text.split()) + 5
    )
    assert [len(p.text.split()) for p in passages] == [3, 2]
    with pytest.raises(ConfigurationError, match="no room: 5"):
        recursive(Document("d", text), size=5, overlap=0, count_tokens=lambda text: 5 + len(text))


def test_recursive_prefers_the_stronger_break() -> None:
    text = "Uno dos tres. Cuatro cinco.\n\nSeis siete. Ocho nueve diez."
    assert [p.text for p in recursive(Document("d", text), size=16, overlap=0)] == [
        "Uno dos tres. Cuatro cinco.",
        "Seis siete. Ocho nueve diez.",
    ]
    first = sentence(Document("d", text), size=16, overlap=0)[0]
    assert first.text.endswith("siete.")


def test_a_heading_stays_with_what_it_heads() -> None:
    text = "# Uno\n\nDos tres. Cuatro.\n\n## Cinco\n\nSeis siete. Ocho.\n"
    assert [p.text for p in recursive(Document("d", text), size=16, overlap=0)] == [
        "# Uno\n\nDos tres. Cuatro.",
        "## Cinco\n\nSeis siete. Ocho.",
    ]


def test_overlap_repeats_whole_sentences() -> None:
    text = "Uno dos. Tres cuatro. Cinco seis. Siete ocho."
    passages = sentence(Document("d", text), size=10, overlap=5)
    assert [p.text for p in passages][:2] == ["Uno dos. Tres cuatro.", "Tres cuatro. Cinco seis."]


def test_a_moved_chunk_keeps_its_identifier_and_an_edited_one_does_not() -> None:
    paragraphs = [f"Parágrafo {n} con unas cuantas palabras más." for n in range(6)]
    before = recursive(Document("d", "\n\n".join(paragraphs)), size=14, overlap=0)
    after = recursive(Document("d", "\n\n".join(["Nuevo.", *paragraphs])), size=14, overlap=0)
    assert len(before) == 6
    assert {p.id for p in before} - {p.id for p in after} == set()
    edited = recursive(Document("d", "\n\n".join(paragraphs).replace("3", "9")), size=14, overlap=0)
    assert len({p.id for p in before} - {p.id for p in edited}) == 1


def test_repeated_words_get_different_identifiers() -> None:
    passages = recursive(Document("d", "Lo mismo.\n\n" * 3), size=4, overlap=0)
    assert [p.id.rpartition(".")[2] for p in passages][1:] == ["2", "3"]


def test_a_document_that_fits_keeps_its_own_identifier() -> None:
    (only,) = recursive(Document("json.dumps", "  Corto.\n", title="t", metadata={"a": 1}))
    assert (only.id, only.document_id, only.text) == ("json.dumps", "json.dumps", "Corto.")
    assert (only.title, only.metadata) == ("t", {"a": 1})
    assert recursive(Document("d", " \n ")) == []


@pytest.mark.parametrize(
    "text",
    [
        "La base de datos guarda lo que se le dice. ¿Y qué más? Nada.\n\n" * 16_000,
        "x" * 1_000_000,
        "palabra " * 125_000,
        "." * 1_000_000,
        "\n" * 1_000_000 + "fin",
        '."' * 500_000,
        "a.\n" * 330_000,
    ],
    ids=["prose", "one word", "no sentence", "dots", "blank", "closers", "short lines"],
)
def test_a_megabyte_is_counted_in_proportion(text: str) -> None:
    """Work is measured in characters shown to the counter, not in seconds."""
    shown = 0

    def counting(piece: str) -> int:
        nonlocal shown
        shown += len(piece)
        return estimate_tokens(piece)

    assert recursive(Document("d", text), count_tokens=counting)
    assert shown < 25 * len(text)
