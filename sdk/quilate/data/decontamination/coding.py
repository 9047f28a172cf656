"""Words as numbers: the vocabulary of an evaluation set, and a row's texts coded with it."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from quilate.data.decontamination.words import folded, is_number, word_pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]
    Keys = NDArray[np.uint64]

UNKNOWN, NUMBER = 0, 1
_BLOCK = 1 << 20  # characters that are cut into words at once
_REMEMBERED = 1 << 18
_SPACE = re.compile(r"\s")
_FACTOR = 0x9E3779B97F4A7C15


class Vocabulary:
    """The words of an evaluation set, numbered. Any other word is `UNKNOWN`, any other number is
    `NUMBER`.

    >>> words = Vocabulary()
    >>> words.learn("Ana has 3 cats"), words.code("ana had 4 cats").tolist()
    ([2, 3, 4, 5], [2, 0, 1, 5])
    """

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self.is_number = [False, True]

    def learn(self, text: str) -> list[int]:
        """The words of a text of the evaluation set, new ones numbered."""
        ids = []
        for raw in word_pattern().findall(text):
            word = folded(raw)
            if not word:
                continue
            found = self._ids.get(word)
            if found is None:
                found = self._ids[word] = len(self.is_number)
                self.is_number.append(is_number(word))
            ids.append(found)
        return ids

    def code(self, text: str) -> "Ids":
        """The words of a text as numbers."""
        import numpy as np

        seen, ids = self._seen, []
        for raw in word_pattern().findall(text):
            found = seen.get(raw)
            if found is None:
                found = self._look_up(raw)
            ids.append(found)
        # Words of nothing but marks are none; they have the number -1.
        coded = np.array(ids, dtype=np.int32)
        return coded[coded >= 0]

    def _look_up(self, raw: str) -> int:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        word = folded(raw)
        other = NUMBER if is_number(word) else UNKNOWN
        found = self._seen[raw] = self._ids.get(word, other) if word else -1
        return found


class CodedRow:
    """The texts of a row as one run of numbered words, which can be traced back to the texts.

    `edges` are the positions between words where a text begins or ends.

    >>> words = Vocabulary()
    >>> _ = words.learn("how many cats")
    >>> row = CodedRow(["Tell me:", "How many cats?"], words)
    >>> row.ids.tolist(), sorted(row.edges), row.shown(2, 5)
    ([0, 0, 2, 3, 4], [0, 2, 5], 'How many cats')
    """

    def __init__(self, texts: Iterable[str], words: Vocabulary) -> None:
        import numpy as np

        self._blocks: list[str] = []
        self._starts: list[int] = []
        self._spans: dict[int, list[tuple[int, int]]] = {}
        self.edges = {0}
        coded, count = [], 0
        for text in texts:
            for block in _blocks(text):
                ids = words.code(block)
                self._blocks.append(block)
                self._starts.append(count)
                coded.append(ids)
                count += len(ids)
            self.edges.add(count)
        self.ids: Ids = np.concatenate(coded) if coded else np.zeros(0, np.int32)

    def shown(self, start: int, end: int, most: int = 240) -> str:
        """The text from one word to before another, cut in its middle where it is long."""
        pieces = []
        for at, (block, first) in enumerate(zip(self._blocks, self._starts, strict=True)):
            after = self._starts[at + 1] if at + 1 < len(self._starts) else len(self.ids)
            if first < end and start < after:
                spans = self._spans_of(at)
                low, high = max(start - first, 0), min(end, after) - first
                pieces.append(block[spans[low][0] : spans[high - 1][1]])
        return shortened(" ".join(" ".join(pieces).split()), most)

    def _spans_of(self, at: int) -> list[tuple[int, int]]:
        if at not in self._spans:
            found = word_pattern().finditer(self._blocks[at])
            self._spans[at] = [one.span() for one in found if folded(one[0])]
        return self._spans[at]


def shortened(text: str, most: int) -> str:
    """A text of `most` characters at most: what is too much is left out of its middle.

    >>> shortened("abcdefghij", 7)
    'abc…hij'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[-half:]}"


def _blocks(text: str) -> Iterator[str]:
    """A text in pieces of about a million characters, cut at white space where there is any."""
    start = 0
    while start < len(text):
        end = start + _BLOCK
        if end < len(text):
            space = _SPACE.search(text, end, end + _BLOCK)
            end = space.start() if space else end + _BLOCK
        yield text[start:end]
        start = end


def gram_keys(ids: "Ids", size: int) -> "Keys":
    """A key of 64 bits for every run of `size` words, of shape (len(ids) − size + 1,)."""
    import numpy as np

    count = max(len(ids) - size + 1, 0)
    keys = np.zeros(count, np.uint64)
    mixed = _mixed(ids)
    for at in range(size if count else 0):
        keys *= np.uint64(_FACTOR)
        keys += mixed[at : at + count]
    return keys


def _mixed(ids: "Ids") -> "Keys":
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014) on every number."""
    import numpy as np

    mixed = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(_FACTOR)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Keys = mixed ^ (mixed >> np.uint64(31))
    return result


def known_runs(ids: "Ids", size: int) -> "NDArray[np.int64]":
    """Where a run of `size` words begins that are all of the vocabulary."""
    import numpy as np

    unknown = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(ids == UNKNOWN, out=unknown[1:])
    if len(ids) < size:
        return np.zeros(0, np.int64)
    return np.flatnonzero(unknown[size:] == unknown[: len(ids) - size + 1])


def listed(ids: "Ids") -> tuple[int, ...]:
    """Numbers as a key of a dictionary."""
    return tuple(ids.tolist())
