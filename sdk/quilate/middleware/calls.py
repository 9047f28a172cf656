"""Model calls by content: their keys, stores of them, and models that answer from a store.

The same wrapper is a run's journal (keys hold the run's scope, so that every sample has calls of
its own), its cache (keys hold the call alone, so that runs share answers), and, read only, its
cassette.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from quilate.codec import digest, to_json
from quilate.errors import DeadlineExceeded, InvalidRequest, ReplayMiss
from quilate.middleware.base import Wrapper, within
from quilate.middleware.deadlines import without_time
from quilate.middleware.values import Method, as_response, asked_json, values_of
from quilate.models import (
    Event,
    Finished,
    Likelihood,
    Model,
    ModelInfo,
    Request,
    Response,
    TokenCount,
    events_of,
)

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question
    from quilate.evals.results import CallSource


class CallStore(Protocol):
    """Responses by call key. Both methods raise `StoreError` and nothing else.

    `put` is durable when it returns. It may be given a key that it has: the first answer stays.
    Inside `put`, `request_json` of that request costs nothing, and `call_source` knows whether the
    answer was paid for.
    """

    async def get(self, key: str) -> Response | None:
        """The response kept under `key`."""
        ...

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Keep a response; its `raw` is None."""
        ...


class CallNote(NamedTuple):
    """A call that was answered: its key in the journal, and where the answer came from."""

    key: str
    source: "CallSource"


class _Call:
    """A call on its way through the layers, encoded once for all of them. `further` is what it
    asks beside the request: the method and its questions or continuations, if not `generate`."""

    __slots__ = ("body", "flights", "further", "request", "source")

    def __init__(self, request: Request, further: tuple[()] | tuple[Method, bytes] = ()) -> None:
        self.request, self.further = request, further
        self.body = _encode(request)
        self.source: CallSource = "live"
        self.flights: list[tuple[int, str]] = []

    def key(self, identity: str, scope: str) -> str:
        return digest(scope, identity, self.body, *self.further)


_current: ContextVar[_Call | None] = ContextVar("quilate_call", default=None)
_notes: ContextVar[list[CallNote] | None] = ContextVar("quilate_call_notes", default=None)
_scope: ContextVar[str] = ContextVar("quilate_call_scope", default="")


def _encode(request: Request) -> bytes:
    from pydantic_core import PydanticSerializationError

    try:
        return to_json(timeless(request))
    except PydanticSerializationError as error:
        raise InvalidRequest(
            f"The request cannot be written as JSON: {error}.",
            remedy="Give `extra`, tool parameters and tool arguments plain JSON values.",
        ) from None


def timeless(request: Request) -> Request:
    """The request without its deadlines, which never change an answer."""
    if request.deadline is None and request.first_event_deadline is None:
        return request
    return replace(request, deadline=None, first_event_deadline=None)


def request_json(request: Request) -> bytes:
    """The request as JSON without its deadline, which never changes an answer.

    >>> from quilate.models import ask
    >>> request_json(ask("hi")).decode()
    '{"messages":[{"role":"user","parts":[{"text":"hi"}]}]}'
    """
    call = _current.get()
    return call.body if call is not None and call.request is request else _encode(request)


def call_source(request: Request) -> "CallSource":
    """Inside `CallStore.put`: where the answer that is to be kept came from."""
    call = _current.get()
    return call.source if call is not None and call.request is request else "live"


def call_key(identity: str, request: Request, scope: str = "") -> str:
    """The SHA-256, as hex, of a model's identity, a request and a scope.

    >>> from quilate.models import ask
    >>> call_key("a", ask("hi")) == call_key("b", ask("hi"))
    False
    """
    return digest(scope, identity, request_json(request))


@contextmanager
def call_scope(scope: str) -> Iterator[None]:
    """Journal keys of the calls made inside (child tasks and threads too) hold `scope`."""
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def collect() -> Iterator[list[CallNote]]:
    """Gather a `CallNote` for each call that a journal or cassette answers inside, in the order
    in which they end; a failed call leaves none. The innermost `collect` takes the note.

    >>> with collect() as notes:
    ...     pass
    >>> notes
    []
    """
    notes: list[CallNote] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def _note(key: str, source: "CallSource") -> None:
    notes = _notes.get()
    if notes is not None:
        notes.append(CallNote(key, source))


