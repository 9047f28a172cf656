"""The Anthropic adapter over real sockets: llama.cpp's own server, and a server of golden replies
(`tests/golden/anthropic`, in the shapes of the SDK's own types)."""

import asyncio
import json
import pickle
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from quilate import errors
from quilate.messages import (
    File,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from quilate.middleware.contract import UnsupportedSetting
from quilate.middleware.standard import standard
from quilate.models import (
    JsonFormat,
    RateLimit,
    ReasoningDelta,
    Request,
    Sampling,
    TextDelta,
    TokenCount,
    Tool,
    ToolCallDelta,
    Usage,
    ask,
)
from quilate.providers import Endpoint
from quilate.sync import iterate, run
from quilate.testing.faults import FaultServer
from quilate_adapters.anthropic import AnthropicMessages, batch, model
from quilate_adapters.anthropic.profiles import CLAUDE

KEY = "a-secret-that-no-pattern-knows"
GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "The weather of a city.", CITY)
NOW = Tool("now", "The time.", {"type": "object", "properties": {}})


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def said(text="hola", **fields):
    return {
        **golden("message_tools"),
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        **fields,
    }


def sse(events):
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


class GoldenServer:
    """Answers with `body` (JSON, or bytes as an event stream), or what `routes` has for a path."""

    def __init__(self):
        self.status, self.headers, self.body, self.routes = 200, {}, said(), {}
        self.sent, self.sent_headers, self.paths = [], [], []
        self.stalled, self.gone = threading.Event(), threading.Event()
        self.stall = self.hold = False  # before the reply, and at its end
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("content-length") or 0)
                outer.sent.append(json.loads(self.rfile.read(length) or b"null"))
                self.answer()

            def answer(self):
                outer.paths.append(self.path)
                outer.sent_headers.append({k.lower(): v for k, v in self.headers.items()})
                if outer.stall:
                    return self.wait()
                body = outer.routes.get(self.path, outer.body)
                raw = isinstance(body, bytes)
                data = body if raw else json.dumps(body).encode()
                self.send_response(outer.status)
                kind = "text/event-stream" if raw else "application/json"
                headers = {"content-type": kind, "content-length": str(len(data) + outer.hold)}
                for name, value in (headers | outer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
                if outer.hold:
                    self.wait()

            def wait(self):
                """Until the client goes."""
                outer.stalled.set()
                self.connection.settimeout(20)
                if self.connection.recv(1) == b"":
                    outer.gone.set()

            do_GET = answer

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    served = GoldenServer()
    yield served
    served.close()


@pytest.fixture
def claude(server):
    """Opens Claude models behind the golden server, as through a gateway to Anthropic."""
    opened = []

    def open_(name="claude-opus-4-8", **options):
        opened.append(model(name, base_url=server.url, api_key=KEY, gateway=True, **options))
        return opened[-1]

    yield open_
    for each in opened:
        run(each.aclose())


@pytest.fixture
def local(llama_server):
    opened = model("smol", base_url=llama_server)
    yield opened
    run(opened.aclose())


def body_of(request, name="claude-opus-4-8", **options):
    at = Endpoint("anthropic", name, "https://api.anthropic.com", KEY)
    return AnthropicMessages(at, **options).body(request)


# The real server

STORY = Request(
    (system("Answer shortly."), user("Tell me a story about a penguin.")),
    sampling=Sampling(temperature=0, max_tokens=16),
)


def test_real_server_answers_and_streams_the_same(local):
    whole = run(local.generate(STORY))
    *deltas, last = iterate(local.stream(STORY))
    assert whole.finish_reason == "length"
    assert whole.usage.output_tokens == 16
    assert len(deltas) > 8
    assert "".join(delta.text for delta in deltas) == whole.text == last.response.text
    assert last.response.timing.first_token_s > 0
    assert replace(whole.usage, cached_tokens=0) == replace(last.response.usage, cached_tokens=0)


def test_real_server_counts_the_tokens_that_it_then_bills(local):
    counted = run(local.count_tokens(STORY))
    assert counted == TokenCount(run(local.generate(STORY)).usage.input_tokens, exact=True)


def test_real_server_refuses_a_long_prompt(local):
    with pytest.raises(errors.ContextLengthExceeded, match="4096 tokens"):
        run(local.generate(ask("palabra " * 6000)))


@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ({"temperature": 2.0, "top_k": 1}, False),
        ({"temperature": 2.0, "top_p": 0.0001}, False),
        ({"temperature": 0, "stop": ("penguin",)}, True),
        ({"temperature": 0, "max_tokens": 3}, True),
    ],
)
def test_real_server_honours_each_declared_setting(local, setting, changes):
    """A hot draw narrowed to one token is the greedy one; a stop and a limit cut it short."""
    greedy = run(local.generate(STORY)).text
    sampling = Sampling(**{"max_tokens": 16, **setting})
    got = run(local.generate(replace(STORY, sampling=sampling))).text
    assert (got != greedy) is changes
    assert greedy.startswith(got)
    assert "penguin" not in got or not setting.get("stop")


