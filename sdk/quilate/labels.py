"""Which of some declared labels a model's free reply gives: read from it, never guessed."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

LONGEST = 100_000
"""Characters of a reply that is read at all: a longer one has run away from its question."""

_MOST = 20  # statements, or objects, that are looked at
_UNSEEN = r"[\s\x00-\x1f\x7f\u200b-\u200f\ufeff]+"
_EDGES = re.compile(rf"^{_UNSEEN}|{_UNSEEN}$")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```\w*\n?(.*?)\n?```", re.DOTALL)
_TAG = re.compile(r"<([A-Za-z][\w-]*)>([^<>]*)</\1>")
_MARKS = "\"'*_`«»“”‘’"
_PAIRS = {"(": ")", "[": "]"}
# Not after a quote: the key of JSON that was cut off announces nothing.
_SAID = (
    r"(?<![\"'])\b(?:answer|verdict|label|decision|score|rating|grade|mark|judge?ment|conclusion"
    r"|respuesta|veredicto|etiqueta|decisi[oó]n|puntuaci[oó]n|calificaci[oó]n|nota|juicio"
    r"|conclusi[oó]n|valor|valoraci[oó]n)\b(?:[ \t]+final\b)?"
)
_STATED = re.compile(
    rf"{_SAID}[{_MARKS}]*[ \t]*(?:[:=]|(?:is|es)\b(?:[ \t]+(?:una?|la|el)\b)?[{_MARKS} \t]*:?)"
    rf"[{_MARKS}: \t]*",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[\s\W]*(?:no|not|false|never|none|nor|falso|falsa|nunca|ning[uú]n[oa]?)\b", re.IGNORECASE
)
# The keys of a JSON reply that hold its answer, from the surest on.
_KEYS = (
    ("answer", "respuesta"),
    ("label", "verdict", "decision", "etiqueta", "veredicto", "decisión"),
    ("score", "rating", "grade", "nota", "puntuación", "puntuacion", "calificación"),
)


class _Contradicted(Exception):
    """The reply names several labels, or takes back the one that it names."""


def named_label(text: str, labels: Sequence[str]) -> str | None:
    """The one of `labels` that a reply gives, or None.

    It is given by the whole reply; by an ``answer`` in its JSON; after words such as "Answer:" or
    "La respuesta es"; on a first or last line of its own; or as the reply's first words, where
    punctuation sets it off. Case, quotes, Markdown and full stops around it do not count, nor does
    what stands between ``<think>`` tags. A reply that names several labels gives none, and neither
    does one that denies a label, asks for it or names it in passing.

    >>> named_label("**La respuesta es:** «Sí».", ["sí", "no"])
    'sí'
    >>> named_label("not supported", ["supported", "unsupported"]) is None
    True
    >>> named_label("3 or 4", ["1", "2", "3", "4", "5"]) is None
    True
    """
    if len(text) > LONGEST:
        return None
    reader = _reader(tuple(labels))
    said = unicodedata.normalize("NFC", _trimmed(_THOUGHT.sub("", text, count=1)))
    if text in reader.labels:
        return text
    try:
        return reader.read(said)
    except _Contradicted:
        return None


@lru_cache(maxsize=256)
def _reader(labels: tuple[str, ...]) -> "_Reader":
    return _Reader(labels)


class _Reader:
    """Reads replies for one set of labels."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        either = "|".join(map(_spelt, sorted(labels, key=len, reverse=True)))
        self._begins = re.compile(rf"(?:{either})(?!\w)")
        self._anywhere = re.compile(rf"(?<!\w)(?:{either})(?!\w)")
        numbers = [label for label in labels if label.isdecimal()]
        top = re.escape(max(numbers, key=int)) if numbers else r"(?!)"
        scale = rf"[ \t]*(?:/|out of|of|de|sobre)[ \t]*{top}(?![\w.,]\w|\w)"
        unit = r"[ \t]+(?:points?|stars?|puntos?|estrellas?)\b"
        thing = r"(?i:(?:(?:la|the)[ \t]+)?(?:respuesta|answer|opci[oó]n|option))[ \t]+"
        better = r"(?i:[ \t]+(?:es|is)(?:[ \t]+(?:la|the))?[ \t]+(?:mejor|better)(?:[ \t]+one)?)?"
        self._pointed = re.compile(rf"{thing}(?P<one>{either}){better}")
        self._unit = re.compile(rf"(?:{scale})?(?:{unit})?", re.IGNORECASE)

    def read(self, said: str) -> str | None:
        whole = self._exactly(said)
        if whole is not None:
            return whole
        for means in (self._in_json, self._stated, self._on_a_line):
            label = means(said)
            if label is not None:
                return label
        return self._first(said, stated=False)

    def _exactly(self, said: str) -> str | None:
        """The label that a text is, whatever stands around it."""
        for plain in _unwrapped(said):
            if plain in self.labels:
                return plain
            pointed = self._pointed.fullmatch(plain)  # "La respuesta B es mejor"
            plain = pointed["one"] if pointed else plain  # noqa: PLW2901
            for alike in (str.casefold, _without_accents):
                found = [label for label in self.labels if alike(label) == alike(plain)]
                if len(found) == 1:
                    return found[0]
        return None

    def _in_json(self, said: str) -> str | None:
        """The label in the JSON of a reply; `_Contradicted` where its JSON has an answer that is
        none of them."""
        values = [value for found in _objects(said) for value in _answers(found)]
        if not values:
            return None
        return _agreed([self._of_value(value) for value in values])

    def _of_value(self, value: Any) -> str | None:
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, float) and value.is_integer():
            value = str(int(value))
        elif isinstance(value, int):
            value = str(value)
        if not isinstance(value, str):
            return None
        whole = self._exactly(value)
        return self._first(value, stated=True) if whole is None else whole

    def _stated(self, said: str) -> str | None:
        """The label after words that announce it."""
        found = []
        for number, mark in enumerate(_STATED.finditer(said)):
            if number == _MOST:
                raise _Contradicted
            line, _, further = said[mark.end() :].partition("\n")
            label = self._exactly(line) or self._first(line, stated=True)
            if label is None and not line.strip(_MARKS + " \t.:"):
                label = self._exactly(further.lstrip().partition("\n")[0])
            if label is not None:
                found.append(label)
        return _agreed(found) if found else None

    def _on_a_line(self, said: str) -> str | None:
        """The label that is the whole first or last line."""
        lines = [line for line in said.splitlines() if line.strip()]
        read = [self._exactly(line) if len(line) < 200 else None for line in lines]
        found = [label for label in read if label is not None]
        if not found or (read[0] is None and read[-1] is None):
            return None
        return _agreed(found)

    def _first(self, said: str, *, stated: bool) -> str | None:
        """The label that a text begins with, set off by punctuation from what follows.

        A number or a letter that is not `stated` may be that of a list, so a full stop, a colon, a
        dash or a bracket after it do not set it off.
        """
        plain = re.sub(rf"^[{_MARKS}¡(\[\s]+", "", said)
        begun = self._begins.match(plain)
        if begun is None:
            return None
        label = self._exactly(begun[0])
        if label is None:
            return None
        rest = plain[begun.end() :]
        counted = self._unit.match(rest) if label.isdecimal() else None
        scaled = counted is not None and counted.end() > 0
        rest = rest[counted.end() :] if counted else rest
        countable = not scaled and (label.isdecimal() or len(label) == 1)
        marks = ",;" if countable and not stated else ".,;:!)—–-"
        # A hyphen inside a word, and a point or comma inside a number, set nothing off.
        off = rf"[{_MARKS})\]]*(?:$|\n|[ \t]*[{re.escape(marks)}]+[{_MARKS})\]]*(?:\s|$)|[ \t]+\()"
        after = re.match(off, rest)
        if after is None:
            return None
        rest = rest[after.end() :]
        others = {self._exactly(other[0]) for other in self._anywhere.finditer(rest)}
        denied = _DENIED.match(rest) and not _DENIED.match(label)
        if others - {label} or denied:
            raise _Contradicted
        return label


