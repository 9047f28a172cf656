"""Judge replies of every bad kind, each with what it means: the oracle of the fuzz.

A reply is made from its meaning, so that what it should become is known without reading it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Reply(NamedTuple):
    """A judge's text. `label` is what it says, None for nothing; a `sure` one must be understood,
    wherever the reply is free."""

    kind: str
    text: str
    label: str | None = None
    sure: bool = False


Maker = Callable[[random.Random, Sequence[str]], Reply]

WORDS = [
    "the",
    "passages",
    "question",
    "answer",
    "is",
    "about",
    "river",
    "lake",
    "capital",
    "año",
    "niño",
    "según",
    "está",
]
FOREIGN = ["respaldada en parte", "cuatro", "ninguna de las dos", "部分的に支持", "вполне", "drei"]
NO_NUMBERS = [
    "Infinity",
    "-inf",
    "NaN",
    "1e999",
    "∞",
    "nan%",
    '{"answer": NaN}',
    '{"score": 1e999}',
]
OUT_OF_RANGE = ["0", "6", "-1", "10", "4.5", "3,7", "1e3", "9" * 5000, '{"score": 11}', "4/10"]
PAGES = [
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "<!DOCTYPE html><p>Too many requests</p>",
]


def prose(rng: random.Random, most: int = 30) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, most)))


def plain(rng, labels):
    label = rng.choice(labels)
    said = label if len(label) == 1 else rng.choice([label, label.upper(), label.title()])
    wrapped = rng.choice(["{}", " {}\n", "**{}**", '"{}"', "{}.", "`{}`", "«{}»", "({})", "[[{}]]"])
    return Reply("plain", wrapped.format(said), label, sure=True)


def announced(rng, labels):
    label = rng.choice(labels)
    said = rng.choice(
        [
            "Answer: {}",
            "The answer is {}.",
            "**Answer:** {}",
            "La respuesta es: {}",
            "Veredicto: {}",
        ]
    )
    before = rng.choice(["", prose(rng) + ".\n\n"])
    return Reply("announced", before + said.format(label), label, sure=True)


def as_json(rng, labels):
    label = rng.choice(labels)
    key = rng.choice(["answer", "respuesta", "verdict", "label"])
    value = int(label) if label.isdecimal() and rng.random() < 0.5 else label
    text = json.dumps({"why": prose(rng), key: value}, ensure_ascii=False)
    return Reply("json", text, label, sure=True)


def json_in_prose(rng, labels):
    inner = as_json(rng, labels)
    text = rng.choice(["Sure!\n```json\n{}\n```\n", "Here you are: {} Bye.", "{}\n" + prose(rng)])
    return Reply("json in prose", text.replace("{}", inner.text, 1), inner.label, sure=True)


def nested(rng, labels):
    label = rng.choice(labels)
    value: object = {"answer": label}
    for _ in range(rng.randint(1, 4)):
        value = {"result": value} if rng.random() < 0.5 else {"items": [value]}
    return Reply("nested json", json.dumps(value), label, sure=True)


def too_nested(rng, labels):
    mark = rng.choice(['{"answer":', "[", '{"a":['])
    return Reply("json without end", mark * rng.choice([100, 5000, 20000]))


def empty(rng, labels):
    return Reply(
        "empty", rng.choice(["", " ", "\n\n", "\t", "\u200b", "```\n```", "{}", "[]", '""'])
    )


def truncated(rng, labels):
    whole = '{"answer": "' + rng.choice(labels)
    return Reply("truncated", whole[: rng.randint(1, len(whole))])


def wrong_label(rng, labels):
    word = rng.choice(["banana", "C", "maybe", "perhaps so", "N/A", "null", "true"])
    text = rng.choice(["{}", "The answer is {}", '{"answer": "{}"}', "**{}**"]).replace("{}", word)
    return Reply("wrong label", text)


def foreign(rng, labels):
    return Reply("wrong language", rng.choice(["{}", "Respuesta: {}"]).format(rng.choice(FOREIGN)))


def no_number(rng, labels):
    return Reply("infinity or NaN", rng.choice(NO_NUMBERS))


def out_of_range(rng, labels):
    return Reply("out of range", rng.choice(OUT_OF_RANGE))


def several(rng, labels):
    one, other = rng.sample(list(labels), 2)
    shapes = [
        "{a} or {b}",
        "{a}, {b}",
        "{a} | {b}",
        "Either {a} or {b}.",
        "{a}\n{b}",
        "{a}; no, {b}",
    ]
    shapes += [
        "Answer: {a}\nAnswer: {b}",
        "La respuesta es {a} o {b}",
        "{a} y {b}",
        "from {a} to {b}",
    ]
    if not one.isdecimal():  # "4 / 5" is four of five
        shapes.append("{a} / {b}")
    if rng.random() < 0.3:
        pairs = f'{{"answer": "{one}", "answer": "{other}"}}'
        return Reply("several labels", pairs)
    return Reply("several labels", rng.choice(shapes).format(a=one, b=other))


def denied(rng, labels):
    label = rng.choice(labels)
    shapes = [
        "not {}",
        "The answer is not {}.",
        "No es {}",
        "{}? No.",
        "Answer: not {}",
        "Never {}.",
    ]
    return Reply("denied", rng.choice(shapes).format(label))


def in_passing(rng, labels):
    label = rng.choice(labels)
    text = f"I was asked to say {label} where it holds, and {prose(rng)}"
    return Reply("in passing", text)


def refusal(rng, labels):
    return Reply("refusal", rng.choice(["I cannot judge this.", "Lo siento, no puedo.", "..."]))


def page(rng, labels):
    return Reply("html", rng.choice(PAGES) + prose(rng))


def control(rng, labels):
    noise = "".join(chr(rng.choice([*range(32), 127, 0x200B, 0xFEFF])) for _ in range(40))
    return Reply("control characters", noise)


def control_around(rng, labels):
    label = rng.choice(labels)
    return Reply("control characters around", f"\ufeff\x00{label}\x07\n", label)


def megabyte(rng, labels):
    label = rng.choice(labels)
    return Reply(
        "a megabyte", rng.choice([label + " ", "x", "{", "Answer: " + label + "\n"]) * 200_000
    )


COMMON: list[Maker] = [plain, announced, as_json, json_in_prose, nested, several, denied]
NOTHING: list[Maker] = [empty, wrong_label, foreign, no_number, refusal, page, control]
BAD: list[Maker] = [truncated, out_of_range, in_passing, control_around, too_nested]


def replies(seed: int, count: int, labels: Sequence[str], makers=None) -> list[Reply]:
    """So many replies, of every kind, a few of a megabyte."""
    rng = random.Random(seed)
    makers = makers or [*COMMON, *NOTHING, *BAD]
    made = [makers[place % len(makers)](rng, labels) for place in range(count - 4)]
    made += [megabyte(rng, labels) for _ in range(4)]
    rng.shuffle(made)
    # What is out of one scale may be a label of another.
    spelt = {label.casefold(): label for label in labels}
    return [
        one._replace(label=spelt[one.text]) if one.label is None and one.text in spelt else one
        for one in made
    ]