def test_real_server_is_given_no_tools_which_it_would_ignore(local):
    """Quilate calls tools in its place: the reply names one, as it was forced to."""
    assert not local.info.capabilities.has("tools")
    plain = Request((user("Weather in Lima?"),), tools=(WEATHER,))
    with pytest.raises(errors.Unsupported, match="does not take tools"):
        run(local.generate(plain))
    assert run(local.count_tokens(replace(plain, tools=()))).tokens > 0


ON_THE_WIRE = [{"name": "weather", "description": "Long. " * 50, "input_schema": CITY}]
ONE = {"format": {"type": "json_schema", "schema": {"const": "one"}}}


def test_real_server_ignores_what_is_not_declared(local):
    """Why it is not: should a new llama.cpp honour one of these, it belongs in the profile."""
    plain = run(local.count_tokens(STORY))
    assert run(local.count_tokens(replace(STORY, extra={"tools": ON_THE_WIRE}))) == plain
    greedy = run(local.generate(STORY)).text
    ignored = {"output_config": ONE, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert run(local.generate(replace(STORY, extra=ignored))).text == greedy
    hot = replace(STORY, sampling=Sampling(temperature=2.0, max_tokens=16), extra={"seed": 7})
    assert run(local.generate(hot)).text != run(local.generate(hot)).text


def test_real_server_on_a_url_that_ends_in_v1(llama_server):
    assert run(model("smol", base_url=llama_server + "/v1/").generate(STORY)).text


# What is sent


def test_a_conversation_on_the_wire():
    request = Request(
        (
            system("S"),
            user("U"),
            user("V"),
            Message("assistant", (Text(""), ToolCall("a:1", "weather", {"city": "Lima"}))),
            Message("tool", (ToolResult("a:1", "sun", is_error=True),)),
            Message("tool", (ToolResult("b", ""),)),
            user("W"),
            system("T"),
        ),
        sampling=Sampling(max_tokens=9, stop=("x",)),
        extra={"metadata": {"user_id": "u"}},
    )
    assert body_of(request) == {
        "model": "claude-opus-4-8",
        "max_tokens": 9,
        "stop_sequences": ["x"],
        "metadata": {"user_id": "u"},
        "system": [{"type": "text", "text": "S"}, {"type": "text", "text": "T"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": t} for t in "UV"]},
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "tool_use",
                        "id": "a_1_45cf7fca",
                        "name": "weather",
                        "input": {"city": "Lima"},
                    }
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "a_1_45cf7fca",
                        "content": "sun",
                        "is_error": True,
                    },
                    {"type": "tool_result", "tool_use_id": "b", "content": ""},
                    {"type": "text", "text": "W"},
                ],
            },
        ],
    }


def test_what_is_sent_is_what_the_sdk_types_take(server, claude):
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

    request = Request(
        (
            system("S"),
            Message("user", (Text("U"), Image(b"x"), Image(url="https://x/y.png"), File(b"%PDF"))),
            Message("user", (File(b"hola", "text/plain", "notes"),)),
            Message("assistant", (Reasoning("r", signature="s", provider="anthropic"),)),
            user("go on"),
        ),
        tools=(WEATHER,),
        tool_choice="weather",
        parallel_tool_calls=False,
        reasoning="low",
        format=JsonFormat({**CITY, "additionalProperties": False}),
        cache_prefix=2,
    )
    run(claude().generate(request))
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(server.sent[0])
    assert server.sent[0]["messages"][0]["content"][1:] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "eA=="},
        },
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            "cache_control": {"type": "ephemeral"},
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "hola"},
            "title": "notes",
        },
    ]


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", None, {"type": "any"}),
        ("none", False, {"type": "none"}),
        ("weather", False, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice(choice, parallel, sent):
    request = Request(
        (user("?"),), tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel
    )
    body = body_of(request)
    assert body.get("tool_choice") == sent
    assert body["tools"] == [
        {"name": "weather", "description": "The weather of a city.", "input_schema": CITY}
    ]


def test_cache_prefix_marks_the_tools_and_the_last_block_of_the_prefix():
    thought = Reasoning("r", signature="s", provider="anthropic")
    messages = (system("S"), user("U"), Message("assistant", (Text("A"), thought)), user("V"))
    body = body_of(Request(messages, tools=(WEATHER, NOW), cache_prefix=3))
    mark = {"type": "ephemeral"}
    assert body["messages"][1]["content"][0] == {"type": "text", "text": "A", "cache_control": mark}
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, mark]
    assert json.dumps(body).count("cache_control") == 2
    assert "cache_control" not in json.dumps(body_of(Request(messages, tools=(WEATHER,))))


