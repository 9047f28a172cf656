"""Support of a sentence by a context: from the words that they share, their order, and how near
to the question's words they stand. No model, no randomness; linear in the context's length but for
the repetitions of words.

What is compared are the forms of words that `quilate_evaluators.retrieval.words` gives, cut to
their first letters, so that inflected forms meet. A rare word weighs more than a common one:
log(1 + N / (n + 0.5)) for one that stands in n of the N sentences of the context (Robertson and
Spärck Jones 1976), whether it stands in any of them or in none.
"""

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quilate_evaluators.retrieval.words import content_words, words

_LETTERS = 6
_WINDOW = 3  # sentences
_REACH = 10.0  # words over which nearness falls to 1/e
_BREAK = 5  # words that the end of a sentence counts for as distance
_MOST_PLACES = 200  # places of one word that are looked at
# Sentences of two sources that were joined without a space: "…19th century.First for Women…"
_GLUED = re.compile(r"(?<=[^\W\d_A-Z]{2}[.!?])(?=[A-ZÁÉÍÓÚÑ¿¡])")


@dataclass(frozen=True, slots=True)
class Support:
    """How a sentence is supported, each from 0 to 1: `window`, the share of its weight that the
    best three neighbouring sentences of a passage hold; `spans`, how long the pieces are that it
    has in common with the context; `nearness`, how near what it says stands to the question's
    words: `UNKNOWN` where the context holds none of them, None where the question has none."""

    window: float
    spans: float
    nearness: float | None

    @property
    def value(self) -> float:
        """The three together, by the `WEIGHTS`; without nearness, the other two."""
        window, spans, near = WEIGHTS
        both = window * self.window + spans * self.spans
        if self.nearness is None:
            return both / (window + spans)
        return both + near * self.nearness


WEIGHTS = (0.40, 0.48, 0.12)
"""Of window, spans and nearness; see docs/evaluators.md for how they were fitted."""
UNKNOWN = 0.14
"""The mean nearness of sentences where it is known (both sets that the weights were fitted on): a
context without a word of the question speaks neither for a sentence nor against it."""


@dataclass(frozen=True, slots=True)
class Context:
    """A context, prepared: its words in order, where each stands, and the weights of words."""

    language: str
    sequence: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    at: tuple[int, ...]
    windows: tuple[frozenset[str], ...]
    counts: Mapping[str, int]
    sentences: int

    def weight(self, word: str) -> float:
        """How much a word tells."""
        return math.log1p(self.sentences / (self.counts.get(word, 0) + 0.5))

    def total(self, some: Iterable[str]) -> float:
        """The weight of several words."""
        return math.fsum(map(self.weight, some))


def prepare(passages: Sequence[str], language: str) -> Context:
    """The context that passages make."""
    sequence: list[str] = []
    at: list[int] = []
    place = 0
    windows: list[frozenset[str]] = []
    counts: Counter[str] = Counter()
    number = 0
    for passage in passages:
        held = []
        for sentence in parts(passage):
            said = forms(sentence, language)
            sequence += said
            at += range(place, place + len(said))
            place += len(said) + _BREAK
            held.append(frozenset(said))
        number += len(held)
        for one in held:
            counts.update(one)
        for start in range(max(1, len(held) - _WINDOW + 1)):
            windows.append(frozenset().union(*held[start : start + _WINDOW]))
    places: dict[str, list[int]] = {}
    for index, word in enumerate(sequence):
        places.setdefault(word, []).append(index)
    return Context(
        language,
        tuple(sequence),
        {word: tuple(found[:_MOST_PLACES]) for word, found in places.items()},
        tuple(at),
        tuple(windows),
        counts,
        max(1, number),
    )


