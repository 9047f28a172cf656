"""The Jaccard similarity of pairs of shingle sets, counted and not estimated."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quilate.data.duplicates.ranges import parts, ranges
from quilate.data.duplicates.shingles import BITS, ShingleSets

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from quilate.data.duplicates.clusters import Matrix

_PAIRS = 1 << (64 - BITS)  # whose numbers fit above the hashes
_DENSE = 1024  # shingles of a crowd that are counted densely, at most
_HASHES = 1 << 18  # that are sorted together, about: they fit into the cache


@dataclass(frozen=True, slots=True)
class Jaccard:
    """The similarity of shingle sets, by their numbers: shared shingles over all. That of two empty
    sets is 0. Pairs whose sizes alone keep them below `floor` may be given as 0, uncounted.

    >>> from quilate.data.duplicates.shingles import Shingling
    >>> sets = Shingling("words", 1).sets(["red green blue", "blue green red pink"])
    >>> Jaccard(sets).pairs(np.array([0]), np.array([1])).tolist()
    [0.75]
    >>> Jaccard(sets).crowd(np.array([0, 1]))(np.array([0]), np.array([0, 1])).tolist()
    [[1.0, 0.75]]
    """

    sets: ShingleSets
    floor: float = 0.0

    def pairs(self, a: "NDArray[np.int64]", b: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """The similarity of each pair of sets ``a[i]`` and ``b[i]``."""
        sizes = self.sets.sizes
        small, large = np.minimum(sizes[a], sizes[b]), np.maximum(sizes[a], sizes[b])
        found = np.zeros(len(a))
        # Just below, for the rounding of the quotient.
        hopeful = np.flatnonzero((small > 0) & (small >= (self.floor - 1e-9) * large))
        a, b = a[hopeful], b[hopeful]
        both = sizes[a] + sizes[b]
        for begin, end in parts(both, _HASHES, _PAIRS):
            some = slice(begin, end)
            shared = _shared(self.sets, a[some], b[some])
            found[hopeful[some]] = shared / (both[some] - shared)
        return found

    def crowd(self, members: "NDArray[np.int64]") -> "Matrix":
        """A function of two arrays of places among `members`: the similarities of the sets at the
        one to those at the other, of shape (some, others).

        Shingles that many members have (what a header brings, say) are counted by a product of
        dense matrices, the others by one of sparse matrices.
        """
        sizes = self.sets.sizes[members]
        dense, sparse = _incidence(self.sets, members)

        def similarities(
            some: "NDArray[np.int64]", others: "NDArray[np.int64]"
        ) -> "NDArray[np.float64]":
            shared = (dense[some] @ dense[others].T).astype(np.float64)
            shared += (sparse[some] @ sparse[others].T).toarray()
            all_of_them = sizes[some][:, None] + sizes[others] - shared
            found: NDArray[np.float64] = shared / np.maximum(all_of_them, 1)
            return found

        return similarities


def _incidence(
    sets: ShingleSets, members: "NDArray[np.int64]"
) -> "tuple[NDArray[np.float32], csr_array]":
    """Which member has which shingle: the commonest shingles, and all others that two have."""
    from scipy.sparse import csr_array

    sizes = sets.sizes[members]
    hashes, column = np.unique(
        sets.hashes[ranges(sets.starts[members], sizes)], return_inverse=True
    )
    row = np.repeat(np.arange(len(members)), sizes)
    times = np.bincount(column, minlength=len(hashes))
    common = np.flatnonzero(times > max(len(members) // 16, 1))
    common = common[np.argsort(-times[common], kind="stable")][:_DENSE]
    place = np.full(len(hashes), -1)
    place[common] = np.arange(len(common))
    often = place[column] >= 0
    dense = np.zeros((len(members), len(common)), dtype=np.float32)
    dense[row[often], place[column[often]]] = 1
    rest = ~often & (times[column] > 1)
    ones = np.ones(int(rest.sum()), dtype=np.int32)
    shape = (len(members), len(hashes))
    return dense, csr_array((ones, (row[rest], column[rest])), shape=shape)


def _shared(
    sets: ShingleSets, a: "NDArray[np.int64]", b: "NDArray[np.int64]"
) -> "NDArray[np.int64]":
    """How many shingles each of at most `_PAIRS` pairs shares."""
    sizes = sets.sizes
    sides = []
    for side in (a, b):
        keys = sets.hashes[ranges(sets.starts[side], sizes[side])]
        pairs = np.repeat(np.arange(len(side), dtype=np.uint64), sizes[side])
        sides.append(keys | (pairs << np.uint64(BITS)))
    keys = np.concatenate(sides)
    keys.sort(kind="stable")  # two runs that are in order: merged, not sorted
    twice = keys[:-1][keys[1:] == keys[:-1]] >> np.uint64(BITS)
    return np.bincount(twice.astype(np.intp), minlength=len(a))