def test_other_providers_reasoning_stays_behind():
    parts = (
        Reasoning("theirs", id="rs_1", signature="enc", provider="openai"),
        Reasoning("unsigned", provider="anthropic"),
        Text("A"),
    )
    body = body_of(Request((user("U"), Message("assistant", parts), user("V"))))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "A"}]


@pytest.mark.parametrize(
    ("name", "effort", "sent"),
    [
        ("claude-opus-5-5", "low", ({"type": "adaptive"}, {"effort": "low"})),
        ("claude-opus-5", "none", ({"type": "disabled"}, None)),
        ("claude-sonnet-5-5", "none", ({"type": "between_tools"}, None)),
        ("claude-opus-4-8", "none", (None, None)),
        ("claude-haiku-4-5-20251001", "high", ({"type": "enabled", "budget_tokens": 24576}, None)),
        ("claude-of-tomorrow-9", "high", ({"type": "adaptive"}, {"effort": "high"})),
    ],
)
def test_reasoning_is_asked_for_as_each_model_takes_it(name, effort, sent):
    body = body_of(replace(ask("?"), reasoning=effort), name)
    assert (body.get("thinking"), body.get("output_config")) == sent
    assert body["max_tokens"] > body.get("thinking", {}).get("budget_tokens", 0)


def test_a_budget_to_think_with_fits_into_max_tokens():
    asked = replace(ask("?", max_tokens=4000), reasoning="high")
    assert body_of(asked, "claude-haiku-4-5")["thinking"]["budget_tokens"] == 2000
    with pytest.raises(errors.InvalidRequest, match="2048 or more"):
        body_of(replace(ask("?", max_tokens=900), reasoning="low"), "claude-haiku-4-5")


def test_thinking_that_cannot_be_turned_off_says_so():
    with pytest.raises(errors.Unsupported, match="always thinks"):
        body_of(replace(ask("?"), reasoning="none"), "claude-opus-5-5")


def test_extra_is_sent_and_joined_with_what_is_there():
    shown = {"thinking": {"display": "summarized"}, "service_tier": "auto"}
    body = body_of(replace(ask("?"), reasoning="low", extra=shown))
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["service_tier"] == "auto"


def test_max_tokens_default():
    assert body_of(ask("?"))["max_tokens"] == 16_384
    assert body_of(ask("?"), max_tokens_default=7)["max_tokens"] == 7


def test_options_that_change_answers_tell_models_apart():
    options = ({}, {"max_tokens_default": 7}, {"capabilities": ["tools"]}, {"gateway": True})
    identities = {model("m", base_url="http://x", **each).info.identity for each in options}
    assert len(identities) == 4


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (Image(b"x", media_type="image/tiff"), "image/tiff.*image/png"),
        (Image(b"x" * 3_932_161), "5,242,884 bytes.*5,242,880"),
        (File(b"x", "application/zip", "a.zip"), r"a\.zip.*application/zip"),
        (File(b"\xff", "text/plain"), "not UTF-8"),
    ],
)
def test_media_that_the_api_does_not_take_are_named_before_any_call(server, claude, part, names):
    with pytest.raises(errors.InvalidRequest, match=names):
        run(claude().generate(Request((Message("user", (part,)),))))
    assert not server.sent


def test_an_image_of_just_the_limit_is_sent():
    body_of(Request((Message("user", (Image(b"x" * 3_932_160),)),)))


# Capabilities


def test_temperature_is_refused_or_left_out_with_a_warning(server, claude):
    request = ask("?", temperature=0)
    with pytest.raises(errors.Unsupported, match="does not take temperature"):
        run(standard(claude()).generate(request))
    assert not server.sent
    with pytest.warns(UnsupportedSetting, match="temperature"):
        run(standard(claude(), unsupported="warn").generate(request))
    assert "temperature" not in server.sent[0]


