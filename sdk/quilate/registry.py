"""Names to adapters, through entry points: ours are found exactly as a third party's are.

A group holds factories by name. ``quilate.models`` are called with the part of the model string
after the slash; the other groups with options alone.
"""

import difflib
import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from quilate.errors import ConfigurationError, MissingDependency, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from quilate.evaluators import Evaluator
    from quilate.models import Model
    from quilate.retrievers import Embedder, Index

Group = Literal["models", "embedders", "indexes", "evaluators", "loaders"]


@cache
def _entry_points(group: Group) -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"quilate.{group}")}


def names(group: Group) -> list[str]:
    """The registered names of a group, sorted, ours and third parties'."""
    return sorted(_entry_points(group))


def nearest(name: str, known: list[str]) -> str:
    """What to say of an unknown name: the nearest known one, or all of them.

    >>> nearest("exact_mach", ["exact_match", "token_f1"])
    "Did you mean 'exact_match'?"
    """
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean '{close[0]}'?"
    return "Known: " + (", ".join(known) or "none") + "."


def factory(group: Group, name: str) -> Callable[..., Any]:
    """The factory registered under `name`; raises `UnknownName` with the nearest one."""
    point = _entry_points(group).get(name)
    if point is None:
        kind = group.removesuffix("es") if group == "indexes" else group.removesuffix("s")
        raise UnknownName(f"There is no {kind} named '{name}'.", remedy=nearest(name, names(group)))
    return cast(Callable[..., Any], point.load())


def home(group: Group, name: str) -> str:
    """The module that registered `name`; raises as `factory`."""
    factory(group, name)
    return _entry_points(group)[name].module


def require(module: str, *, extra: str, package: str | None = None) -> Any:
    """Import a third party's module, or say which ``pip install`` brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingDependency(package or module, extra=extra) from None


def model(name: str, **options: Any) -> "Model":
    """The model behind a string such as ``openai/gpt-…`` or ``llamacpp/path/to.gguf``.

    It retries failed calls, and joins the run in which it is used (`middleware.ambient`). Nothing
    heavy happens yet: weights load and connections open at the first call. Raises `UnknownName`
    for a provider that nobody registered.
    """
    provider, slash, rest = name.partition("/")
    if not slash or not rest:
        raise ConfigurationError(
            f"'{name}' is not a model string.",
            remedy="Write PROVIDER/NAME, such as llamacpp/smollm2-135m-instruct. Providers: "
            + ", ".join(names("models")),
        )
    from quilate.middleware import Retrying, ambient

    return ambient(Retrying(factory("models", provider)(rest, **options)))


def embedder(name: str, **options: Any) -> "Embedder":
    """The embedder registered under `name`, or ``name/model``."""
    provider, _, rest = name.partition("/")
    make = factory("embedders", provider)
    return cast("Embedder", make(rest, **options) if rest else make(**options))


def evaluator(name: str, **options: Any) -> "Evaluator":
    """The evaluator registered under `name`, configured with `options`."""
    make = factory("evaluators", name)
    try:
        return cast("Evaluator", make(**options))
    except TypeError as error:
        raise ConfigurationError(
            f"The evaluator '{name}' does not take these options: {error}."
        ) from None


def store(name: str, **options: Any) -> "Index":
    """The index store registered under `name`, such as ``lancedb``."""
    return cast("Index", factory("indexes", name)(**options))
