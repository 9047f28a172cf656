"""Rows whose texts are nearly the same: MinHash, locality-sensitive hashing, and a count."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from quilate.data.duplicates.clusters import Buckets, components, givers
from quilate.data.duplicates.jaccard import Jaccard
from quilate.data.duplicates.keeping import Keeping
from quilate.data.duplicates.lsh import Banding, meeting
from quilate.data.duplicates.minhash import signatures
from quilate.data.duplicates.shingles import Block, ShingleSets, Shingling, gathered
from quilate.data.duplicates.texts import field_names, texts_of, threshold_of
from quilate.data.duplicates.verdict import (
    AT_ONCE,
    Found,
    Telling,
    first_of,
    groups_of,
    same_length,
)
from quilate.data.steps import Row, Rows, Sketch, Verdicts
from quilate.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_SLOTS = 1024


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Drops all but one of the rows whose texts have a Jaccard similarity of `threshold` or more.

    The similarity is that of the texts' sets of shingles: runs of `size` neighbouring words
    (``shingles="words"``, 3 at a time) or characters (``"characters"``, 5 at a time), whatever
    their case, punctuation and spacing. Words suit sentences and documents; characters suit short
    texts such as names, titles and questions, where one changed word is most of the text. Texts
    without any words are never duplicates.

    Candidates come from MinHash signatures of `permutations` slots, in bands that let 99.5% of the
    pairs at the threshold meet, and more of nearer ones. Each is verified: its similarity is
    counted, not estimated. The one that stays is chosen by `keep` (see `keeping.Keeping`), and a
    row goes only for one that stays and is itself that near (see `clusters` for chains).

    With `cluster_field`, each row that stays is told its cluster there: the position, in the
    dataset as it came to this step, of the cluster's first row. With ``drop=False`` all stay.

    Raises `ConfigurationError` for options that are none.

    >>> from quilate.data.duplicates.verdict import ListedRows
    >>> step = NearDuplicates(shingles="characters", threshold=0.7, keep="longest")
    >>> texts = "Who founded Lima?", "Who founded  lima's"
    >>> rows = [{"id": str(at), "text": text} for at, text in enumerate(texts)]
    >>> verdicts = step.decide([step.sketch(rows)], ListedRows(rows))
    >>> verdicts.dropped.tolist(), verdicts.details
    ([0, -1], {0: 'of 1 (Jaccard 0.866)'})
    """

    version: ClassVar[int] = 1

    field: str | Sequence[str] = "text"
    threshold: float = 0.8
    shingles: Literal["words", "characters"] = "words"
    size: int | None = None
    permutations: int = 128
    keep: str = "longest"
    drop: bool = True
    cluster_field: str | None = None

    def __post_init__(self) -> None:
        field_names(self.field)
        threshold_of(self.threshold)
        Keeping(self.keep)
        _ = self._shingling, self._telling
        slots = self.permutations
        if not isinstance(slots, int) or isinstance(slots, bool) or not 8 <= slots <= _MOST_SLOTS:
            raise ConfigurationError(
                f"permutations is {slots!r}.", remedy=f"Give 8 to {_MOST_SLOTS}, such as 128."
            )

    @property
    def _shingling(self) -> Shingling:
        usual = 3 if self.shingles == "words" else 5
        return Shingling(self.shingles, usual if self.size is None else self.size)

    @property
    def _telling(self) -> Telling:
        return Telling("near duplicate", "Jaccard", self.drop, self.cluster_field)

    @property
    def banding(self) -> Banding:
        """The bands that the threshold asks for."""
        return Banding.for_threshold(self.threshold, self.permutations)

    def reads(self) -> Sequence[str]:
        """The fields that are compared."""
        return field_names(self.field)

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """``bands``, of shape (bands, rows): the 32-bit hash of each band; ``marks``: a number for
        each row's words in their order, 0 where there are none; ``scores``, where `keep` compares
        rows."""
        texts = texts_of(rows, field_names(self.field))
        marks: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]

        def marked() -> Iterator[Block]:
            for block in self._shingling.blocks(texts):
                marks.append(block.fingerprints)
                yield block

        bands = self.banding.hashes(signatures(marked(), len(rows), self.permutations))
        sketch: dict[str, NDArray[Any]] = {"bands": bands, "marks": np.concatenate(marks)}
        keeping = Keeping(self.keep)
        if keeping.compares:
            sketch["scores"] = keeping.scores(rows, texts)
        return sketch

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """The verdicts. Texts are read again of those rows alone that a band brings together."""
        marks = np.concatenate([sketch["marks"] for sketch in sketches] or [np.empty(0, np.uint64)])
        same_length(len(marks), rows)
        ranks = Keeping(self.keep).of_sketches(sketches, len(marks))
        same = groups_of(marks, ranks)
        empty = np.flatnonzero(marks == 0)
        same[empty] = empty
        distinct = np.flatnonzero((same == np.arange(len(marks))) & (marks != 0))
        met = [
            meeting(np.concatenate([one["bands"][band] for one in sketches])[distinct], distinct)
            for band in range(self.banding.bands if len(distinct) else 0)
        ]
        candidates = np.unique(
            np.concatenate([np.empty(0, np.int64), *(one.members for one in met)])
        )
        sets, ids = self._read(rows, candidates)
        found = _found(met, candidates, sets, ranks, self.threshold)
        return self._telling.verdicts(_with_same(found, candidates, same), rows, ids)

    def _read(
        self, rows: Rows, positions: "NDArray[np.int64]"
    ) -> tuple[ShingleSets, dict[int, str]]:
        """The shingle sets of the rows at rising positions, and their ids."""
        names, shingling = field_names(self.field), self._shingling
        ids: dict[int, str] = {}

        def blocks() -> Iterator[ShingleSets]:
            for begin in range(0, len(positions), AT_ONCE):
                some = positions[begin : begin + AT_ONCE].tolist()
                taken = rows.take(some, [*names, "id"])
                if self.drop:
                    ids.update(zip(some, (str(row["id"]) for row in taken), strict=True))
                for block in shingling.blocks(texts_of(taken, names)):
                    yield block.sets()

        return gathered(blocks()), ids


def _found(
    met: Sequence[Buckets],
    candidates: "NDArray[np.int64]",
    sets: ShingleSets,
    ranks: "NDArray[np.int64]",
    threshold: float,
) -> Found:
    """What comes of the candidates, by their numbers among themselves."""
    comparison = Jaccard(sets, floor=threshold)
    bands = (Buckets(np.searchsorted(candidates, one.members), one.starts) for one in met)
    labels = components(len(candidates), bands, comparison, threshold)
    return Found(labels, *givers(labels, ranks[candidates], comparison, threshold))


def _with_same(found: Found, candidates: "NDArray[np.int64]", same: "NDArray[np.int64]") -> Found:
    """What comes of every row of the dataset, when `same` names the one row of each set of equals
    that was looked at."""
    count = len(same)
    kept_for, nearness, label = np.arange(count), np.ones(count), np.arange(count)
    kept_for[candidates] = candidates[found.kept_for]
    nearness[candidates] = found.similarity
    label[candidates] = candidates[found.cluster]
    return Found(first_of(label[same]), kept_for[same], nearness[same])
