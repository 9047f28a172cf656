"""Chat Completions over real sockets: llama.cpp's own server, and captures of OpenAI's forms."""

import asyncio
import json
from dataclasses import replace

import pytest

from quilate import errors, registry
from quilate.messages import (
    Audio,
    File,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    system,
    user,
)
from quilate.models import (
    Cost,
    Finished,
    JsonFormat,
    ReasoningDelta,
    Request,
    Sampling,
    TextDelta,
    Timing,
    Tool,
    ToolCallDelta,
    Usage,
    ask,
)
from quilate.providers import Endpoint
from quilate.sync import iterate, run
from quilate_adapters.openai import OFFICIAL, OpenAIChat, model
from quilate_adapters.openai.chat_request import body

KEY = "a-secret-that-no-pattern-knows"
WEATHER = Tool("weather", "Of a city.", {"type": "object", "properties": {"city": {}}})
CALLS = (
    ToolCall("call_a", "weather", {"city": "Bogotá"}),
    ToolCall("call_b", "weather", {"city": "Quito"}),
)


@pytest.fixture
def chat(canned):
    opened = model("m", base_url=canned.url, api_key=KEY)
    yield opened
    run(opened.aclose())


def official(name="gpt-4o-mini"):
    return OpenAIChat(Endpoint("openai", name, OFFICIAL, KEY)).wire


QUESTION = Request(
    (system("Answer shortly."), user("¿Qué es un pingüino?")),
    sampling=Sampling(temperature=0, max_tokens=10, seed=1),
    logprobs=2,
)


def test_real_server_gives_the_same_streamed_and_whole(llama_server):
    smol = model("smol", base_url=f"{llama_server}/v1")
    whole = run(smol.generate(QUESTION))
    *deltas, last = iterate(smol.stream(QUESTION))
    assert len(deltas) > 3
    assert "".join(delta.text for delta in deltas) == whole.text == last.response.text
    assert len(last.response.logprobs) == 10
    assert all(len(entry.top) == 2 for entry in whole.logprobs)
    for name in ("finish_reason", "message", "model", "cost"):
        assert getattr(last.response, name) == getattr(whole, name)
    assert (whole.finish_reason, whole.cost) == ("length", Cost())
    assert "SmolLM2" in whole.model
    assert whole.usage.output_tokens == last.response.usage.output_tokens == 10


def test_real_server_is_forced_to_call_a_tool(llama_server):
    """llama.cpp ignores tools that the template lacks: not declared, and therefore emulated."""
    smol = registry.model(f"openai/smol@{llama_server}/v1")
    parameters = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    request = Request(
        (user("What is the weather in Paris?"),),
        Sampling(temperature=0, max_tokens=60),
        tools=(Tool("weather", "Of a city.", parameters),),
        tool_choice="weather",
        parallel_tool_calls=False,
    )
    (call,) = run(smol.generate(request)).tool_calls
    assert call.name == "weather"
    assert call.arguments["city"] in ("Paris", "Rome")


def test_real_server_refuses_a_long_prompt(llama_server):
    smol = model("smol", base_url=f"{llama_server}/v1")
    with pytest.raises(errors.ContextLengthExceeded, match=r"HTTP 400"):
        run(smol.generate(ask("palabra " * 9000)))


def test_what_is_sent(chat, canned, golden):
    canned.answer(golden("openai/chat_text"))
    request = Request(
        (system("S"), user("U")),
        Sampling(temperature=0.5, top_p=0.9, top_k=4, seed=7, max_tokens=5, stop=("X",)),
        logprobs=0,
        cache_prefix=1,
        extra={"min_p": 0.1},
    )
    run(chat.generate(request))
    assert canned.sent == [
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
    assert canned.sent_headers[0]["authorization"] == f"Bearer {KEY}"


def test_tools_go_out_and_calls_come_back(chat, canned, golden):
    canned.answer(golden("openai/chat_tools"))
    request = Request(
        (user("?"),), tools=(WEATHER,), tool_choice="weather", parallel_tool_calls=False
    )
    response = run(chat.generate(request))
    assert (response.tool_calls, response.finish_reason) == (CALLS, "tool_calls")
    sent = canned.sent[0]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert sent["parallel_tool_calls"] is False
    assert sent["tools"][0]["function"]["parameters"] == WEATHER.parameters


def test_a_conversation_goes_back_whole():
    thought = Reasoning("2+2", id="reasoning_content", provider="ollama")
    other = Reasoning("secret", provider="anthropic", signature="x")
    messages = (
        user("?"),
        Message("assistant", (thought, other, Text("Let me see."), CALLS[0])),
        Message("tool", (ToolResult("call_a", "rain"), ToolResult("call_b", "gone", True))),
    )
    wire = OpenAIChat(Endpoint("ollama", "m", "http://127.0.0.1:1/v1")).wire
    _, said, first, second = body(wire, Request(messages))["messages"]
    assert said["reasoning_content"] == "2+2"
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == {"city": "Bogotá"}
    assert first == {"role": "tool", "tool_call_id": "call_a", "content": "rain"}
    assert second["content"] == "Error: gone"


def test_images_audio_and_files_as_openai_takes_them():
    parts = (
        Text("Look"),
        Image(b"x", media_type="image/jpeg"),
        Image(url="https://h/i.png"),
        Audio(b"x", "audio/mpeg"),
        File(b"x", name="a.pdf"),
    )
    content = body(official(), Request((Message("user", parts),)))["messages"][0]["content"]
    assert content == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,eA=="}},
        {"type": "image_url", "image_url": {"url": "https://h/i.png"}},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}},
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"},
        },
    ]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Image(b"x", media_type="image/bmp"), "image/bmp"),
        (Image(b"x" * (20 * 2**20 + 1)), "20 MiB"),
        (Image(), "neither"),
        (Audio(b"x", "audio/ogg"), "audio/ogg"),
        (File(b"x", "text/csv"), "text/csv"),
    ],
)
def test_what_cannot_be_sent_is_named_before_any_call(chat, canned, part, said):
    with pytest.raises(errors.InvalidRequest, match=said):
        run(chat.generate(Request((Message("user", (part,)),))))
    assert canned.paths == []


