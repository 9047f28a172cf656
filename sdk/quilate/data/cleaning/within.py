"""The texts within the fields of a row, however deep in lists and objects they lie."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from quilate.data.steps import Change, Drop, Row, Verdict

Changer = Callable[[str], tuple[str, Sequence[str]]]
"""Gives a text as it should be, and the reasons of what was changed in it (none: nothing was)."""

_DEEPEST = 100
_NAMES = frozenset({"role", "type", "id", "name", "tool_call_id"})
TOO_DEEP = "nested too deeply"


class TooDeep(Exception):
    """A value is nested deeper than can be looked at."""


def change_texts(row: Row, fields: Sequence[str], changer: Changer) -> Verdict:
    """The verdict of a step that changes texts: those within `fields` (messages, for instance, are
    changed one by one). A row nested more than 100 deep is dropped: it could not be looked at.

    >>> change_texts({"id": "1", "text": "a "}, ["text"], lambda text: (text.strip(), ["ends"]))
    Change(fields={'text': 'a'}, reasons=('ends',))
    """
    found: dict[str, Any] = {}
    reasons: list[str] = []
    for name in fields:
        value = row.get(name)
        if value is None:
            continue
        try:
            after = mapped(value, changer, reasons)
        except TooDeep:
            return Drop(TOO_DEEP, name)
        if after is not value:
            found[name] = after
    return Change(found, tuple(dict.fromkeys(reasons))) if found else None


def mapped(value: Any, changer: Changer, reasons: list[str], depth: int = 0) -> Any:
    """A JSON value with every text in it changed, the names of objects' fields apart; the very
    value when nothing was. The reasons are added to `reasons`. Raises `TooDeep`."""
    if isinstance(value, str):
        after, why = changer(value)
        reasons.extend(why)
        return after if after != value else value
    if not isinstance(value, list | tuple | Mapping):
        return value
    if depth >= _DEEPEST:
        raise TooDeep
    inside = value.values() if isinstance(value, Mapping) else value
    made = [mapped(one, changer, reasons, depth + 1) for one in inside]
    if all(new is old for new, old in zip(made, inside, strict=True)):
        return value
    return dict(zip(value, made, strict=True)) if isinstance(value, Mapping) else made


def text_within(row: Row, name: str) -> str:
    """What a field says: its text; of lists and objects (such as messages) the texts in them, one a
    line, without roles, types and ids. Empty where there is none.

    >>> text_within({"messages": [{"role": "user", "content": "Hola"}]}, "messages")
    'Hola'
    """
    value = row.get(name)
    if isinstance(value, str):
        return value
    return "\n".join(_texts(value, 0))


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST:
        if isinstance(value, Mapping):
            for name, one in value.items():
                if name not in _NAMES:
                    yield from _texts(one, depth + 1)
        elif isinstance(value, list | tuple):
            for one in value:
                yield from _texts(one, depth + 1)