def _spelt(label: str) -> str:
    """A label as a pattern: in any case, but a single letter in its own, for "a" is a word."""
    pattern = re.escape(label)
    return pattern if len(label) == 1 else f"(?i:{pattern})"


def _agreed(found: Sequence[str | None]) -> str:
    first = found[0]
    if first is None or any(label != first for label in found):
        raise _Contradicted
    return first


def _trimmed(text: str) -> str:
    return _EDGES.sub("", text)


def _unwrapped(text: str) -> Iterator[str]:
    """A short text, and what is left of it as quotes, marks, brackets, tags and stops go."""
    plain = _trimmed(text)
    for _ in range(8):
        yield plain
        fence = _FENCE.fullmatch(plain)
        tag = _TAG.fullmatch(plain)
        if fence is not None:
            inner = fence[1]
        elif tag is not None:
            inner = tag[2]
        elif plain[:1] in _PAIRS and plain.endswith(_PAIRS[plain[0]]):
            inner = plain[1:-1]
        else:
            inner = re.sub(r"^[-*•][ \t]+(?=[^\W\d])", "", plain).strip(_MARKS).rstrip(".!;,")
            inner = inner.removeprefix("¡")
        inner = _trimmed(inner)
        if inner == plain:
            return
        plain = inner


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(mark for mark in apart if not unicodedata.combining(mark))


def _objects(text: str) -> Iterator[Any]:
    """The JSON objects in a text, of those that begin early in it."""
    at = text.find("{")
    for _ in range(_MOST):
        if at < 0:
            return
        try:
            found, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield found
        at = text.find("{", end)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class _Object(list[tuple[str, Any]]):
    """A JSON object's pairs as they stand: a key may be there twice."""


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_Object)


def _answers(found: Any) -> list[Any]:
    """The answers in a JSON value: those under the surest keys, however deep."""
    under: Mapping[int, list[Any]] = {tier: [] for tier in range(len(_KEYS))}
    left = [found]
    while left:
        value = left.pop()
        if isinstance(value, _Object):
            for key, inner in value:
                plain = key.strip().casefold()
                for tier, keys in enumerate(_KEYS):
                    if plain in keys and not isinstance(inner, _Object):
                        under[tier].append(inner)
                left.append(inner)
        elif isinstance(value, list):
            left += value
    return next((values for values in under.values() if values), [])
