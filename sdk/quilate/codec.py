"""Quilate's values to JSON and back, and their content hashes.

Defaults are left out, so that what is stored stays small and a new field with a default does not
change an old hash.
"""

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


_adapters: "dict[Any, TypeAdapter[Any]]" = {}


def _adapter(kind: Any) -> "TypeAdapter[Any]":
    found = _adapters.get(kind)
    if found is None:
        from pydantic import TypeAdapter

        found = _adapters[kind] = TypeAdapter(kind)
    return found


def to_json(value: Any, kind: Any = None) -> bytes:
    """Compact UTF-8 JSON of a value (of `kind`, when its own class does not say enough).

    >>> from quilate.messages import Text
    >>> to_json(Text("¡hola!")).decode()
    '{"text":"¡hola!"}'
    """
    return _adapter(kind or type(value)).dump_json(value, exclude_defaults=True)


def to_data(value: Any, kind: Any = None) -> Any:
    """The same as plain lists, dictionaries, strings and numbers."""
    return _adapter(kind or type(value)).dump_python(value, mode="json", exclude_defaults=True)


def from_json(kind: type[T], text: bytes | str) -> T:
    """The value of `kind` that `to_json` wrote; raises pydantic's ValidationError otherwise."""
    value: T = _adapter(kind).validate_json(text)
    return value


def from_data(kind: type[T], data: Any) -> T:
    """The value of `kind` from plain data."""
    value: T = _adapter(kind).validate_python(data)
    return value


def digest(*parts: str | bytes) -> str:
    """SHA-256 over parts, as hex; each part's length is hashed too, so that none can run into
    the next."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()
