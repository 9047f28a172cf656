"""The samples of an evaluation set whose words a row holds: whole, in part, or nearly."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from quilate.data.decontamination.coding import NUMBER, CodedRow, Vocabulary, gram_keys, listed
from quilate.data.decontamination.evaluation import EvaluationText
from quilate.data.decontamination.grams import Candidate, Grams, index_grams
from quilate.data.decontamination.matches import Method

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]
    Ints = NDArray[np.int64]

_CONTAINED = 5  # words from which a text is looked for inside of longer ones
_OVERLAPS = 8  # words from which a part of it, or nearly it, says something
_SHINGLE = 2  # words: an edited word then costs little, and candidates are verified anyway
_AROUND = 4  # words to both sides of an overlap where its numbers may stand


@dataclass(frozen=True, slots=True)
class Found:
    """The words ``[start:end]`` of a row hold the text number `entry`."""

    entry: int
    method: Method
    similarity: float
    start: int
    end: int
    other_numbers: bool = False


class Overlaps:
    """An index of texts, built once, in which rows are looked up.

    Texts of the same words are one entry: `entries` are the texts of each. `n` is the size of
    n-grams; a text of less than ``3 * n`` words has smaller ones (8, then 5). N-grams of the
    `boilerplate` texts count nothing.
    """

    def __init__(
        self,
        texts: Iterable[EvaluationText],
        *,
        methods: Sequence[Method],
        n: int,
        ngrams: float,
        near: float,
        boilerplate: Sequence[str] = (),
    ) -> None:
        self._words = Vocabulary()
        self._near_share = near
        self._ngrams_share = ngrams
        self._methods = set(methods)
        self.entries: list[list[EvaluationText]] = []
        self._coded: list[Ids] = []
        self._whole: dict[tuple[int, ...], int] = {}
        for text in texts:
            self._add(text)
        self._is_number = np.array(self._words.is_number)
        common = [self._words.code(text) for text in boilerplate]
        self._plain = list(self._plain_tables(n, common))
        self._masked = self._masked_table(common) if "near" in self._methods else None

    def _add(self, text: EvaluationText) -> None:
        ids = self._words.learn(text.text)
        if not ids:
            return
        entry = self._whole.setdefault(tuple(ids), len(self.entries))
        if entry == len(self.entries):
            self.entries.append([])
            self._coded.append(np.array(ids, np.int32))
        self.entries[entry].append(text)

    def _plain_tables(self, n: int, common: Sequence["Ids"]) -> Iterator[tuple[Grams, "Ints"]]:
        """For each size of n-grams, the entries that have it, and their index."""
        sizes = sorted({size for size in (n, 8, _CONTAINED) if size <= n}, reverse=True)
        lengths = np.array([len(ids) for ids in self._coded], np.int64)
        left = lengths >= max(_CONTAINED, sizes[-1])
        share = self._ngrams_share if "ngrams" in self._methods else 1.0
        for size in sizes:
            mine = left & (lengths >= 3 * size) if size != sizes[-1] else left
            left = left & ~mine
            members = np.flatnonzero(mine)
            if len(members):
                least = np.where(lengths[members] >= _OVERLAPS, share, 1.0)
                texts = [self._coded[at] for at in members]
                yield index_grams(texts, size, least, _keys(common, size)), members

    def _masked_table(self, common: Sequence["Ids"]) -> tuple[Grams, list["Ints"]] | None:
        """The same of shingles with every number alike: texts that then are the same are one."""
        same: dict[tuple[int, ...], list[int]] = {}
        for entry, ids in enumerate(self._coded):
            if len(ids) >= _OVERLAPS:
                same.setdefault(listed(self._mask(ids)), []).append(entry)
        if not same:
            return None
        texts = [np.array(key, np.int32) for key in same]
        keys = _keys([self._mask(ids) for ids in common], _SHINGLE)
        least = np.full(len(texts), self._near_share)
        members = [np.array(group, np.int64) for group in same.values()]
        return index_grams(texts, _SHINGLE, least, keys), members

    def _mask(self, ids: "Ids") -> "Ids":
        return np.where(self._is_number[ids], np.int32(NUMBER), ids)

    def code(self, texts: Iterable[str]) -> CodedRow:
        """A row's texts, as `find` takes them."""
        return CodedRow(texts, self._words)

    def find(self, row: CodedRow) -> list[Found]:
        """What the row holds, each entry once: its plainest match."""
        by_words = (*self._short(row), *self._exact_or_part(row))
        whole = {found.entry for found in by_words if found.method == "exact"}
        best: dict[int, Found] = {}
        for found in (*by_words, *self._nearly(row, whole)):
            known = best.get(found.entry)
            if known is None or _plainer(found, known):
                best[found.entry] = found
        return list(best.values())

    def _short(self, row: CodedRow) -> Iterator[Found]:
        """Texts of few words are found where one of the row's texts says that and no more."""
        if "exact" not in self._methods:
            return
        edges = sorted(row.edges)
        for start, end in pairwise(edges):
            if 0 < end - start < _CONTAINED:
                entry = self._whole.get(listed(row.ids[start:end]))
                if entry is not None:
                    yield Found(entry, "exact", 1.0, start, end)

    def _exact_or_part(self, row: CodedRow) -> Iterator[Found]:
        for grams, members in self._plain:
            places = grams.places(row.ids)
            whole: set[int] = set()
            for one in grams.candidates(places):
                if one.entry in whole:
                    continue
                entry = int(members[one.entry])
                at = _index(row.ids[one.start : one.end], self._coded[entry])
                if at >= 0 and "exact" in self._methods:
                    whole.add(one.entry)
                    start = one.start + at
                    yield Found(entry, "exact", 1.0, start, start + len(self._coded[entry]))
                elif "ngrams" in self._methods and len(self._coded[entry]) >= _OVERLAPS:
                    found = self._part(grams, places, one, entry)
                    if found is not None:
                        yield found

    def _part(self, grams: Grams, places: "Ints", one: Candidate, entry: int) -> Found | None:
        own, held = _held(grams, places, one)
        total = float(grams.weights[own].sum())
        if not total:
            return None
        share = min(float(grams.weights[list(held)].sum()) / total, len(held) / len(own))
        if share < self._ngrams_share - 1e-9:
            return None
        window = places[one.start : one.end - grams.size + 1]
        hits = np.flatnonzero(np.isin(window, list(held)))
        end = one.start + int(hits[-1]) + grams.size
        return Found(entry, "ngrams", share, one.start + int(hits[0]), end)

    def _nearly(self, row: CodedRow, whole: set[int]) -> Iterator[Found]:
        """What is nearly there, but for the texts that are there whole."""
        if self._masked is None:
            return
        grams, members = self._masked
        places = grams.places(self._mask(row.ids))
        for one in grams.candidates(places):
            if not whole.isdisjoint(members[one.entry].tolist()):
                continue
            near = nearest_window(grams, places, one, self._near_share)
            if near is not None:
                similarity, start, end = near
                entry, other = self._by_numbers(members[one.entry], row.ids, start, end)
                yield Found(entry, "near", similarity, start, end, other)

    def _by_numbers(self, group: "Ints", ids: "Ids", start: int, end: int) -> tuple[int, bool]:
        """The text with the numbers of the row, of those that differ in nothing else, and False;
        or the first one, and True."""
        near = ids[max(start - _AROUND, 0) : end + _AROUND]
        there = Counter(near[self._is_number[near]].tolist())
        for entry in group.tolist():
            own = self._coded[entry]
            if Counter(own[self._is_number[own]].tolist()) <= there:
                return entry, False
        return int(group[0]), True