@pytest.mark.parametrize("setting", ["temperature", "top_p", "top_k", "seed"])
def test_no_sampling_setting_gets_past_the_adapter_unseen(claude, setting):
    with pytest.raises(errors.Unsupported, match=setting):
        run(batch.submit(claude(), [ask("?", **{setting: 1})]))


def test_a_forced_call_where_the_api_refuses_one_is_emulated(server, claude):
    call = {"tool_calls": [{"name": "weather", "arguments": {"city": "Lima"}}]}
    server.body = said(json.dumps(call))
    request = Request((user("?"),), tools=(WEATHER,), tool_choice="required")
    response = run(standard(claude("claude-opus-5-5")).generate(request))
    assert response.tool_calls[0].arguments == {"city": "Lima"}
    assert response.emulated == ("tools",)
    assert "tool_choice" not in server.sent[0]


def test_features_of_a_server_that_does_better(server):
    better = model("m", base_url=server.url, capabilities=["tools", "images"])
    assert better.info.capabilities.has("tools")
    request = Request((Message("user", (Image(b"x"),)),), tools=(WEATHER,))
    run(better.generate(request))
    assert server.sent[0]["tools"]
    with pytest.raises(errors.ConfigurationError, match="toolz"):
        model("m", base_url=server.url, capabilities=["toolz"])


def test_every_model_that_the_sdk_names_has_a_profile():
    from anthropic.types import model as named

    names = {re.sub(r"-\d{8}$", "", name) for name in get_args(get_args(named.Model)[0])}
    assert names - CLAUDE.keys() == {"claude-mythos-preview"}  # retired


# Structured output

ANSWER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "kind": {"enum": ["a", "b"], "default": "a"},
        "when": {"type": ["string", "null"], "format": "date"},
        "of": {"oneOf": [{"$ref": "#/$defs/x", "description": "an x"}, {"type": "null"}]},
    },
    "required": ["kind"],
    "$defs": {"x": {"type": "array", "minItems": 1, "items": {"type": "integer"}}},
}


def test_native_structured_output(server, claude):
    server.body = said('{"kind": "a"}')
    request = replace(ask("?"), format=JsonFormat(ANSWER))
    response = run(standard(claude()).generate(request))
    assert response.route == "native"
    assert server.sent[0]["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "kind": {"enum": ["a", "b"]},
                "when": {"type": ["string", "null"], "format": "date"},
                "of": {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]},
            },
            "required": ["kind"],
            "$defs": {"x": {"type": "array", "minItems": 1, "items": {"type": "integer"}}},
            "additionalProperties": False,
        },
    }


def at_n(schema):
    return {"type": "object", "properties": {"n": schema}, "additionalProperties": False}


TREE = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        (at_n({"type": "integer", "minimum": 0}), r"'minimum' at \$\.properties\.n"),
        (at_n({"type": "string", "pattern": "a+"}), "'pattern'"),
        (at_n({"type": "array", "minItems": 2}), "'minItems'"),
        (at_n({"type": "string", "format": "regex"}), "'format'"),
        (at_n({"type": "object", "additionalProperties": {"type": "string"}}), "additionalProp"),
        (at_n({"enum": [{"a": 1}]}), "'enum'"),
        (at_n({}), "without a type"),
        (at_n(True), r"'true' at \$\.properties\.n"),
        (at_n({"anyOf": [{"type": "null"}, {"not": {}}]}), r"'not' at \$\.properties\.n\.anyOf\[1"),
        (at_n({"$ref": "#/properties/n"}), "recursion"),
        ({**TREE, "$defs": {"t": TREE}}, "recursion"),
    ],
)
def test_a_schema_that_it_cannot_express_names_keyword_and_path(server, claude, schema, names):
    strict = replace(ask("?"), format=JsonFormat(schema, strict=True))
    with pytest.raises(errors.SchemaUnsupported, match=names):
        run(standard(claude()).generate(strict))
    assert not server.sent


@pytest.mark.parametrize(
    ("target", "names"), [("https://x/y", "another document"), ("#/$defs/gone", "not there")]
)
def test_a_reference_to_nothing_is_refused_by_the_adapter_alone_too(server, claude, target, names):
    strict = replace(ask("?"), format=JsonFormat(at_n({"$ref": target}), strict=True))
    with pytest.raises(errors.SchemaUnsupported, match=names):
        run(claude().generate(strict))
    with pytest.raises(errors.InvalidRequest, match="does not hold"):
        run(standard(claude()).generate(strict))
    assert not server.sent


