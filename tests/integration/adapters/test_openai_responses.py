"""The Responses API over real sockets: llama.cpp's own server, and captures of OpenAI's forms."""

import json
from dataclasses import replace

import pytest

from quilate import errors, registry
from quilate.decisions import Question, decide
from quilate.messages import File, Image, Message, Reasoning, Text, ToolCall, ToolResult, user
from quilate.models import (
    JsonFormat,
    ReasoningDelta,
    Request,
    Sampling,
    Timing,
    Tool,
    ToolCallDelta,
    Usage,
    ask,
)
from quilate.providers import Endpoint
from quilate.sync import iterate, run
from quilate_adapters.openai import OFFICIAL, OpenAIResponses, model
from quilate_adapters.openai.responses_request import body

WEATHER = Tool("weather", "Of a city.", {"type": "object", "properties": {"city": {}}})
THOUGHT = Reasoning("First.\n\nThen.", id="rs_1", signature="gAAAA==", provider="openai")
CALL = ToolCall("call_a", "weather", {"city": "Bogotá"})


@pytest.fixture
def responses(canned):
    opened = model("m", base_url=canned.url, api="responses")
    yield opened
    run(opened.aclose())


def official(name="gpt-5.6-sol"):
    return OpenAIResponses(Endpoint("openai", name, OFFICIAL, "k")).wire


def test_real_server_gives_the_same_streamed_and_whole(llama_server):
    smol = model("smol", base_url=f"{llama_server}/v1", api="responses")
    request = ask("¿Qué es un pingüino?", temperature=0, max_tokens=10)
    whole = run(smol.generate(request))
    *deltas, last = iterate(smol.stream(request))
    assert "".join(delta.text for delta in deltas) == whole.text == last.response.text
    assert whole.text
    assert whole.finish_reason == last.response.finish_reason == "length"
    assert whole.usage.output_tokens == last.response.usage.output_tokens == 10


def test_what_the_real_servers_responses_ignore_is_not_declared(llama_server):
    smol = registry.model(f"openai/smol@{llama_server}/v1", api="responses")
    assert not smol.info.capabilities.has("json_schema")
    with pytest.raises(errors.Unsupported, match="seed"):
        run(smol.generate(ask("?", seed=1)))


def test_what_is_sent():
    request = Request(
        (user("U"),),
        Sampling(max_tokens=5),
        tools=(WEATHER,),
        tool_choice="weather",
        parallel_tool_calls=False,
        format=JsonFormat({"type": "object", "properties": {}, "additionalProperties": False}),
        reasoning="high",
    )
    assert body(official(), request) == {
        "model": "gpt-5.6-sol",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "U"}]}
        ],
        "store": False,
        "max_output_tokens": 5,
        "reasoning": {"effort": "high"},
        "text": {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {},
                    "required": [],
                    "additionalProperties": False,
                },
            }
        },
        "include": ["reasoning.encrypted_content"],
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Of a city.",
                "parameters": WEATHER.parameters,
                "strict": False,
            }
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
    }


def test_reasoning_goes_round_a_tool_loop(responses, canned, golden):
    canned.answer(golden("openai/responses_reasoning_tools"), golden("openai/responses_text"))
    asked = replace(ask("?"), tools=(WEATHER,))
    first = run(responses.generate(asked))
    assert first.message.parts == (THOUGHT, CALL)
    assert (first.finish_reason, first.usage) == ("tool_calls", Usage(100, 50, 80, 40))
    result = Message("tool", (ToolResult("call_a", "rain"),))
    again = replace(asked, messages=(*asked.messages, first.message, result))
    assert run(responses.generate(again)).text == "hola"
    _, thought, call, output = canned.sent[1]["input"]
    assert thought == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "First.\n\nThen."}],
        "encrypted_content": "gAAAA==",
    }
    assert (call["type"], call["call_id"]) == ("function_call", "call_a")
    assert json.loads(call["arguments"]) == CALL.arguments
    assert output == {"type": "function_call_output", "call_id": "call_a", "output": "rain"}


def test_another_providers_reasoning_is_left_out():
    foreign = Reasoning("hm", signature="s", provider="anthropic")
    sent = body(official(), Request((user("?"), Message("assistant", (foreign, Text("a"))))))
    assert [item["type"] for item in sent["input"]] == ["message", "message"]
    assert sent["input"][1]["content"] == [{"type": "output_text", "text": "a"}]


