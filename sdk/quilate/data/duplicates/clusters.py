"""Clusters of duplicates, and which row of each cluster every other one gives way to.

A **cluster** is a connected component: rows that a chain of near pairs links, though its ends may
be further from each other than the threshold. A row is **dropped** only for a kept row that is
itself near it: along a chain A–B–C where A and C are not near, A stays, B goes for A, and C stays.
So no two kept rows that were compared are near each other, and no row goes without one like it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from quilate.data.duplicates.ranges import parts, ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.floating[Any]]]

_AT_ONCE = 1 << 21  # pairs in memory
_CROWD = 64  # members of a bucket above which pairs are compared in a matrix, not one by one
_REMEMBERED = 1 << 24  # pairs known not to be near
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Things that may be near each other: bucket i is ``members[starts[i]:starts[i + 1]]``."""

    members: "NDArray[np.int64]"
    starts: "NDArray[np.int64]"

    @property
    def sizes(self) -> "NDArray[np.int64]":
        """How many are in each."""
        return np.diff(self.starts)

    def only(self, which: "NDArray[np.bool_]") -> "Buckets":
        """Some of the buckets."""
        sizes = self.sizes[which]
        members = self.members[ranges(self.starts[:-1][which], sizes)]
        return Buckets(members, np.concatenate(([0], np.cumsum(sizes))))


class Components:
    """Union-find over `count` things; a component is named by its first member.

    >>> joined = Components(4)
    >>> joined.join(np.array([3, 2]), np.array([1, 3]))
    >>> joined.labels.tolist()
    [0, 1, 1, 1]
    """

    def __init__(self, count: int) -> None:
        self._above: NDArray[np.int64] = np.arange(count)

    @property
    def labels(self) -> "NDArray[np.int64]":
        """The component of each thing."""
        return self.of(np.arange(len(self._above)))

    def of(self, things: "NDArray[np.int64]") -> "NDArray[np.int64]":
        """The components of some things."""
        found = self._above[things]
        while True:
            above = self._above[found]
            if np.array_equal(above, found):
                self._above[things] = found
                return found
            found = above

    def join(self, a: "NDArray[np.int64]", b: "NDArray[np.int64]") -> None:
        """Join ``a[i]`` to ``b[i]`` for every i."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if not len(a):
            return
        roots, places = np.unique(np.concatenate((self.of(a), self.of(b))), return_inverse=True)
        edges = (places[: len(a)], places[len(a) :])
        shape = (len(roots), len(roots))
        graph = coo_array((np.ones(len(a), np.int8), edges), shape=shape)
        count, component = connected_components(graph, directed=False)
        first = np.empty(count, dtype=np.int64)
        first[component[::-1]] = roots[::-1]  # of equal indices the last one counts: the least root
        self._above[roots] = first[component]


class Comparison(Protocol):
    """Says how similar things are, by their numbers."""

    def pairs(self, a: "NDArray[np.int64]", b: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """The similarity of each ``a[i]`` and ``b[i]``."""
        ...

    def crowd(self, members: "NDArray[np.int64]") -> "Matrix":
        """A function that gives the similarities of some of many members to others of them, by
        their places among the members: an array of shape (some, others)."""
        ...


def components(
    count: int, bands: Iterable[Buckets], comparison: Comparison, threshold: float
) -> "NDArray[np.int64]":
    """The components of the pairs that share a bucket and are near: each thing's label, the first
    member of its component. Pairs of one component already are not compared again."""
    joined = Components(count)
    larger = []
    stars: list[NDArray[np.uint64]] = []
    for band in bands:
        heads = np.repeat(band.members[band.starts[:-1]], band.sizes)
        stars.append(_packed(heads, band.members))
        larger.append(band.only(band.sizes > 2))
    apart = _compared(joined, _distinct(stars), comparison, threshold)
    for band in larger:
        far = [apart]
        for pairs in _across(band.only(band.sizes <= _CROWD), joined):
            fresh = pairs[~_among(pairs, apart)]
            far.append(_compared(joined, fresh, comparison, threshold))
        if len(apart) < _REMEMBERED:
            apart = _distinct(far)
        crowds = band.only(band.sizes > _CROWD)
        for begin, end in pairwise(crowds.starts.tolist()):
            _join_crowd(crowds.members[begin:end], joined, comparison, threshold)
    return joined.labels


def _join_crowd(
    members: "NDArray[np.int64]", joined: Components, comparison: Comparison, threshold: float
) -> None:
    """Join the near pairs of a large bucket, some members against the others at a time."""
    labels = joined.of(members)
    if (labels == labels[0]).all():
        return
    members = members[np.argsort(labels, kind="stable")]
    similarities = comparison.crowd(members)
    step = max(_AT_ONCE // len(members), 1)
    for begin in range(0, len(members), step):
        some = np.arange(begin, min(begin + step, len(members)))
        labels = joined.of(members)
        others = np.arange(begin, len(members))
        if (labels[some] == labels[begin]).all():
            others = others[labels[others] != labels[begin]]
        if len(others):
            a, b = np.nonzero(similarities(some, others) >= threshold)
            a, b = members[some[a]], members[others[b]]
            still = joined.of(a) != joined.of(b)
            joined.join(a[still], b[still])


def _packed(a: "NDArray[np.int64]", b: "NDArray[np.int64]") -> "NDArray[np.uint64]":
    """Each pair as one number, the lower first; those of a thing with itself are left out."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    pairs = (low.astype(np.uint64) << np.uint64(32)) | high.astype(np.uint64)
    apart: NDArray[np.uint64] = pairs[low != high]
    return apart