def test_such_a_schema_goes_by_the_tool_route(server, claude):
    call = {"type": "tool_use", "id": "t", "name": "answer", "input": {"n": 1}}
    server.body = said(content=[call], stop_reason="tool_use")
    wanted = JsonFormat(at_n({"type": "integer", "minimum": 0}))
    response = run(standard(claude()).generate(replace(ask("?"), format=wanted)))
    assert (response.text, response.route) == ('{"n": 1}', "tool")
    assert server.sent[0]["tool_choice"] == {"type": "tool", "name": "answer"}


# Replies

TOOLS = Request((user("?"),), tools=(WEATHER, NOW))


def test_thinking_tools_usage_and_cost(server, claude):
    server.body = golden("message_tools")
    server.headers = {
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-tokens-remaining": "9000",
    }
    response = run(claude("claude-opus-5-5").generate(TOOLS))
    thought, sealed = server.body["content"][:2]
    assert response.message.parts == (
        Reasoning(thought["thinking"], signature=thought["signature"], provider="anthropic"),
        Reasoning("", signature=sealed["data"], provider="anthropic", redacted=True),
        Text("Voy a mirar las dos."),
        ToolCall("toolu_01A", "weather", {"city": "Lima", "days": 2}),
        ToolCall("toolu_01B", "now", {}),
    )
    assert response.finish_reason == "tool_calls"
    assert response.usage == Usage(1312, 90, 1000, 40)
    assert (response.id, response.model) == ("msg_01XF", "claude-opus-5-5")
    assert response.rate_limit == RateLimit(requests=49, tokens=9000)
    assert response.raw == server.body


def test_cache_writes_cost_more_and_cache_reads_less():
    from quilate_adapters.anthropic.replies import response

    at = Endpoint("anthropic", "claude-opus-5-5", "https://api.anthropic.com")
    cost = response(at, golden("message_tools")).cost
    per_million = 12 * 4 + 300 * 5 + 1000 * 0.2 + 90 * 20
    assert cost.basis == "estimated"
    assert cost.usd == pytest.approx(per_million / 1e6)


def test_what_came_goes_back_unchanged(server, claude):
    """Signatures and sealed thoughts survive a tool loop."""
    server.body = golden("message_tools")
    opened = claude("claude-opus-5-5")
    first = run(opened.generate(TOOLS))
    results = Message("tool", (ToolResult("toolu_01A", "sol"), ToolResult("toolu_01B", "12:00")))
    run(opened.generate(replace(TOOLS, messages=(user("?"), first.message, results))))
    assert server.sent[1]["messages"][1] == {
        "role": "assistant",
        "content": server.body["content"],
    }
    assert [b["type"] for b in server.sent[1]["messages"][2]["content"]] == ["tool_result"] * 2


def test_a_stream_ends_with_the_response_of_the_whole(server, claude):
    server.body = golden("message_tools")
    opened = claude("claude-opus-5-5")
    whole = run(opened.generate(TOOLS))
    server.body = sse(golden("stream_tools"))
    *deltas, last = iterate(opened.stream(TOOLS))
    assert deltas == [
        ReasoningDelta("Two cities, "),
        ReasoningDelta("two calls."),
        TextDelta("Voy a "),
        TextDelta("mirar las dos."),
        ToolCallDelta("toolu_01A", "weather", '{"city": "Li'),
        ToolCallDelta("toolu_01A", "weather", 'ma", "days": 2}'),
        ToolCallDelta("toolu_01B", "now", "{}"),
    ]
    assert replace(last.response, timing=whole.timing) == whole
    assert server.sent[1]["stream"] is True


def test_a_very_long_answer_is_read_as_a_stream(server, claude):
    server.body = sse(golden("stream_tools"))
    response = run(claude().generate(replace(TOOLS, sampling=Sampling(max_tokens=64_000))))
    assert server.sent[0]["stream"] is True
    assert len(response.tool_calls) == 2


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "unknown"),
    ],
)
def test_finish_reasons(server, claude, reason, finish):
    server.body = said(stop_reason=reason)
    assert run(claude().generate(ask("?"))).finish_reason == finish


def test_a_refusal(server, claude):
    server.body = golden("message_refusal")
    with pytest.raises(errors.ContentRefused, match=r"\(bio\): It could help"):
        run(claude().generate(ask("?")))


# Faults

