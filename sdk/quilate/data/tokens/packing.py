"""Packing rows into windows: how many it takes, from the histogram of their lengths alone.

Best-fit decreasing: the longest row first, into the fullest window that has room for it (Johnson
1973); for training on packed sequences see Krell et al. 2021, "Efficient Sequence Packing without
Cross-contamination", arXiv:2107.02027, who pack histograms too, and Ding et al. 2024, "Fewer
Truncations Improve Language Modeling", arXiv:2404.10830.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def windows_needed(lengths: Iterable[tuple[int, int]], window: int) -> int:
    """Windows that best-fit decreasing fills with rows given as (length, rows); rows that are
    longer than the window are cut to it, empty ones take no room.

    Rows of one length are placed together, so the work grows with the lengths that differ (at
    most `window`), and not with the rows.

    >>> windows_needed([(6, 1), (5, 2), (4, 1)], 10)
    2
    """
    import numpy as np

    classes: dict[int, int] = {}
    for length, rows in lengths:
        if length > 0:
            classes[min(length, window)] = classes.get(min(length, window), 0) + rows
    room = np.zeros(window + 1, np.int64)  # windows by the room left in them
    opened = 0
    for length in sorted(classes, reverse=True):
        left = classes[length]
        while left:
            fits = np.flatnonzero(room[length:])
            if fits.size == 0:
                opened += _open(room, length, left, window)
                break
            left -= _fill(room, length, left, length + int(fits[0]))
    return opened


def batch_positions(lengths: Iterable[tuple[int, int]], window: int, batch: int) -> float:
    """The positions that are expected where rows, given as (length, rows), are drawn at random
    into batches and each batch is padded to its longest row, at most to the window.

    A row's batch is as long as the longest of `batch` draws, of which the chance to be at most l
    is F(l) to the power of `batch`.

    >>> batch_positions([(1, 1), (3, 1)], 10, 2)
    5.0
    """
    classes = sorted(lengths)
    rows = sum(count for _, count in classes)
    expected, seen, below = 0.0, 0, 0.0
    for length, count in classes:
        seen += count
        chance = (seen / rows) ** batch
        expected += min(length, window) * (chance - below)
        below = chance
    return expected * rows


def _fill(room: "NDArray[np.int64]", length: int, rows: int, at: int) -> int:
    """Place rows in the windows with room `at`; how many were placed."""
    each = at // length
    full = min(int(room[at]), rows // each)
    if full:
        room[at] -= full
        room[at - each * length] += full
        return full * each
    room[at] -= 1
    room[at - rows * length] += 1
    return rows


def _open(room: "NDArray[np.int64]", length: int, rows: int, window: int) -> int:
    """Open windows for rows that fit nowhere; how many were opened."""
    each = window // length
    full, rest = divmod(rows, each)
    room[window - each * length] += full
    if rest:
        room[window - rest * length] += 1
    return full + (1 if rest else 0)
