"""Many ranges of numbers, one after the other, without a loop."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranges(starts: "NDArray[np.int64]", lengths: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """The numbers from each start on, as many as its length says.

    >>> ranges(np.array([5, 0, 7]), np.array([2, 0, 3])).tolist()
    [5, 6, 7, 8, 9]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total, dtype=np.int64)


def parts(sizes: "NDArray[np.int64]", at_once: int, most: int) -> list[tuple[int, int]]:
    """Neighbouring things in parts of about `at_once` in size and at most `most` in number.

    >>> parts(np.array([4, 4, 4, 90, 1]), 10, 100)
    [(0, 3), (3, 4), (4, 5)]
    """
    ends = np.cumsum(sizes)
    found, begin = [], 0
    while begin < len(sizes):
        before = int(ends[begin - 1]) if begin else 0
        end = int(np.searchsorted(ends, before + at_once, side="right")) + (
            1 if sizes[begin] <= at_once else 0
        )
        end = min(max(end, begin + 1), begin + most, len(sizes))
        found.append((begin, end))
        begin = end
    return found