FAULTS = (
    errors.InvalidRequest,
    errors.ContextLengthExceeded,
    errors.ContextLengthExceeded,
    errors.ModelError,
    errors.AuthenticationError,
    errors.ModelError,
    errors.PermissionDenied,
    errors.ModelNotFound,
    errors.InvalidRequest,
    errors.RateLimited,
    errors.ModelError,
    errors.ServerError,
    errors.ServerError,
    errors.Overloaded,
)


@pytest.mark.parametrize(("found", "kind"), list(zip(golden("errors"), FAULTS, strict=True)))
def test_errors_by_status_and_type(server, claude, found, kind):
    server.status, server.headers, server.body = found["status"], found["headers"], found["body"]
    server.headers["request-id"] = "req_011"
    with pytest.raises(errors.ModelError) as caught:
        run(claude().generate(ask("?")))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.request_id) == (found["status"], "req_011")
    assert found["body"]["error"]["message"].rstrip(".") in str(error)
    assert str(error.retry_after or "").startswith(found["headers"].get("retry-after", ""))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("streamed", [True, False])
def test_the_key_is_sent_and_never_shown(server, claude, streamed):
    server.status, server.body = 401, {"error": {"type": "authentication_error", "message": KEY}}
    opened = claude()
    with pytest.raises(errors.AuthenticationError) as caught:
        _ = list(iterate(opened.stream(ask("?")))) if streamed else run(opened.generate(ask("?")))
    assert server.sent_headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in f"{caught.value!r} {caught.value} {opened.info} {vars(caught.value)}"
    assert caught.value.__cause__ is None


START, *_ = EVENTS = golden("stream_tools")
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def without(kind):
    return [event for event in EVENTS if event["type"] != kind]


def twice(at):
    return [*EVENTS[:at], EVENTS[at], *EVENTS[at:]]


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (sse(without("message_stop")), errors.ConnectionFailed),
        (sse(EVENTS[:4]), errors.ConnectionFailed),
        (b"", errors.ConnectionFailed),
        (sse(EVENTS)[:700], errors.ConnectionFailed),
        (sse([START, EVENTS[1], OVERLOADED]), errors.Overloaded),
        (
            sse([START, {"type": "error", "error": {"code": 500, "message": "no"}}]),
            errors.ServerError,
        ),
        (sse(without("message_start")), errors.MalformedReply),
        (sse(without("content_block_start")), errors.MalformedReply),
        (sse(without("content_block_stop")), errors.MalformedReply),
        (sse([EVENTS[0], *reversed(EVENTS[1:])]), errors.MalformedReply),
        (sse(twice(0)), errors.MalformedReply),
        (sse(twice(1)), errors.MalformedReply),
        (sse(twice(5)), errors.MalformedReply),
        (sse(EVENTS).replace(b'"partial_json": "{', b'"partial_json": "['), errors.MalformedReply),
        (sse(EVENTS).replace(b"Voy a", b"Voy \xff"), errors.MalformedReply),
        (sse(EVENTS).replace(b'"index": 2, "delta"', b'"index": 2, "del'), errors.MalformedReply),
        (sse(EVENTS).replace(b'"text_delta"', b'"thinking_delta"'), errors.MalformedReply),
        (b"data: [1]\n\n" + sse(EVENTS), errors.MalformedReply),
        (b"data: {\n\n", errors.MalformedReply),
        (sse([{**EVENTS[0], "message": "x"}]), errors.MalformedReply),
        (sse([EVENTS[0], {**EVENTS[1], "content_block": "x"}]), errors.MalformedReply),
        (sse([EVENTS[0], {"type": "message_delta", "delta": "x"}]), errors.MalformedReply),
    ],
)
def test_broken_streams_end_in_one_typed_error(server, claude, wire, kind):
    server.body, server.headers["request-id"] = wire, "req_011"
    with pytest.raises(errors.ModelError) as caught:
        list(iterate(claude().stream(TOOLS)))
    assert (type(caught.value), caught.value.request_id) == (kind, "req_011")


def test_a_reply_that_cannot_be_read_names_its_request(server, claude):
    server.body, server.headers["request-id"] = {"type": "message", "content": 3}, "req_012"
    with pytest.raises(errors.MalformedReply) as caught:
        run(claude().generate(TOOLS))
    assert caught.value.request_id == "req_012"


def test_kinds_of_events_that_are_new_are_passed_over(server, claude):
    new = {"type": "of_tomorrow", "what": 1}
    server.body = sse([EVENTS[0], {"type": "ping"}, new, *EVENTS[1:], new])
    assert list(iterate(claude().stream(TOOLS)))[-1].response.tool_calls


