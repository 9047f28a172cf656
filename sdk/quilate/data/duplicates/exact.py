"""Rows whose texts are the same."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from quilate.data.duplicates.keeping import Keeping
from quilate.data.duplicates.texts import field_names
from quilate.data.duplicates.verdict import (
    Pairs,
    Telling,
    first_of,
    groups_of,
    row_numbers,
    same_length,
)
from quilate.data.steps import Row, Rows, Sketch, Verdicts, text_of
from quilate.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NORMALISATIONS = ("none", "whitespace", "folded")
_DIGEST = 16  # bytes
_AT_ONCE = 1 << 18  # rows that are compared at once, more where there would be too many parts:
_MOST_PARTS = 16  # for each, all digests are gone through


@dataclass(frozen=True, slots=True)
class ExactDuplicates:
    """Drops all but one of the rows whose `field`, or every one of several fields, is the same.

    `normalise` says what does not count: ``none`` (every character does), ``whitespace`` (how much
    of it, and of which kind), or ``folded`` (case, punctuation and compatibility forms of
    characters too: NFKC). Rows without any text, or with none left, are never duplicates. `keep`
    chooses the one that stays: see `keeping.Keeping`. With `cluster_field`, each row that stays is
    told there the position of the first row like it; with ``drop=False`` all stay.

    Texts are compared by 128 bits of their BLAKE2b digest. Raises `ConfigurationError` for options
    that are none.

    >>> from quilate.data.duplicates.verdict import ListedRows
    >>> step = ExactDuplicates(normalise="folded")
    >>> rows = [{"id": "a", "text": "¿Qué hora es?"}, {"id": "b", "text": "qué  hora es"}]
    >>> verdicts = step.decide([step.sketch(rows)], ListedRows(rows))
    >>> verdicts.dropped.tolist(), verdicts.details
    ([-1, 0], {1: 'of a'})
    """

    version: ClassVar[int] = 1

    field: str | Sequence[str] = "text"
    normalise: Literal["none", "whitespace", "folded"] = "none"
    keep: str = "first"
    drop: bool = True
    cluster_field: str | None = None

    def __post_init__(self) -> None:
        field_names(self.field)
        Keeping(self.keep)
        _ = self._telling
        if self.normalise not in _NORMALISATIONS:
            raise ConfigurationError(
                f"normalise is {self.normalise!r}.",
                remedy="Write " + ", ".join(_NORMALISATIONS[:-1]) + f" or {_NORMALISATIONS[-1]}.",
            )

    @property
    def _telling(self) -> Telling:
        return Telling("exact duplicate", drop=self.drop, cluster_field=self.cluster_field)

    def reads(self) -> Sequence[str]:
        """The fields that are compared."""
        return field_names(self.field)

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """``digests``, of shape (rows, 2): each text's, 0 for an empty one; ``scores``, where
        `keep` compares rows."""
        names = field_names(self.field)
        keeping = Keeping(self.keep)
        texts = [[text_of(row, name) for name in names] for row in rows]
        told = b"".join(self._digest(one) for one in texts)
        sketch = {"digests": np.frombuffer(told, dtype="<u8").reshape(-1, 2)}
        if not keeping.compares:
            return sketch
        return sketch | {"scores": keeping.scores(rows, ["".join(one) for one in texts])}

    def _digest(self, texts: Sequence[str]) -> bytes:
        plain = [normalised(text, self.normalise) for text in texts]
        if not any(plain):
            return bytes(_DIGEST)
        total = hashlib.blake2b(digest_size=_DIGEST)
        for text in plain:
            data = text.encode("utf-8", "surrogatepass")
            if len(plain) > 1:  # where one field ends and the next begins counts too
                total.update(len(data).to_bytes(8, "little"))
            total.update(data)
        return total.digest()

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """The verdicts; of the rows only the ids of those that stay for others are read."""
        starts = np.cumsum([0, *(len(one["digests"]) for one in sketches)])
        count = int(starts[-1])
        same_length(count, rows)
        Keeping(self.keep).check(sketches)
        cluster = None if self.cluster_field is None else np.arange(count)
        going, kept_for = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        parts = min(-(-count // _AT_ONCE), _MOST_PARTS)
        for part in range(parts):
            positions, keys, scores = _part(sketches, starts, part, parts)
            numbers = row_numbers(keys)
            best = groups_of(numbers, Keeping(self.keep).ranks(scores))
            gone = np.flatnonzero(best != np.arange(len(best)))
            going.append(positions[gone])
            kept_for.append(positions[best[gone]])
            if cluster is not None:
                cluster[positions] = positions[first_of(numbers)]
        found = np.concatenate(going)
        order = np.argsort(found)
        pairs = Pairs(found[order], np.concatenate(kept_for)[order], np.ones(len(order)))
        return self._telling.verdicts_of(count, pairs, cluster, rows, {})


def _part(
    sketches: Sequence[Sketch], starts: "NDArray[np.int64]", part: int, parts: int
) -> "tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]":
    """The positions, digests and scores of one of `parts` shares of all rows with text: equal
    digests are in the same one."""
    positions = [np.empty(0, np.int64)]
    keys, scores = [np.empty((0, 2), np.uint64)], [np.empty(0)]
    for start, sketch in zip(starts.tolist(), sketches, strict=False):
        digests = sketch["digests"]
        mine = np.flatnonzero((digests[:, 0] % np.uint64(parts) == part) & digests.any(axis=1))
        positions.append(mine + start)
        keys.append(digests[mine])
        scores.append(sketch["scores"][mine] if "scores" in sketch else np.zeros(len(mine)))
    return np.concatenate(positions), np.concatenate(keys), np.concatenate(scores)


def normalised(text: str, how: Literal["none", "whitespace", "folded"]) -> str:
    r"""A text without what does not count.

    >>> normalised(" One\n two ", "whitespace"), normalised("«¡ONE\u00a0two!» ½", "folded")
    ('One two', 'one two 1⁄2')
    """
    if how == "none":
        return text
    if how == "folded":
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        text = _marks().sub(" ", text)
    return " ".join(text.split())


@cache
def _marks() -> re.Pattern[str]:
    """Punctuation and control characters of every script."""
    codes = [code for code in range(0x20000) if unicodedata.category(chr(code))[0] in "PC"]
    wanted = [code for code in codes if not 0xD800 <= code < 0xF900]  # surrogates, private use
    spans: list[list[int]] = []
    for code in wanted:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return re.compile("[" + "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in spans) + "]+")