def support(sentence: str, question: str, context: Context) -> Support | None:
    """How a context supports a sentence of an answer; None for a sentence without a word that
    could be looked up (no word at all, or yes and no alone).

    >>> context = prepare(["Lima was founded in 1535 by Francisco Pizarro."], "en")
    >>> found = support("In 1535.", "When was Lima founded?", context)
    >>> found.window, found.spans, round(found.nearness, 2)
    (1.0, 1.0, 0.74)
    """
    said = forms(sentence, context.language)
    told = content(sentence, context.language) or frozenset(said)
    if not told - _POLAR:
        return None
    asked = content(question, context.language)
    return Support(_window(told, context), _spans(said, context), _nearness(told, asked, context))


def parts(text: str) -> list[str]:
    """The sentences of a text."""
    from quilate.retrieval.sentences import sentences

    apart = _GLUED.sub(" ", text)
    return [apart[start:end] for start, end in sentences(apart)]


def windows_of(text: str, size: int) -> list[str]:
    """Each run of `size` neighbouring sentences of a text, or all of them where there are fewer.

    >>> windows_of("Uno. Dos. Tres.", 2)
    ['Uno. Dos.', 'Dos. Tres.']
    """
    found = parts(text)
    return [" ".join(found[at : at + size]) for at in range(max(1, len(found) - size + 1))]


def forms(text: str, language: str) -> list[str]:
    """The words of a text in the form in which they are compared.

    >>> forms("Las bibliotecas abrieron", "es")
    ['las', 'biblio', 'abrier']
    """
    return [_cut(word) for word in words(text, language)]


def content(text: str, language: str) -> frozenset[str]:
    """The words that carry what a text says, in that form."""
    return frozenset(_cut(word) for word in content_words(text, language))


def _cut(word: str) -> str:
    return word if word[0].isdigit() else word[:_LETTERS]


_POLAR = frozenset({"yes", "no", "si", "not"})


def _window(told: frozenset[str], context: Context) -> float:
    whole = context.total(told)
    best = max((context.total(told & window) for window in context.windows), default=0.0)
    return best / whole


def _spans(said: Sequence[str], context: Context) -> float:
    """√(Σ length²) / words, over the longest pieces in common, taken from the left: 1 for a
    sentence that stands in the context as it is. After the density of extractive fragments
    (Grusky, Naaman and Artzi 2018, arXiv:1804.11283)."""
    squares, start = 0, 0
    while start < len(said):
        length = _longest(said, start, context)
        squares += length * length
        start += max(length, 1)
    return math.sqrt(squares) / len(said)


def _longest(said: Sequence[str], start: int, context: Context) -> int:
    """Words from `start` on that stand in a row in the context."""
    best, sequence = 0, context.sequence
    for place in context.places.get(said[start], ()):
        length = 0
        while (
            start + length < len(said)
            and place + length < len(sequence)
            and said[start + length] == sequence[place + length]
        ):
            length += 1
        best = max(best, length)
    return best


def _nearness(told: frozenset[str], asked: frozenset[str], context: Context) -> float | None:
    """The best place in the context for both what the sentence adds to the question and what the
    question asks about: the product of the two weights, each word's falling with its distance from
    the place. 0 where the sentence adds nothing, or nothing that is in the context."""
    if not asked:
        return None
    new = told - asked
    centres = sorted(place for word in new for place in context.places.get(word, ()))
    if not centres:
        return 0.0
    met = [word for word in asked if word in context.places]
    if not met:
        return UNKNOWN
    whole = context.total(new) * context.total(met)
    there = [word for word in new if word in context.places]
    best = max(
        _near(there, centre, context) * _near(met, centre, context)
        for centre in centres[:_MOST_PLACES]
    )
    return best / whole


def _near(some: Iterable[str], centre: int, context: Context) -> float:
    return math.fsum(
        context.weight(word) * math.exp(-_distance(word, centre, context) / _REACH) for word in some
    )


def _distance(word: str, centre: int, context: Context) -> int:
    """Words between a place and the nearest place of a word."""
    places = context.places[word]
    index = bisect_left(places, centre)
    around = places[max(0, index - 1) : index + 1]
    return min(abs(context.at[place] - context.at[centre]) for place in around)
