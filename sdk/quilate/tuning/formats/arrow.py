"""What Hugging Face `datasets` guesses wrong of a JSON Lines file, and how that is prevented.

`load_dataset("json")` (seen of 5.2) lets Arrow guess the types of columns. A column whose every
text looks like a date becomes one of times: a model that is to answer ``2026-01-01`` would be
trained to say ``<datetime>``, which is what transformers writes of them. Integers beside fractions
become fractions. And where the keys of turns first differ after the first 10 MB, loading fails. All
of this ends when the turns of a column are seen to differ in their keys at the beginning: then
`datasets` takes them as JSON. So the first turn of such a column gets a key with null, which
transformers drops before it renders the turns.

One thing cannot be prevented: what it takes as JSON it writes and reads by ujson, which changes the
last digits of fractions (0.3 becomes 0.30000000000000004). Which rows these are is told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quilate.tuning.formats.values import NotCarried, Row

_KEY = "name"
_LONG = 5_000_000  # bytes; `datasets` guesses from the first 10 MB
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INTEGERS = range(-(2**63), 2**63)
_ONE = "[]"  # stands in a path for every entry of a list

Path = tuple[str, ...]
Kinds = Mapping[Path, set[Any]]
"""For each path into a column what stands there: the name of a kind, or the keys of an object."""


def check_numbers(row: Row) -> None:
    """Raise `NotCarried` for a whole number beyond 64 bits, which Arrow would make a fraction."""
    for _, value in _leaves(row):
        if isinstance(value, int) and value not in _INTEGERS:
            raise NotCarried("number_too_large", "a whole number beyond 64 bits")


def guard(rows: Sequence[Row], columns: Sequence[str], size: int) -> list[int]:
    """Give the first turn of each column a null, where the guess at its type could be wrong. The
    places of the rows whose fractions will lose their last digits."""
    inexact: set[int] = set()
    for column in columns:
        lists = [row[column] for row in rows]
        kinds = _kinds(lists)
        mixed = _varied(kinds, frozenset(("null", "date")))
        if _at_risk(kinds) or (size > _LONG and _varied(kinds, frozenset(("null",)))):
            rows[0][column][0].setdefault(_KEY, None)
            mixed = True
        if mixed:
            inexact |= {at for at, turns in enumerate(lists) if any(map(_is_fraction, turns))}
    return sorted(inexact)


def _at_risk(kinds: Kinds) -> bool:
    """Whether texts would become times, or whole numbers fractions."""
    return any(
        found - {"null"} == {"date"} or {"int", "float"} <= found for found in kinds.values()
    )


def _varied(kinds: Kinds, aside: frozenset[str]) -> bool:
    """Whether different things stand at one path, some kinds aside."""
    return any(len(found - aside) > 1 for found in kinds.values())


def _kinds(lists: Sequence[Any]) -> dict[Path, set[Any]]:
    found: dict[Path, set[Any]] = {}
    for path, value in _leaves(lists):
        found.setdefault(path, set()).add(_kind(value))
    return found


def _kind(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset(value)
    if value is None:
        return "null"
    return "date" if isinstance(value, str) and _DATE.match(value) else type(value).__name__


def _is_fraction(turn: Any) -> bool:
    return any(isinstance(one, float) and not one.is_integer() for _, one in _leaves(turn))


def dates(rows: Sequence[Row]) -> list[str]:
    """The columns of texts whose every text looks like a date: `datasets` makes them times, and
    nothing but ``features=`` prevents it."""
    columns = [key for key, value in rows[0].items() if isinstance(value, str)] if rows else []
    return [
        column
        for column in columns
        if all(isinstance(row[column], str) and _DATE.match(row[column]) for row in rows)
    ]


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value in a value, with its path; objects too, since their keys matter."""
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one, (*path, _ONE))
        return
    yield path, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, (*path, key))