def test_openai_itself_gets_its_own_names():
    wire = official()
    sent = body(wire, replace(ask("?", max_tokens=3), cache_prefix=1))
    assert sent["max_completion_tokens"] == 3
    assert len(sent["prompt_cache_key"]) == 32
    with pytest.raises(errors.Unsupported, match="top_k"):
        body(wire, ask("?", top_k=3))


@pytest.mark.parametrize(
    ("name", "reasoning", "sampling", "match"),
    [
        ("o3", "none", Sampling(), "takes low, medium, high"),
        ("gpt-5.2", "high", Sampling(temperature=0), "temperature while it reasons"),
        ("gpt-4o", "low", Sampling(), "none at all"),
    ],
)
def test_reasoning_that_a_model_does_not_take(name, reasoning, sampling, match):
    with pytest.raises(errors.Unsupported, match=match):
        body(official(name), Request((user("?"),), sampling, reasoning=reasoning))


def test_reasoning_effort_goes_out():
    request = Request((user("?"),), Sampling(temperature=0), reasoning="none")
    assert body(official("gpt-5.2"), request)["reasoning_effort"] == "none"


def test_a_schema_is_made_strict_for_openai_alone(chat, canned, golden):
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    request = Request((user("?"),), format=JsonFormat(schema))
    canned.answer(golden("openai/chat_text"))
    run(chat.generate(request))
    assert canned.sent[0]["response_format"]["json_schema"]["schema"] == schema
    sent = body(official(), request)["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"] == {**schema, "required": ["a"], "additionalProperties": False}


def test_usage_counts_once_and_headers_are_read(chat, canned, golden):
    canned.answer(golden("openai/chat_text"))
    canned.headers = {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "2s"}
    response = run(chat.generate(replace(ask("?"), logprobs=1)))
    assert response.usage == Usage(100, 50, 80, 40)
    assert (response.rate_limit.requests, response.rate_limit.requests_reset) == (7, 2.0)
    assert (response.id, response.model) == ("chatcmpl-1", "gpt-4o-mini-2024-07-18")
    assert response.logprobs[0].top == (("hola", -0.1),)


@pytest.mark.parametrize("name", ["chat_text", "chat_tools"])
def test_a_stream_ends_with_what_generate_gives(chat, canned, golden, name):
    request = replace(ask("?"), tools=(WEATHER,), logprobs=2)
    canned.answer(golden(f"openai/{name}"))
    whole = run(chat.generate(request))
    canned.answer(golden(f"openai/{name}_stream"))
    *deltas, last = iterate(chat.stream(request))
    assert isinstance(last, Finished)
    assert replace(last.response, raw=None, timing=Timing()) == replace(
        whole, raw=None, timing=Timing()
    )
    texts = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    written = [d for d in deltas if isinstance(d, ToolCallDelta)]
    assert "".join(texts) == whole.text
    for call in whole.tool_calls:
        pieces = "".join(d.arguments for d in written if d.id == call.id)
        assert json.loads(pieces) == call.arguments
    assert canned.sent[-1]["stream_options"] == {"include_usage": True}


