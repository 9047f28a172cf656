"""The litellm adapter over real sockets: llama.cpp's own server, the fault server, and a server of
wire shapes."""

import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import quilate
from quilate import errors
from quilate.messages import Image, Message, Reasoning, Text, ToolCall, ToolResult, user
from quilate.models import (
    Cost,
    Finished,
    JsonFormat,
    ReasoningDelta,
    Request,
    Sampling,
    TextDelta,
    Tool,
    ToolCallDelta,
    Usage,
    ask,
)
from quilate.sync import iterate, run
from quilate_adapters.litellm import model

KEY = "a-secret-that-no-pattern-knows"
WEATHER = Tool(
    "weather",
    "The weather of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


class Wire:
    """Answers every POST with what `body` holds, and keeps what was sent."""

    def __init__(self):
        self.body, self.sent, self.headers = {}, [], []
        self.stalls, self.left = False, threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                outer.sent.append(json.loads(self.rfile.read(length)))
                outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                if outer.stalls:
                    self.rfile.read(1)  # gives nothing as soon as the client hangs up
                    outer.left.set()
                    return
                is_json = isinstance(outer.body, dict)
                data = json.dumps(outer.body).encode() if is_json else outer.body
                self.send_response(200)
                kind = "application/json" if is_json else "text/event-stream"
                for name, value in (
                    ("content-type", kind),
                    ("content-length", str(len(data))),
                    ("x-ratelimit-remaining-requests", "3"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def wire():
    served = Wire()
    yield served
    served.http.shutdown()
    served.http.server_close()


@pytest.fixture
def chat(wire):
    return model("openai/m", base_url=wire.url + "/v1", api_key=KEY, capabilities=("tools",))


@pytest.fixture
def claude(wire):
    return model("anthropic/claude-sonnet-4-5", base_url=wire.url, api_key=KEY)


def completion(**message):
    finish = "tool_calls" if "tool_calls" in message else "stop"
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-2",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 4,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 6},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def chunks(*deltas, finish="stop"):
    made = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    if finish:
        made.append({"index": 0, "delta": {}, "finish_reason": finish})
    whole = completion()
    frames = [
        {**whole, "object": "chat.completion.chunk", "choices": [choice], "usage": None}
        for choice in made
    ]
    frames.append({**whole, "object": "chat.completion.chunk", "choices": []})
    return b"".join(f"data: {json.dumps(f)}\n\n".encode() for f in frames) + b"data: [DONE]\n\n"


def claude_message(*content, stop="end_turn"):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 4},
    }


def claude_events(*events):
    start = {"type": "message_start", "message": {**claude_message(), "stop_reason": None}}
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 4},
    }
    made = [start, *events, end, {"type": "message_stop"}]
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in made)


def block(index, start, *deltas):
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


# llama.cpp's own server


QUESTION = Request(
    (user("¿Qué es un pingüino?"),),
    sampling=Sampling(temperature=0, max_tokens=10, seed=1),
    logprobs=2,
)


@pytest.fixture
def smol(llama_server):
    return quilate.model(f"litellm/openai/smol@{llama_server}/v1")


def test_a_real_server_answers_and_streams_the_same(smol):
    whole = run(smol.generate(QUESTION))
    *deltas, last = iterate(smol.stream(QUESTION))
    streamed = last.response
    assert len(deltas) > 3
    assert "".join(delta.text for delta in deltas) == streamed.text == whole.text
    assert whole.finish_reason == streamed.finish_reason == "length"
    assert whole.usage.output_tokens == streamed.usage.output_tokens == 10
    assert whole.usage.input_tokens == streamed.usage.input_tokens > 0
    assert [entry.token for entry in whole.logprobs] == [e.token for e in streamed.logprobs]
    assert "".join(entry.token for entry in whole.logprobs) == whole.text
    assert all(len(entry.top) == 2 for entry in whole.logprobs)
    assert whole.model == streamed.model
    assert whole.cost == streamed.cost == Cost()
    assert streamed.timing.first_token_s is not None


