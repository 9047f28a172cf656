# ruff: noqa: S101, D102  # tests are named by what they show
"""What an adapter of a hosted provider makes of a server that fails: typed errors, and no more."""

import asyncio
import pickle
import socket
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from quilate import errors
from quilate.middleware.ambient import Ambient
from quilate.middleware.base import close_stream
from quilate.middleware.deadlines import Deadlines
from quilate.middleware.retry import Retrying
from quilate.middleware.standard import standard
from quilate.models import Model, Request, Response, ask
from quilate.sync import run
from quilate.testing.contract.exchange import ExchangeTests
from quilate.testing.contract.served import (
    KEY,
    TEXT,
    Make,
    Open,
    take,
    taken,
    whole_and_streamed,
)
from quilate.testing.faults import FaultServer

Kinds = tuple[type[errors.ModelError], ...]

STATUS: dict[str, tuple[type[errors.ModelError], int]] = {
    "400": (errors.InvalidRequest, 400),
    "context": (errors.ContextLengthExceeded, 400),
    "content-filter": (errors.ContentRefused, 400),
    "401": (errors.AuthenticationError, 401),
    "403": (errors.PermissionDenied, 403),
    "404": (errors.ModelNotFound, 404),
    "413": (errors.InvalidRequest, 413),
    "429": (errors.RateLimited, 429),
    "429-retry-after=0.25": (errors.RateLimited, 429),
    "500": (errors.ServerError, 500),
    "503": (errors.Overloaded, 503),
    "529": (errors.Overloaded, 529),
}
_GARBLED: Kinds = (errors.MalformedReply,)
_BROKEN: Kinds = (errors.ConnectionFailed, errors.MalformedReply)
WHOLE: dict[str, Kinds] = {
    "cut": (errors.ConnectionFailed,),
    "hangup": (errors.ConnectionFailed,),
    "ended": _BROKEN,
    "truncated": _GARBLED,
    "html": _GARBLED,
    "shape": _GARBLED,
    "utf8": _GARBLED,
    "stall": (errors.DeadlineExceeded,),
    "slow=9": (errors.DeadlineExceeded,),
}
STREAMED: dict[str, Kinds] = {
    **dict.fromkeys(WHOLE, _BROKEN),
    "truncated": _GARBLED,
    "utf8": _GARBLED,
    "stall": (errors.DeadlineExceeded,),
    "slow=9": (errors.DeadlineExceeded,),
    "error-event": (errors.ServerError,),
}
WHOLE_AND_STREAMED = [
    *((kind, kinds, False) for kind, kinds in WHOLE.items()),
    *((kind, kinds, True) for kind, kinds in STREAMED.items()),
]


