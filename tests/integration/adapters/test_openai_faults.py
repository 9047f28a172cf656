"""What goes wrong between the openai adapter and a server: one typed error, and never the key."""

import asyncio
import datetime
import http.server
import pickle
import ssl
import subprocess
import threading
from dataclasses import replace

import pytest

import quilate
from quilate import errors
from quilate.messages import File, Message, ToolCall, ToolResult, user
from quilate.models import Request, Sampling, Tool, ask
from quilate.sync import iterate, run
from quilate.testing.faults import FaultServer
from quilate_adapters.openai import model
from quilate_adapters.openai.connection import Connection

KEY = "a-secret-that-no-pattern-knows"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": f"Bad key {KEY}"}, errors.AuthenticationError),
        (403, {"message": "no"}, errors.PermissionDenied),
        (404, {"message": "no model m"}, errors.ModelNotFound),
        (400, {"message": "long", "code": "context_length_exceeded"}, errors.ContextLengthExceeded),
        (400, {"message": "no", "code": "content_policy_violation"}, errors.ContentRefused),
        (400, {"message": "bad temperature"}, errors.InvalidRequest),
        (429, {"message": "slow"}, errors.RateLimited),
        (429, {"message": "pay", "code": "insufficient_quota"}, errors.ModelError),
        (500, {"message": "oops"}, errors.ServerError),
        (503, {"message": "overloaded"}, errors.Overloaded),
    ],
)
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_each_status_is_one_error_without_the_key(canned, api, status, body, kind):
    canned.status = status
    canned.answer({"error": body})
    canned.headers = {"x-request-id": "req_1", "retry-after": "3"}
    with pytest.raises(errors.ModelError) as caught:
        run(model("m", base_url=canned.url, api_key=KEY, api=api).generate(ask("?")))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.request_id, error.retry_after) == (status, "req_1", 3.0)
    assert canned.url in str(error)
    assert KEY not in str(error) + repr(error) + str(pickle.dumps(error))
    assert error.__cause__ is error.__context__ is None, "the SDK's own error holds the headers"
    assert len(canned.sent) == 1, "the SDK must not retry"


# What each broken reply may be; for `duplicated` and `reordered` a whole reply has no pieces.
@pytest.fixture(autouse=True)
def _endless(fault_server):
    """A huge reply is larger than the adapter takes, whatever another test has set."""
    FaultServer(fault_server).set(huge_bytes=32 * 2**20)


BROKEN = {
    "cut": errors.ConnectionFailed,
    "hangup": errors.ConnectionFailed,
    "truncated": errors.MalformedReply,
    "html": errors.MalformedReply,
    "shape": errors.MalformedReply,
    "utf8": errors.MalformedReply,
    "huge": errors.MalformedReply,
    "refusal": errors.ContentRefused,
}
PIECES = {
    "duplicated": errors.MalformedReply,
    "reordered": errors.MalformedReply,
    "error-event": errors.ServerError,
    "ended": errors.ConnectionFailed,
}


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("fault", [*BROKEN, *PIECES])
def test_a_broken_stream_is_one_typed_error(fault_server, fault, api):
    opened = model(f"fault:{fault}", base_url=f"{fault_server}/v1", api=api)
    with pytest.raises((BROKEN | PIECES)[fault]):
        list(iterate(opened.stream(ask("uno dos tres cuatro"))))


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_reply_is_one_typed_error(fault_server, fault, api):
    opened = model(f"fault:{fault}", base_url=f"{fault_server}/v1", api=api)
    with pytest.raises(BROKEN[fault]):
        run(opened.generate(ask("uno dos tres cuatro")))


def test_cancelling_closes_the_connection(fault_server):
    import httpx2

    def gone():
        return httpx2.get(f"{fault_server}/control", trust_env=False).json()["disconnected"]

    async def cancelled():
        opened = model("fault:stall=60", base_url=f"{fault_server}/v1")
        before, began = await asyncio.to_thread(gone), asyncio.Event()

        async def read():
            async for _ in opened.stream(ask("uno dos tres cuatro")):
                began.set()

        task = asyncio.create_task(read())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            while await asyncio.to_thread(gone) == before:
                await asyncio.sleep(0.05)

    asyncio.run(cancelled())


def test_nobody_listens(canned):
    canned.close()
    with pytest.raises(errors.ConnectionFailed, match="server runs"):
        run(model("m", base_url=canned.url).generate(ask("?")))