def test_a_real_server_writes_json_and_the_rest_is_emulated(smol):
    wanted = replace(ask("Is it ok?", temperature=0, max_tokens=40), format=JsonFormat(SCHEMA))
    response = run(smol.generate(wanted))
    assert isinstance(json.loads(response.text)["ok"], bool)
    assert response.route == "native"
    # The server ignores a forced choice without a word, so none is declared.
    forced = replace(
        ask("Weather in Lima?", temperature=0, max_tokens=60),
        tools=(WEATHER,),
        tool_choice="weather",
    )
    response = run(smol.generate(forced))
    assert response.tool_calls[0].name == "weather"
    assert "tools" in response.emulated


def test_a_real_server_refuses_a_long_prompt(smol):
    with pytest.raises(errors.ContextLengthExceeded, match="4096"):
        run(smol.generate(ask("palabra " * 6000)))


# What goes wrong


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("401", errors.AuthenticationError, "Incorrect API key"),
        ("403", errors.PermissionDenied, ""),
        ("404", errors.ModelNotFound, ""),
        ("400", errors.InvalidRequest, "Bad parameter"),
        ("context", errors.ContextLengthExceeded, ""),
        ("429-retry-after=2", errors.RateLimited, "Slow down"),
        ("500", errors.ServerError, ""),
        ("503", errors.Overloaded, ""),
        ("529", errors.Overloaded, ""),
        ("cut", errors.ConnectionFailed, ""),
        ("hangup", errors.ConnectionFailed, ""),
        ("truncated", (errors.MalformedReply, errors.ConnectionFailed), ""),
        ("ended", (errors.MalformedReply, errors.ConnectionFailed), ""),
        ("html", (errors.MalformedReply, errors.ConnectionFailed), ""),
        ("shape", (errors.MalformedReply, errors.ConnectionFailed), ""),
    ],
)
def test_faults_are_typed_and_show_no_key(fault_server, provider, streamed, fault, kind, says):
    base = fault_server + ("/v1" if provider == "openai" else "")
    failing = model(f"{provider}/fault:{fault}", base_url=base, api_key=KEY)
    with pytest.raises(kind, match=says or None) as caught:
        if streamed:
            list(iterate(failing.stream(ask("uno dos tres"))))
        else:
            run(failing.generate(ask("uno dos tres")))
    assert KEY not in str(caught.value)
    assert "litellm." not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    if fault.startswith("429"):
        assert caught.value.retry_after == 2.0


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_refusal_is_an_error_and_no_empty_answer(fault_server, provider, streamed):
    base = fault_server + ("/v1" if provider == "openai" else "")
    refusing = model(f"{provider}/fault:refusal", base_url=base, api_key=KEY)
    with pytest.raises(errors.ContentRefused):
        if streamed:
            list(iterate(refusing.stream(ask("?"))))
        else:
            run(refusing.generate(ask("?")))