# Calls being made now, by store and key; they end with the response that was kept, or with None.
# A concurrent future works across event loops.
_flights: "dict[tuple[int, str], Future[Response | None]]" = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_flights.clear)  # those who were to end them are not there


async def _take(flight: tuple[int, str]) -> Response | None:
    """Wait until no other call is on this flight; the response that the call ahead has kept.

    When it failed or was cancelled, or none was ahead: None, and the flight is held until `_leave`.
    An error or a cancellation is never shared.
    """
    mine: Future[Response | None] = Future()
    while (ahead := _flights.setdefault(flight, mine)) is not mine:
        kept = await asyncio.shield(asyncio.wrap_future(ahead))
        if kept is not None:
            return kept
    return None


def _leave(flight: tuple[int, str], kept: Response | None) -> None:
    held = _flights.pop(flight, None)
    if held is not None:  # else this process was forked from one in the middle of the call
        held.set_result(kept)


class Stored(Wrapper):
    """Answers from `store`, or else from the model, and keeps the answer.

    As ``journal``, keys hold the current `call_scope` and `collect` notes them; as ``cache``,
    keys hold no scope. Of concurrent identical calls one is made and the others wait for it, as
    long as their deadlines let them; streams do not wait. Errors are not kept; an answer cut at
    its token limit is, because asking again would cut it again. A stream is kept before its
    `Finished` event is given out; from the store, it is one delta a part. Raises `StoreError`,
    and what the model raises.

    >>> from quilate import sync
    >>> from quilate.middleware.cassette import MemoryStore
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> model = ScriptedModel("hola")
    >>> stored = Stored(model, MemoryStore())
    >>> [sync.run(stored.generate(ask("?"))).text for _ in range(3)], model.calls
    (['hola', 'hola', 'hola'], 1)
    """

    def __init__(
        self, inner: Model, store: CallStore, *, role: Literal["journal", "cache"] = "cache"
    ) -> None:
        super().__init__(inner)
        self._store, self._role = store, role

    def check_ready(self) -> None:
        """Nothing: all that is asked may be in the store."""

    async def generate(self, request: Request) -> Response:
        """The kept response, or the model's, kept."""
        return await self._once(_call_of(request), self.inner.generate)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """The kept scores, or the model's, kept."""
        inner = super().loglikelihood
        return await self._values(
            "loglikelihood", context, continuations, lambda context: inner(context, continuations)
        )

    async def count_tokens(self, request: Request) -> TokenCount:
        """The kept count, or the model's, kept."""
        inner = super().count_tokens

        async def count(request: Request) -> list[TokenCount]:
            return [await inner(request)]

        counted: list[TokenCount] = await self._values("count_tokens", request, (), count)
        return counted[0]

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The kept decisions, or the model's, kept."""
        inner = super().decide
        return await self._values(
            "decide", request, questions, lambda request: inner(request, questions)
        )

    async def _values(
        self,
        method: Method,
        request: Request,
        asked: Sequence[Any],
        make: Callable[[Request], Awaitable[list[Any]]],
    ) -> list[Any]:
        async def respond(request: Request) -> Response:
            return as_response(method, asked, await make(request))

        return values_of(method, await self._once(_call_of(request, method, asked), respond))

    async def _once(self, call: _Call, make: Callable[[Request], Awaitable[Response]]) -> Response:
        key = self._key(call)
        flight = (id(self._store), key)
        if flight in call.flights:  # wrapped twice with one store: waiting would be for ourselves
            return await make(call.request)
        response = await self._wait(call, flight)
        if response is not None:
            call.source = self._role
            self._note(call, key)
            return response
        call.flights.append(flight)
        token = _current.set(call)
        kept = None
        try:
            response = kept = await self._find(call, key)
            if response is None:
                response = await make(call.request)
                kept = await self._keep(call, key, response)
        finally:
            _current.reset(token)
            _leave(flight, kept)
        self._note(call, key)
        return response

    async def _wait(self, call: _Call, flight: tuple[int, str]) -> Response | None:
        """`_take` the flight, in the call's time, which is what is left of it from then on."""
        limits = (call.request.deadline, call.request.first_event_deadline)
        left = min((limit for limit in limits if limit is not None), default=None)
        if left is None:
            return await _take(flight)
        now = asyncio.get_running_loop().time
        began = now()
        try:
            async with asyncio.timeout(left) as clock:
                kept = await _take(flight)
        except TimeoutError:
            if not clock.expired():
                raise
            raise DeadlineExceeded(
                f"The same call was under way already, and had no answer within {left:g} seconds.",
                where=self.info.name,
                provider=self.info.provider,
                remedy="Give it a longer deadline.",
            ) from None
        call.request = without_time(call.request, now() - began)
        return kept

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """The kept response, one delta a part, or the model's stream, kept at its end."""
        call = _call_of(request)
        key = self._key(call)
        found = await self._find(call, key)
        if found is not None:
            self._note(call, key)
            for event in events_of(found):
                yield event
            return
        async with aclosing(within(_current, call, self.inner.stream(request))) as events:
            async for event in events:
                if isinstance(event, Finished):
                    await self._keep(call, key, event.response)
                    self._note(call, key)
                yield event

    def _key(self, call: _Call) -> str:
        scope = _scope.get() if self._role == "journal" else ""
        return call.key(self.inner.info.identity, scope)

    async def _find(self, call: _Call, key: str) -> Response | None:
        found = await self._store.get(key)
        if found is not None:
            call.source = self._role
        return found

    async def _keep(self, call: _Call, key: str, response: Response) -> Response:
        """Keep what is to be kept of a response, and return it."""
        kept = response
        if response.raw is not None or response.rate_limit is not None:
            kept = replace(response, raw=None, rate_limit=None)
        token = _current.set(call)
        try:
            await self._store.put(key, self.inner.info.name, call.request, kept)
        finally:
            _current.reset(token)
        return kept

    def _note(self, call: _Call, key: str) -> None:
        if self._role == "journal":
            _note(key, call.source)


