"""Pairs of 64-bit hashes that differ in few bits, all of them, without comparing every pair."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 64
_AT_ONCE = 4_000_000  # pairs compared together


def near_pairs(
    hashes: "NDArray[np.uint64]", distance: int
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    """The positions (i < j) of all pairs of *different* `hashes` at most `distance` bits apart, in
    arrays; a pair may come more than once.

    The bits are cut into ``distance + 1`` bands: of two such hashes one band is the same (Norouzi,
    Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing, CVPR 2012). Pairs that
    share a band are compared.

    >>> import numpy as np
    >>> [(i.tolist(), j.tolist()) for i, j in near_pairs(np.array([0, 1, 255], np.uint64), 1)]
    [([0], [1])]
    """
    import numpy as np

    bands = distance + 1
    edges = [round(BITS * band / bands) for band in range(bands + 1)]
    for low, high in pairwise(edges):
        mask = np.uint64((1 << (high - low)) - 1)
        keys = (hashes >> np.uint64(low)) & mask
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
        ends = np.r_[starts[1:], len(order)]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start > 1:
                yield from _within(hashes, np.sort(order[start:end]), distance)


def _within(
    hashes: "NDArray[np.uint64]", members: "NDArray[np.int64]", distance: int
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    """The near pairs among some positions, which rise."""
    import numpy as np

    rows = max(_AT_ONCE // len(members), 1)
    values = hashes[members]
    for start in range(0, len(members), rows):
        apart = bit_counts(values[start : start + rows, None] ^ values[None, :])
        i, j = np.nonzero(apart <= distance)
        i = i + start
        later = i < j
        if later.any():
            yield members[i[later]], members[j[later]]


def bit_counts(values: "NDArray[np.uint64]") -> "NDArray[np.uint8]":
    """How many bits of each number are 1."""
    import numpy as np

    if hasattr(np, "bitwise_count"):  # numpy 2
        counted: NDArray[np.uint8] = np.bitwise_count(values)
        return counted
    in_bytes = np.ascontiguousarray(values).view(np.uint8).reshape(*values.shape, 8)
    summed: NDArray[np.uint8] = np.unpackbits(in_bytes, axis=-1).sum(axis=-1, dtype=np.uint8)
    return summed
