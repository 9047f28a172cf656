"""The corpus of the example: the docstrings of the running interpreter's standard library.

One passage for each public module, function, class and method of `MODULES`. Its id is the
qualified name, as in ``collections.Counter.most_common``; its text the signature, where the
interpreter can tell it, and the docstring.

    python corpus.py corpus.jsonl
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

Kind = Literal["module", "function", "class", "method"]

MODULES = (
    "argparse",
    "bisect",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "functools",
    "glob",
    "hashlib",
    "heapq",
    "html",
    "itertools",
    "json",
    "math",
    "pathlib",
    "pickle",
    "random",
    "re",
    "shelve",
    "shutil",
    "sqlite3",
    "statistics",
    "subprocess",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "urllib.parse",
    "zipfile",
)

# What the interpreter writes by itself where the author wrote nothing.
_ENUM_DOC = "An enumeration."
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def documents() -> Iterator[dict[str, Any]]:
    """The passages, module by module in the order of `MODULES`, names sorted within each.

    An object that has several names (an alias, a re-export, an inherited method) is one passage.
    A module that this interpreter lacks is skipped, and so is what has no docstring of its own.

    >>> next(documents())["id"]
    'argparse'
    """
    seen: set[int] = set()
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for qualified_name, kind, thing, doc in _documented(module):
            identity = id(_unbound(thing))
            if identity in seen:
                continue
            seen.add(identity)
            heading = qualified_name + _signature(thing, kind)
            yield {
                "id": qualified_name,
                "title": qualified_name,
                "text": f"{heading}\n\n{doc}",
                "metadata": {"module": name, "kind": kind},
            }


def _documented(module: ModuleType) -> Iterator[tuple[str, Kind, Any, str]]:
    """(qualified name, kind, object, docstring) of the module and of what is public in it."""
    prefix = module.__name__
    if doc := _docstring(module):
        yield prefix, "module", module, doc
    classes: list[tuple[str, type]] = []
    for name, thing in _public_names(module):
        kind: Kind = "class" if inspect.isclass(thing) else "function"
        if inspect.isclass(thing):
            classes.append((name, thing))
        if doc := _docstring(thing):
            yield f"{prefix}.{name}", kind, thing, doc
    # Methods come last, so that random.choice, a bound method of a hidden instance, keeps the
    # name that people use and random.Random.choice is its duplicate.
    public = {cls for _, cls in classes}
    for name, cls in classes:
        for method_name, method, doc in _methods(_owners(cls, public)):
            yield f"{prefix}.{name}.{method_name}", "method", method, doc


def _public_names(module: ModuleType) -> list[tuple[str, Any]]:
    """The public functions and classes, each under its own name before any alias of it."""
    exported: list[str] | None = getattr(module, "__all__", None)
    names = exported if exported is not None else [n for n in vars(module) if n[0] != "_"]
    found = [
        (name, thing)
        for name in names
        if inspect.isroutine(thing := getattr(module, name, None)) or inspect.isclass(thing)
        if exported is not None or _package(thing.__module__) == _package(module.__name__)
    ]
    return sorted(found, key=lambda pair: (pair[0] != pair[1].__name__, pair[0]))


def _package(module_name: str | None) -> str:
    """The package that users know: ``bisect`` for the C module ``_bisect``."""
    return (module_name or "").split(".")[0].lstrip("_")


def _owners(cls: type, public: set[type]) -> list[type]:
    """The class, and those of its bases that users meet through it alone.

    ``ArgumentParser.add_argument``, say, is defined in ``argparse._ActionsContainer``.
    """
    parents = [base for base in cls.__mro__[1:] if base in public or not _is_private(base)]
    documented_there = {ancestor for parent in parents for ancestor in parent.__mro__}
    bases = [base for base in cls.__mro__[1:] if base not in documented_there]
    return [cls, *(base for base in bases if _package(base.__module__) == _package(cls.__module__))]


def _is_private(cls: type) -> bool:
    return any(part.startswith("_") for part in f"{cls.__module__}.{cls.__name__}".split("."))


def _methods(owners: list[type]) -> Iterator[tuple[str, Any, str]]:
    """(name, method, docstring) of the public methods that the classes themselves document."""
    for name in sorted({name for owner in owners for name in vars(owner) if name[0] != "_"}):
        for owner in owners:
            method = vars(owner).get(name)
            if inspect.isroutine(method) and (doc := _docstring(method)):
                yield name, method, doc
                break


def _docstring(thing: Any) -> str:
    """The object's own docstring without its indentation, or "" when the author wrote none."""
    doc = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    if inspect.isclass(thing):
        generated = re.fullmatch(rf"{re.escape(thing.__name__)}\([\w, ]*\)", doc)
        if generated or doc == _ENUM_DOC or doc == _inherited_doc(thing):
            return ""
    return doc


def _inherited_doc(cls: type) -> str:
    bases = cls.__mro__[1:]
    return next((inspect.cleandoc(base.__doc__) for base in bases if base.__doc__), "")


def _unbound(thing: Any) -> Any:
    """The attribute behind a bound method, so that one method is one object."""
    owner = getattr(thing, "__self__", None)
    if owner is None or inspect.ismodule(owner):
        return thing
    return inspect.getattr_static(owner, thing.__name__)


def _signature(thing: Any, kind: Kind) -> str:
    """The call signature without ``self``, or "" for a module or where C code does not tell it."""
    if kind == "module":
        return ""
    plain = thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing
    try:
        signature = inspect.signature(plain)
    except (TypeError, ValueError):
        return ""
    parameters = list(signature.parameters.values())
    if kind == "method" and parameters and not isinstance(thing, staticmethod):
        parameters = parameters[1:]
    return _ADDRESS.sub("", str(signature.replace(parameters=parameters)))


def write(path: Path) -> int:
    """Write the passages to `path` as JSON Lines, all or nothing; returns how many."""
    lines = [json.dumps(document, ensure_ascii=False) for document in documents()]
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        complete = Path(scratch, path.name)
        complete.write_text("\n".join(lines) + "\n", encoding="utf-8")
        complete.replace(path)
    return len(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the corpus as JSON Lines.")
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    print(f"{write(path)} passages written to {path}")


if __name__ == "__main__":
    main()