class FaultContract(ExchangeTests):
    """A subclass gives the fixture ``make``, a function of (address, model name, API key) that
    opens the adapter's bare model there: at a fault server that speaks Chat Completions, Responses
    and Messages, and that the kit starts (`quilate.testing.faults`)."""

    @whole_and_streamed
    def test_antaken(self, opened: Open, control: FaultServer, stream: bool) -> None:
        response = taken(opened("echo"), ask(TEXT), stream)
        assert response.text == TEXT
        assert (response.usage.input_tokens, response.usage.output_tokens) == (6, 6)
        assert response.id and response.model == "echo"
        assert response.timing.total_s > 0
        assert not stream or response.timing.first_token_s is not None
        report = control.report()
        assert (report["billed"], report["billed_tokens"]) == (1, 12)

    @whole_and_streamed
    @pytest.mark.parametrize("kind", STATUS)
    def test_a_status_is_its_error(
        self, opened: Open, control: FaultServer, kind: str, stream: bool
    ) -> None:
        expected, status = STATUS[kind]
        error = _error(opened(f"fault:{kind}"), stream)
        assert isinstance(error, expected), repr(error)
        assert error.status == status
        assert error.request_id, "the reply's request id is lost"
        assert error.retry_after == (0.25 if "retry-after" in kind else None)
        assert control.report()["total"] == 1, "the SDK retries by itself"

    @pytest.mark.parametrize(("kind", "kinds", "stream"), WHOLE_AND_STREAMED)
    def test_a_broken_reply_is_its_error(
        self,
        opened: Open,
        control: FaultServer,
        kind: str,
        kinds: Kinds,
        stream: bool,
    ) -> None:
        error = _error(opened(f"fault:{kind}"), stream)
        assert isinstance(error, kinds), repr(error)
        assert error.retryable
        # On a busy machine a deadline may pass before the server has the request.
        assert control.report()["total"] <= 1, "the SDK retries by itself"

    @pytest.mark.parametrize("kind", ["duplicated", "reordered"])
    def test_a_garbled_stream_is_never_a_wrongtaken(self, opened: Open, kind: str) -> None:
        try:
            response = taken(opened(f"fault:{kind}"), ask(TEXT), True)
        except errors.MalformedReply:
            return
        assert response.text == TEXT

    @whole_and_streamed
    def test_a_refusal_is_told(self, opened: Open, stream: bool) -> None:
        try:
            response = taken(opened("fault:refusal"), ask(TEXT), stream)
        except errors.ContentRefused:
            return
        assert response.finish_reason == "content_filter"

    @whole_and_streamed
    def test_a_huge_reply_ends(self, opened: Open, stream: bool) -> None:
        request = Request(ask(TEXT).messages, deadline=60)
        try:
            response = taken(opened("fault:huge"), request, stream)
        except errors.ModelError:
            return
        assert len(response.text) < 2**21

    @whole_and_streamed
    def test_a_cancelled_call_closes_its_connection(
        self, opened: Open, control: FaultServer, stream: bool
    ) -> None:
        async def cancelled() -> None:
            model = opened("fault:stall")
            call = asyncio.create_task(take(model, ask(TEXT), stream))
            await _until(control, lambda report: report["requests"].get("stall") == 1)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await _until(control, lambda report: report["disconnected"] == 1)

        run(cancelled())

    def test_a_left_stream_closes_its_connection(self, opened: Open, control: FaultServer) -> None:
        async def left() -> None:
            events = opened("fault:stall").stream(ask(TEXT))
            await anext(events)
            await close_stream(events)
            await _until(control, lambda report: report["disconnected"] == 1)

        run(left())

    def test_nobody_is_there(self, make: Make) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        error = _error(standard(make(f"http://127.0.0.1:{port}", "m", KEY), attempts=1), False)
        assert isinstance(error, errors.ConnectionFailed), repr(error)

    def test_our_retries_reach_thetaken(self, make: Make, control: FaultServer) -> None:
        model = _retrying(make(control.address, "fault:429-retry-after=0.01*2", KEY))
        assert taken(model, ask(TEXT), False).text == TEXT
        assert control.report()["total"] == 3

    def test_identities_tell_models_apart(self, make: Make, control: FaultServer) -> None:
        one, other = (make(control.address, name, KEY).info for name in ("a", "b"))
        elsewhere = make("http://127.0.0.1:1", "a", KEY).info
        assert len({one.identity, other.identity, elsewhere.identity}) == 3
        assert KEY not in repr(one) + repr(make(control.address, "a", KEY).__dict__)
        if one.quota is not None:
            others = make(control.address, "a", f"{KEY}-of-another").info
            assert one.quota == other.quota != KEY
            assert len({one.quota, others.quota, elsewhere.quota}) == 3

    @whole_and_streamed
    def test_every_request_of_a_mixed_run_is_accounted_for(
        self, make: Make, control: FaultServer, stream: bool
    ) -> None:
        model = _retrying(make(control.address, "mix:0.3:1", KEY))
        asked = [f"pregunta {n} de sesenta" for n in range(60)]
        ended = run(_ask_all(model, asked, stream))
        for text, end in zip(asked, ended, strict=True):
            assert isinstance(end, errors.ModelError) or end.text in (text, f"{text} "), repr(end)
        answered = sum(isinstance(end, Response) for end in ended)
        report = control.report()
        assert answered >= (30 if stream else 50)
        assert report["max_attempts"] <= 4
        assert report["billed"] >= answered - report["requests"].get("huge", 0)


def _error(model: Model, stream: bool) -> errors.ModelError:
    """The error of a call, which never shows the key, names its provider and can be pickled."""
    waits = "stall" in model.info.name or "slow" in model.info.name
    request = Request(ask(TEXT).messages, deadline=1 if waits else 20)
    with pytest.raises(errors.ModelError) as raised:
        taken(model, request, stream)
    error = raised.value
    assert error.provider == model.info.provider
    assert error.__context__ is None or KEY not in repr(error.__context__.__dict__)
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__dict__)
    assert KEY not in told
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (type(again), again.__dict__) == (type(error), error.__dict__)
    return error


def _retrying(adapter: Model) -> Ambient:
    """As `quilate.model` opens it, with shorter waits between the tries."""
    patient = Retrying(Deadlines(adapter), attempts=4, first_wait=0.01)
    return standard(patient, attempts=1)


async def _ask_all(
    model: Ambient, asked: list[str], stream: bool
) -> list[Response | errors.ModelError]:
    free = asyncio.Semaphore(16)

    async def one(text: str) -> Response | errors.ModelError:
        request = Request(ask(text).messages, deadline=5)
        async with free:
            try:
                return await take(model, request, stream)
            except errors.ModelError as error:
                return error

    try:
        return await asyncio.gather(*map(one, asked))
    finally:
        await model.aclose()


async def _until(control: FaultServer, is_so: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so(await asyncio.to_thread(control.report)):
            await asyncio.sleep(0.01)
