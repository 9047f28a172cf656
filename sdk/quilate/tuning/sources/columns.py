"""Fields of rows under the names that people give them."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from quilate.errors import ConfigurationError, DataError
from quilate.registry import nearest
from quilate.tuning.sources.values import Unusable

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id",),
    "system": ("system",),
    "prompt": ("prompt", "question", "input", "instruction"),
    "completion": ("completion", "answer", "output", "response"),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "rating": ("rating", "score", "stars"),
    "thumb": ("thumb", "thumbs", "feedback", "good", "label"),
}
"""Our fields, and the columns that are taken for them where no mapping says otherwise."""


def check_fields(fields: Mapping[str, str] | None, known: Collection[str]) -> dict[str, str]:
    """A mapping of our fields to columns. Raises `ConfigurationError` for a field that is none."""
    given = dict(fields or {})
    for name, column in given.items():
        if name not in known:
            raise ConfigurationError(
                f"`fields` maps '{name}', which is no field here.",
                remedy=nearest(str(name), sorted(known)),
            )
        if not isinstance(column, str):
            raise ConfigurationError(
                f"`fields` maps '{name}' to {column!r:.80}.", remedy="Give the column's name."
            )
    return given


def column(row: Mapping[str, Any], name: str, fields: Mapping[str, str]) -> str | None:
    """The column of a row that holds our field `name`; None where it has none.

    Raises `Unusable` where several could be meant: a wrong guess would train on the wrong text.

    >>> column({"question": "Why?", "id": 1}, "prompt", {})
    'question'
    """
    if name in fields:
        return fields[name] if given(row.get(fields[name])) else None
    taken = set(fields.values())
    found = [one for one in NAMES[name] if one not in taken and given(row.get(one))]
    if len(found) > 1:
        said = " and ".join(f"`{one}`" for one in found)
        raise Unusable("ambiguous", f"{said}: nothing says which is the {name}")
    return found[0] if found else None


def given(value: Any) -> bool:
    """Whether a cell holds something: None and NaN, which tables write for it, do not."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def value_of(row: Mapping[str, Any], name: str, fields: Mapping[str, str]) -> Any:
    """The value of our field `name`. Raises `Unusable` (``no_NAME``) where there is none."""
    found = column(row, name, fields)
    if found is None:
        asked = fields.get(name) or " or ".join(NAMES[name])
        raise Unusable(f"no_{name}", f"it has no {asked}")
    return row[found]


def rest_of(row: Mapping[str, Any], used: Iterable[str | None]) -> dict[str, Any]:
    """The row's other columns."""
    taken = set(used)
    return {str(key): value for key, value in row.items() if key not in taken}


def rows_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Any]]:
    """The rows, numbered from 1. Raises `DataError` for what is no collection of rows."""
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise DataError(
            f"A {type(rows).__name__} is no list of rows.",
            remedy='Give rows such as [{"prompt": "…", "completion": "…"}].',
        )
    return enumerate(rows, 1)


def row_id(row: Mapping[str, Any], number: int, fields: Mapping[str, str], name: str) -> str:
    """The row's own id, else one of the source's name and the row's number."""
    own = row.get(fields.get("id", "id"))
    return str(own) if given(own) and str(own) else f"{name}-{number}"


def checked_row(row: Any) -> Mapping[str, Any]:
    """The row; raises `Unusable` for what is none."""
    if not isinstance(row, Mapping):
        raise Unusable("not_a_row", f"a {type(row).__name__} where a row should be")
    return row