def _call_of(request: Request, method: Method | None = None, asked: Sequence[Any] = ()) -> _Call:
    """The call that an outer layer has begun with this request, or a new one."""
    further: tuple[()] | tuple[Method, bytes] = (
        () if method is None else (method, asked_json(method, asked))
    )
    call = _current.get()
    if call is not None and call.request is request and call.further == further:
        return call
    return _Call(request, further)


class Replayed:
    """A model's answers from a store alone: no call is ever made.

    `recorded` gives the requests that the store holds; a miss then shows how the one asked for
    differs from the nearest of them. Raises `ReplayMiss` for a call that the store does not have.
    """

    def __init__(
        self,
        model: Model | ModelInfo,
        store: CallStore,
        *,
        recorded: Callable[[], Iterable[Request]] = tuple,
    ) -> None:
        self.info = model if isinstance(model, ModelInfo) else model.info
        self._store, self._recorded = store, recorded

    async def generate(self, request: Request) -> Response:
        """The recorded response."""
        return await self._recording(_call_of(request))

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """The recorded scores."""
        return await self._values("loglikelihood", context, continuations)

    async def count_tokens(self, request: Request) -> TokenCount:
        """The recorded count."""
        counted: list[TokenCount] = await self._values("count_tokens", request, ())
        return counted[0]

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The recorded decisions."""
        return await self._values("decide", request, questions)

    async def _values(self, method: Method, request: Request, asked: Sequence[Any]) -> list[Any]:
        return values_of(method, await self._recording(_call_of(request, method, asked)))

    async def _recording(self, call: _Call) -> Response:
        key = call.key(self.info.identity, _scope.get())
        found = await self._store.get(key)
        if found is None:
            raise self._miss(call)
        _note(key, "replay")
        return found

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """The recorded response, one delta a part."""
        for event in events_of(await self.generate(request)):
            yield event

    def _miss(self, call: _Call) -> ReplayMiss:
        from quilate.middleware.cassette import difference

        what = f"call of {call.further[0]}" if call.further else "call"
        return ReplayMiss(
            f"The recording holds no answer of {self.info.name} to this {what}."
            + difference(call.request, self._recorded()),
            where=_scope.get() or None,
            remedy="Replay with the suite, templates, data and model of the recorded run, or run "
            "without replay to make the call.",
        )
