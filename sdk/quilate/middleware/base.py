"""What every wrapper shares: the wrapped model's name, and a way to pass a call straight on."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from quilate.errors import Unsupported
from quilate.models import (
    Event,
    Likelihood,
    Model,
    ModelInfo,
    Request,
    Response,
    TokenCount,
)

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question

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
        """The wrapped model's own."""
        return self.inner.info

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        return await self.inner.generate(request)

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        return self.inner.stream(request)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations; raises `Unsupported` where the model cannot."""
        scored: list[Likelihood] = await self._method("loglikelihood")(context, continuations)
        return scored

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count a request's input tokens; raises `Unsupported` where the model cannot."""
        counted: TokenCount = await self._method("count_tokens")(request)
        return counted

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions; raises `Unsupported` where it has none. For every model
        there is `quilate.decide`."""
        decided: list[Decision] = await self._method("decide")(request, questions)
        return decided

    def _method(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] | None = getattr(self.inner, name, None)
        if method is None:
            raise Unsupported(
                f"This model has no {name}.", where=self.info.name, provider=self.info.provider
            )
        return method

    def check_ready(self) -> None:
        """Raise what every call would, where the wrapped model knows it beforehand."""
        check = getattr(self.inner, "check_ready", None)
        if check is not None:
            check()

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
