"""Digests of Python code: of a function, with what it names of its author's own code."""

import ast
import dis
import enum
import functools
import importlib.util
import inspect
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from quilate.codec import digest

_CONSTANTS = (str, int, float, bool, type(None), bytes, complex, type(...))
_OTHERS = {"quilate", "quilate_adapters", "quilate_evaluators", *sys.stdlib_module_names}
_INSTALLED = {"site-packages", "dist-packages"}
_LARGEST = 100_000  # parts of a value that is looked at

Namespace = Mapping[str, Any]
Chain = tuple[str, ...]


def code_digest(thing: Any) -> str | None:
    """A digest of what Python code of its author's does, None for anything else.

    It covers a function, a method, a partial or an object with its class: their code, the plain
    values and functions that they were made with (defaults, variables around them) and, from there
    on, what that code names in its module, or in a module that is named there: functions, classes,
    and other values by the statements that bind them. Standard library, installed packages and
    Quilate are left out. Where a thing stands and what else stands in its file do not change it.
    Other versions of Python compile to other code.

    >>> code_digest(lambda question: "yes") == code_digest(lambda question: "no")
    False
    """
    walk = _Walk()
    root = thing.__func__ if inspect.ismethod(thing) else thing
    start = [walk.function(root) if inspect.isfunction(root) else None, walk.refer(thing)]
    things = walk.all()
    return digest(json.dumps([start, things])) if things else None


