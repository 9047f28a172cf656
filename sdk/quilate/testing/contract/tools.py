# ruff: noqa: S101, D102  # tests are named by what they show
"""Tools: forced, free, forbidden, one at a time, and the loop with their results."""

import json
from dataclasses import replace

import pytest

from quilate.errors import MalformedReply
from quilate.messages import Message, ToolCall, ToolResult, user
from quilate.middleware.ambient import Ambient
from quilate.middleware.json_schema import violation
from quilate.models import Request, Response, Tool, ToolCallDelta
from quilate.testing.contract.base import Kit, answer, answer_or_error, asking, has, streamed

# Arguments are drawn from lists, so that the smallest models can end them.
WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Lima", "Quito", "Bogotá"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
CLOCK = Tool(
    "get_time",
    "The time of a zone.",
    {
        "type": "object",
        "properties": {"zone": {"type": "string", "enum": ["utc", "local"]}},
        "required": ["zone"],
        "additionalProperties": False,
    },
)
TOOLS = {tool.name: tool for tool in (WEATHER, CLOCK)}
WANTED = user("What is the weather in Lima?")
SEVERAL = user("What is the weather in Lima and in Quito, and what time is it in UTC?")
CALLED = Message("assistant", (ToolCall("call_1", "get_weather", {"city": "Lima"}),))
GIVEN = Message("tool", (ToolResult("call_1", '{"sky": "clear", "celsius": 21}'),))


def _request(model: Ambient, *messages: Message, choice: str | None, **fields: bool) -> Request:
    request = asking(model, *(messages or (WANTED,)), max_tokens=96, **fields)
    return replace(request, tools=tuple(TOOLS.values()), tool_choice=choice)


def _check_calls(response: Response) -> None:
    assert response.finish_reason == "tool_calls"
    assert len({call.id for call in response.tool_calls}) == len(response.tool_calls)
    for call in response.tool_calls:
        assert call.id
        assert violation(dict(call.arguments), TOOLS[call.name].parameters) is None


def _is_sure(model: Ambient) -> bool:
    """Whether a forced call must succeed: by the model itself, or emulated under a grammar."""
    return has(model, "tool_choice") or has(model, "json_schema")


class ToolTests(Kit):
    """Tools are called as asked, or there is an error."""

    def test_a_forced_call_is_made(self, opened: Ambient) -> None:
        request = _request(opened, choice="get_time")
        allowed = () if _is_sure(opened) else (MalformedReply,)
        response = answer_or_error(opened, request, *allowed)
        if response is None:
            return
        assert {call.name for call in response.tool_calls} == {"get_time"}
        _check_calls(response)
        native = has(opened, "tools") and has(opened, "tool_choice")
        assert ("tools" in response.emulated) == (not native)

    def test_a_required_call_is_made(self, opened: Ambient) -> None:
        request = _request(opened, choice="required")
        allowed = () if _is_sure(opened) else (MalformedReply,)
        response = answer_or_error(opened, request, *allowed)
        if response is not None:
            assert response.tool_calls
            _check_calls(response)

    def test_a_free_choice_calls_or_answers(self, opened: Ambient) -> None:
        # A small model's free reply may be cut at max_tokens, or call with arguments of its own.
        response = answer_or_error(opened, _request(opened, choice="auto"), MalformedReply)
        if response is None:
            return
        if response.tool_calls:
            _check_calls(response)
        else:
            assert response.finish_reason in ("stop", "length")

    def test_one_call_at_a_time(self, opened: Ambient) -> None:
        request = _request(opened, SEVERAL, choice="required", parallel_tool_calls=False)
        allowed = () if _is_sure(opened) else (MalformedReply,)
        response = answer_or_error(opened, request, *allowed)
        if response is not None:
            assert len(response.tool_calls) == 1
            declared = has(opened, "parallel_tool_calls")
            assert not (declared and "parallel_tool_calls" in response.emulated), (
                "the model made several calls at once, which it declares not to when asked"
            )

    def test_forbidden_tools_are_not_called(self, opened: Ambient) -> None:
        # A model that cannot be told not to call is not shown the tools: nothing excuses a call.
        assert answer(opened, _request(opened, choice="none")).tool_calls == ()

    def test_streamed_calls_are_those_of_the_response(self, opened: Ambient) -> None:
        try:
            deltas, response = streamed(opened, _request(opened, choice="get_weather"))
        except MalformedReply:
            assert not _is_sure(opened)
            return
        _check_calls(response)
        written: dict[str, str] = {}
        for delta in deltas:
            if isinstance(delta, ToolCallDelta):
                written[delta.id] = written.get(delta.id, "") + delta.arguments
        assert {call.id for call in response.tool_calls} == set(written)
        for call in response.tool_calls:
            assert json.loads(written[call.id]) == dict(call.arguments)

    def test_results_go_back(self, opened: Ambient, is_language_model: bool) -> None:
        request = _request(opened, WANTED, CALLED, GIVEN, choice="none")
        response = answer(opened, request)
        assert response.tool_calls == ()
        if is_language_model:
            shorter = Message("tool", (ToolResult("call_1", "{}"),))
            less = answer(opened, _request(opened, WANTED, CALLED, shorter, choice="none"))
            assert response.usage.input_tokens > less.usage.input_tokens

    def test_calls_go_back(self, opened: Ambient, is_language_model: bool) -> None:
        if not is_language_model:
            pytest.skip("it counts no tokens")
        city = "Lima, the capital of Peru, on the coast of the Pacific Ocean"
        longer = Message("assistant", (ToolCall("call_1", "get_weather", {"city": city}),))
        tokens = [
            answer(opened, _request(opened, WANTED, call, GIVEN, choice="none")).usage.input_tokens
            for call in (CALLED, longer)
        ]
        assert tokens[1] > tokens[0], "the arguments of a call are lost"

    def test_its_own_calls_go_back(self, opened: Ambient) -> None:
        first = answer_or_error(opened, _request(opened, choice="get_weather"), MalformedReply)
        if first is None:
            assert not _is_sure(opened)
            return
        results = tuple(ToolResult(call.id, "21 °C", is_error=False) for call in first.tool_calls)
        turns = (WANTED, first.message, Message("tool", results))
        assert answer(opened, _request(opened, *turns, choice="none")).tool_calls == ()