def test_a_server_that_is_not_there():
    # The adapter alone: no layer of ours has been over its errors.
    bare = model("openai/m", base_url="http://127.0.0.1:9/v1", api_key=KEY)
    with pytest.raises(errors.ConnectionFailed) as caught:
        run(bare.generate(QUESTION))
    assert caught.value.__context__ is None
    lost = model("openai/m", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(errors.ConnectionFailed, match="server runs"):
        run(lost.generate(ask("?")))


def test_an_unknown_provider():
    with pytest.raises(errors.ModelNotFound, match="no provider of 'nosuch/m'"):
        run(quilate.model("litellm/nosuch/m").generate(ask("?")))


@pytest.mark.parametrize(
    "name", ["anthropic/claude-sonnet-4-5", "openai/gpt-4o", "gemini/gemini-2.5-flash"]
)
def test_a_missing_key_is_an_authentication_error(monkeypatch, name):
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(errors.AuthenticationError):
        run(model(name).generate(ask("?")))


def test_a_status_outranks_the_words_of_a_reply_whose_headers_are_lost():
    from quilate_adapters.litellm import faults
    from quilate_adapters.litellm.loading import litellm

    module = litellm().exceptions
    for said, kind, wanted in (
        ("Incomplete tool call: 2 responses are missing", "BadRequestError", errors.InvalidRequest),
        ("Invalid JSON payload received", "BadRequestError", errors.InvalidRequest),
        ("Too many requests: connection reset soon", "RateLimitError", errors.RateLimited),
    ):
        error = getattr(module, kind)(message=said, llm_provider="cohere", model="m")
        with pytest.raises(errors.ModelError) as caught, faults.translated(model("openai/m")._at):
            raise error
        assert type(caught.value) is wanted


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (
            "Cannot connect to host h:1 ssl:<ssl.SSLContext object at 0x7f> [Refused]",
            errors.ConnectionFailed,
            "Cannot connect to host h:1 [Refused].",
        ),
        ("No module named 'google.auth'", errors.ModelError, "needs the module 'google.auth'"),
    ],
)
def test_what_litellm_says_of_its_own_failures_is_told_plainly(said, kind, told):
    from quilate_adapters.litellm import faults
    from quilate_adapters.litellm.loading import litellm

    error = litellm().exceptions.APIConnectionError(message=said, llm_provider="p", model="m")
    with pytest.raises(errors.ModelError) as caught, faults.translated(model("openai/m")._at):
        raise error
    assert type(caught.value) is kind and told in str(caught.value)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["openai/m", "anthropic/claude-sonnet-4-5"])
def test_a_cancelled_call_closes_its_connection(wire, name, streamed):
    wire.stalls = True
    stalled = model(name, base_url=wire.url + "/v1", api_key=KEY)

    async def call():
        if streamed:
            async for _ in stalled.stream(ask("?")):
                pass
        else:
            await stalled.generate(ask("?"))

    async def cancelled():
        task = asyncio.create_task(call())
        while not wire.sent:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(cancelled())
    assert wire.left.wait(10)


# The wire