def test_reasoning_of_compatible_servers(chat, canned, golden):
    whole = golden("openai/chat_reasoning_content")
    canned.answer(whole)
    response = run(chat.generate(ask("?")))
    assert response.message.parts == (
        Reasoning("2+2", id="reasoning_content", provider="openai"),
        Text("4"),
    )
    start = golden("openai/chat_text_stream")[0]
    pieces = [{"reasoning_content": "2+"}, {"reasoning_content": "2"}, {"content": "4"}]
    chunks = [
        {**start, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]}
        for piece in pieces
    ]
    end = {**start, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    canned.answer([*chunks, end])
    events = list(iterate(chat.stream(ask("?"))))
    assert events[:3] == [ReasoningDelta("2+"), ReasoningDelta("2"), TextDelta("4")]
    assert events[3].response.message == response.message


def test_refusals_and_filters(chat, canned, golden):
    canned.answer(golden("openai/chat_refusal"))
    with pytest.raises(errors.ContentRefused, match="I will not"):
        run(chat.generate(ask("?")))
    canned.answer(golden("openai/chat_filtered"))
    assert run(chat.generate(ask("?"))).finish_reason == "content_filter"


def test_arguments_that_are_no_object(chat, canned, golden):
    reply = golden("openai/chat_tools")
    reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = "[1]"
    canned.answer(reply)
    with pytest.raises(errors.MalformedReply, match="'weather' are not a JSON object"):
        run(chat.generate(replace(ask("?"), tools=(WEATHER,))))


@pytest.mark.parametrize(
    "order",
    [
        (0, 2, 1, 3, 4, 5, 6, 7),  # an argument before its call
        (0, 1, 1, 2, 3, 3, 4, 5, 6, 7),  # a piece twice
        (0, 1, 3, 2, 4, 5, 6, 7),  # pieces in another order
        (0, 1, 2, 3, 4, 6, 5, 7),  # the end before the last piece
        (0, 1, 2, 3, 4, 5, 6, 6, 7),  # the end twice
        (0, 1, 2, 4, 5, 6, 7),  # a piece lost
    ],
)
def test_chunks_that_are_lost_repeated_or_out_of_order(chat, canned, golden, order):
    chunks = golden("openai/chat_tools_stream")
    canned.answer([chunks[i] for i in order])
    with pytest.raises(errors.MalformedReply):
        list(iterate(chat.stream(replace(ask("?"), tools=(WEATHER,)))))


@pytest.mark.parametrize(
    "reply",
    [
        {"object": "list"},
        {"choices": []},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"tool_calls": [{}]}}]},
        {"choices": 3},
        b"<html>",
        b"[]",
        b'{"id": "c1", ',
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b"[" * 100_000,
    ],
)
def test_a_reply_that_is_no_completion(chat, canned, reply):
    canned.answer(reply)
    with pytest.raises(errors.MalformedReply):
        run(chat.generate(ask("?")))
    with pytest.raises(errors.ModelError):
        list(iterate(chat.stream(ask("?"))))


def test_price_counts_cached_tokens_at_their_rate():
    from quilate_adapters.openai.chat_reply import response

    at = Endpoint("openai", "gpt-4o-mini", OFFICIAL)
    usage = {
        "prompt_tokens": 1_000_000,
        "completion_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 500_000},
    }
    reply = {"choices": [{"message": {"content": "x"}}], "model": "gpt-4o-mini", "usage": usage}
    cost = response(at, ask("?"), reply, {}, Timing()).cost
    assert cost.basis == "estimated"
    assert cost.usd == pytest.approx(0.5 * 0.15 + 0.5 * 0.075)


def test_captures_are_what_the_sdk_declares(golden):
    from openai.types import Decision
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.responses import Response as Whole
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    for name in ("text", "tools", "refusal", "filtered", "reasoning_content"):
        ChatCompletion.model_validate(golden(f"openai/chat_{name}"))
    for name in ("text", "tools"):
        TypeAdapter(list[ChatCompletionChunk]).validate_python(golden(f"openai/chat_{name}_stream"))
    for name in ("text", "reasoning_tools", "refusal", "incomplete", "failed"):
        Whole.model_validate(golden(f"openai/responses_{name}"))
    Decision.model_validate(golden("openai/decision"))
    TypeAdapter(list[ResponseStreamEvent]).validate_python(
        golden("openai/responses_reasoning_tools_stream")
    )


def test_one_model_on_two_event_loops(chat, canned, golden):
    canned.answer(golden("openai/chat_text"))
    assert run(chat.generate(ask("?"))).text == "hola"

    async def elsewhere():
        response = await chat.generate(ask("?"))
        await chat.aclose()
        return response.text

    assert asyncio.run(elsewhere()) == "hola"


@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_parts_that_have_no_place_in_a_message(chat, canned, role):
    for parts in ((ToolCall("c", "f", {}),), (Text("x"), ToolCall("c", "f", {})), (object(),)):
        with pytest.raises(errors.InvalidRequest, match=f"in a message of (user|{role})"):
            run(chat.generate(Request((Message(role, parts),))))
    with pytest.raises(errors.InvalidRequest, match="object in a message of assistant"):
        run(chat.generate(Request((Message("assistant", (object(),)),))))
    assert canned.sent == []
