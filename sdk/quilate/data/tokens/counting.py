"""Counting tokens batch by batch: what is kept grows with languages, not with rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quilate.data.tokens.lengths import Histogram
from quilate.data.tokens.texts import pieces, words_in
from quilate.data.tokens.tokenizer import BYTES, UNKNOWN, Tokenizer
from quilate.data.tokens.values import Counts, Cut, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHARACTERS = 1 << 20  # given to a tokenizer in one call
_KNOWN_WORDS = 200_000
_LONGEST_WORD = 64  # longer ones (addresses, base64) are not looked at: none is one token
_BEFORE = "a"


@dataclass(slots=True)
class Batch:
    """Some rows: the language and text of each."""

    languages: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def words(self) -> Iterator[tuple[str, Counter[str]]]:
        """How often each word occurs, by language, in lots of about a million characters."""
        lots: dict[str, Counter[str]] = {}
        size = 0
        for language, text in zip(self.languages, self.texts, strict=True):
            for piece in pieces(text):
                lots.setdefault(language, Counter()).update(words_in(piece))
                size += len(piece)
                if size >= _CHARACTERS:
                    yield from lots.items()
                    lots, size = {}, 0
        yield from lots.items()


@dataclass(slots=True)
class TextTally:
    """How much text a language has."""

    rows: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0

    def add(self, text: str) -> None:
        """Count a text, but for its words."""
        self.rows += 1
        self.characters += len(text)
        self.bytes += len(text) if text.isascii() else sum(len(p.encode()) for p in pieces(text))

    def value(self) -> Text:
        """The tally as a value."""
        return Text(self.rows, self.words, self.characters, self.bytes)


@dataclass(slots=True)
class Tally:
    """What a tokenizer makes of one language so far."""

    tokens: int = 0
    whole_words: int = 0
    unknown: int = 0
    byte_tokens: int = 0
    lengths: Histogram = field(default_factory=Histogram)
    cut_rows: dict[int, int] = field(default_factory=dict)
    cut_tokens: dict[int, int] = field(default_factory=dict)

    def value(self, text: Text) -> Counts:
        """The tally as a value."""
        return Counts(
            text=text,
            tokens=self.tokens,
            whole_words=self.whole_words,
            unknown=self.unknown,
            byte_tokens=self.byte_tokens,
            lengths=self.lengths.lengths(),
            cuts=tuple(Cut(w, n, self.cut_tokens[w]) for w, n in self.cut_rows.items()),
        )


class Counting:
    """One tokenizer's counts, by language."""

    def __init__(self, tokenizer: Tokenizer, windows: Sequence[int]) -> None:
        self.tokenizer = tokenizer
        self.tallies: dict[str, Tally] = {}
        self._windows = windows
        self._whole: dict[str, bool] = {}
        self._before = len(tokenizer.encode([_BEFORE])[0])

    def add(self, batch: Batch) -> "NDArray[np.int64]":
        """Count a batch; returns the tokens of each row, without those around it."""
        import numpy as np

        counts = self._counts(batch.texts)
        languages = np.array(batch.languages)
        lengths = counts[0] + self.tokenizer.around
        for language in dict.fromkeys(batch.languages):
            mine = languages == language
            tally = self.tallies.setdefault(language, Tally())
            tally.tokens += int(counts[0][mine].sum())
            tally.unknown += int(counts[1][mine].sum())
            tally.byte_tokens += int(counts[2][mine].sum())
            tally.lengths.add(lengths[mine].tolist())
            self._cut(tally, lengths[mine])
        tokens: NDArray[np.int64] = counts[0]
        return tokens

    def add_words(self, language: str, words: Mapping[str, int]) -> None:
        """Count which of the words (each so often) stay whole."""
        self.tallies.setdefault(language, Tally()).whole_words += self._whole_words(words)

    def _cut(self, tally: Tally, lengths: "NDArray[np.int64]") -> None:
        for window in self._windows:
            beyond = lengths - window
            beyond = beyond[beyond > 0]
            tally.cut_rows[window] = tally.cut_rows.get(window, 0) + beyond.size
            tally.cut_tokens[window] = tally.cut_tokens.get(window, 0) + int(beyond.sum())

    def _counts(self, texts: Sequence[str]) -> "NDArray[np.int64]":
        """Tokens, unknown ones and bytes (three rows) of each text."""
        import numpy as np

        counts = np.zeros((3, len(texts)), np.int64)
        for owners, some in _calls(texts):
            for owner, ids in zip(owners, self.tokenizer.encode(some), strict=True):
                kinds = self.tokenizer.kinds[ids]
                counts[0, owner] += ids.size
                counts[1, owner] += np.count_nonzero(kinds == UNKNOWN)
                counts[2, owner] += np.count_nonzero(kinds == BYTES)
        return counts

    def _whole_words(self, words: Mapping[str, int]) -> int:
        """How many of the words are one token, and a known one."""
        if len(self._whole) > _KNOWN_WORDS:
            self._whole.clear()
        new = [word for word in words if word not in self._whole and len(word) <= _LONGEST_WORD]
        for start in range(0, len(new), 4096):
            some = new[start : start + 4096]
            # After another word, so that no tokenizer's own mark of a beginning is in the way.
            found = self.tokenizer.encode([f"{_BEFORE} {word}" for word in some])
            for word, ids in zip(some, found, strict=True):
                last = ids[self._before :]
                known = last.size == 1 and self.tokenizer.kinds[last[0]] != UNKNOWN
                self._whole[word] = bool(known)
        return sum(n for word, n in words.items() if self._whole.get(word))


def _calls(texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
    """The pieces of the texts in lots of about a million characters, each with its text's place."""
    owners: list[int] = []
    some: list[str] = []
    size = 0
    for place, text in enumerate(texts):
        for piece in pieces(text):
            owners.append(place)
            some.append(piece)
            size += len(piece)
            if size >= _CHARACTERS:
                yield owners, some
                owners, some, size = [], [], 0
    if some:
        yield owners, some