def _keys(texts: Sequence["Ids"], size: int) -> "NDArray[np.uint64]":
    found = [gram_keys(ids, size) for ids in texts]
    return np.concatenate([*found, np.zeros(0, np.uint64)])


def _plainer(one: Found, other: Found) -> bool:
    """Whether a match says more than another of the same text. That the numbers are others is
    plainer than a part that is the same."""
    order = {"exact": 0, "near, other numbers": 1, "ngrams": 2, "near": 3}

    def rank(found: Found) -> tuple[int, float]:
        numbers = ", other numbers" if found.other_numbers else ""
        return order[found.method + numbers], -found.similarity

    return rank(one) < rank(other)


def _index(where: "Ids", what: "Ids") -> int:
    """Where a run of words stands in another, or -1."""
    whole, part = where.tobytes(), what.tobytes()
    at = whole.find(part)
    while at >= 0 and at % what.itemsize:
        at = whole.find(part, at + 1)
    return at // what.itemsize if at >= 0 else -1


def _held(grams: Grams, places: "Ints", one: Candidate) -> tuple["Ints", set[int]]:
    """A text's n-grams, and those of them that stand in the candidate's window."""
    own = grams.of(one.entry)
    window = places[one.start : max(one.end - grams.size + 1, one.start)]
    return own, set(own.tolist()).intersection(window.tolist())


def nearest_window(
    grams: Grams, places: "Ints", one: Candidate, least: float
) -> tuple[float, int, int] | None:
    """The part of a candidate's window that is nearest to its text: the Jaccard similarity of their
    n-grams, and the first word and that after the last one. None where it is less than `least`.

    The similarity is the lesser of that by weight, which a template that many texts share cannot
    raise, and the plain one, which a rare phrase cannot. Of n-grams that the text has not, each
    weighs as much as one of the text does on average. A window reaches `least` when the sum of
    ``(1 + least) * weight`` over its shared n-grams, less ``least * weight`` over all, is ``least``
    times the text's own weight: the window with the greatest sum is found in one pass (Kadane's).
    """
    own, held = _held(grams, places, one)
    weights = grams.weights[own]
    total = float(weights.sum())
    if total <= 0 or float(grams.weights[list(held)].sum()) < least * total - 1e-9:
        return None
    window = places[one.start : one.end - grams.size + 1]
    shared = np.isin(window, list(held))
    weight = np.where(shared, grams.weights[window], total / len(own))
    gain = np.concatenate([[0.0], np.cumsum((1 + least) * weight * shared - least * weight)])
    lowest = np.minimum.accumulate(gain)
    last = int(np.argmax(gain - lowest))
    first = int(np.argmin(gain[: last + 1]))
    # A n-gram that stands there twice counts once.
    distinct = np.array(sorted(set(window[first:last][shared[first:last]].tolist())), np.int64)
    both = float(grams.weights[distinct].sum())
    others = int((~shared[first:last]).sum())
    plain = len(distinct) / (len(own) + others)
    similarity = min(both / (total + others * total / len(own)), plain)
    if similarity < least - 1e-9:
        return None
    return similarity, one.start + first, one.start + last + grams.size - 1
