"""Adaptive concurrency: as many calls at once as a provider takes, shared by all of its users."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from quilate.errors import ModelError
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.deadlines import without_time
from quilate.middleware.quota import Place, Quota, quota
from quilate.models import Event, Finished, Likelihood, Model, Request, Response, TokenCount

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question

T = TypeVar("T")


class Throttled(Wrapper):
    """Keeps a provider as busy as it can be, and no busier.

    All models of one `ModelInfo.quota` share their places (`Quota`), in the whole process. The
    number of places follows what the provider takes (`Window`); ``Retry-After`` and the rate-limit
    headers of its replies are obeyed. Waiting counts towards the request's deadlines. A stream
    holds its place until it ends. A model without a quota is called as it is.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> sync.run(Throttled(ScriptedModel("hola")).generate(ask("?"))).text
    'hola'
    """

    def __init__(self, inner: Model, *, quota: Quota | None = None) -> None:
        super().__init__(inner)
        self._given = quota

    async def generate(self, request: Request) -> Response:
        """Answer once, when there is a place."""
        return await self._held(request, self.inner.generate)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, when there is a place."""
        shared = self._quota()
        if shared is None:
            place, left = None, request
        else:
            place, left = await self._enter(shared, request)
        response: Response | None = None
        failed: ModelError | None = None
        events = self.inner.stream(left)
        try:
            async for event in events:
                if isinstance(event, Finished):
                    response = event.response
                yield event
        except ModelError as error:
            failed = error
            raise
        finally:
            try:
                await close_stream(events)
            finally:
                if shared is not None and place is not None:
                    shared.leave(place, response, failed)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, when there is a place."""
        inner = super().loglikelihood
        return await self._held(context, lambda context: inner(context, continuations))

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count input tokens, when there is a place."""
        return await self._held(request, super().count_tokens)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, when there is a place."""
        inner = super().decide
        return await self._held(request, lambda request: inner(request, questions))

    def _quota(self) -> Quota | None:
        if self._given is not None:
            return self._given
        name = self.info.quota
        return None if name is None else quota(name)

    async def _held(self, request: Request, call: Callable[[Request], Awaitable[T]]) -> T:
        shared = self._quota()
        if shared is None:
            return await call(request)
        place, request = await self._enter(shared, request)
        answer: T | None = None
        failed: ModelError | None = None
        try:
            answer = await call(request)
            return answer
        except ModelError as error:
            failed = error
            raise
        finally:
            shared.leave(place, answer, failed)

    async def _enter(self, shared: Quota, request: Request) -> tuple[Place, Request]:
        """A place, and the request with what is left of its deadlines."""
        if request.deadline is None and request.first_event_deadline is None:
            return await shared.enter(where=self.info.name), request
        began = shared.clock()
        limits = (request.deadline, request.first_event_deadline)
        within = min(limit for limit in limits if limit is not None)
        place = await shared.enter(within, where=self.info.name)
        return place, without_time(request, shared.clock() - began)
