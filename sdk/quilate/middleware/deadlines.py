"""Deadlines: for the whole call, and until the first event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from typing import TypeVar

from quilate.errors import DeadlineExceeded
from quilate.middleware.base import Wrapper, close_stream
from quilate.models import Event, Finished, Likelihood, Request, Response

V = TypeVar("V")


class Deadlines(Wrapper):
    """Cancels the wrapped model when a request's deadline passes, and raises `DeadlineExceeded`.

    The time is that of the waits for the model, not of what a stream's reader does between its
    events. A `generate` with a `first_event_deadline` reads the model's stream.

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
        if request.first_event_deadline is not None and self.info.capabilities.has("stream"):
            async for event in self.stream(request):
                if isinstance(event, Finished):
                    return event.response
            raise self._too_late("whole answer", request.deadline)
        return await self._in_time(self.inner.generate(request), request.deadline)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, in time."""
        return await self._in_time(super().loglikelihood(context, continuations), context.deadline)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, in time."""
        total, first = request.deadline, request.first_event_deadline
        left, what = total, "whole answer"
        if first is not None and (left is None or first < left):
            left, what = first, "event of the answer"
        events, spent = self.inner.stream(request), 0.0
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
                    limit = total if what == "whole answer" else first
                    raise self._too_late(what, limit) from None
                spent += now() - began
                left, what = None if total is None else max(0.0, total - spent), "whole answer"
                if event is None:
                    return
                yield event
        finally:
            await close_stream(events)

    async def _in_time(self, answer: Awaitable[V], deadline: float | None) -> V:
        if deadline is None:
            return await answer
        try:
            async with asyncio.timeout(deadline) as clock:
                return await answer
        except TimeoutError:
            if not clock.expired():
                raise
            raise self._too_late("whole answer", deadline) from None

    def _too_late(self, what: str, limit: float | None) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"No {what} came within {limit or 0:g} seconds.",
            where=self.info.name,
            provider=self.info.provider,
            remedy="Give it a longer deadline, or ask for fewer max_tokens.",
        )


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
