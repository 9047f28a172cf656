from __future__ import annotations

import pytest

from quilate.retrieval.abstention import abstained

ABSTAINS = [
    "I don't know.",
    "I do not know",
    "I don’t know.",
    "**I don't know.**",
    "Answer: I don't know.",
    "Sorry, I don't know the answer.",
    "I'm sorry, but I don't know.",
    "I don't know. The passages do not mention it.",
    "The passages do not contain the answer.",
    "The provided passages don't say who founded it.",
    "The context does not mention a founder.",
    "Based on the passages, I cannot answer.",
    "I cannot find the answer in the passages.",
    "There is no information about it in the passages.",
    "There is no mention of a founder in the given text.",
    "The answer is not in the passages.",
    "Not mentioned in the passages.",
    "I don't have enough information.",
    "No lo sé.",
    "No lo sé. No se menciona.",
    "«No lo sé.»",
    "No sé.",
    "Lo siento, no lo sé.",
    "Lo siento, pero no puedo responder.",
    "No aparece en los pasajes.",
    "No se menciona quién la fundó en el texto.",
    "No se encuentra la respuesta en los documentos.",
    "Los pasajes no contienen la respuesta.",
    "Los pasajes no lo dicen.",
    "El texto no menciona a su fundador.",
    "Según los pasajes, no hay información.",
    "No hay información suficiente.",
    "No tengo información sobre eso.",
    "La respuesta no está en los pasajes.",
    "No es posible determinar la fecha.",
    "Respuesta: No lo sé.",
]
ANSWERS = [
    "",
    "Lima.",
    "Know thyself.",
    "No.",
    "No, it returns None.",
    "It does not contain duplicates.",
    "The function does not know the size.",
    "I don't know why, it returns 3 [1].",
    "I don't know, but the text says 1535 [1].",
    "I don't know. However, passage 1 says 1535.",
    "No lo sé, pero fue en 1535 [1].",
    "No lo sé. Sin embargo, el pasaje dice 1535.",
    "No sé por qué, pero devuelve 3.",
    "No se aplica a listas.",
    "No hay que llamarla dos veces.",
    "No aparece ningún aviso: devuelve None.",
    "No existe diferencia.",
    "Devuelve una lista. No lo sé.",
    "The passages say 1535 [1].",
    "Los pasajes dicen que fue en 1535.",
    "El método no contiene argumentos.",
    "The answer is 42 [1].",
    "There is no limit.",
    "There is no answer key; it is random.",
]


@pytest.mark.parametrize("text", ABSTAINS)
def test_an_abstention_is_recognised(text: str) -> None:
    assert abstained(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_not_taken_for_an_abstention(text: str) -> None:
    assert not abstained(text)


@pytest.mark.parametrize("piece", ["sorry ", "no information ", "answer: ", " ", '"', "no lo "])
def test_a_hostile_megabyte_is_not_read_whole(piece: str) -> None:
    assert not abstained(piece * 200_000)
