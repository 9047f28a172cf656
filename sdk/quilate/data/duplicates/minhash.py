"""MinHash signatures of shingle sets, by one hash of each shingle.

One permutation hashing (Li, Owen & Zhang 2012): the hashes' range is cut into as many bins as the
signature has slots, and a slot holds the least hash in its bin. A bin without any takes the value
of another one, which a fixed random order of its own gives (Shrivastava 2017, Optimal
densification for fast and accurate minwise hashing). Two sets agree in a slot as often as their
Jaccard similarity says; 128 of them cost what one slot costs the classic way.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from quilate.data.duplicates.characters import mixed
from quilate.data.duplicates.shingles import BITS, Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EMPTY = np.uint32(0xFFFFFFFF)
_FILLED = 1024  # signatures that are filled at once, in the cache


def signatures(blocks: Iterable[Block], count: int, slots: int) -> "NDArray[np.uint32]":
    """Array of shape (count, slots), of all the texts of the blocks. The row of a text without
    words says nothing.

    >>> from quilate.data.duplicates.shingles import Shingling
    >>> blocks = Shingling().blocks(["one two three four", "One two, three, four."])
    >>> a, b = signatures(blocks, 2, 16)
    >>> bool((a == b).all())
    True
    """
    found = np.full(count * slots, _EMPTY)
    at = 0
    for block in blocks:
        places = ((block.hashes * np.uint64(slots)) >> np.uint64(BITS)).astype(np.intp)
        places += block.rows * slots
        least = np.minimum(block.hashes.astype(np.uint32), _EMPTY - np.uint32(1))
        np.minimum.at(found[at : at + len(block) * slots], places, least)
        at += len(block) * slots
    for begin in range(0, len(found), _FILLED * slots):
        _densify(found[begin : begin + _FILLED * slots], slots)
    return found.reshape(count, slots)


def _densify(found: "NDArray[np.uint32]", slots: int) -> None:
    """Fill the empty slots of the flat signatures from others of their rows, in place."""
    empty = np.flatnonzero(found == _EMPTY)
    if not len(empty):
        return
    filled = found.copy()
    slot = empty % slots
    row = empty - slot
    for step in _orders(slots):
        value = filled[row + step[slot]]
        found[empty] = value
        still = np.flatnonzero(value == _EMPTY)
        empty, slot, row = empty[still], slot[still], row[still]
        if not len(empty):
            return


@cache
def _orders(slots: int) -> "NDArray[np.int64]":
    """Array of shape (slots − 1, slots): column i is a random order of the slots other than i."""
    numbers = np.arange(slots * slots, dtype=np.uint64)
    order = np.argsort(mixed(numbers + np.uint64(1)).reshape(slots, slots), axis=1, kind="stable")
    others = order[order != np.arange(slots)[:, None]].reshape(slots, slots - 1)
    return np.ascontiguousarray(others.T)