def test_what_is_sent(chat, wire):
    wire.body = completion(content="hola")
    call = ToolCall("t1", "weather", {"city": "Lima"})
    request = Request(
        (
            Message("user", (Text("look"), Image(b"png"))),
            Message(
                "assistant",
                (Reasoning("hm", id="reasoning_content", provider="litellm"), call),
            ),
            Message("tool", (ToolResult("t1", "20 °C"),)),
        ),
        sampling=Sampling(temperature=0, top_k=3, max_tokens=9, stop=("x",)),
        tools=(WEATHER,),
    )
    run(chat.generate(request))
    sent, headers = wire.sent[0], wire.headers[0]
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("m", 0, 9)
    assert (sent["top_k"], sent["stop"]) == (3, ["x"])
    assert sent["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64")
    arguments = sent["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"city": "Lima"}
    assert sent["messages"][1]["reasoning_content"] == "hm"
    assert sent["messages"][2]["tool_call_id"] == "t1"
    assert sent["tools"][0]["function"]["name"] == "weather"


def test_the_environments_key_never_goes_to_another_server(wire, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    wire.body = completion(content="hola")
    run(model("openai/m", base_url=wire.url + "/v1").generate(ask("?")))
    assert KEY not in json.dumps(wire.headers)


CALLS = [
    {"id": "t1", "type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}},
    {"id": "t2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
]


def test_tool_calls_reasoning_and_usage_whole_and_streamed(chat, wire):
    wire.body = completion(reasoning_content="hm", tool_calls=CALLS)
    whole = run(chat.generate(ask("?")))
    thought = Reasoning("hm", id="reasoning_content", provider="litellm")
    assert whole.message.parts == (
        thought,
        ToolCall("t1", "a", {"x": 1}),
        ToolCall("t2", "b", {}),
    )
    assert whole.usage == Usage(10, 4, 6, 2)
    assert (whole.finish_reason, whole.id, whole.model) == ("tool_calls", "c1", "m-2")
    assert whole.rate_limit.requests == 3

    def piece(index, **fields):
        function = {k: v for k, v in fields.items() if k != "id"}
        named = {"id": fields["id"], "type": "function"} if "id" in fields else {}
        return {"tool_calls": [{"index": index, **named, "function": function}]}

    wire.body = chunks(
        {"role": "assistant", "reasoning_content": "h"},
        {"reasoning_content": "m"},
        piece(0, id="t1", name="a", arguments=""),
        piece(0, arguments='{"x"'),
        piece(0, arguments=": 1}"),
        piece(1, id="t2", name="b", arguments="{}"),
        finish="tool_calls",
    )
    *deltas, last = iterate(chat.stream(ask("?")))
    assert isinstance(last, Finished)
    assert last.response.message == whole.message
    assert last.response.usage == whole.usage
    assert (last.response.finish_reason, last.response.model) == ("tool_calls", "m-2")
    assert "".join(d.reasoning for d in deltas if isinstance(d, ReasoningDelta)) == "hm"
    first = [d for d in deltas if isinstance(d, ToolCallDelta) and d.id == "t1"]
    assert "".join(d.arguments for d in first) == '{"x": 1}'


def test_arguments_that_are_no_object_are_malformed(chat, wire):
    wrong = {"id": "t", "type": "function", "function": {"name": "a", "arguments": "[1"}}
    wire.body = completion(tool_calls=[wrong])
    with pytest.raises(errors.MalformedReply, match="'a' are not a JSON object"):
        run(chat.generate(ask("?")))


def test_a_stream_without_an_end_is_no_answer(chat, wire):
    wire.body = chunks({"role": "assistant", "content": "ho"}, finish=None)
    seen = []
    with pytest.raises(errors.ConnectionFailed):
        for event in iterate(chat.stream(ask("?"))):
            seen.append(event)  # what came before the error is wanted
    assert seen == [TextDelta("ho")]


THINKING = (
    {"type": "thinking", "thinking": "hmm", "signature": "s1"},
    {"type": "redacted_thinking", "data": "enc"},
    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Lima"}},
)


def test_signed_reasoning_survives_a_tool_loop(claude, wire):
    wire.body = claude_message(*THINKING, stop="tool_use")
    first = replace(ask("?", max_tokens=4000), tools=(WEATHER,), reasoning="low")
    answer = run(claude.generate(first))
    assert answer.message.parts == (
        Reasoning("hmm", signature="s1", provider="litellm"),
        Reasoning("", signature="enc", provider="litellm", redacted=True),
        ToolCall("t1", "weather", {"city": "Lima"}),
    )
    assert answer.usage.input_tokens == 8
    assert answer.usage.cached_tokens == 3
    foreign = Reasoning("x", signature="other", provider="anthropic")
    said = replace(answer.message, parts=(foreign, *answer.message.parts))
    result = Message("tool", (ToolResult("t1", "20 °C"),))
    wire.body = claude_message({"type": "text", "text": "20"})
    run(claude.generate(replace(first, messages=(*first.messages, said, result), cache_prefix=1)))
    turns = wire.sent[1]["messages"]
    assert turns[1]["content"][:2] == list(THINKING[:2])
    assert "other" not in json.dumps(turns)
    assert turns[0]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "thinking" in wire.sent[0]


def test_signed_reasoning_streamed_is_the_same(claude, wire):
    wire.body = claude_events(
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "h"},
            {"type": "thinking_delta", "thinking": "mm"},
            {"type": "signature_delta", "signature": "s1"},
        ),
        *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "hola"}),
    )
    *deltas, last = iterate(claude.stream(ask("?")))
    assert last.response.message.parts == (
        Reasoning("hmm", signature="s1", provider="litellm"),
        Text("hola"),
    )
    assert "".join(d.reasoning for d in deltas if isinstance(d, ReasoningDelta)) == "hmm"
    assert last.response.usage.output_tokens == 4


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_litellms_price_is_an_estimate_at_the_provider_alone(wire, monkeypatch, streamed):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", wire.url + "/v1")  # stands for OpenAI itself
    wire.body = chunks({"content": "hola"}) if streamed else completion(content="hola")
    priced = model("openai/gpt-4o-mini")
    if streamed:
        *_, last = iterate(priced.stream(ask("?")))
        response = last.response
    else:
        response = run(priced.generate(ask("?")))
    assert response.cost.basis == "estimated"
    # 4 new and 6 cached tokens in, 4 out, at 0.15, 0.075 and 0.60 dollars a million.
    assert response.cost.usd == pytest.approx((4 * 0.15 + 6 * 0.075 + 4 * 0.6) / 1e6)
    wire.body = completion(content="hola")
    served = model("openai/gpt-4o-mini", base_url=wire.url + "/v1")
    assert run(served.generate(ask("?"))).cost == Cost()


