"""Limits of how much is asked of a provider at once and in a minute."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from quilate.errors import ConfigurationError, DeadlineExceeded
from quilate.middleware.base import Wrapper, close_stream
from quilate.models import Event, Likelihood, Model, Request, Response, TokenCount

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question


class Limited(Wrapper):
    """Lets at most `concurrency` calls run at once, and `per_minute` begin in a minute.

    Both are fair: calls go on in the order in which they came. Calls of a minute are spread
    evenly, with up to `burst` at once after a pause (the generic cell rate algorithm of ITU-T
    I.371, a token bucket). Time spent waiting counts towards the request's deadline; a wait that
    would pass it raises `DeadlineExceeded` at once. A stream holds its place until it ends. For
    use on one event loop.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> sync.run(Limited(ScriptedModel("hola"), concurrency=2).generate(ask("?"))).text
    'hola'
    """

    def __init__(
        self,
        inner: Model,
        *,
        concurrency: int | None = None,
        per_minute: float | None = None,
        burst: int = 1,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        import anyio

        if any(limit is not None and limit <= 0 for limit in (concurrency, per_minute, burst)):
            raise ConfigurationError(
                f"The limits of {inner.info.name} must be positive: concurrency={concurrency}, "
                f"per_minute={per_minute}, burst={burst}.",
                remedy="Leave a limit out to have none.",
            )
        super().__init__(inner)
        self._places = anyio.Semaphore(concurrency) if concurrency else None
        self._interval = 60 / per_minute if per_minute else None
        self._slack = (burst - 1) * (self._interval or 0.0)
        self._free_at = float("-inf")  # when the bucket is full again
        self._sleep, self._clock = sleep or anyio.sleep, clock

    async def generate(self, request: Request) -> Response:
        """Answer once, when it is this call's turn."""
        async with self._turn(request) as request:
            return await self.inner.generate(request)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, when it is this call's turn."""
        async with self._turn(request) as request:
            events = self.inner.stream(request)
            try:
                async for event in events:
                    yield event
            finally:
                await close_stream(events)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, when it is this call's turn."""
        async with self._turn(context) as context:
            return await super().loglikelihood(context, continuations)

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count input tokens, when it is this call's turn."""
        async with self._turn(request) as request:
            return await super().count_tokens(request)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, when it is this call's turn."""
        async with self._turn(request) as request:
            return await super().decide(request, questions)

    @asynccontextmanager
    async def _turn(self, request: Request) -> AsyncIterator[Request]:
        """Hold a place; gives the request with what is left of its deadline."""
        came = self._clock()
        if self._places is not None:
            with self._until(request.deadline):
                await self._places.acquire()
        try:
            left = request.deadline
            if left is not None:
                left -= self._clock() - came
            # The rate comes second: calls that queue for a place must not save up beginnings.
            wait = self._reserve(left)
            if wait > 0:
                await self._sleep(wait)
            yield request if left is None else replace(request, deadline=left - max(wait, 0.0))
        finally:
            if self._places is not None:
                self._places.release()

    def _reserve(self, left: float | None) -> float:
        """Take the next beginning and return the seconds until it."""
        if self._interval is None:
            return 0.0
        now = self._clock()
        begins = max(self._free_at, now)
        wait = begins - now - self._slack
        if left is not None and wait >= left:
            raise self._too_late(f"would begin in {wait:.1f} s, with {left:.1f} s left")
        self._free_at = begins + self._interval
        return wait

    @contextmanager
    def _until(self, deadline: float | None) -> Iterator[None]:
        import anyio

        try:
            with nullcontext() if deadline is None else anyio.fail_after(deadline):
                yield
        except TimeoutError:
            raise self._too_late(f"waited {deadline:.1f} s for a place") from None

    def _too_late(self, what: str) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"Under the limits set for {self.info.name} the call {what} before its deadline.",
            remedy="Raise the deadline, the concurrency or the calls per minute.",
            provider=self.info.provider,
        )
