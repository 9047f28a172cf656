"""What every wrapper shares: the wrapped model's name, and a way to pass a call straight on."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextvars import ContextVar
from typing import TypeVar

from quilate.models import Event, Model, ModelInfo, Request, Response

V = TypeVar("V")


class Wrapper:
    """A Model that passes everything on to `inner`; middleware overrides what it changes.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> sync.run(Wrapper(ScriptedModel("hola")).generate(ask("?"))).text
    'hola'
    """

    def __init__(self, inner: Model) -> None:
        self.inner = inner

    @property
    def info(self) -> ModelInfo:
        """The wrapped model's own: a wrapper never changes who the model is."""
        return self.inner.info

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        return await self.inner.generate(request)

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        return self.inner.stream(request)

    async def aclose(self) -> None:
        """Close the wrapped model, where it has something to close."""
        close = getattr(self.inner, "aclose", None)
        if close is not None:
            await close()


async def within(
    variable: ContextVar[V], value: V, events: AsyncIterator[Event]
) -> AsyncGenerator[Event]:
    """The events of a stream, with `variable` set to `value` while each one is made.

    A context variable cannot stay set across the yields of an async generator: what runs between
    them is the consumer's code, maybe in another task.
    """
    try:
        while True:
            token = variable.set(value)
            try:
                event = await anext(events, None)
            finally:
                variable.reset(token)
            if event is None:
                return
            yield event
    finally:
        await close_stream(events)


async def close_stream(events: AsyncIterator[Event]) -> None:
    """Stop a stream that may not have been read to its end, so that its provider stops too."""
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
