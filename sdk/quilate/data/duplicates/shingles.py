"""Texts as sets of shingles, hashed for a whole shard at once.

A shingle is a run of `size` neighbouring words, or characters (Broder 1997, On the resemblance and
containment of documents). Case, punctuation and spacing do not count. A text shorter than one
shingle is one shingle of all that it has; a text without words has none.

A shingle is known by 52 bits of its hash: two different ones of a pair of texts with a hundred
shingles each are taken for the same once in 10^11 pairs.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np

from quilate.data.duplicates.characters import alone, codes_of, mixed, plain, values
from quilate.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 52
"""Of a shingle's hash; the 12 above them number the texts of a block."""

_ROWS = 1 << (64 - BITS)  # texts in a block, at most
_CHARACTERS = 1 << 15  # in a block, about: what is computed of them fits into the cache
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_SPACE = np.uint64(0xA0761D6478BD642F)
_LARGEST = 64
_HELD = 1 << 26  # hashes in memory
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """The shingle sets of some texts: text i has ``hashes[starts[i]:starts[i + 1]]``, rising."""

    hashes: "NDArray[np.uint64]"
    starts: "NDArray[np.int64]"

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> "NDArray[np.int64]":
        """How many shingles each text has."""
        return np.diff(self.starts)


@dataclass(frozen=True, slots=True)
class Block:
    """The shingles of some texts as they come: each one's hash, and the number of its text among
    these. `fingerprints` are numbers for the texts, the same for the same words in the same order,
    and 0 for a text without any."""

    hashes: "NDArray[np.uint64]"
    rows: "NDArray[np.int64]"
    fingerprints: "NDArray[np.uint64]"

    def __len__(self) -> int:
        return len(self.fingerprints)

    def sets(self) -> ShingleSets:
        """The texts' sets."""
        keys = self.hashes | (self.rows.astype(np.uint64) << np.uint64(BITS))
        keys.sort(kind="stable")
        if len(keys):
            keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
        bounds = np.arange(1, len(self), dtype=np.uint64) << np.uint64(BITS)
        starts = np.concatenate(([0], np.searchsorted(keys, bounds), [len(keys)]))
        keys &= np.uint64((1 << BITS) - 1)
        return ShingleSets(keys, starts)


def gathered(blocks: Iterable[ShingleSets]) -> ShingleSets:
    """The sets of all blocks as one. More than half a gigabyte of them lie in a file that is gone
    with them."""
    sizes, hashes, held = [np.zeros(1, np.int64)], [np.empty(0, np.uint64)], 0
    file: IO[bytes] | None = None
    for block in blocks:
        sizes.append(block.sizes)
        hashes.append(block.hashes)
        held += len(block.hashes)
        if held > _HELD:
            file = file or tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the map
            for some in hashes:
                some.tofile(file)
            hashes, held = [], 0
    starts = np.cumsum(np.concatenate(sizes))
    if file is None:
        return ShingleSets(np.concatenate(hashes), starts)
    for some in hashes:
        some.tofile(file)
    file.flush()
    return ShingleSets(np.memmap(file, dtype=np.uint64, mode="r"), starts)


