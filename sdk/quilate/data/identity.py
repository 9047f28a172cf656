"""What a step is known by: a digest of all that its verdicts depend on.

A registered step is its name, options, `version` and the files that it reads. One of the user's own
is its code too: the whole Python file that it is in, with the files beside that it imports, or, for
what Python made, the code and the values that it holds. What holds values that cannot be told apart
in this way gets an identity that no other run has, so that nothing is ever wrongly reused.
"""

import ast
import dataclasses
import functools
import hashlib
import inspect
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from quilate.codec import digest
from quilate.python_code import code_digest

_PLAIN = (str, int, float, bool, bytes, type(None))


def python_sources(file: Path) -> dict[str, str]:
    """The SHA-256 of a Python file and of those beside it that it imports, at any depth."""
    found: dict[str, str] = {}
    waiting = [file.resolve()]
    while waiting:
        path = waiting.pop()
        if str(path) in found or not path.is_file():
            continue
        content = path.read_bytes()
        found[str(path)] = hashlib.sha256(content).hexdigest()
        for name in _imported(content):
            beside = path.parent.joinpath(*name.split("."))
            waiting += [beside.with_suffix(".py"), beside / "__init__.py"]
    return found


def _imported(content: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield base
            yield from (f"{base}.{alias.name}".strip(".") for alias in node.names)


def made_digest(made: Any) -> str:
    """The digest of a step or function that Python made: its code, and what it holds.

    >>> def at_least(n):
    ...     return lambda row: len(row["text"]) >= n
    >>> made_digest(at_least(3)) == made_digest(at_least(3))
    True
    >>> made_digest(at_least(3)) == made_digest(at_least(4))
    False
    """
    try:
        return digest(code_digest(made) or "", *_parts(made, frozenset()))
    except _Unknown:
        return uuid.uuid4().hex


class _Unknown(Exception):
    """A value that cannot be told apart from others."""


def _parts(value: Any, above: frozenset[int]) -> Iterator[str]:
    """What a value is made of, as texts in a fixed order."""
    if id(value) in above:
        raise _Unknown
    inside = above | {id(value)}
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, _PLAIN):
        yield f"{kind} {value!r}"
    elif isinstance(value, re.Pattern):
        yield f"{kind} {value.pattern!r} {value.flags}"
    elif isinstance(value, list | tuple):
        yield f"{kind} {len(value)}"
        for one in value:
            yield from _parts(one, inside)
    elif isinstance(value, set | frozenset):
        yield f"{kind} {len(value)}"
        yield from sorted(digest(*_parts(one, inside)) for one in value)
    elif isinstance(value, Mapping):
        yield f"{kind} {len(value)}"
        for key, one in value.items():
            yield from _parts(key, inside)
            yield from _parts(one, inside)
    elif isinstance(value, Path):
        yield f"{kind} {value}"
    else:
        yield from _held(value, kind, inside)


def _held(value: Any, kind: str, inside: frozenset[int]) -> Iterator[str]:
    """What functions, partials, arrays and objects hold."""
    if isinstance(value, functools.partial):
        yield from _parts([value.func, value.args, value.keywords], inside)
    elif inspect.ismethod(value):
        yield from _parts([value.__func__, value.__self__], inside)
    elif isinstance(value, FunctionType):
        yield from _function(value, inside)
    elif inspect.isclass(value) or inspect.isbuiltin(value) or inspect.ismodule(value):
        yield f"{kind} {getattr(value, '__module__', '')} {value.__name__}"
    elif hasattr(value, "tobytes") and hasattr(value, "dtype") and value.dtype != object:
        yield f"{kind} {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    else:
        yield f"{kind} {code_digest(value)}"
        yield from _parts(_fields(value), inside)


def _fields(value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    raise _Unknown


def _function(value: FunctionType, inside: frozenset[int]) -> Iterator[str]:
    yield f"function {code_digest(value)}"
    for cell in value.__closure__ or ():
        yield from _parts(cell.cell_contents, inside)
    yield from _parts([value.__defaults__, value.__kwdefaults__], inside)
    for name in value.__code__.co_names:
        if name in value.__globals__:
            yield from _global(name, value.__globals__[name], inside)


def _global(name: str, value: Any, inside: frozenset[int]) -> Iterator[str]:
    """A global that a function names, by its value now."""
    yield name
    if inspect.ismodule(value) or inspect.isclass(value) or callable(value):
        yield getattr(value, "__name__", type(value).__qualname__)
    else:
        yield from _parts(value, inside)
