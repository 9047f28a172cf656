"""Retries, in one layer for every provider: their own clients are built to make none."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from quilate.errors import ConfigurationError, MalformedReply, ModelError
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.deadlines import without_time
from quilate.models import (
    Cost,
    Event,
    Likelihood,
    Model,
    Request,
    Response,
    TokenCount,
    Usage,
)

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

    from quilate.decisions import Decision, Question

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tries:
    """Tries a call up to `attempts` times while its error is `retryable`.

    Waits are drawn between 0 and `first_wait` seconds, then between 0 and twice as many, and so on
    ("full jitter"), and are never shorter than the provider's ``retry_after``. A wait that is
    longer than `max_wait` seconds is not begun: the error is raised at once with a note that says
    so. The last error is the one raised.

    >>> from quilate import sync
    >>> async def call(seconds: float) -> str:
    ...     return "hola"
    >>> sync.run(Tries().make(call))
    'hola'
    """

    attempts: int = 4
    first_wait: float = 1.0
    max_wait: float = 60.0
    sleep: Callable[[float], Awaitable[None]] | None = None
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigurationError(
                f"attempts is {self.attempts!r}.", remedy="It is a whole number, 1 or more."
            )

    async def make(
        self,
        call: Callable[[float], Awaitable[T]],
        *,
        within: float | None = None,
        failed: list[ModelError] | None = None,
    ) -> T:
        """Await ``call(seconds)``, `seconds` having passed since the first try began, until it
        answers; no wait begins that would not end `within` so many seconds. The errors of all
        tries go into `failed`."""
        started, failed = self.clock(), [] if failed is None else failed
        try:
            return await call(0.0)
        except ModelError as error:
            failed.append(error)
            if not error.retryable or self.attempts == 1:
                raise
            first: ModelError | None = error  # tenacity's first attempt: a good call pays nothing

        async def again() -> T:
            nonlocal first
            if first is not None:
                error, first = first, None
                raise error
            try:
                return await call(self.clock() - started)
            except ModelError as error:
                failed.append(error)
                raise

        until = None if within is None else started + within
        return await self._retrying(until)(again)

    def _retrying(self, until: float | None) -> "AsyncRetrying":
        from anyio import sleep
        from tenacity import AsyncRetrying, wait_random_exponential

        backoff = wait_random_exponential(multiplier=self.first_wait, max=self.max_wait)

        def retry(state: "RetryCallState") -> bool:
            error = _error(state)
            return error is not None and error.retryable

        def wait(state: "RetryCallState") -> float:
            error = _error(state)
            return max(backoff(state), (error and error.retry_after) or 0.0)

        def stop(state: "RetryCallState") -> bool:
            left = None if until is None else until - self.clock()
            reason = self._reason_to_stop(state.attempt_number, state.upcoming_sleep, left)
            error = _error(state)
            if reason and error is not None:
                error.add_note(reason)
            return reason is not None

        return AsyncRetrying(
            sleep=self.sleep or sleep, retry=retry, wait=wait, stop=stop, reraise=True
        )

    def _reason_to_stop(self, attempt: int, wait: float, left: float | None) -> str | None:
        if attempt >= self.attempts:
            return f"Tried {attempt} times."
        if wait > self.max_wait:
            return (
                f"Tried {attempt} times: the provider asks to wait {wait:.0f} s, longer than the "
                f"{self.max_wait:.0f} s that a retry may wait."
            )
        if left is not None and wait >= left:
            return (
                f"Tried {attempt} times: the next try would have to wait {wait:.1f} s, and "
                f"{max(left, 0):.1f} s of the request's deadline are left."
            )
        return None


class Retrying(Wrapper):
    """A model whose calls are made as `Tries` says, with the options of its fields.

    The request's deadlines hold for all attempts and waits together. A stream is retried only
    until its first event. Usage and cost are those of all attempts, as far as failed ones had a
    reply that told them.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> sync.run(Retrying(ScriptedModel("hola")).generate(ask("?"))).text
    'hola'
    """

    def __init__(
        self,
        inner: Model,
        *,
        attempts: int = 4,
        first_wait: float = 1.0,
        max_wait: float = 60.0,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._tries = Tries(attempts, first_wait, max_wait, sleep, clock)

    async def generate(self, request: Request) -> Response:
        """Answer once, after as many attempts as it takes."""
        return await self._retry(request, self.inner.generate)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece; what has been given out is never taken back."""

        async def begin(request: Request) -> tuple[Event, AsyncIterator[Event]]:
            events = self.inner.stream(request)
            first = await anext(events, None)
            if first is None:
                raise MalformedReply("The stream ended without an event.", where=self.info.name)
            return first, events

        first, rest = await self._retry(request, begin)
        try:
            yield first
            async for event in rest:
                yield event
        finally:
            await close_stream(rest)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, after as many attempts as it takes."""
        inner = super().loglikelihood
        return await self._retry(context, lambda context: inner(context, continuations))

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count input tokens, after as many attempts as it takes."""
        return await self._retry(request, super().count_tokens)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, after as many attempts as it takes."""
        inner = super().decide
        return await self._retry(request, lambda request: inner(request, questions))

    async def _retry(self, request: Request, attempt: Callable[[Request], Awaitable[T]]) -> T:
        limits = [request.deadline, request.first_event_deadline]
        within = min((limit for limit in limits if limit is not None), default=None)
        failed: list[ModelError] = []
        try:
            answer = await self._tries.make(
                lambda passed: attempt(without_time(request, passed) if passed else request),
                within=within,
                failed=failed,
            )
        except ModelError as error:
            error.usage, error.cost = _lost(failed)
            raise
        if failed and isinstance(answer, Response):
            usage, cost = _lost(failed)
            if usage is not None and cost is not None:
                return cast(T, replace(answer, usage=answer.usage + usage, cost=answer.cost + cost))
        return answer


def _lost(failed: Sequence[ModelError]) -> "tuple[Usage | None, Cost | None]":
    """What the replies of failed tries used and cost, as far as they said."""
    said = [error for error in failed if error.usage is not None]
    if not said:
        return None, None
    costs = [error.cost or Cost() for error in said]
    return sum((e.usage for e in said if e.usage), Usage()), sum(costs[1:], costs[0])


def _error(state: "RetryCallState") -> ModelError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, ModelError) else None
