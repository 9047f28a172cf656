"""Which label a free reply gives: wrappings of both languages, and what must give none."""

from __future__ import annotations

import time

import pytest

from quilate.labels import LONGEST, named_label

SUPPORT = ("supported", "partly", "unsupported")
YES, SI = ("yes", "no"), ("sí", "no")
MARKS = ("1", "2", "3", "4", "5")
PLACES = ("A", "B", "tie")


@pytest.mark.parametrize(
    ("reply", "labels", "label"),
    [
        ("La respuesta es: sí", SI, "sí"),
        ("La respuesta es «sí».", SI, "sí"),
        ("**Respuesta:** no", SI, "no"),
        ("¡Sí!", SI, "sí"),
        ("SI", SI, "sí"),  # capitals without their accent
        ("No, no lo está", SI, "no"),
        ("si\u0301", SI, "sí"),  # an accent of its own
        ("**Answer:** yes", YES, "yes"),
        ("Answer:\n  **Yes**", YES, "yes"),
        ("The final answer is yes.", YES, "yes"),
        ('"yes"', YES, "yes"),
        ("- yes", YES, "yes"),
        ("<answer>yes</answer>", YES, "yes"),
        ("<think>yes? yes.</think>\nno", YES, "no"),
        ("\ufeff\x00yes\x07", YES, "yes"),
        ('{"answer": "yes"}', YES, "yes"),
        ('Sure! ```json\n{"answer": "yes"}\n``` Bye, no more.', YES, "yes"),
        ('{"why": "no doubt", "answer": "Yes"}', YES, "yes"),
        ('{"result": {"answer": "yes"}}', YES, "yes"),
        ('{"answer": true}', ("true", "false"), "true"),
        ("Supported.", SUPPORT, "supported"),
        ("unsupported", SUPPORT, "unsupported"),
        ("partly, since the date is missing", SUPPORT, "partly"),
        ("It is so.\n\nsupported", SUPPORT, "supported"),
        ("not supported", ("supported", "not supported"), "not supported"),
        ("supported in part, since …", ("supported", "supported in part"), "supported in part"),
        ("4", MARKS, "4"),
        ("4/5", MARKS, "4"),
        ("4 out of 5.", MARKS, "4"),
        ("4 de 5", MARKS, "4"),
        ("4 stars", MARKS, "4"),
        ("**Puntuación:** 4 sobre 5", MARKS, "4"),
        ("Score: 4. It covers all", MARKS, "4"),
        ("4\n\nIt covers 2 of 3 points", MARKS, "4"),
        ('{"score": 4.0}', MARKS, "4"),
        ("10", ("1", "10"), "10"),
        ("[[A]]", PLACES, "A"),
        ("a", PLACES, "A"),
        ("B, because it is a better answer", PLACES, "B"),
        ("La respuesta B es mejor.", PLACES, "B"),
        ("Respuesta A", PLACES, "A"),
        ("**Answer A** is better", PLACES, None),  # marks inside: not read, and not guessed
        ("Answer A is better.", PLACES, "A"),
        ("La respuesta es la A.", PLACES, "A"),
        ("La nota es un 4", MARKS, "4"),
        ("Nota final: 4", MARKS, "4"),
        ("Valor: 4", MARKS, "4"),
    ],
)
def test_a_label_is_read_out_of_its_wrapping(reply, labels, label):
    assert named_label(reply, labels) == label


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ("", YES),
        ("not supported", SUPPORT),
        ("The answer is not supported.", SUPPORT),
        ("supported: no", SUPPORT),
        ("supported? Not at all", SUPPORT),
        ("I cannot say whether it is supported", SUPPORT),
        ("supported or partly", SUPPORT),
        ("supported, unsupported", SUPPORT),
        ("supported\npartly\nunsupported", SUPPORT),
        ("Answer: supported\nAnswer: partly", SUPPORT),
        ("La respuesta no es: sí", SI),
        ("¿Sí?", SI),
        ("No sé", SI),
        ("respaldada", SUPPORT),
        ('{"answer": "yes", "answer": "no"}', YES),
        ('{"answer": "yes", "respuesta": "no"}', YES),
        ('{"answer": "supp', SUPPORT),
        ('{"answer": "supported', SUPPORT),
        ('{"answer": null}', ("none", "some")),
        ('{"answer": ["yes"]}', YES),
        ('{"answer": NaN}', MARKS),
        ('{"supported": true}', SUPPORT),
        ("3 or 4", MARKS),
        ("3-4", MARKS),
        ("-4", MARKS),
        ("4.5", MARKS),
        ("4,5", MARKS),
        ("Nota: 4,5", MARKS),
        ("4/10", MARKS),
        ("40", MARKS),
        ("4%", MARKS),
        ("1. The answer is right", MARKS),
        ("1\n2\n3", MARKS),
        ('{"score": 4.5}', MARKS),
        ("Infinity", MARKS),
        ("A better one", PLACES),
        ("La respuesta a", PLACES),  # the question, cut off
        ("La respuesta A es peor", PLACES),
        ("La respuesta A es mejor que la B, o al contrario", PLACES),
        ("La nota es un 4 o un 5", MARKS),
        ("A. First, the answer", PLACES),
        ("A: good. B: bad.", PLACES),
        ("neither A nor B", PLACES),
        ("Yes", ("yes", "YES")),  # of either, as far as one can see
    ],
)
def test_what_names_no_label_or_several_gives_none(reply, labels):
    assert named_label(reply, labels) is None


def test_a_label_that_reads_like_another_in_small_letters_is_told_by_its_case():
    assert named_label("YES", ("yes", "YES")) == "YES"


@pytest.mark.parametrize(
    "piece", ["yes ", "{", '{"answer":', "Answer: ", "\n", "*", '"', "<a>", "```", " ", "answer is"]
)
def test_a_long_reply_is_read_in_reasonable_time(piece):
    began = time.perf_counter()
    assert named_label((piece * LONGEST)[:LONGEST], YES) is None
    assert named_label("yes" + " " * LONGEST, YES) is None, "it has run away"
    assert time.perf_counter() - began < 5
