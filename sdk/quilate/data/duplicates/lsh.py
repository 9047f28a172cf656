"""Which sets may be near: locality-sensitive hashing of signatures in bands.

A signature's slots are parted into bands of `rows` slots each. Two sets meet in a band when they
agree in all of its slots, so two of Jaccard similarity s meet somewhere with the probability
1 − (1 − s^rows)^bands (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, chapter 3).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quilate.data.duplicates.characters import mixed
from quilate.data.duplicates.clusters import Buckets

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RECALL = 0.995
"""Of pairs exactly at the threshold; nearer ones are found more often."""


@dataclass(frozen=True, slots=True)
class Banding:
    """How slots are parted: `bands` of `rows` slots each.

    >>> Banding.for_threshold(0.8, 128), round(Banding(21, 6).probability(0.8), 4)
    (Banding(bands=21, rows=6), 0.9983)
    """

    bands: int
    rows: int

    @classmethod
    def for_threshold(cls, threshold: float, slots: int) -> "Banding":
        """The most selective bands that let 99.5% of the pairs at the threshold meet."""
        rows = 1
        while rows < slots and cls(slots // (rows + 1), rows + 1).probability(threshold) >= _RECALL:
            rows += 1
        return cls(slots // rows, rows)

    def probability(self, similarity: float) -> float:
        """That two sets of a similarity meet in a band."""
        return float(1.0 - (1.0 - similarity**self.rows) ** self.bands)

    def hashes(self, signatures: "NDArray[np.uint32]") -> "NDArray[np.uint32]":
        """The hashes of each band, of shape (bands, sets)."""
        found = np.zeros((self.bands, len(signatures)), dtype=np.uint64)
        for row in range(self.rows):
            slots = signatures[:, row * self.bands : (row + 1) * self.bands].T
            found *= np.uint64(0xD1342543DE82EF95)
            found += slots
        return (mixed(found) >> np.uint64(32)).astype(np.uint32)


def meeting(hashes: "NDArray[np.uint32]", things: "NDArray[np.int64]") -> Buckets:
    """Which of the `things` have the same hash as another one; each bucket's members rise.

    >>> found = meeting(np.array([7, 8, 7], dtype=np.uint32), np.array([0, 4, 9]))
    >>> found.members.tolist(), found.starts.tolist()
    ([0, 9], [0, 2])
    """
    keys = hashes.astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    same = (keys[1:] >> np.uint64(32)) == (keys[:-1] >> np.uint64(32))
    inside = np.concatenate((same, [False])) | np.concatenate(([False], same))
    inside = inside[: len(keys)]
    first = inside & ~np.concatenate(([False], same))[: len(keys)]
    members = things[(keys[inside] & np.uint64(0xFFFFFFFF)).astype(np.intp)]
    starts = np.flatnonzero(first[inside])
    return Buckets(members, np.concatenate((starts, [len(members)])))
