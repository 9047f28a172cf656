"""Which of many unit vectors are near each other, a block against a block at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from quilate.data.duplicates.clusters import Components

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 2048  # vectors against as many: 16 MB of cosines
_PAIRS = 1 << 15  # whose vectors are in memory


class Vectors:
    """Vectors that lie in several arrays of 16-bit floats, read where they lie.

    >>> vectors = Vectors([np.eye(2, dtype=np.float16), np.eye(2, dtype=np.float16)])
    >>> vectors.pairs(np.array([0, 0]), np.array([2, 3])).tolist()
    [1.0, 0.0]
    """

    def __init__(self, arrays: "Sequence[NDArray[np.float16]]") -> None:
        self._arrays = arrays
        self._starts = np.concatenate(([0], np.cumsum([len(one) for one in arrays], dtype=int)))

    def take(self, positions: "NDArray[np.int64]") -> "NDArray[np.float32]":
        """The vectors at `positions`, in that order, of length 1 again."""
        dimension = self._arrays[0].shape[1]
        found = np.empty((len(positions), dimension), dtype=np.float32)
        where = np.searchsorted(self._starts, positions, side="right") - 1
        for at in np.unique(where).tolist():
            mine = where == at
            found[mine] = self._arrays[at][positions[mine] - self._starts[at]]
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.where(lengths > 0, lengths, 1)
        return found

    def pairs(self, a: "NDArray[np.int64]", b: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """The cosine of each pair ``a[i]``, ``b[i]``."""
        found = np.empty(len(a))
        for begin in range(0, len(a), _PAIRS):
            some = slice(begin, begin + _PAIRS)
            found[some] = np.einsum("ij,ij->i", self.take(a[some]), self.take(b[some]))
        return found

    def crowd(
        self, members: "NDArray[np.int64]"
    ) -> "Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]":
        """The cosines of some members to others: see `clusters.Comparison`."""
        return lambda some, others: self.take(members[some]) @ self.take(members[others]).T

    def join_near(self, members: "NDArray[np.int64]", threshold: float, joined: Components) -> None:
        """Join all the pairs of the members whose cosine is `threshold` or more."""
        for a, b in self._near(members, threshold):
            apart = joined.of(a) != joined.of(b)
            joined.join(a[apart], b[apart])

    def _near(
        self, members: "NDArray[np.int64]", threshold: float
    ) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
        for begin in range(0, len(members), _BLOCK):
            mine = members[begin : begin + _BLOCK]
            vectors = self.take(mine)
            for other in range(begin, len(members), _BLOCK):
                theirs = members[other : other + _BLOCK]
                a, b = np.nonzero(vectors @ self.take(theirs).T >= threshold)
                yield mine[a], theirs[b]
