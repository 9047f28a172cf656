"""Values of rows as short text."""

import json
import math
from typing import Any

from quilate.data.card.values import Shown


def shown(value: Any, most: int) -> Shown:
    """A value as text of at most `most` characters: texts as they are, bytes by their number,
    anything else as JSON.

    >>> shown("abcdef", 3), shown({"a": 1}, 10).text, shown(b"1234", 10).text
    (Shown(text='abc', characters=6), '{"a": 1}', '<4 bytes>')
    """
    text = as_text(value)
    return Shown(text[:most], len(text))


def as_text(value: Any) -> str:
    """The whole value as text, without lone surrogates."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    text = value if isinstance(value, str) else _json(value)
    # A page is UTF-8.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_other)
    except (TypeError, ValueError, RecursionError):  # no text as a key; what holds itself
        return str(type(value).__name__)


def _other(value: Any) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray) else str(value)


def type_of(value: Any) -> str:
    """What a value is called in a schema.

    >>> [type_of(value) for value in (None, True, 3, 0.5, "a", [1, 2], ["a", 1], {})]
    ['null', 'boolean', 'integer', 'number', 'text', 'list of integer', 'list', 'object']
    """
    if value is None:
        return "null"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    if isinstance(value, list | tuple):
        # Lists in lists are not looked into: one may hold itself.
        inner = {"" if isinstance(one, list | tuple) else type_of(one) for one in value[:50]}
        return f"list of {inner.pop()}" if len(inner) == 1 and "" not in inner else "list"
    return type(value).__name__


_TYPES: tuple[tuple[Any, str], ...] = (
    (str, "text"),
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (dict, "object"),
    ((bytes, bytearray, memoryview), "bytes"),
)


def is_filled(value: Any) -> bool:
    """Whether there is something in a value: NaN and what is empty are nothing.

    >>> [is_filled(value) for value in (0, False, "", " ", [], None, float("nan"))]
    [True, True, False, False, False, False, False]
    """
    if value is None:
        return False
    if isinstance(value, float):
        return not math.isnan(value)
    if isinstance(value, str):
        return bool(value) and not value.isspace()
    return bool(value) if isinstance(value, list | tuple | dict | bytes) else True
