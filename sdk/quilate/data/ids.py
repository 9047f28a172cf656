"""Which ids were there before: eight bytes for each, so that ten million fit."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quilate.codec import digest
from quilate.data.files.writing import whole
from quilate.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]


class SeenIds:
    """The ids of the sources so far, as 64-bit hashes. (Two of 10 million ids have one hash in one
    of 370,000 datasets; the second then gets its place for an id.) `state` is a digest of the
    sources that were read.

    >>> seen = SeenIds()
    >>> seen.add(["a", "b", "a"]), seen.add(["b", "c"])
    ([True, True, False], [False, True])
    """

    def __init__(self) -> None:
        self._settled: list[Hashes] = []
        self._own: list[Hashes] = []  # of the source that is being read
        self.state = ""

    def add(self, names: Sequence[str]) -> list[bool]:
        """Remember ids; for each, whether it was new."""
        import numpy as np

        hashes = np.array([_hash(name) for name in names], dtype=np.uint64)
        order, first = np.unique(hashes, return_index=True)
        new = np.zeros(len(hashes), dtype=bool)
        new[first] = True
        for known in (*self._settled, *self._own):
            new &= ~_within(hashes, known)
        _settle(self._own, order[new[first]])
        answers: list[bool] = new.tolist()
        return answers

    def close_source(self, file: Path) -> None:
        """Keep the ids of the source that was read in a file, so that a later run need not read it
        again."""
        import numpy as np

        while len(self._own) > 1:
            _merge_last(self._own)
        values = self._own.pop() if self._own else np.empty(0, np.uint64)
        with whole(file) as stream:
            np.save(stream, values, allow_pickle=False)
        self._close(values)

    def add_stored(self, file: Path) -> None:
        """The ids of a source that was read before; raises `DataError` for a damaged file."""
        import numpy as np

        try:
            values = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"The cache of a source is damaged: {error}.",
                where=str(file.parent),
                remedy="Delete that folder; the source is then read again.",
            ) from None
        self._close(values)

    def _close(self, values: "Hashes") -> None:
        self.state = digest(self.state, hashlib.sha256(values.data).hexdigest())
        _settle(self._settled, values)


def _settle(known: "list[Hashes]", values: "Hashes") -> None:
    """Sorted arrays, each more than twice as long as the next: there are only ever a few."""
    known.append(values)
    while len(known) > 1 and len(known[-2]) <= 2 * len(known[-1]):
        _merge_last(known)


def _merge_last(known: "list[Hashes]") -> None:
    import numpy as np

    merged = np.concatenate([known.pop(), known.pop()])
    merged.sort(kind="stable")
    known.append(merged)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _within(hashes: "Hashes", known: "Hashes") -> "NDArray[np.bool_]":
    import numpy as np

    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == hashes
    return found
