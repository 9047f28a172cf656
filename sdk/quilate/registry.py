"""Names to adapters, through entry points: ours are found exactly as a third party's are.

A group holds factories by name. ``quilate.models`` are called with the part of the model string
after the slash; the other groups with options alone.
"""

import difflib
import importlib
import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from quilate.errors import ConfigurationError, MissingDependency, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from quilate.evaluators import Evaluator
    from quilate.middleware.ambient import Ambient
    from quilate.middleware.contract import Policy
    from quilate.models import Model
    from quilate.retrievers import Embedder, Index, Reranker

Group = Literal[
    "models",
    "embedders",
    "rerankers",
    "indexes",
    "evaluators",
    "targets",
    "loaders",
    "datasets",
    "steps",
    "engines",
    "dataset_stores",
    "row_files",
    "tokenizers",
    "chat_tokenizers",
    "trainers",
    "converters",
]

# What a name stands for, where it is not the group's own word.
_KINDS = {"models": "provider", "indexes": "index"}


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
        kind = _KINDS.get(group) or group.removesuffix("s")
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


def model(
    name: "str | Model | Callable[..., Any]",
    /,
    *,
    attempts: int = 4,
    unsupported: "Policy" = "raise",
    **options: Any,
) -> "Ambient":
    """The model behind a string such as ``openai/gpt-…`` or ``llamacpp/path/to.gguf``.

    ``openai/NAME@http://127.0.0.1:8080/v1`` is short for ``base_url=…``. An adapter's model or a
    function of the question are taken too. The model retries failed calls (`attempts` in all),
    and joins the run in which it is used (`middleware.ambient`). What it does not take is an
    error; with ``unsupported="warn"`` such a setting is left out with a warning. `options` are the
    adapter's own. Nothing heavy happens yet: weights load and connections open at the first call.
    Raises `UnknownName` for a provider that nobody registered, and `ConfigurationError` for
    options that what is opened does not take (a model that is open already takes none).

    >>> model("scripted/hola").ask("?").text
    'hola'
    """
    from quilate.middleware.standard import standard

    if not isinstance(name, str):
        made: Any = name
        if not hasattr(name, "generate"):
            made = call(factory("models", "function"), "A function", name, **options)
        elif options:
            raise ConfigurationError(
                f"A model that is made already takes no options: {', '.join(options)}.",
                remedy="Give them where it is made.",
            )
        return standard(made, attempts=attempts, unsupported=unsupported)
    provider, slash, rest = name.partition("/")
    if not slash or not rest:
        raise ConfigurationError(
            f"'{name}' is not a model string.",
            remedy="Write PROVIDER/NAME, such as llamacpp/smollm2-135m-instruct. Providers: "
            + ", ".join(names("models")),
        )
    rest, options = _at_server(rest, options)
    made = call(factory("models", provider), f"The provider '{provider}'", rest, **options)
    return standard(made, attempts=attempts, unsupported=unsupported)


_SERVER = re.compile(r"@(https?://.*)$")
# An address without its scheme: taken for a part of the name, it would send the request, and the
# environment's key, to the provider itself.
_HALF_AN_ADDRESS = re.compile(r"@((?:localhost|\d+\.\d+\.\d+\.\d+|\[|[\w.-]+:\d+).*)$")