def test_capabilities_are_what_litellm_says():
    claude = model("anthropic/claude-sonnet-4-5").info.capabilities
    assert all(map(claude.has, ("tools", "tool_choice", "images", "json_schema", "reasoning")))
    assert not any(map(claude.has, ("logprobs", "seed", "audio", "top_k")))
    gpt = model("gpt-5-mini").info.capabilities
    assert gpt.has("seed")
    assert not gpt.has("logprobs")
    with pytest.raises(errors.Unsupported, match="logprobs"):
        run(quilate.model("litellm/anthropic/claude-sonnet-4-5").generate(QUESTION))


def test_identities_and_quotas_tell_endpoints_and_keys_apart():
    urls = (None, "http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1")
    made = [model("openai/gpt-4o", base_url=url, api_key=k) for url in urls for k in ("a", "b")]
    assert len({one.info.identity for one in made}) == 3
    assert len({one.info.quota for one in made}) == 6
    assert "'a'" not in repr(made[0].info)


def test_an_address_in_the_environment_is_part_of_the_identity(monkeypatch):
    plain = model("openai/gpt-4o").info.identity
    monkeypatch.setenv("OPENAI_API_BASE", "http://ann:secretsecret@127.0.0.1:1/v1")
    moved = model("openai/gpt-4o").info.identity
    assert moved != plain and "127.0.0.1:1" in moved and "secretsecret" not in moved
    other = model("anthropic/claude-sonnet-4-5").info.identity
    assert "127.0.0.1" not in other
    fixed = model("openai/gpt-4o", base_url="http://127.0.0.1:2/v1").info.identity
    assert "127.0.0.1:1" not in fixed


QUIET = """
import logging, os, socket, sys, warnings
def refuse(*_): raise AssertionError("it connects")
socket.socket.connect = socket.getaddrinfo = refuse
os.environ["TIKTOKEN_CACHE_DIR"] = "/mine"
from quilate_adapters.litellm import model
served = model("openai/m", base_url="http://127.0.0.1:9/v1")
assert served.info.capabilities.has("json_schema") and "litellm" not in sys.modules
before = dict(os.environ)
from quilate_adapters.litellm.loading import litellm
module = litellm()
added = {name for name in os.environ if os.environ[name] != before.get(name)}
assert all(name.startswith("LITELLM_LOCAL_") for name in added), added
assert os.environ["TIKTOKEN_CACHE_DIR"] == "/mine"
assert "FROM_DOT_ENV" not in os.environ
assert not logging.getLogger().handlers and not logging.getLogger("LiteLLM").handlers
assert module.cache is None and not module.callbacks and not module.success_callback
assert module.drop_params is False and module.suppress_debug_info is True
"""


def test_importing_it_is_quiet(tmp_path):
    (tmp_path / ".env").write_text("FROM_DOT_ENV=1\n")
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
