"""Deadlines: for the whole call, and until the first event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from quilate.errors import DeadlineExceeded, MalformedReply
from quilate.middleware.base import Wrapper, close_stream
from quilate.models import Event, Finished, Likelihood, Model, Request, Response, TokenCount

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question

V = TypeVar("V")


class Deadlines(Wrapper):
    """Cancels the wrapped model when a request's deadline passes, and raises `DeadlineExceeded`.

    The time is that of the waits for the model, not of what a stream's reader does between its
    events. A `generate` with a `first_event_deadline` reads the model's stream; of a model without
    one, and of all other calls, the whole answer is the first event.

    >>> from dataclasses import replace
    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> slow = Deadlines(ScriptedModel(lambda request: asyncio.sleep(9, "late")))
    >>> sync.run(slow.generate(replace(ask("?"), deadline=0.01)))
    Traceback (most recent call last):
    quilate.errors.DeadlineExceeded: ...No whole answer came within 0.01 seconds...
    """

    async def generate(self, request: Request) -> Response:
        """Answer once, in time."""
        if not has_first_event(self, request):
            return await self._in_time(self.inner.generate(request), request)
        events = self.stream(request)
        try:
            async for event in events:
                if isinstance(event, Finished):
                    return event.response
        finally:
            await close_stream(events)
        raise MalformedReply("The stream ended without an answer.", where=self.info.name)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, in time."""
        return await self._in_time(super().loglikelihood(context, continuations), context)

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count input tokens, in time."""
        return await self._in_time(super().count_tokens(request), request)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, in time."""
        return await self._in_time(super().decide(request, questions), request)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, in time."""
        total = request.deadline
        (limit, what), spent = _first_limit(request), 0.0
        left, events = limit, self.inner.stream(request)
        now = asyncio.get_running_loop().time
        try:
            while True:
                began = now()
                try:
                    async with asyncio.timeout(left) as clock:
                        event = await anext(events, None)
                except TimeoutError:
                    if not clock.expired():
                        raise
                    raise self._too_late(what, limit) from None
                spent += now() - began
                limit, what = total, "whole answer"
                left = None if total is None else max(0.0, total - spent)
                if event is None:
                    return
                yield event
        finally:
            await close_stream(events)

    async def _in_time(self, answer: Awaitable[V], request: Request) -> V:
        limit, what = _first_limit(request)
        if limit is None:
            return await answer
        try:
            async with asyncio.timeout(limit) as clock:
                return await answer
        except TimeoutError:
            if not clock.expired():
                raise
            raise self._too_late(what, limit) from None

    def _too_late(self, what: str, limit: float | None) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"No {what} came within {limit or 0:g} seconds.",
            where=self.info.name,
            provider=self.info.provider,
            remedy="Give it a longer deadline, or ask for fewer max_tokens.",
        )


def has_first_event(model: Model, request: Request) -> bool:
    """Whether a `generate` must read the model's stream, to know when the first event comes."""
    return request.first_event_deadline is not None and model.info.capabilities.has("stream")


def _first_limit(request: Request) -> tuple[float | None, str]:
    """Seconds until something must have come, and what that is."""
    total, first = request.deadline, request.first_event_deadline
    if first is not None and (total is None or first < total):
        return first, "event of the answer"
    return total, "whole answer"


def without_time(request: Request, seconds: float) -> Request:
    """The request when `seconds` of its deadlines have passed.

    >>> without_time(Request((), deadline=5.0), 2.0).deadline
    3.0
    """
    total, first = request.deadline, request.first_event_deadline
    if total is None and first is None:
        return request
    return replace(
        request,
        deadline=None if total is None else max(0.0, total - seconds),
        first_event_deadline=None if first is None else max(0.0, first - seconds),
    )
