"""Any Python callable as a Model."""

import functools
import importlib
import inspect
import time
import traceback
import typing
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import anyio.to_thread

from quilate.codec import digest
from quilate.errors import ConfigurationError, MalformedReply, ModelError, QuilateError, Unsupported
from quilate.middleware.base import close_stream
from quilate.models import (
    FEATURES,
    Capabilities,
    Event,
    Finished,
    ModelInfo,
    Request,
    Response,
    TextDelta,
    Timing,
    events_of,
    reply,
)
from quilate.providers import as_identity
from quilate.python_code import code_digest
from quilate.registry import nearest

_END = object()


def model(
    thing: str | Callable[..., Any],
    *,
    capabilities: Sequence[str] = (),
    identity: str | None = None,
    name: str | None = None,
) -> "FunctionModel":
    """A callable, or the one that ``package.module:function`` names, as a Model.

    `capabilities` are those that the callable honours itself beside ``stream`` (see
    `quilate.models.Capabilities`); what is not among them never reaches it. `identity` tells its
    answers from those of other models where its source code does not say enough. Raises
    `ConfigurationError` for a path that cannot be imported or names nothing callable.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> sync.run(model(str.upper).generate(ask("hola"))).text
    'HOLA'
    """
    function = _load(thing) if isinstance(thing, str) else thing
    if not callable(function):
        raise ConfigurationError(
            f"A {type(function).__name__} cannot be called as a model.",
            where=thing if isinstance(thing, str) else None,
            remedy="Give a function of the prompt, or of the Request.",
        )
    return FunctionModel(function, capabilities=capabilities, identity=identity, name=name)


class FunctionModel:
    """A function of the prompt's text, or of the `Request` (a first parameter that is annotated so
    or called ``request``), as a model.

    It returns a text or a `Response`, or yields the text piece by piece; it may be sync, and then
    runs in a worker thread, or async. A function of the text gets the messages' texts with an
    empty line between them; a conversation with turns of the assistant needs one of the `Request`.
    What it raises is a `ModelError` with the file and line; Quilate's own errors pass as they are.
    Its cost is unknown, unless it returns a `Response` that says so.

    The identity holds the hash of the function's source, of the functions, classes and constants
    of its author's that it names (`quilate.python_code`), the values that it closes over and its
    defaults; where these two are more than plain values (an object, say), it is another one in
    every process, so that no cache mistakes one for the other.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        capabilities: Sequence[str] = (),
        identity: str | None = None,
        name: str | None = None,
    ) -> None:
        self._function = function
        self._whole = _takes_request(function)
        called = name or _name(function)
        self.info = ModelInfo(
            name=f"function/{called}",
            provider="function",
            identity=f"function:{called}:{identity or _source_digest(function)}"
            + as_identity(capabilities),
            capabilities=_with_more(called, capabilities),
        )

    async def generate(self, request: Request) -> Response:
        """Answer once; what yields its text is read to its end."""
        async for event in self.stream(request):
            if isinstance(event, Finished):
                return event.response
        raise AssertionError("a stream ends with Finished")

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece where the function does; else the whole at once."""
        started, first, text = time.perf_counter(), None, ""
        given: Any = request if self._whole else self._text(request)
        with self._errors():
            result = await self._call(given)
        if not isinstance(result, str | Response):
            pieces = _pieces(result)
            if pieces is None:
                raise self._malformed(result)
            try:
                while True:
                    with self._errors():
                        piece = await anext(pieces, _END)
                    if piece is _END:
                        break
                    if not isinstance(piece, str):
                        raise self._malformed(piece)
                    first = first or time.perf_counter() - started
                    text += piece
                    yield TextDelta(piece)
            finally:
                await close_stream(pieces)
            yield Finished(reply(text, timing=Timing(time.perf_counter() - started, first)))
            return
        response = reply(result) if isinstance(result, str) else result
        if response.timing == Timing():
            response = replace(response, timing=Timing(time.perf_counter() - started))
        for event in events_of(response):
            yield event

    async def _call(self, given: Any) -> Any:
        function = self._function
        if _is_async(function):
            result = function(given)
        else:
            result = await anyio.to_thread.run_sync(function, given, abandon_on_cancel=True)
        return await result if inspect.isawaitable(result) else result

    def _text(self, request: Request) -> str:
        if any(message.role not in ("system", "user") for message in request.messages):
            raise Unsupported(
                "A function of a text cannot be given a conversation.",
                where=self.info.name,
                provider="function",
                remedy="Annotate its parameter as quilate.models.Request to get the messages.",
            )
        return "\n\n".join(message.text for message in request.messages)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except QuilateError:
            raise
        except (Exception, SystemExit) as error:  # an exit would end the loop of all models
            # Not chained: the frames of somebody's function may hold anything.
            raise ModelError(
                f"{traceback.format_exception_only(error)[-1].strip()} ({_place(error)})",
                where=self.info.name,
                provider="function",
            ) from None

    def _malformed(self, result: Any) -> MalformedReply:
        given = "nothing" if result is None else f"a {type(result).__name__}"
        error = MalformedReply(
            f"The function gave {given}.",
            where=self.info.name,
            provider="function",
            remedy="Return a text or a Response, or yield texts.",
        )
        error.retryable = False  # the same function would do the same again
        return error


