"""Words and lines of a text as the published rules count them, in linear time and with numpy."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PIECE = re.compile(r"\S+")
_LETTER = re.compile(r"[^\W_]")
_ENDS = re.compile(r"""(?<![.!?…。！？])(?:[.!?…]+["'”’»)\]]*(?!\S)|[。！？]+)""")
TERMINAL = (".", "!", "?", '"', "'", "…", "”", "’", "»", "。", "！", "？")
"""Marks with which a line ends as a sentence does: English ones, and what ends a Spanish sentence
or a Chinese or Japanese one."""


def some(n: int, things: str) -> str:
    """A number of things, in the singular for one.

    >>> some(1, "words"), some(0, "lines")
    ('1 word', '0 lines')
    """
    return f"{n} {things.removesuffix('s') if n == 1 else things}"


def pieces(text: str) -> Iterator[str]:
    """What stands between white space, one after the other."""
    return (match[0] for match in _PIECE.finditer(text))


def bare(piece: str) -> str:
    """A piece without the signs around it.

    >>> bare("¿Qué?"), bare("—")
    ('Qué', '')
    """
    if piece.isalnum():
        return piece
    first = _LETTER.search(piece)
    if first is None:
        return ""
    end = len(piece)  # from behind in a loop: a pattern takes squared time on signs in the middle
    while not piece[end - 1].isalnum():
        end -= 1
    return piece[first.start() : end]


@dataclass(frozen=True, slots=True)
class WordCounts:
    """Of a text: pieces between white space (`pieces`), those that are words (`words`: they have a
    letter or a digit), the characters of these without the signs around them (`characters`), the
    pieces with a letter (`alphabetic`), and which of the words asked for it has (`found`)."""

    pieces: int
    words: int
    characters: int
    alphabetic: int
    found: frozenset[str]


def count_words(text: str, asked: frozenset[str] = frozenset()) -> WordCounts:
    """Count the words of a text; `asked` are in lower case.

    >>> count_words("¿Qué es – y de dónde, 42?", frozenset({"de", "la"}))
    WordCounts(pieces=7, words=6, characters=15, alphabetic=5, found=frozenset({'de'}))
    """
    total = words = characters = alphabetic = 0
    found: set[str] = set()
    for piece in pieces(text):
        total += 1
        word = bare(piece)
        if not word:
            continue
        words += 1
        characters += len(word)
        if word.isalpha() or any(map(str.isalpha, word)):
            alphabetic += 1
            lower = word.lower()
            if lower in asked:
                found.add(lower)
    return WordCounts(total, words, characters, alphabetic, frozenset(found))


def lines_of(text: str) -> list[str]:
    """The lines of a text that are not blank."""
    return [line for line in text.splitlines() if line and not line.isspace()]


def share(part: float, whole: float) -> float:
    """A part of a whole; 0 of nothing."""
    return part / whole if whole else 0.0


def repeated(texts: Iterable[str]) -> tuple[int, int]:
    """How many of some texts stood there before, and how many characters they have.

    >>> repeated(["one", "two", "one", "one"])
    (2, 6)
    """
    seen: set[str] = set()
    count = characters = 0
    for text in texts:
        if text in seen:
            count += 1
            characters += len(text)
        else:
            seen.add(text)
    return count, characters


class Grams:
    """The n-grams of a text's words, for n from 2 on, compared exactly.

    Each n-gram has a number; those of n are made from the pairs of an (n−1)-gram's number and the
    next word's, so that time and memory are linear in the words (but for sorting), whatever n is.
    """

    def __init__(self, text: str) -> None:
        import numpy as np

        numbers: dict[str, int] = {}
        of_words = [numbers.setdefault(piece, len(numbers)) for piece in pieces(text)]
        lengths = np.fromiter(map(len, numbers), dtype=np.int64, count=len(numbers))
        self._words: NDArray[np.int64] = np.array(of_words, dtype=np.int64)
        self._lengths: NDArray[np.int64] = (
            lengths[self._words] if len(numbers) else np.zeros(0, np.int64)
        )
        self.characters = int(self._lengths.sum())
        """Characters of all words."""
        self._n, self._grams, self._counts = 1, self._words, np.zeros(0, np.int64)
        self._first: NDArray[np.int64] = np.zeros(0, np.int64)

    def to(self, n: int) -> bool:
        """Go on to the n-grams of `n` words; False where the text has fewer."""
        import numpy as np

        if len(self._words) < n:
            return False
        base = int(self._words.max()) + 1
        while self._n < n:
            keys = self._grams[:-1] * base + self._words[self._n :]
            _, self._first, self._grams, self._counts = np.unique(
                keys, return_index=True, return_inverse=True, return_counts=True
            )
            self._n += 1
        return True

    def top_share(self) -> float:
        """The share of the words' characters that lie in the commonest n-gram, overlaps counted
        once; of equally common ones, that with the greatest. 0 where none is there twice."""
        most = int(self._counts.max())
        if most < 2:
            return 0.0
        best = (self._counts == most).nonzero()[0]
        # Many tie in odd texts; the first ones are enough to tell those apart from good ones.
        return max(self._covered(self._grams == one) for one in best[:_TIES])

    def repeated_share(self) -> float:
        """The share of the words' characters that lie in n-grams which stood there before, overlaps
        counted once."""
        import numpy as np

        again = np.ones(len(self._grams), dtype=bool)
        again[self._first] = False
        return self._covered(again)

    def _covered(self, starts: "NDArray[np.bool_]") -> float:
        """The share of characters in the n-grams that begin at `starts`."""
        import numpy as np

        edges = np.zeros(len(self._words) + 1, dtype=np.int64)
        edges[: len(starts)] += starts
        edges[self._n : self._n + len(starts)] -= starts
        inside = np.cumsum(edges[:-1]) > 0
        return share(int(self._lengths[inside].sum()), self.characters)


_TIES = 8


def sentences_in(lines: Sequence[str]) -> int:
    """How many sentences some lines hold: marks that end one, before white space or the line's end;
    each line is one at the least. A simple count, as C4's is: ``Sr. Paz`` counts too.

    >>> sentences_in(["One. Two? (Three!) and 3.15 more", "a title"])
    4
    """
    return sum(max(len(_ENDS.findall(line)), 1) for line in lines)