@dataclass(frozen=True, slots=True)
class Shingling:
    """How texts are cut: shingles of `size` neighbouring ``words`` or ``characters``.

    >>> sets = Shingling("words", 3).sets(["To be, or not to be", "to be or NOT to be!", "…"])
    >>> sets.sizes.tolist(), bool((sets.hashes[:4] == sets.hashes[4:]).all())
    ([4, 4, 0], True)
    """

    unit: Literal["words", "characters"] = "words"
    size: int = 3

    def __post_init__(self) -> None:
        if self.unit not in ("words", "characters"):
            raise ConfigurationError(
                f"Shingles are of words or characters, not of '{self.unit}'.",
                remedy="Write words or characters.",
            )
        whole = isinstance(self.size, int) and not isinstance(self.size, bool)
        if not whole or not 1 <= self.size <= _LARGEST:
            raise ConfigurationError(
                f"A shingle's size is {self.size!r}.", remedy=f"Give 1 to {_LARGEST}."
            )

    def sets(self, texts: Sequence[str]) -> ShingleSets:
        """The shingle sets of the texts, in order."""
        return gathered(block.sets() for block in self.blocks(texts))

    def blocks(self, texts: Sequence[str]) -> Iterator[Block]:
        """The texts' shingles in blocks of neighbouring texts, at most 4,096 of them each."""
        some: list[str] = []
        characters = 0
        for text in texts:
            if len(text) > _CHARACTERS:
                if some:
                    yield self._block(some)
                yield self._long(text)
                some, characters = [], 0
                continue
            some.append(plain(text))
            characters += len(some[-1])
            if characters > _CHARACTERS or len(some) == _ROWS:
                yield self._block(some)
                some, characters = [], 0
        if some:
            yield self._block(some)

    def _block(self, texts: Sequence[str]) -> Block:
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        codes = codes_of("\n" + "\n".join(texts) + "\n")
        ends = np.cumsum(lengths + 1)
        units, places = self._units(codes)
        counts = np.diff(np.searchsorted(places, ends, side="right"), prepend=0)
        return _as_block(units, counts, self.size)

    def _long(self, text: str) -> Block:
        """A text of more than a block: its words are hashed piece by piece."""
        text = plain(text)
        parts = [self._units(codes_of(f"\n{part}\n"))[0] for part in _pieces(text)]
        units = np.concatenate(parts)
        return _as_block(units, np.array([len(units)]), self.size)

    def _units(
        self, codes: "NDArray[np.unsignedinteger[Any]]"
    ) -> "tuple[NDArray[np.uint64], NDArray[np.int64]]":
        """The hashes of words or characters, and where each begins. The first code and the last
        are no part of a word."""
        if self.unit == "words":
            return _words(codes)
        return _characters(codes)


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces, cut between words where that can be."""
    at = 0
    while at < len(text):
        end = at + _CHARACTERS
        if end < len(text):
            space = max(text.rfind(" ", at, end), text.rfind("\n", at, end))
            end = space + 1 if space > at else end
        yield text[at:end]
        at = end


def _words(
    codes: "NDArray[np.unsignedinteger[Any]]",
) -> "tuple[NDArray[np.uint64], NDArray[np.int64]]":
    each = values(codes)
    inside = each != 0
    before, after = inside[:-1], inside[1:]
    if codes.dtype == np.uint8:
        begins, ends = after > before, before > after
    else:
        own = alone(codes)
        parted = own[:-1] | own[1:]
        begins, ends = after & (~before | parted), before & (~after | parted)
    # A word's polynomial is a difference of two sums over the whole block, moved to where it
    # begins: all modulo 2^64.
    powers, inverses = _powers(len(codes))
    each *= powers
    sums = np.cumsum(each, out=each)
    first = np.flatnonzero(begins)
    hashes = sums[np.flatnonzero(ends)]
    hashes -= sums[first]
    hashes *= inverses[first]
    return hashes, first + 1


def _characters(
    codes: "NDArray[np.unsignedinteger[Any]]",
) -> "tuple[NDArray[np.uint64], NDArray[np.int64]]":
    """The characters of words, and one space after each word."""
    each = values(codes)
    inside = each != 0
    inside[1:] |= inside[:-1].copy()
    places = np.flatnonzero(inside)
    units = each[places]
    units[units == 0] = _SPACE
    return units, places


def _powers(count: int) -> "tuple[NDArray[np.uint64], NDArray[np.uint64]]":
    """Powers of the base and of its inverse, at least `count`."""
    powers, inverses = _power_tables(1 << max(count - 1, 1).bit_length())
    return powers[:count], inverses


@cache
def _power_tables(count: int) -> "tuple[NDArray[np.uint64], NDArray[np.uint64]]":
    tables = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        steps = np.full(count, base, dtype=np.uint64)
        steps[0] = 1
        tables.append(np.cumprod(steps, dtype=np.uint64))
    return tables[0], tables[1]


def _as_block(units: "NDArray[np.uint64]", counts: "NDArray[np.int64]", size: int) -> Block:
    """The runs of `size` units inside each text."""
    last = np.cumsum(counts)
    hashes = np.zeros(max(len(units) - size + 1, 0), np.uint64)
    for step in range(size):
        hashes += units[step : step + len(hashes)] * _weight(step)
    hashes = mixed(hashes)
    inside = np.ones(len(units), dtype=bool)
    for step in range(1, size):
        inside[np.maximum(last - step, 0)[counts >= step]] = False
    hashes = hashes[inside[: len(hashes)]]
    rows = np.repeat(np.arange(len(counts)), np.maximum(counts - size + 1, 0))
    short = np.flatnonzero((counts > 0) & (counts < size))
    if len(short):
        hashes = np.concatenate((hashes, _short(units, counts, last, short)))
        rows = np.concatenate((rows, short))
    hashes >>= np.uint64(64 - BITS)
    return Block(hashes, rows, _fingerprints(units, counts, last))


def _fingerprints(
    units: "NDArray[np.uint64]", counts: "NDArray[np.int64]", last: "NDArray[np.int64]"
) -> "NDArray[np.uint64]":
    """The polynomials of the texts' units."""
    powers, inverses = _powers(len(units) + 1)
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(units * powers[: len(units)])))
    found = (sums[last] - sums[last - counts]) * inverses[last - counts]
    found = mixed(found ^ mixed(counts.astype(np.uint64)))
    found[found == 0] = 1
    found[counts == 0] = 0
    return found


def _weight(step: int) -> np.uint64:
    return np.uint64(pow(0xD1342543DE82EF95, step + 1, 1 << 64))


def _short(
    units: "NDArray[np.uint64]",
    counts: "NDArray[np.int64]",
    last: "NDArray[np.int64]",
    short: "NDArray[np.int64]",
) -> "NDArray[np.uint64]":
    """One hash for each text that has fewer units than a shingle."""
    begin = last[short] - counts[short]
    hashes = np.zeros(len(short), np.uint64)
    for step in range(int(counts[short].max())):
        there = counts[short] > step
        hashes[there] += units[begin[there] + step] * _weight(step)
    return mixed(hashes + counts[short].astype(np.uint64))