@pytest.mark.parametrize(
    ("body", "headers", "names"),
    [
        (b"<html>", {"content-type": "text/html"}, "text/html.*base_url"),
        (b'{"a', {"content-type": "application/json"}, "cannot be read"),
        (b'"\xff"', {"content-type": "application/json"}, "cannot be read"),
        (b"[" * 100_000, {"content-type": "application/json"}, "cannot be read"),
        ({"choices": []}, {}, "not a message"),
        ([], {}, "not a message"),
        (said(content=[{"type": "text"}]), {}, "lacks 'text'"),
        (said(content=[{"type": "text", "text": 3}]), {}, "has 3"),
        (
            said(content=[{"type": "tool_use", "id": "t", "name": "n", "input": [1]}]),
            {},
            "no JSON object",
        ),
        (said(), {"content-encoding": "gzip"}, "cannot be read"),
    ],
)
def test_malformed_replies(server, claude, body, headers, names):
    server.body, server.headers = body, headers
    with pytest.raises(errors.MalformedReply, match=names):
        run(claude().generate(ask("?")))


def test_a_stream_of_the_wrong_type(server, claude):
    with pytest.raises(errors.MalformedReply, match="application/json"):
        list(iterate(claude().stream(ask("?"))))


def test_fields_that_an_answer_can_do_without(server, claude):
    odd = {"usage": {"input_tokens": "x", "output_tokens_details": 3}, "model": ["m"], "id": 1}
    server.body = said(**odd, stop_reason=[1])
    response = run(claude().generate(ask("?")))
    assert (response.text, response.usage, response.model) == ("hola", Usage(), None)


def test_an_error_inside_a_good_status(server, claude):
    server.body = OVERLOADED
    with pytest.raises(errors.Overloaded):
        run(claude().generate(ask("?")))


def test_text_that_cannot_be_encoded_is_the_requests_fault(claude):
    with pytest.raises(errors.InvalidRequest, match="surrogates"):
        run(claude().generate(ask("\ud800")))


def test_an_empty_conversation_is_refused_before_any_call(server, claude):
    with pytest.raises(errors.InvalidRequest, match="Add a user message"):
        run(claude().generate(Request((system("S"), assistant("")))))
    assert not server.sent


@pytest.mark.parametrize(
    ("scheme", "environment", "names"),
    [
        ("https", {}, "SSL_CERT_FILE"),
        ("http", {"HTTP_PROXY": "nonsense://x"}, "HTTP_PROXY"),
        ("http", {"HTTP_PROXY": "http://127.0.0.1:9"}, "Check that"),
    ],
)
def test_tls_and_proxy_failures_name_the_remedy(server, monkeypatch, scheme, environment, names):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    address = server.url.replace("http:", f"{scheme}:")
    with pytest.raises(errors.ConnectionFailed, match=names):
        run(model("m", base_url=address).generate(ask("?")))


def test_an_unreachable_server():
    with pytest.raises(errors.ConnectionFailed, match=r"127\.0\.0\.1:9.*Check that the server"):
        run(model("m", base_url="http://127.0.0.1:9").generate(ask("?")))