class _Walk:
    """Numbers each thing at its first meeting, so that cycles end; what a thing is, as plain data
    without places and addresses, names others by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._met: list[Any] = []  # kept, so that no other thing gets the id of one that is gone
        self._pending: deque[Callable[[], Any]] = deque()

    def all(self) -> list[Any]:
        """What everything is that was met, in the order of meeting."""
        found = []
        while self._pending:
            found.append(self._pending.popleft()())
        return found

    def _number(self, key: Any, thing: Any, described: Callable[[], Any]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._met.append(thing)
            self._pending.append(described)
        return self._numbers[key]

    def refer(self, value: Any) -> Any:
        """A value as plain data: a constant itself, a thing of the author's by its number,
        another by the name of its type."""
        if isinstance(value, tuple):
            return [self.refer(one) for one in value]
        if isinstance(value, enum.Enum):
            return [type(value).__qualname__, value.name, _constant(value.value)]
        if inspect.isfunction(value):
            if _is_own(value.__globals__):
                return self.function(value)
        elif isinstance(value, type):
            return self._class(value) if _is_own(_home(value)) else value.__qualname__
        parts = _parts(value)
        if parts:
            return [type(value).__qualname__, *map(self.refer, parts)]
        if _is_own(_home(type(value))):
            return self._class(type(value))
        return _constant(value)

    def function(self, function: FunctionType) -> int:
        """The number of a function."""
        return self._number(id(function), function, lambda: self._function_data(function))

    def _function_data(self, function: FunctionType) -> list[Any]:
        code, around = function.__code__, map(_cell, function.__closure__ or ())
        named = tuple(sorted((function.__kwdefaults__ or {}).items()))
        made_with = (function.__defaults__, named, tuple(around))
        chains = _loaded(code) if _is_own(function.__globals__) else set()
        return [
            _code(code),
            self.refer(made_with),
            self._named(function.__globals__, chains),
            [self.refer(one) for one in _parts(function)],
        ]

    def _class(self, cls: type) -> int:
        return self._number(id(cls), cls, lambda: self._class_data(cls))

    def _class_data(self, cls: type) -> list[Any]:
        held = vars(cls)
        methods = [
            name for name, value in held.items() if _is_routine(value) or _is_inner(value, cls)
        ]
        bases = [self.refer(base) for base in (*cls.__bases__, type(cls))]
        data = [bases, [[name, self.refer(held[name])] for name in sorted(methods)]]
        statements = _statements(_home(cls)).get(f"class {cls.__qualname__}")
        if statements is None:
            # Not what stands in underscores: libraries keep addresses there.
            plain = sorted({name for name in held if not name.startswith("_")} - {*methods})
            return [*data, [[name, self._held(held[name])] for name in plain]]
        return [*data, [self._statement(_home(cls), "", one) for one in statements]]

    def _held(self, value: Any) -> Any:
        return _plain(value) if isinstance(value, list | dict | set) else self.refer(value)

    def _named(self, namespace: Namespace, chains: set[Chain]) -> list[Any]:
        """What names, each with the attributes that are asked of it, stand for in a module."""
        found = ((".".join(chain), self._value(namespace, chain)) for chain in sorted(chains))
        return [[name, value] for name, value in found if value is not None]

    def _value(self, namespace: Namespace, chain: Chain) -> Any:
        name, *more = chain
        if name not in namespace or name.startswith("__"):  # a built-in; the module's own place
            return None
        value = namespace[name]
        if isinstance(value, ModuleType):
            there = self._value(vars(value), tuple(more)) if more and _is_own(vars(value)) else None
            return there or value.__name__
        if inspect.isfunction(value) or isinstance(value, type):
            own = _is_own(value.__globals__ if inspect.isfunction(value) else _home(value))
            if own or _parts(value):
                return self.refer(value)
        key = (id(namespace), name)
        return self._number(key, namespace, lambda: self._binding(namespace, name))

    def _binding(self, namespace: Namespace, name: str) -> Any:
        """How a module makes a value: the statements, since the value may be another in each
        process (a time, a key) or change while it runs (a store of answers)."""
        statements = _statements(namespace).get(name, ())
        if not statements:
            return self._held(namespace[name])
        return [self._statement(namespace, name, one) for one in statements]

    def _statement(self, namespace: Namespace, name: str, statement: ast.AST) -> Any:
        if isinstance(statement, ast.ImportFrom):
            return self._imported(namespace, name, statement)
        return [ast.dump(statement), self._named(namespace, _read(statement))]

    def _imported(self, namespace: Namespace, name: str, statement: ast.ImportFrom) -> Any:
        asked = "." * statement.level + (statement.module or "")
        try:
            module = importlib.util.resolve_name(asked, namespace.get("__package__") or None)
        except ImportError:
            return None
        called = next((one.name for one in statement.names if name in (one.asname, one.name)), "")
        there = vars(sys.modules[module]) if module in sys.modules else {}
        return self._value(there, (called,)) if _is_own(there) else [module, called]


def _is_own(namespace: Namespace) -> bool:
    """Whether a module is its author's: neither Quilate's, nor the standard library's, nor of an
    installed package."""
    name = namespace.get("__name__")
    if not isinstance(name, str) or name.partition(".")[0] in _OTHERS:
        return False
    return _INSTALLED.isdisjoint(_file(namespace).parts)


def _file(namespace: Namespace) -> Path:
    return Path(str(namespace.get("__file__") or ""))


def _home(cls: type) -> Namespace:
    module = sys.modules.get(str(cls.__module__))
    return vars(module) if module else {}


def _parts(value: Any) -> list[Any]:
    """The callables, and the values given to them, that one of another's making is made of."""
    if isinstance(value, functools.partial):
        return [value.func, value.args, tuple(sorted(value.keywords.items()))]
    if inspect.ismethod(value):
        return [value.__func__, type(value.__self__)]
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, functools.cached_property):
        return [value.func]
    # Looked up without `getattr`, which an odd object may answer with anything.
    wrapped = inspect.getattr_static(value, "__wrapped__", None)
    return [wrapped] if inspect.isfunction(wrapped) else []


def _is_routine(value: Any) -> bool:
    return inspect.isfunction(value) or bool(_parts(value))


def _is_inner(value: Any, cls: type) -> bool:
    """Whether a value of a class is one that was written inside it."""
    return isinstance(value, type) and value.__qualname__.startswith(f"{cls.__qualname__}.")


def _code(code: CodeType) -> list[Any]:
    """Code as plain data; without its place, and without addresses."""
    names = [*code.co_names, *code.co_varnames, *code.co_freevars]
    parts = [code.co_code.hex(), code.co_exceptiontable.hex(), names]
    return [*parts, _constant(code.co_consts)]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return [_constant(one) for one in value]
    if isinstance(value, frozenset):  # its order is another in each process
        return sorted(json.dumps(_constant(one)) for one in value)
    name = type(value).__qualname__
    if type(value) is int:
        return [name, hex(value)]  # of any length, which its digits may not have
    return [name, repr(value)] if type(value) in _CONSTANTS else name