def _distinct(some: "list[NDArray[np.uint64]]") -> "NDArray[np.uint64]":
    return np.unique(np.concatenate(some)) if some else np.empty(0, np.uint64)


def _among(some: "NDArray[np.uint64]", known: "NDArray[np.uint64]") -> "NDArray[np.bool_]":
    if not len(known):
        return np.zeros(len(some), dtype=bool)
    at = np.minimum(np.searchsorted(known, some), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == some
    return found


def _compared(
    joined: Components, pairs: "NDArray[np.uint64]", comparison: Comparison, threshold: float
) -> "NDArray[np.uint64]":
    """Join the pairs that are near, and tell the others."""
    a, b = (pairs >> np.uint64(32)).astype(np.int64), (pairs & _LOW).astype(np.int64)
    near = comparison.pairs(a, b) >= threshold
    joined.join(a[near], b[near])
    return pairs[~near]


def _across(band: Buckets, joined: Components) -> "Iterator[NDArray[np.uint64]]":
    """The pairs of each bucket whose two are not in one component, some at a time."""
    bucket = np.repeat(np.arange(len(band.sizes)), band.sizes)
    labels = joined.of(band.members)
    order = np.lexsort((labels, bucket))
    members, labels = band.members[order], labels[order]
    changes = np.concatenate(([True], (labels[1:] != labels[:-1]) | (bucket[1:] != bucket[:-1])))[
        : len(labels)
    ]
    runs = np.concatenate((np.flatnonzero(changes), [len(labels)]))
    begin = np.repeat(runs[1:], np.diff(runs))  # where the next component of the bucket begins
    partners = band.starts[1:][bucket] - begin
    for first, last in parts(partners, _AT_ONCE, len(partners)):
        lengths = partners[first:last]
        a = np.repeat(members[first:last], lengths)
        b = members[ranges(begin[first:last], lengths)]
        still = joined.of(a) != joined.of(b)
        yield _packed(a[still], b[still])


def givers(
    labels: "NDArray[np.int64]",
    ranks: "NDArray[np.int64]",
    comparison: Comparison,
    threshold: float,
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """For each thing the kept one that it gives way to (itself, when it is kept), and how similar
    they are. Within a component the best rank stays, and whatever is near it goes; so on with the
    rest."""
    kept_for = np.arange(len(labels))
    nearness = np.ones(len(labels))
    left = np.flatnonzero(np.bincount(labels, minlength=len(labels))[labels] > 1)
    left = left[np.lexsort((ranks[left], labels[left]))]
    while len(left):
        mine = labels[left]
        heads = np.flatnonzero(np.concatenate(([True], mine[1:] != mine[:-1])))
        sizes = np.diff(np.concatenate((heads, [len(left)])))
        leader = np.repeat(left[heads], sizes)
        rest = leader != left
        a, b = leader[rest], left[rest]
        found = comparison.pairs(a, b)
        near = found >= threshold
        kept_for[b[near]] = a[near]
        nearness[b[near]] = found[near]
        left = b[~near]
    return kept_for, nearness
