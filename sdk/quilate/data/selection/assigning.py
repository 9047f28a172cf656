"""Groups of rows assigned to splits: whole, in the shares asked for, alike in every stratum."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Hashes = NDArray[np.uint64]

_AT_ONCE = 1 << 16  # rows
_BIG = 0.1  # of the rows of the smallest split: from there on a group is placed by itself


@dataclass(frozen=True, slots=True)
class Groups:
    """Each row's group and stratum, and each group's hash, by which it is drawn."""

    of_row: "Ints"
    stratum_of_row: "Ints"
    hashes: "Hashes"

    @property
    def sizes(self) -> "Ints":
        """Rows of each group."""
        return np.bincount(self.of_row, minlength=len(self.hashes))

    def counts(self) -> tuple["Ints", "Ints", "Ints"]:
        """Group, stratum and number of rows, for each group and stratum that have any."""
        strata = int(self.stratum_of_row.max(initial=0)) + 1
        pairs, rows = np.unique(self.of_row * strata + self.stratum_of_row, return_counts=True)
        return pairs // strata, pairs % strata, rows


def lasting(groups: Groups, shares: Sequence[float]) -> "Ints":
    """The split of each group by its hash alone: no row that comes later moves another. The shares
    are then those of chance, around the ones asked for."""
    return _on_line(groups.hashes / 2.0**64, np.array(shares)[None, :])


def exact(groups: Groups, shares: Sequence[float]) -> "Ints":
    """The split of each group so that the shares come out as nearly as whole groups can, in every
    stratum and in all.

    Big groups are placed first, the biggest first, each where the most rows of its strata are
    missing. In each stratum the others stand in line by their hashes, which is cut where the shares
    that are left say so: rows that come later move the cuts a little, and with them the few groups
    that are next to one. A split of which no group came is given the one that fits it best.
    """
    wanted = np.array(shares)
    group, stratum, rows = groups.counts()
    strata = np.bincount(stratum, weights=rows)
    placed = np.full(len(groups.hashes), -1, np.int64)
    missing = strata[:, None] * wanted[None, :]
    big = np.flatnonzero(groups.sizes > max(_BIG * wanted[wanted > 0].min() * rows.sum(), 1.0))
    for one in big[np.lexsort((groups.hashes[big], -groups.sizes[big]))]:
        low, high = np.searchsorted(group, (one, one + 1))
        own, held = stratum[low:high], rows[low:high]
        need = (held / strata[own]) @ missing[own] + held.sum() / rows.sum() * missing.sum(axis=0)
        need[wanted <= 0] = -np.inf
        placed[one] = int(np.argmax(need))
        missing[own, placed[one]] -= held
    _place_rest(placed, groups, missing, wanted)
    _fill_empty(placed, groups, wanted)
    return placed


def of_singles(
    hashes: "Hashes", shares: Sequence[float], *, exact: bool
) -> "NDArray[np.uint8] | None":
    """What `exact` or `lasting` gives where each row is a group of its own and there is one
    stratum, in 17 bytes a row; None where it takes the longer way.

    >>> hashes = np.array([7, 3, 9, 1], np.uint64) << np.uint64(60)
    >>> of_singles(hashes, [0.5, 0.5], exact=True).tolist()
    [1, 0, 1, 0]
    """
    wanted, count = np.array(shares), len(hashes)
    if len(wanted) > 256 or (exact and count * wanted[wanted > 0].min() < 2):
        return None
    placed = np.empty(count, np.uint8)
    cuts = _cuts(hashes, wanted) if exact else None
    if exact and cuts is None:
        return None
    for begin in range(0, count, _AT_ONCE):
        some = hashes[begin : begin + _AT_ONCE]
        placed[begin : begin + _AT_ONCE] = (
            _on_line(some / 2.0**64, wanted[None, :])
            if cuts is None
            else np.searchsorted(cuts, some, side="right")
        )
    return placed


def _cuts(hashes: "Hashes", wanted: "Floats") -> "Hashes | None":
    """The hashes with which each split after the first begins, all rows in line by theirs; None
    where two rows at a cut have the same one."""
    count, line = len(hashes), np.sort(hashes)
    missing = count * wanted
    shares = (missing / missing.sum())[None, :]
    jitter = (line[:1] * np.uint64(0x9E3779B97F4A7C15)) / 2.0**64

    def split_at(place: int) -> int:
        return int(_on_line((place + jitter) / count, shares)[0])

    cuts = [bisect_left(range(count), split, key=split_at) for split in range(1, len(wanted))]
    if any(0 < at < count and line[at] == line[at - 1] for at in cuts):
        return None
    last = np.uint64(2**64 - 1)
    if line[-1] == last:
        return None
    return np.array([line[at] if at < count else last for at in cuts], np.uint64)


def _place_rest(placed: "Ints", groups: Groups, missing: "Floats", wanted: "Floats") -> None:
    """Place the groups that are not placed yet, in each stratum by their hashes."""
    small = np.flatnonzero(placed < 0)
    if not len(small):
        return
    main = _main_stratum(groups)[small]
    order = np.lexsort((groups.hashes[small], main))
    small, main = small[order], main[order]
    sizes = groups.sizes[small]
    totals = np.bincount(main, weights=sizes, minlength=len(missing))
    before = np.cumsum(sizes) - sizes
    firsts = np.concatenate([[0.0], np.cumsum(totals)])[main]
    # Where in the first row's place a stratum's line begins is drawn too: else the few rows of each
    # of many small strata would all go to the first split.
    least = np.full(len(missing), 2**64 - 1, np.uint64)
    np.minimum.at(least, main, groups.hashes[small])
    jitter = ((least * np.uint64(0x9E3779B97F4A7C15)) / 2.0**64)[main]
    place = (before - firsts + sizes * jitter) / totals[main]
    left = np.maximum(missing, 0.0)
    none = left.sum(axis=1) <= 0
    left[none] = wanted
    placed[small] = _on_line(place, (left / left.sum(axis=1, keepdims=True))[main])


def _main_stratum(groups: Groups) -> "Ints":
    """The stratum of most rows of each group; of two, that which is rarer in all."""
    group, stratum, rows = groups.counts()
    rarity = np.bincount(stratum, weights=rows)[stratum]
    order = np.lexsort((stratum, rarity, -rows, group))
    first = order[np.searchsorted(group[order], np.arange(len(groups.hashes)))]
    main: Ints = stratum[first]
    return main


def _on_line(place: "Floats", shares: "Floats") -> "Ints":
    """The split in whose part of the line from 0 to 1 each place is."""
    ends = np.cumsum(shares, axis=1)
    at = (place[:, None] >= ends - 1e-12).sum(axis=1)
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)
    return np.asarray(np.minimum(at, last), np.int64)


def _fill_empty(placed: "Ints", groups: Groups, wanted: "Floats") -> None:
    """Give a split without groups the one nearest to it in size, of a split with several."""
    sizes, total = groups.sizes, groups.sizes.sum()
    for split in np.flatnonzero(wanted > 0):
        counts = np.bincount(placed, minlength=len(wanted))
        if counts[split] or not (counts > 1).any():
            continue
        movable = np.flatnonzero(counts[placed] > 1)
        off = np.abs(sizes[movable] - wanted[split] * total)
        placed[movable[np.lexsort((groups.hashes[movable], off))[0]]] = split


def connected(labels: Sequence["Ints"]) -> "Ints":
    """The groups of rows that share a label of any kind, numbered from 0; labels of less than 0 are
    none.

    >>> connected([np.array([5, 5, -1, -1]), np.array([-1, 7, 7, -1])]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(labels[0])
    ends, nodes = [], count
    rows = []
    for label in labels:
        mine = np.flatnonzero(label >= 0)
        _, own = np.unique(label[mine], return_inverse=True)
        rows.append(mine)
        ends.append(nodes + own)
        nodes += int(own.max(initial=-1)) + 1
    a, b = np.concatenate(rows), np.concatenate(ends)
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(nodes, nodes))
    found = connected_components(graph, directed=False)[1][:count]
    _, numbered = np.unique(found, return_inverse=True)
    result: Ints = numbered.astype(np.int64)
    return result