def _plain(value: Any) -> Any:
    """A value with the lists, dicts and sets in it; the name of its type where it is too large."""
    left = _LARGEST

    def plain(one: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise OverflowError
        if isinstance(one, Mapping):
            return ["dict", *([plain(key), plain(item)] for key, item in one.items())]
        if isinstance(one, set | frozenset):
            return ["set", *sorted(json.dumps(plain(item)) for item in one)]
        if isinstance(one, list | tuple):
            return ["list", *map(plain, one)]
        return _constant(one)

    try:
        return plain(value)
    except (OverflowError, RecursionError):
        return type(value).__qualname__


def _cell(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def _loaded(code: CodeType) -> set[Chain]:
    """The names that code, and code inside it, looks up in its module, each with the attributes
    that it asks at once: ``helpers.inner`` is ``("helpers", "inner")``."""
    chains: set[Chain] = set()
    chain: Chain = ()
    for one in dis.get_instructions(code):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            chain = (str(one.argval),)
        elif chain and one.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            chain = (*chain, str(one.argval))
        elif one.opname != "EXTENDED_ARG":
            chain = ()
        if chain:
            chains = (chains - {chain[:-1]}) | {chain}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            chains |= _loaded(constant)
    return chains


def _read(statement: ast.AST) -> set[Chain]:
    """The names that a statement reads, as `_loaded` gives them."""
    return {chain for node in ast.walk(statement) if (chain := _chain(node))}


def _chain(node: ast.AST) -> Chain:
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute) and (before := _chain(node.value)):
        return (*before, node.attr)
    return ()


def _statements(namespace: Namespace) -> Mapping[str, Sequence[ast.AST]]:
    """The statements of a module that bind or change each of its names, where it has a source, each
    behind the heads (``if MODE:``) that it stands under; those of a class's body by ``class NAME``.
    """
    file = _file(namespace)
    try:
        return _parsed(file, file.stat().st_mtime_ns) if file.suffix == ".py" else {}
    except (OSError, SyntaxError, ValueError):
        return {}


@functools.lru_cache(maxsize=64)
def _parsed(file: Path, _changed: int) -> Mapping[str, Sequence[ast.AST]]:
    found: dict[str, list[ast.AST]] = {}
    module = ast.parse(file.read_bytes())
    for statement, heads in _simple(module.body):
        for name in sorted(set(_bound(statement))):
            found.setdefault(name, []).extend([*heads, statement])
    for name, one in _classes(module, ""):
        body = found[f"class {name}"] = [*one.decorator_list, *one.keywords]
        for statement, heads in _simple(one.body):
            if not _is_text(statement):
                body += [*heads, statement]
    return found


def _classes(node: ast.AST, before: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """The classes in a module or a class by their qualified names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield before + child.name, child
            yield from _classes(child, f"{before}{child.name}.")
        elif isinstance(child, ast.stmt) and not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef
        ):
            yield from _classes(child, before)


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


Heads = tuple[ast.AST, ...]


def _simple(body: Sequence[ast.AST], heads: Heads = ()) -> Iterator[tuple[ast.AST, Heads]]:
    """The simple statements of a module, also those inside its ``if``, ``try``, ``for``, each with
    the heads of these; and what such a head binds itself."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        parts = list(ast.iter_child_nodes(node))
        inside = [n for n in parts if not isinstance(n, ast.expr)]
        if any(isinstance(n, ast.stmt | ast.ExceptHandler | ast.match_case) for n in inside):
            own = (
                *heads,
                *(n for n in parts if isinstance(n, ast.expr | ast.withitem | ast.pattern)),
            )
            if isinstance(node, ast.For):
                yield node.target, own
            yield from ((n, own) for n in parts if isinstance(n, ast.withitem))
            yield from _simple(inside, own)
        elif isinstance(node, ast.stmt):
            yield node, heads


def _bound(statement: ast.AST) -> Iterator[str]:
    if isinstance(statement, ast.ImportFrom):
        yield from (one.asname or one.name for one in statement.names)
    elif isinstance(statement, ast.Assign):
        yield from (name for target in statement.targets for name in _bases(target))
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        yield from _bases(statement.target)
    elif isinstance(statement, ast.withitem):
        yield from _bases(statement.optional_vars) if statement.optional_vars else ()
    elif isinstance(statement, ast.expr):  # of a ``for``
        yield from _bases(statement)
    elif isinstance(statement, ast.Expr):
        called = statement.value.func if isinstance(statement.value, ast.Call) else None
        if isinstance(called, ast.Attribute):  # WORDS.append(...)
            yield from _bases(called)


def _bases(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        yield from _bases(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _bases(one)