def _load(path: str) -> Any:
    module, colon, name = path.partition(":")
    if not colon or not module or not name:
        raise ConfigurationError(
            f"'{path}' names no function.", remedy="Write package.module:function."
        )
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:
        raise ConfigurationError(
            f"The module '{module}' cannot be imported: {type(error).__name__}: {error}.",
            where=f"function/{path}",
            remedy="Install it, or add its folder to PYTHONPATH.",
        ) from None
    try:
        return functools.reduce(getattr, name.split("."), found)
    except AttributeError as error:
        raise ConfigurationError(
            f"The module '{module}' has no '{name}': {error}.", where=f"function/{path}"
        ) from None


def _with_more(called: str, names: Sequence[str]) -> Capabilities:
    for name in names:
        if name not in FEATURES:
            raise ConfigurationError(
                f"There is no capability '{name}'.",
                where=f"function/{called}",
                remedy=nearest(name, sorted(FEATURES)),
            )
    return Capabilities.declared("stream", *names)


def _routine(function: Any) -> Any:
    """What holds the code of a callable: a function's own, or its class's ``__call__``."""
    if isinstance(function, functools.partial):
        return _routine(function.func)
    if inspect.isroutine(function) or isinstance(function, type):
        return inspect.unwrap(function)
    return type(function).__call__


def _name(function: Any) -> str:
    if isinstance(function, functools.partial):
        return _name(function.func)
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", None) or "builtins"
    return f"{module}.{named.__qualname__}"


def _is_async(function: Any) -> bool:
    """Whether a call gives an awaitable or an async iterator at once, so needs no thread."""
    return any(
        test(candidate)
        for test in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        for candidate in (function, _routine(function))
    )


def _takes_request(function: Any) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):  # a built-in without a signature
        return False
    if first is None:
        return False
    try:
        hint = typing.get_type_hints(_routine(function)).get(first.name, first.annotation)
    except (NameError, TypeError):  # a name that only a type checker can see
        hint = first.annotation
    return hint is Request or hint == "Request" or first.name == "request"


def _source_digest(function: Any) -> str:
    """A hash of the source, of the code (a line can hold two lambdas) with what it names of its
    author's, and of what it carries."""
    routine = _routine(function)
    try:
        source = inspect.getsource(routine)
    except (OSError, TypeError):
        source = repr(type(routine))
    return digest(source, code_digest(function) or "", repr(_state(function)))[:16]


def _layers(function: Any) -> Iterator[Any]:
    """A function and those that it wraps (`functools.wraps`), from the outside in."""
    layer = function.func if isinstance(function, functools.partial) else function
    layer = layer if inspect.isroutine(layer) else _routine(layer)
    while layer is not None:
        yield layer
        layer = getattr(layer, "__wrapped__", None)


def _state(function: Any) -> list[Any]:
    """The values that a callable carries beside its code; a fresh mark for what has no plain
    form."""
    if isinstance(function, functools.partial):
        return [_plain([*function.args, function.keywords]), *_state(function.func)]
    if not inspect.isroutine(function):
        return [] if isinstance(function, type) else [uuid.uuid4().hex]
    held = [] if inspect.ismodule(owner := getattr(function, "__self__", None)) else [owner]
    layers = list(_layers(function))
    for layer in layers:
        for cell in getattr(layer, "__closure__", None) or ():
            with suppress(ValueError):  # a cell that is still empty
                held += [value for value in [cell.cell_contents] if not _is_one(value, layers)]
        held += [getattr(layer, "__defaults__", None), getattr(layer, "__kwdefaults__", None)]
    return [_plain(value) for value in held]


def _is_one(value: Any, layers: Sequence[Any]) -> bool:
    return any(value is layer for layer in layers)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    return uuid.uuid4().hex


def _pieces(result: Any) -> AsyncIterator[Any] | None:
    if isinstance(result, AsyncIterable):
        return aiter(result)
    if isinstance(result, Iterator):
        return _from_thread(result)
    return None


async def _from_thread(pieces: Iterator[Any]) -> AsyncIterator[Any]:
    """The items of a sync iterator, each one waited for in a worker thread."""
    try:
        while True:
            piece = await anyio.to_thread.run_sync(next, pieces, _END, abandon_on_cancel=True)
            if piece is _END:
                return
            yield piece
    finally:
        with suppress(AttributeError, ValueError):  # no generator, or one that still runs
            pieces.close()  # type: ignore[attr-defined]


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
