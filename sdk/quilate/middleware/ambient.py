"""Models that join the run in which they are used.

A run journals, caches and budgets every model call that happens inside it, also those of a plain
function that made its model by name and knows nothing of the run. So the layers are looked up at
the moment of the call, in a context variable, which child tasks, threads started by
`asyncio.to_thread` and `quilate.sync.run` inherit.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from quilate import sync
from quilate.errors import InvalidRequest
from quilate.middleware.base import Wrapper, within
from quilate.models import (
    Event,
    Likelihood,
    Model,
    Request,
    Response,
    Sampling,
    TokenCount,
    ask,
)
from quilate.registry import nearest

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question


class _Layers:
    """A run's layers around each model that it meets, put on once for each."""

    def __init__(self, wrap: Callable[[Model], Model]) -> None:
        self._wrap = wrap
        self._wrapped: WeakKeyDictionary[Ambient, Model] = WeakKeyDictionary()

    def around(self, model: "Ambient") -> Model:
        found = self._wrapped.get(model)
        if found is None:
            # Around the inner model: the value must not keep its own weak key alive.
            found = self._wrapped[model] = self._wrap(model.inner)
        return found


_layers: ContextVar[_Layers | None] = ContextVar("quilate_layers", default=None)


@contextmanager
def layers(wrap: Callable[[Model], Model]) -> Iterator[None]:
    """Calls to ambient models inside go through ``wrap(model)``; the innermost `layers` holds.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> model = ambient(ScriptedModel("live"))
    >>> with layers(lambda inner: ScriptedModel("layered")):
    ...     sync.run(model.generate(ask("?"))).text
    'layered'
    """
    token = _layers.set(_Layers(wrap))
    try:
        yield
    finally:
        _layers.reset(token)


class Ambient(Wrapper):
    """A model whose calls go through the layers of the run in which they happen, once: an ambient
    model inside an ambient model adds no second layers."""

    def ask(self, request: Request | str, **settings: Any) -> Response:
        """Answer once, from sync code (a notebook's cells too); `settings` are those of `Sampling`.

        >>> from quilate.testing import ScriptedModel
        >>> ambient(ScriptedModel("hola")).ask("?").text
        'hola'
        """
        return sync.run(self.generate(_request(request, settings)))

    def ask_stream(self, request: Request | str, **settings: Any) -> Iterator[Event]:
        """Answer piece by piece, from sync code."""
        return sync.iterate(self.stream(_request(request, settings)))

    async def generate(self, request: Request) -> Response:
        """Answer once, through the layers if there are any."""
        with self._layered() as model:
            return await model.generate(request)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, through the layers if there are any."""
        with self._layered() as model:
            return await Wrapper(model).loglikelihood(context, continuations)

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count a request's input tokens, through the layers if there are any."""
        with self._layered() as model:
            return await Wrapper(model).count_tokens(request)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, through the layers if there are any."""
        with self._layered() as model:
            return await Wrapper(model).decide(request, questions)

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, through the layers if there are any."""
        current = _layers.get()
        if current is None:
            return self.inner.stream(request)
        return within(_layers, None, current.around(self).stream(request))

    @contextmanager
    def _layered(self) -> Iterator[Model]:
        """The model in the layers of now, if there are any; they hold for nothing inside it."""
        current = _layers.get()
        token = _layers.set(None)
        try:
            yield self.inner if current is None else current.around(self)
        finally:
            _layers.reset(token)


def _request(request: Any, settings: Mapping[str, Any]) -> Request:
    fields = Sampling.__slots__
    unknown = next((name for name in settings if name not in fields), None)
    if unknown is not None:
        raise InvalidRequest(
            f"There is no setting '{unknown}'.", remedy=nearest(unknown, sorted(fields))
        )
    if isinstance(request, str):
        return ask(request, **settings)
    if not isinstance(request, Request):
        raise InvalidRequest(
            f"A {type(request).__name__} is no request.",
            remedy="Give the text, or Request((system('…'), user('…'))).",
        )
    return replace(request, sampling=replace(request.sampling, **settings)) if settings else request


def ambient(model: Model) -> Ambient:
    """The model as one that joins the run around it; a model that already does stays as it is."""
    return model if isinstance(model, Ambient) else Ambient(model)