def _at_server(name: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """``NAME@URL`` as the name, and the URL among the options."""
    at = _SERVER.search(name)
    if at is None:
        half = _HALF_AN_ADDRESS.search(name)
        if half is not None:
            raise ConfigurationError(
                f"'{half[1]}' is no URL.", where=name, remedy=f"Write …@http://{half[1]}."
            )
        return name, options
    if "base_url" in options:
        raise ConfigurationError(
            f"'{name}' says where the server is, and base_url says so too.",
            remedy="Leave one of them out.",
        )
    return name[: at.start()], {"base_url": at[1], **options}


def call(make: Callable[..., Any], what: str, /, *arguments: Any, **options: Any) -> Any:
    """What a factory makes; options that it does not know, or lacks, are a `ConfigurationError`."""
    try:
        signature = inspect.signature(make)
    except ValueError:  # a built-in without one
        return make(*arguments, **options)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        raise _misfit(signature, what, len(arguments), options, error) from None
    for option in ("base_url", "api_key"):
        value, known = options.get(option), signature.parameters.get(option)
        if known is not None and str(known.annotation) in _TEXTS and not isinstance(value, _TEXT):
            raise ConfigurationError(
                f"{option} is no text but of the type {type(value).__name__}.",
                where=what,
                remedy=f'Write {option}="…".',
            )
    return make(*arguments, **options)


_TEXT = (str, type(None))
_TEXTS = ("str", "str | None", str(str))


def _misfit(
    signature: inspect.Signature, what: str, given: int, options: dict[str, Any], error: TypeError
) -> ConfigurationError:
    """The error of options that do not fit a factory's signature."""
    open_to = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [one for one in list(signature.parameters.values())[given:] if one.kind in open_to]
    known = [one.name for one in named]
    for option in options:
        if option not in known:
            remedy = nearest(option, known) if known else "It takes none."
            return ConfigurationError(f"{what} has no option '{option}'.", remedy=remedy)
    for one in named:
        if one.default is one.empty and one.name not in options:
            at = " or @URL after the name" if one.name == "base_url" else ""
            return ConfigurationError(f"{what} needs {one.name}.", remedy=f"Give {one.name}=…{at}.")
    return ConfigurationError(f"{what} does not take these options: {error}.")


def embedder(name: str, /, **options: Any) -> "Embedder":
    """The embedder registered under `name`, or ``name/model``, or ``name/model@URL`` for one of a
    server of yours."""
    return cast("Embedder", _opened("embedders", name, options))


def reranker(name: str, /, **options: Any) -> "Reranker":
    """The reranker registered under `name`, or ``name/model``, or ``name/model@URL`` for one of a
    server of yours."""
    return cast("Reranker", _opened("rerankers", name, options))


def _opened(group: Group, name: str, options: dict[str, Any]) -> Any:
    provider, _, rest = name.partition("/")
    rest, options = _at_server(rest, options)
    what = f"The {group.removesuffix('s')} '{provider}'"
    return call(factory(group, provider), what, *([rest] if rest else []), **options)


def evaluator(kind: Any, /, *, name: str | None = None, **options: Any) -> "Evaluator":
    """The evaluator registered as `kind`, configured with `options`; with a `name`, its metrics are
    called after that (see `quilate.evaluators.Renamed`).

    `kind` may also be one of your own: a class of evaluators, or a function of a sample and an
    output (see `quilate.evals.scoring.FunctionEvaluator`).

    >>> def brief(sample, output):
    ...     return len(output.text) < 40
    >>> [metric.name for metric in evaluator(brief).metrics]
    ['brief']
    """
    said = kind if isinstance(kind, str) else getattr(kind, "__name__", type(kind).__name__)
    what = f"The evaluator '{said}'"
    made = call(evaluator_factory(kind), what, **options)
    if name is None:
        return cast("Evaluator", made)
    from quilate.evaluators import Renamed

    # A metric is told with its target or epoch behind a space.
    if not isinstance(name, str) or not name.isprintable() or len(name.split()) != 1:
        raise ConfigurationError(
            f"`name` of the evaluator '{said}' is {name!r}.",
            remedy="Give a text without spaces, after which its metrics are called.",
        )
    return Renamed(made, name.strip())


def evaluator_factory(kind: Any) -> Callable[..., Any]:
    """The factory of the evaluators called `kind`, or of one of a user's own."""
    if isinstance(kind, str):
        return factory("evaluators", kind)
    from quilate.evals.scoring import own_evaluator

    return own_evaluator(kind)


def store(name: str, /, **options: Any) -> "Index":
    """The index store registered under `name`, such as ``lancedb``."""
    return cast("Index", call(factory("indexes", name), f"The index '{name}'", **options))