def test_cancelling_closes_the_connection(server, claude):
    server.stall = True
    opened = claude()

    async def cancelled():
        task = asyncio.create_task(opened.generate(ask("?")))
        await asyncio.to_thread(server.stalled.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(server.gone.wait, 10)

    assert run(cancelled())


def test_a_stream_that_is_left_closes_its_connection(server, claude):
    server.hold, server.body = True, sse(EVENTS[:4])
    opened = claude()

    async def left():
        stream = opened.stream(TOOLS)
        first = await anext(stream)
        await stream.aclose()
        return first, await asyncio.to_thread(server.gone.wait, 10)

    assert run(left()) == (ReasoningDelta("Two cities, "), True)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_connection_that_is_cut(server, claude, streamed):
    server.body = sse(EVENTS[:9]) if streamed else said()
    server.headers = {"content-length": "99999"}
    opened = claude()
    with pytest.raises(errors.ConnectionFailed):
        _ = list(iterate(opened.stream(TOOLS))) if streamed else run(opened.generate(TOOLS))


# Keys and addresses


def test_a_missing_key_names_the_variable(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", KEY)
    with pytest.raises(errors.AuthenticationError, match="ANTHROPIC_API_KEY"):
        run(model("claude-opus-5-5").generate(ask("?")))


def test_the_environment_names_server_and_key(server, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    run(model("m").generate(ask("?")))
    assert server.sent_headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_given_base_url_never_receives_the_environments_secrets(server, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"X-Secret: {KEY}\nAuthorization: {KEY}")
    run(model("m", base_url=server.url).generate(ask("?")))
    assert KEY not in str(server.sent_headers)
    assert "authorization" not in server.sent_headers[0]


def test_a_redirect_is_not_followed(server, claude):
    server.status, server.headers = 307, {"location": f"{server.url}/elsewhere"}
    with pytest.raises(errors.MalformedReply, match=r"HTTP 307.*Check base_url"):
        run(claude().generate(ask("?")))
    assert len(server.sent) == 1


def test_a_malformed_key_is_refused_without_showing_it():
    with pytest.raises(errors.ConfigurationError) as caught:
        model("m", base_url="http://x", api_key=f"{KEY}\n")
    assert KEY not in str(caught.value)


# Batches


def test_a_batch_keeps_the_order_and_says_what_became_of_each(server, claude):
    lines = b"\n".join(json.dumps(line).encode() for line in golden("batch_results"))
    ended = golden("batch")
    place = "/v1/messages/batches"
    server.body = ended
    server.routes = {f"{place}/msgbatch_01/results": lines}
    found = run(batch.run(standard(claude()), [ask(str(i)) for i in range(4)], poll_seconds=0.01))
    answered, overloaded, cancelled, expired = found
    assert answered.text == "hola"
    assert type(overloaded) is errors.Overloaded
    assert "cancelled" in str(cancelled)
    assert type(expired) is errors.DeadlineExceeded
    assert [entry["custom_id"] for entry in server.sent[0]["requests"]] == ["0", "1", "2", "3"]
    assert server.sent[0]["requests"][2]["params"]["messages"][0]["content"][0]["text"] == "2"
    assert server.paths == [place, f"{place}/msgbatch_01", f"{place}/msgbatch_01/results"]


def test_a_batch_is_waited_for(server, claude):
    server.body = golden("batch") | {"processing_status": "in_progress"}
    assert run(batch.results(claude(), "msgbatch_01")) is None


def test_a_batch_costs_half():
    from quilate_adapters.anthropic.batch import _outcome

    at = Endpoint("anthropic", "claude-opus-5-5", "https://api.anthropic.com")
    result = golden("batch_results")[2]["result"]
    assert _outcome(AnthropicMessages(at), result).cost.usd == pytest.approx(2.0)


def test_a_result_that_is_missing_is_an_error_of_its_own(server, claude):
    server.body = golden("batch")
    server.routes = {"/v1/messages/batches/msgbatch_01/results": b""}
    found = run(batch.results(claude(), "msgbatch_01"))
    assert [type(each) for each in found] == [errors.MalformedReply] * 4


def test_the_golden_replies_are_of_the_sdks_types():
    from anthropic import types
    from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

    for name in ("message_tools", "message_refusal"):
        TypeAdapter(types.Message).validate_python(golden(name))
    TypeAdapter(list[types.RawMessageStreamEvent]).validate_python(EVENTS)
    TypeAdapter(MessageBatch).validate_python(golden("batch"))
    TypeAdapter(list[MessageBatchIndividualResponse]).validate_python(golden("batch_results"))


def test_a_forced_call_while_it_thinks_is_refused_where_the_api_refuses_it():
    request = replace(ask("?"), tools=(WEATHER,), tool_choice="required", reasoning="low")
    with pytest.raises(errors.Unsupported, match="no forced tool call while it thinks"):
        run(model("claude-sonnet-4-5", api_key=KEY).generate(request))


def test_a_reply_without_end_is_an_error(fault_server):
    FaultServer(fault_server).set(huge_bytes=32 * 2**20)
    try:
        with pytest.raises(errors.MalformedReply, match="too large"):
            run(model("fault:huge", base_url=fault_server).generate(ask("?")))
    finally:
        FaultServer(fault_server).set(huge_bytes=2**20)


def test_a_deeply_nested_tool_input_is_malformed(server):
    deep = '{"a":' * 100_000
    events = [
        {"type": "message_start", "message": said(content=[])},
        {
            "type": "content_block_start", "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "weather", "input": {}},
        },
        {
            "type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": deep},
        },
        {"type": "content_block_stop", "index": 0},
    ]  # fmt: skip
    frames = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events]
    server.body = "".join(frames).encode()
    with pytest.raises(errors.MalformedReply):
        list(iterate(model("m", base_url=server.url).stream(ask("?"))))