def test_a_broken_proxy_is_named(canned, monkeypatch):
    canned.close()
    monkeypatch.setenv("HTTP_PROXY", canned.url.removesuffix("/v1"))
    address = canned.url.removesuffix("/v1").removeprefix("http://")
    with pytest.raises(errors.ConnectionFailed, match=f"proxy http://{address}.*HTTP_PROXY"):
        run(model("m", base_url="http://quilate.invalid/v1").generate(ask("?")))


def test_a_proxy_is_used(canned, golden, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", canned.url.removesuffix("/v1"))
    canned.answer(golden("openai/chat_text"))
    opened = model("m", base_url="http://quilate.invalid/v1")
    assert run(opened.generate(ask("?"))).text == "hola"
    assert canned.paths == ["http://quilate.invalid/v1/chat/completions"]


@pytest.fixture
def self_signed(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_certificate_that_nobody_signed(self_signed):
    with pytest.raises(errors.ConnectionFailed, match=r"TLS.*certificate.*SSL_CERT_FILE"):
        run(model("m", base_url=self_signed).generate(ask("?")))


def test_missing_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(errors.AuthenticationError, match="Set OPENAI_API_KEY"):
        run(model("gpt-4o").generate(ask("?")))


def test_a_key_for_openai_by_address_must_be_given(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(errors.AuthenticationError, match="leave base_url out, or pass api_key"):
        run(model("gpt-4o", base_url="https://api.openai.com/v1").generate(ask("?")))


@pytest.mark.parametrize("key", ["sk-abc\ndef", "“sk-abc”"])
def test_a_malformed_key_is_never_printed(key):
    with pytest.raises(errors.ConfigurationError) as caught:
        model("gpt-4o", api_key=key, base_url="http://127.0.0.1:1/v1")
    assert "abc" not in str(caught.value)


def test_the_environments_key_does_not_go_to_another_server(canned, golden, monkeypatch):
    canned.answer(golden("openai/chat_text"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run(model("m", base_url=canned.url).generate(ask("?")))
    monkeypatch.setenv("OPENAI_BASE_URL", canned.url)
    run(model("m").generate(ask("?")))
    sent = [headers["authorization"] for headers in canned.sent_headers]
    assert sent == ["Bearer none", f"Bearer {KEY}"]


def test_identity_holds_server_name_and_api():
    made = [
        model("m", base_url=f"http://h{i}/v1", api=api).info
        for i in (1, 2)
        for api in ("chat", "responses")
    ]
    assert len({info.identity for info in made}) == 4
    assert "secret" not in model("m", base_url="http://user:secret@h/v1").info.identity
    assert made[0].quota == made[1].quota != made[2].quota


def test_a_base_url_that_is_none():
    with pytest.raises(errors.ConfigurationError, match=r"http://127"):
        model("m", base_url="localhost:8080")


def test_an_api_that_is_none():
    with pytest.raises(errors.ConfigurationError, match="'chat' or 'responses'"):
        model("m", base_url="http://h/v1", api="completions")


def test_connections_look_at_the_host_for_who_is_official():
    from quilate.providers import Endpoint

    def is_official(url):
        return Connection(Endpoint("openai", "m", url)).official

    assert is_official("https://api.openai.com/v1")
    assert is_official("https://eu.api.openai.com/v1")
    assert not is_official("https://evilapi.openai.com/v1")
    assert not is_official("https://api.openai.com.evil.example/v1")


def test_the_environments_headers_go_to_no_other_server(canned, golden, monkeypatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway-Secret: sekret123")
    canned.answer(golden("openai/chat_text"))
    run(model("m", base_url=canned.url).generate(ask("?")))
    assert "sekret123" not in str(canned.sent_headers) and "mine" not in str(canned.sent_headers)
    monkeypatch.setenv("OPENAI_BASE_URL", canned.url)
    run(model("m").generate(ask("?")))
    assert canned.sent_headers[-1]["x-gateway-secret"] == "sekret123"


DEEP = b"[" * 100_000


def asked(canned, api, *, streamed=False, request=None):
    """What a call comes to, whole or streamed."""
    opened = model("m", base_url=canned.url, api_key=KEY, api=api)
    request = ask("?") if request is None else request
    return list(iterate(opened.stream(request))) if streamed else run(opened.generate(request))


def chunks(*deltas):
    return [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas] + [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    ]


def called(**fields):
    return {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": fields}]}


@pytest.mark.parametrize(
    "delta",
    [
        {"content": 5},
        {"content": [{"type": "text", "text": "x"}]},
        {"reasoning": {"a": 1}},
        {"refusal": 5},
        called(name="f", arguments={"a": 1}),
        called(name=5, arguments="{}"),
        {"tool_calls": [{"index": [], "id": "c", "function": {"name": "f"}}]},
        {"tool_calls": [{"index": i, "id": "c", "function": {"name": "f"}} for i in (0, "b")]},
        {"tool_calls": 5},
    ],
)
def test_pieces_of_another_kind(canned, delta):
    canned.headers = {"x-request-id": "req_1"}
    canned.answer(chunks(delta))
    with pytest.raises(errors.MalformedReply) as caught:
        asked(canned, "chat", streamed=True)
    assert caught.value.request_id == "req_1"


@pytest.mark.parametrize("kind", ["response.output_text.delta", "response.reasoning_text.delta"])
def test_pieces_of_another_kind_of_responses(canned, kind):
    canned.answer([{"type": kind, "delta": ["x"]}])
    with pytest.raises(errors.MalformedReply):
        asked(canned, "responses", streamed=True)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_replies_nested_too_deep(canned, api):
    canned.answer(DEEP)
    with pytest.raises(errors.MalformedReply):
        asked(canned, api)
    canned.headers = {"content-type": "text/event-stream"}
    canned.answer(b"data: " + DEEP + b"\n\n")
    with pytest.raises(errors.MalformedReply):
        asked(canned, api, streamed=True)


def test_headers_that_cannot_be_read_spoil_no_reply(canned, golden):
    canned.headers = {
        "x-ratelimit-remaining-requests": "²",
        "x-ratelimit-reset-requests": "1.2.3s",
        "retry-after": "nan",
    }
    canned.answer(golden("openai/chat_text"))
    assert asked(canned, "chat").text == "hola"


@pytest.mark.parametrize(
    "reply", [{"x": 1}, {"error": {"message": "no"}}, {"choices": 5, "output": 5}, b"<html>", []]
)
@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("streamed", [True, False])
def test_whatever_is_wrong_with_a_reply_its_request_id_is_known(canned, api, streamed, reply):
    canned.headers = {"x-request-id": f"req_{KEY}"}
    canned.answer([reply] if streamed and isinstance(reply, dict) else reply)
    with pytest.raises(errors.ModelError) as caught:
        asked(canned, api, streamed=streamed)
    assert caught.value.request_id == "req_[redacted]"
    assert caught.value.__context__ is None


NOT_SENDABLE = [
    Message("tool", (ToolResult("c", "\ud800"),)),
    Message("assistant", (ToolCall("c", "\ud800", {}),)),
    Message("assistant", (ToolCall("c", "f", {"a": "\ud800"}),)),
    Message("assistant", (ToolCall("c", "f", {"a": float("nan")}),)),
    Message("assistant", (ToolCall("c", "f", {"a": datetime.date(2026, 1, 1)}),)),
    Message("assistant", (ToolCall("c", "f", None),)),
    Message("assistant", (ToolCall("c", "f", ["a"]),)),
    Message("user", (File("no bytes"),)),
]


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("message", NOT_SENDABLE)
def test_messages_that_cannot_be_sent(canned, api, message):
    refused(canned, api, Request((user("?"), message)))


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {"a": float("nan")}},
        {"extra": {"a": "\ud800"}},
        {"extra": None},
        {"tools": (Tool("f", "", True),)},
        {"tools": (Tool("\ud800", "", {}),)},
        {"sampling": Sampling(temperature=float("nan"))},
    ],
)
def test_settings_that_cannot_be_sent(canned, api, fields):
    refused(canned, api, replace(ask("?"), **fields))


def refused(canned, api, request):
    for streamed in (False, True):
        with pytest.raises(errors.InvalidRequest) as caught:
            asked(canned, api, streamed=streamed, request=request)
        assert not caught.value.retryable
    assert canned.sent == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "foo://user:hunter2@bar"), ("SSL_CERT_FILE", "/nonexistent/x.pem")],
)
def test_an_environment_of_which_no_client_can_be_made(canned, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    for streamed in (False, True):
        with pytest.raises(errors.ConfigurationError, match=f"Check {name}") as caught:
            asked(canned, "chat", streamed=streamed)
        assert "hunter2" not in str(caught.value)


def test_prices_can_be_looked_up_without_a_call():
    dear, cheap = (model(name, api_key=KEY) for name in ("gpt-4o", "gpt-4o-mini"))
    routed = quilate.route([dear, cheap], by="cost")
    order = routed.inner._order.first_to_last("generate", ask("?"))
    assert order == [1, 0]
    assert model("m", base_url="http://u:secret@h/v1").info.details == {"base_url": "http://h/v1"}
