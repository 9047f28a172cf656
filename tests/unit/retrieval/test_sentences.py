from __future__ import annotations

import pytest

from quilate.retrieval.sentences import sentences


@pytest.mark.parametrize(
    "expected",
    [
        ["El Sr. Paz y la Dra. Gil llegaron.", "Luego se fueron."],
        ["¿Quién vino?", "¡Nadie!", "Qué pena."],
        ["¿Qué? preguntó ella.", "Nada."],
        ["Cuesta 3.14 euros.", "Es caro."],
        ["Use one, e.g. Python, i.e. this.", "Done."],
        ["Hay varios, p. ej. Ana.", "Y otros."],
        ["See fig. 3 and no. 5.", "No.", "It is not."],
        ["No sé… quizá mañana.", "O no…", "Veremos."],
        ["«Ven aquí.»", "Lo dijo Ana."],
        ['"Is it so?"', "He asked.", "(Yes.)", "Well."],
        ["J. L. Borges was born in 1899.", "He wrote."],
        ["The U.S. Army came at 5 p.m.", "It left."],
        ["Murió en el 44 a. C. en Roma.", "Fin."],
        ["Los EE. UU. firmaron.", "Bien."],
        ["Really?!", "Yes..."],
        ["第一句。", "第二句。"],
    ],
)
def test_sentences_in_spanish_and_english(expected: list[str]) -> None:
    joined = " ".join(expected)
    assert [joined[start:end] for start, end in sentences(joined)] == expected


def test_a_line_ends_a_sentence_unless_it_was_wrapped() -> None:
    text = (
        "A heading\nA sentence that was\nwrapped here. Another.\n\n- one\n- two\n1. First\n2. Last"
    )
    assert [text[start:end] for start, end in sentences(text)] == [
        "A heading",
        "A sentence that was\nwrapped here.",
        "Another.",
        "- one",
        "- two",
        "1. First",
        "2. Last",
    ]


def test_nothing_and_carriage_returns() -> None:
    assert sentences(" \r\n ") == []
    text = "Uno.\r\n\r\nDos.\r\n"
    assert [text[start:end] for start, end in sentences(text)] == ["Uno.", "Dos."]
