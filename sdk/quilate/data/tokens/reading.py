"""Rows as the measurement wants them: the text, its language, and with which rows it pairs."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quilate.data.steps import Row
from quilate.data.tokens.texts import Field, text_in
from quilate.errors import DataError

OTHER = "other"
"""Stands for every language beyond the first 64, lest a field that is no language fill memory."""
_MAX_LANGUAGES = 64


@dataclass(frozen=True, slots=True)
class Rules:
    """Where in a row things are, and which rows are read: see `fit`."""

    field: Field
    language: str = "language"
    pair: str | Sequence[str] | None = ("source_id", "id")
    cluster: str | Sequence[str] = ()
    sample: float | None = None
    seed: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A row with text."""

    text: str
    language: str
    key: str | None
    cluster: str | None


class Reading:
    """Reads rows once, and counts those that it passes over."""

    def __init__(self, rows: Iterable[Row], rules: Rules) -> None:
        self.rules = rules
        self.rows = self.empty = self.guessed = 0
        self.limited = False
        self.fields: tuple[str, ...] = ()
        self._source = rows
        self._languages: set[str] = set()
        self._pairs, self._clusters = _names(rules.pair), _names(rules.cluster)

    def __iter__(self) -> Iterator[Read]:
        for position, row in enumerate(self._source):
            if not isinstance(row, Mapping):
                raise DataError(
                    f"This row is no mapping of fields, but of the type {type(row).__name__}.",
                    where=f"row {position}",
                    remedy="Give rows such as {'id': '1', 'text': 'Hola'}.",
                )
            if self.rules.limit is not None and self.rows >= self.rules.limit:
                self.limited = True
                return
            key = _first(row, self._pairs)
            if self.rules.sample is not None and not self._chosen(key or str(position)):
                continue
            self.rows += 1
            self.fields = self.fields or tuple(map(str, list(row)[:20]))
            text = text_in(row, self.rules.field)
            if not text:
                self.empty += 1
                continue
            yield Read(text, self._language(row, text), key, _first(row, self._clusters))

    def _chosen(self, key: str) -> bool:
        """Whether a row belongs to the sample: the same rows for the same seed, in any order."""
        salt = self.rules.seed.to_bytes(8, "big", signed=True)
        code = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8, salt=salt).digest()
        return int.from_bytes(code, "big") < (self.rules.sample or 0.0) * 2**64

    def _language(self, row: Row, text: str) -> str:
        named = row.get(self.rules.language) or row.get("lang")
        if isinstance(named, str) and named.strip():
            # es-MX and es_419 are Spanish.
            language = named.strip().replace("_", "-").partition("-")[0].casefold()[:20]
        else:
            from quilate.retrieval.languages import language_of

            self.guessed += 1
            language = language_of(text[:4000])
        if language not in self._languages:
            if len(self._languages) >= _MAX_LANGUAGES:
                return OTHER
            self._languages.add(language)
        return language


def rows_of(dataset: Any) -> Iterable[Row]:
    """The rows of a dataset (anything with a method ``rows()``), or rows as they are."""
    rows = dataset.rows() if callable(getattr(dataset, "rows", None)) else dataset
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise DataError(
            f"A dataset is expected, and not one of the type {type(dataset).__name__}.",
            remedy="Give quilate.data.open_dataset(NAME), or a list of rows.",
        )
    return rows


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _first(row: Row, names: Sequence[str]) -> str | None:
    """The value of the first of the fields that a row has, as text; None without one."""
    value = next((row[name] for name in names if row.get(name) is not None), None)
    # UTF-8 is hashed.
    return str(value).encode("utf-8", "replace").decode() if isinstance(value, str | int) else None
