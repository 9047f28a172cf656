"""Model calls by content: their keys, stores of them, and models that answer from a store.

The same wrapper is a run's journal (keys hold the run's scope, so that every sample has calls of
its own), its cache (keys hold the call alone, so that runs share answers), and, read only, its
cassette.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from quilate.codec import digest, to_json
from quilate.errors import InvalidRequest, ReplayMiss
from quilate.middleware.base import Wrapper, within
from quilate.models import Event, Finished, Model, ModelInfo, Request, Response, events_of

if TYPE_CHECKING:
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
    """A call on its way through the layers, encoded once for all of them."""

    __slots__ = ("body", "flights", "request", "source")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body = _encode(request)
        self.source: CallSource = "live"
        self.flights: list[tuple[int, str]] = []


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


# Calls being made now, by store and key. A concurrent future works across event loops.
_flights: "dict[tuple[int, str], Future[None]]" = {}


async def _take(flight: tuple[int, str]) -> None:
    """Wait until no other call is on this flight, then hold it until `_leave`.

    Those who waited look in the store again and, when the call ahead failed or was cancelled,
    make their own: an error or a cancellation is never shared.
    """
    mine: Future[None] = Future()
    while (ahead := _flights.setdefault(flight, mine)) is not mine:
        await asyncio.shield(asyncio.wrap_future(ahead))


def _leave(flight: tuple[int, str]) -> None:
    _flights.pop(flight).set_result(None)


class Stored(Wrapper):
    """Answers from `store`, or else from the model, and keeps the answer.

    As ``journal``, keys hold the current `call_scope` and `collect` notes them; as ``cache``,
    keys hold no scope. Of concurrent identical `generate` calls one is made and the others wait
    for it. Errors are not kept; an answer cut at its token limit is, because asking again would
    cut it again. A stream is kept before its `Finished` event is given out; from the store, it is
    one delta a part. Raises `StoreError`, and what the model raises.

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

    async def generate(self, request: Request) -> Response:
        """The kept response, or the model's, kept."""
        call = _call_of(request)
        key = self._key(call)
        flight = (id(self._store), key)
        if flight in call.flights:  # wrapped twice with one store: waiting would be for ourselves
            return await self.inner.generate(request)
        await _take(flight)
        call.flights.append(flight)
        token = _current.set(call)
        try:
            response = await self._find(call, key)
            if response is None:
                response = await self.inner.generate(request)
                await self._keep(call, key, response)
        finally:
            _current.reset(token)
            _leave(flight)
        self._note(call, key)
        return response

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
        return digest(scope, self.inner.info.identity, call.body)

    async def _find(self, call: _Call, key: str) -> Response | None:
        found = await self._store.get(key)
        if found is not None:
            call.source = self._role
        return found

    async def _keep(self, call: _Call, key: str, response: Response) -> None:
        kept = response
        if response.raw is not None or response.rate_limit is not None:
            kept = replace(response, raw=None, rate_limit=None)
        token = _current.set(call)
        try:
            await self._store.put(key, self.inner.info.name, call.request, kept)
        finally:
            _current.reset(token)

    def _note(self, call: _Call, key: str) -> None:
        if self._role == "journal":
            _note(key, call.source)


def _call_of(request: Request) -> _Call:
    """The call that an outer layer has begun with this request, or a new one."""
    call = _current.get()
    return call if call is not None and call.request is request else _Call(request)


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
        key = call_key(self.info.identity, request, _scope.get())
        found = await self._store.get(key)
        if found is None:
            raise self._miss(request)
        _note(key, "replay")
        return found

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """The recorded response, one delta a part."""
        for event in events_of(await self.generate(request)):
            yield event

    def _miss(self, request: Request) -> ReplayMiss:
        from quilate.middleware.cassette import difference

        return ReplayMiss(
            f"The recording holds no answer of {self.info.name} to this call."
            + difference(request, self._recorded()),
            where=_scope.get() or None,
            remedy="Replay with the suite, templates, data and model of the recorded run, or run "
            "without replay to make the call.",
        )
