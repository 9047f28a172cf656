"""An inverted index of word n-grams, by which the samples that a row may hold are found.

Every sample is listed under its rarest n-grams alone: as many as a row must share one of, if it
shares the least share of them at all (the prefix filter of Chaudhuri, Ganti & Kaushik 2006, "A
primitive operator for similarity joins in data cleaning"). So nothing is missed, and what is
common in the evaluation set leads to nothing. What is found is a candidate, to be verified.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quilate.data.decontamination.coding import gram_keys, known_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Keys = NDArray[np.uint64]

_AT_ONCE = 1 << 20  # candidates that are spread out at once
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Candidate:
    """The words ``ids[start:end]`` of a row, which may hold the text number `entry`."""

    entry: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of `size` words of some texts.

    `known` are their keys, sorted, `weights` what each counts (one over the number of texts that
    have it). ``own[bounds[e]:bounds[e + 1]]`` are the n-grams of text `e`, as places in `known`.
    `posted` are text and position for each n-gram by which its text is found, those of
    ``known[k]`` being ``posted[posts[k]:posts[k + 1]]``.
    """

    size: int
    lengths: "Ints"
    known: "Keys"
    weights: "Floats"
    own: "Ints"
    bounds: "Ints"
    posted: "Ints"
    posts: "Ints"

    def of(self, entry: int) -> "Ints":
        """The distinct n-grams of a text, as places in `known`."""
        return self.own[self.bounds[entry] : self.bounds[entry + 1]]

    def places(self, ids: "Ids") -> "Ints":
        """For each run of words of a row, its place in `known`, or -1."""
        import numpy as np

        places = np.full(max(len(ids) - self.size + 1, 0), -1, np.int64)
        runs = known_runs(ids, self.size)
        if len(runs) and len(self.known):
            keys = gram_keys(ids, self.size)[runs]
            at = np.searchsorted(self.known, keys).clip(max=len(self.known) - 1)
            places[runs] = np.where(self.known[at] == keys, at, -1)
        return places

    def candidates(self, places: "Ints") -> list[Candidate]:
        """Where in a row texts may stand: every text as often as it may begin at another place,
        those that are less than its length apart being one. Each reaches half a length further to
        both sides."""
        import numpy as np

        found = np.flatnonzero(places >= 0)
        counts = self.posts[places[found] + 1] - self.posts[places[found]]
        found, counts = found[counts > 0], counts[counts > 0]
        ends = np.cumsum(counts)
        kept: list[Any] = []
        for low in range(0, int(ends[-1]) if len(ends) else 0, _AT_ONCE):
            first, last = np.searchsorted(ends, (low, low + _AT_ONCE), side="right")
            some = found[first:last]
            kept.append(self._spread(some, places[some], counts[first:last]))
        if not kept:
            return []
        pairs = np.unique(np.concatenate(kept), axis=0)
        words = len(places) + self.size - 1
        return [self._candidate(entry, turn, words) for entry, turn in pairs.tolist()]

    def _spread(self, at: "Ints", places: "Ints", counts: "Ints") -> "Ints":
        """Text and turn for each posting of the n-grams found at `at`."""
        import numpy as np

        firsts = np.repeat(self.posts[places] - (np.cumsum(counts) - counts), counts)
        posted = self.posted[firsts + np.arange(counts.sum())]
        begins = np.repeat(at, counts) - posted[:, 1]
        turns = begins // self.lengths[posted[:, 0]]
        return np.unique(np.stack([posted[:, 0], turns], axis=1), axis=0)

    def _candidate(self, entry: int, turn: int, words: int) -> Candidate:
        length = int(self.lengths[entry])
        start, half = turn * length, length // 2 + 1
        return Candidate(entry, max(start - half, 0), min(start + 2 * length + half, words))


def index_grams(
    texts: Sequence["Ids"], size: int, least: "Floats", common: "Keys | None" = None
) -> Grams:
    """Index texts (each of at least `size` words) so that every one is found in a row with the
    share `least` of its n-grams, by weight. The n-grams whose keys are `common` count nothing."""
    import numpy as np

    lengths = np.array([len(text) for text in texts], np.int64)
    everything = np.concatenate(texts) if len(texts) else np.zeros(0, np.int32)
    runs = lengths - size + 1
    entry = np.repeat(np.arange(len(texts)), runs)
    position = np.arange(runs.sum()) - np.repeat(np.cumsum(runs) - runs, runs)
    starts = np.repeat(np.cumsum(lengths) - lengths, runs) + position
    keys = gram_keys(everything, size)[starts]
    known, place = np.unique(keys, return_inverse=True)
    # The first occurrence of each n-gram in its text.
    order = np.lexsort((position, place, entry))
    entry, place, position = entry[order], place[order], position[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (entry[1:] != entry[:-1]) | (place[1:] != place[:-1])
    entry, place, position = entry[fresh], place[fresh], position[fresh]
    weights = 1.0 / np.maximum(np.bincount(place, minlength=len(known)), 1)
    if common is not None and len(common):
        weights[np.isin(known, common)] = 0.0
    bounds = np.searchsorted(entry, np.arange(len(texts) + 1))
    named = _prefix(entry, place, weights, bounds, least)
    by_place = named[np.argsort(place[named], kind="stable")]
    posted = np.stack([entry[by_place], position[by_place]], axis=1)
    posts = np.searchsorted(place[by_place], np.arange(len(known) + 1))
    return Grams(size, lengths, known, weights, place, bounds, posted, posts)


def _prefix(
    entry: "Ints", place: "Ints", weights: "Floats", bounds: "Ints", least: "Floats"
) -> "Ints":
    """Which n-grams a text is found by: the heaviest, until the rest weighs too little."""
    import numpy as np

    weight = weights[place]
    order = np.lexsort((place, -weight, entry))
    running = np.concatenate([[0.0], np.cumsum(weight[order])])
    total = (running[bounds[1:]] - running[bounds[:-1]])[entry]
    before = running[:-1] - running[bounds[:-1]][entry]
    wanted = (total - before >= least[entry] * total - _SLACK * total) & (weight[order] > 0)
    chosen: Ints = np.sort(order[wanted])
    return chosen