def test_images_and_files():
    parts = (Image(b"x"), File(b"x", name="a.pdf"))
    (item,) = body(official(), Request((Message("user", parts),)))["input"]
    assert item["content"] == [
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,eA=="},
        {
            "type": "input_file",
            "file_data": "data:application/pdf;base64,eA==",
            "filename": "a.pdf",
        },
    ]


def test_a_stream_ends_with_what_generate_gives(responses, canned, golden):
    request = replace(ask("?"), tools=(WEATHER,))
    canned.answer(golden("openai/responses_reasoning_tools"))
    whole = run(responses.generate(request))
    canned.answer(golden("openai/responses_reasoning_tools_stream"))
    *deltas, last = iterate(responses.stream(request))
    assert replace(last.response, timing=Timing()) == replace(whole, timing=Timing())
    thoughts = [d.reasoning for d in deltas if isinstance(d, ReasoningDelta)]
    assert "".join(thoughts) == THOUGHT.reasoning
    calls = [d for d in deltas if isinstance(d, ToolCallDelta)]
    assert {(d.id, d.name) for d in calls} == {("call_a", "weather")}
    assert json.loads("".join(d.arguments for d in calls)) == CALL.arguments


@pytest.mark.parametrize("change", ["twice", "swapped", "unannounced"])
def test_events_out_of_order(responses, canned, golden, change):
    events = golden("openai/responses_reasoning_tools_stream")
    if change == "twice":
        events.insert(7, events[6])
    elif change == "swapped":
        events[6], events[7] = events[7], events[6]
    else:
        del events[5]
    canned.answer(events)
    with pytest.raises(errors.MalformedReply):
        list(iterate(responses.stream(replace(ask("?"), tools=(WEATHER,)))))


def test_refused_cut_and_failed(responses, canned, golden):
    canned.answer(golden("openai/responses_refusal"))
    with pytest.raises(errors.ContentRefused, match="I will not"):
        run(responses.generate(ask("?")))
    canned.answer(golden("openai/responses_incomplete"))
    assert run(responses.generate(ask("?"))).finish_reason == "length"
    canned.answer(golden("openai/responses_failed"))
    with pytest.raises(errors.ServerError, match="It broke"):
        run(responses.generate(ask("?")))


def test_log_probabilities(responses, canned, golden):
    canned.answer(golden("openai/responses_text"))
    response = run(responses.generate(replace(ask("?"), logprobs=2)))
    assert response.logprobs[0].top == (("hola", -0.1), ("hi", -2.5))
    assert canned.sent[0]["include"] == ["message.output_text.logprobs"]


QUESTIONS = [Question("Yes?", ("yes", "no"), id="q1"), Question("Which?", ("a", "b"), id="q2")]


def test_decisions(responses, canned, golden):
    canned.answer(golden("openai/decision"))
    first, second = run(responses.decide(ask("evidence"), QUESTIONS))
    assert (first.probabilities, first.source) == ({"yes": 0.75, "no": 0.25}, "endpoint")
    assert (second.label, second.reply) == ("b", "b")
    assert first.usage + second.usage == Usage(10, 2)
    assert canned.paths == ["/v1/decisions"]
    assert canned.sent[0]["questions"][0] == {
        "type": "choice",
        "name": "q1",
        "instructions": "Yes?",
        "choices": [{"value": "yes"}, {"value": "no"}],
    }


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([{"type": "refusal", "name": "q1"}], errors.ContentRefused),
        ([], errors.MalformedReply),
        ([{"type": "choice", "choice": "x", "probabilities": []}], errors.MalformedReply),
        ([{"type": "predicate", "probability": 0.5}], errors.MalformedReply),
    ],
)
def test_decisions_that_are_none(responses, canned, golden, answers, kind):
    canned.answer({**golden("openai/decision"), "answers": answers})
    with pytest.raises(kind):
        run(responses.decide(ask("evidence"), QUESTIONS[:1]))


def test_only_the_models_that_have_it_declare_decide():
    def has(name, base_url=None):
        return model(name, base_url=base_url, api_key="k").info.capabilities.has("decide")

    assert has("gpt-6-luna", OFFICIAL)
    assert not has("gpt-6-sol", OFFICIAL)
    assert not has("gpt-6-luna", "http://127.0.0.1:8080/v1")


def test_a_server_without_the_endpoint_decides_by_log_probabilities(llama_server):
    smol = registry.model(f"openai/smol@{llama_server}/v1")
    decision = run(decide(smol, ask("Is water wet?"), Question("Answer", ("yes", "no"))))
    assert decision.source in ("logprobs", "votes")
