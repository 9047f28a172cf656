from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilate.retrieval.citations import cite
from quilate.retrievers import Hit, Passage

TEXTS = (
    "Lima fue   fundada en\n1535 por Francisco Pizarro.",
    'If skipkeys is true then "bad" keys are skipped, see d[1: 2].',
    "El niño dijo «ven aquí» y se fue en 1301.",
)
CONTEXT = [Hit(Passage(f"p{n}", text), 1.0) for n, text in enumerate(TEXTS, 1)]


def checked(answer: str) -> list[tuple[str | None, str | None, str]]:
    return [(c.passage_id, c.quote, c.status) for c in cite(answer, CONTEXT)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Nada.", []),
        ("En 1535 [1].", [("p1", None, "no_quote")]),
        ("Sí [1, 3].", [("p1", None, "no_quote"), ("p3", None, "no_quote")]),
        (
            "Sí [ 1 ,3 ][2]",
            [("p1", None, "no_quote"), ("p3", None, "no_quote"), ("p2", None, "no_quote")],
        ),
        ("No [4]. No [0].", [(None, None, "no_such_passage"), (None, None, "no_such_passage")]),
        ('Sí [1: "fundada en 1535"].', [("p1", "fundada en 1535", "verified")]),
        ("Sí [1: «fundada en 1535»].", [("p1", "fundada en 1535", "verified")]),
        ("Sí [1: “fundada\n en 1535”].", [("p1", "fundada\n en 1535", "verified")]),
        ("Sí [1: 'fundada en 1535'].", [("p1", "fundada en 1535", "verified")]),
        ('Sí [1: "fundada en 1536"].', [("p1", "fundada en 1536", "not_in_passage")]),
        ('Sí [1: "Fundada en 1535"].', [("p1", "Fundada en 1535", "not_in_passage")]),
        ('Sí [2: "fundada en 1535"].', [("p2", "fundada en 1535", "not_in_passage")]),
        ('Sí [7: "fundada"].', [(None, "fundada", "no_such_passage")]),
        ('Fue "fundada en 1535" [1].', [("p1", "fundada en 1535", "verified")]),
        ("Fue “fundada en 1535.” [1]", [("p1", "fundada en 1535.", "verified")]),
        ("Fue «fundada en 1535», [1]", [("p1", "fundada en 1535", "verified")]),
        ('La "ciudad" fue fundada [1].', [("p1", None, "no_quote")]),
        ('It says [2: "then "bad" keys"].', [("p2", 'then "bad" keys', "verified")]),
        ('It says [2: "then ‘bad’ keys"].', [("p2", "then ‘bad’ keys", "verified")]),
        ('It says [2: "see d[1: 2]"].', [("p2", "see d[1: 2]", "verified")]),
        ('It says "see d[1: 2]" [2].', [("p2", "see d[1: 2]", "verified")]),
        ('Fue en [3: "13"].', [("p3", "13", "not_in_passage")]),
        ('Fue en [3: "1301"].', [("p3", "1301", "verified")]),
        ('Sí [1: ""].', [("p1", None, "no_quote")]),
        ("`row[1]` and ```\nx = [1, 2]\n``` hold.", []),
        ('Cut off [1: "fundada en', []),
        ("[1: no quotes]", []),
    ],
)
def test_markers_and_quotes(answer: str, expected: list[object]) -> None:
    assert checked(answer) == expected


def test_marker_and_quote_are_located_in_the_original_texts() -> None:
    answer = 'Pues [1: "fundada en 1535"].'
    (citation,) = cite(answer, CONTEXT)
    assert answer[citation.start : citation.end] == citation.marker == '[1: "fundada en 1535"]'
    assert TEXTS[0][citation.quote_start : citation.quote_end] == "fundada en\n1535"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("other", ["NFC", "NFD"])
def test_composition_makes_no_difference(form: str, other: str) -> None:
    text = unicodedata.normalize(form, "Ayer el niño cantó 각 «así».")
    quote = unicodedata.normalize(other, "niño cantó 각 «así»")
    (citation,) = cite(f'[1: "{quote}"]', [Hit(Passage("p", text), 1.0)])
    assert citation.status == "verified"
    found = text[citation.quote_start : citation.quote_end]
    assert unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", quote)


@given(st.text(max_size=80), st.data())
def test_every_run_of_whole_words_of_a_passage_is_verified(text: str, data: st.DataObject) -> None:
    words = text.split()
    start = data.draw(st.integers(0, len(words)))
    quote = " ".join(words[start : data.draw(st.integers(start, len(words)))])
    if "]" in quote or "[" in quote or not quote.strip(" .,;:…"):
        return
    (citation,) = cite(f'[1: "{quote}"]', [Hit(Passage("p", text), 1.0)])
    assert citation.status == "verified"


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "[1",
        "[1,",
        "[1:",
        '[1: "',
        '"',
        "[1]",
        '"a" [1] ',
        "`",
        "```",
        "[1, 2: «a» ",
        '"  ',
        "[ ",
        "1, ",
        '[1: "x"]',
        "' ]",
        '"]',
    ],
)
def test_a_hostile_answer_is_read_in_one_pass(piece: str) -> None:
    """Were anything scanned again and again, this would take hours and run into the timeout."""
    size = 500_000
    answer = (piece * size)[:size]
    ends = [(each.start, each.end) for each in cite(answer, CONTEXT)]
    assert all(0 <= start < end <= size for start, end in ends)
    assert ends == sorted(ends)


def test_a_list_of_a_hundred_thousand_numbers_is_not_a_marker() -> None:
    assert checked("[" + "1," * 100_000 + "1]") == []
