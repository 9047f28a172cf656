"""Retries, in one layer for every provider: their own clients are built to make none."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from quilate.errors import ConfigurationError, MalformedReply, ModelError
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.deadlines import has_first_event, without_time
from quilate.models import (
    Cost,
    Event,
    Finished,
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
        within: Callable[[], float | None] = lambda: None,
        failed: list[ModelError] | None = None,
    ) -> T:
        """Await ``call(seconds)``, `seconds` having passed since the first try began, until it
        answers; no wait begins that would not end ``within()`` so many seconds of the first
        try's beginning. The errors of all tries go into `failed`."""
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

        def left() -> float | None:
            limit = within()
            return None if limit is None else started + limit - self.clock()

        return await self._retrying(left)(again)

    def _retrying(self, seconds_left: Callable[[], float | None]) -> "AsyncRetrying":
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
            reason = self._reason_to_stop(
                state.attempt_number, state.upcoming_sleep, seconds_left()
            )
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

    The request's deadlines hold for all attempts and waits together, with one exception: where an
    attempt of `generate` fails after its first event, that event was in time, and the next attempt
    has the whole `first_event_deadline` for its own. A stream is retried only until its first
    event. Usage and cost are those of all attempts, as far as failed ones had a reply that told
    them.

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
        if not has_first_event(self, request):
            return await self._retry(request, self.inner.generate)
        limits = _Limits(request)

        async def read(request: Request) -> Response:
            events, begun = self.inner.stream(request), False
            try:
                async for event in events:
                    begun = True
                    if isinstance(event, Finished):
                        return event.response
                raise MalformedReply("The stream ended without an answer.", where=self.info.name)
            except ModelError:
                if begun:
                    limits.first_event_was_in_time()
                raise
            finally:
                await close_stream(events)

        return await self._retry(request, read, limits)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece; what has been given out is never taken back."""

        async def begin(request: Request) -> tuple[Event, AsyncIterator[Event]]:
            events = self.inner.stream(request)
            first = await anext(events, None)
            if first is None:
                raise MalformedReply("The stream ended without an event.", where=self.info.name)
            return first, events

        failed: list[ModelError] = []
        first, rest = await self._retry(request, begin, failed=failed)
        try:
            yield _with_lost(first, failed)
            async for event in rest:
                yield _with_lost(event, failed)
        except ModelError as error:
            if failed:
                error.usage, error.cost = _lost([*failed, error])
            _part_from_context(error)
            raise
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

    async def _retry(
        self,
        request: Request,
        attempt: Callable[[Request], Awaitable[T]],
        limits: "_Limits | None" = None,
        failed: list[ModelError] | None = None,
    ) -> T:
        limits = limits or _Limits(request)
        failed = [] if failed is None else failed
        try:
            answer = await self._tries.make(
                lambda passed: attempt(limits.left(passed) if passed else request),
                within=limits.within,
                failed=failed,
            )
        except ModelError as error:
            error.usage, error.cost = _lost(failed)
            _part_from_context(error)
            raise
        return cast(T, _billed(answer, failed)) if isinstance(answer, Response) else answer


def _part_from_context(error: ModelError) -> None:
    """Let go of what an adapter raised its error ``from None`` of: an SDK's own error may quote
    the key, and Python only hides it."""
    if error.__suppress_context__ and error.__cause__ is None:
        error.__context__ = None


class _Limits:
    """What the deadlines of a request leave to its next attempt."""

    def __init__(self, request: Request) -> None:
        self._request = request
        # Seconds after the beginning from which the first event is due; None: from the next attempt
        self._due_from: float | None = 0.0

    def first_event_was_in_time(self) -> None:
        """The attempt that fails now had its first event; that of the next one is due anew."""
        self._due_from = None

    def within(self) -> float | None:
        """Seconds after the beginning in which another attempt can still be of use."""
        total, first = self._request.deadline, self._request.first_event_deadline
        if first is None or self._due_from is None:
            return total
        until = self._due_from + first
        return until if total is None else min(total, until)

    def left(self, passed: float) -> Request:
        """The request of an attempt that begins when so many seconds have passed."""
        if self._due_from is None:
            self._due_from = passed
        first = self._request.first_event_deadline
        if first is not None:
            first += self._due_from
        return without_time(replace(self._request, first_event_deadline=first), passed)


def _with_lost(event: Event, failed: Sequence[ModelError]) -> Event:
    """An event; the last one of a stream with what failed tries used and cost."""
    if failed and isinstance(event, Finished):
        return replace(event, response=_billed(event.response, failed))
    return event


def _billed(response: Response, failed: Sequence[ModelError]) -> Response:
    usage, cost = _lost(failed)
    if usage is None or cost is None:
        return response
    return replace(response, usage=response.usage + usage, cost=response.cost + cost)


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
