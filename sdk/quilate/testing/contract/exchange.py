# ruff: noqa: S101, D102  # tests are named by what they show
"""What a hosted adapter sends and reads: to the token, the id and the signature."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from quilate.errors import ModelError
from quilate.messages import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    user,
)
from quilate.middleware.base import Wrapper
from quilate.models import (
    ChoiceFormat,
    Event,
    JsonFormat,
    ReasoningDelta,
    Request,
    Tool,
    ToolCallDelta,
    ask,
)
from quilate.sync import run
from quilate.testing.contract.answers import PIXEL
from quilate.testing.contract.base import has
from quilate.testing.contract.served import KEY, TEXT, Make, Open, Served, taken, whole_and_streamed
from quilate.testing.faults import FaultServer
from quilate.testing.faults.wire import SIGNATURE, SIGNED

TOOLS = tuple(
    Tool(
        name,
        "Takes a number.",
        {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    )
    for name in ("first", "second")
)
CALLS = (ToolCall("call_0", "first", {"number": 0}), ToolCall("call_1", "second", {"number": 1}))


def _asking(**fields: Any) -> Request:
    return replace(ask(TEXT), **fields)


def _showing(part: Part) -> Request:
    return Request((Message("user", (Text(TEXT), part)),))


def _json(name: str) -> JsonFormat:
    kind = {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
    return JsonFormat({**kind, "additionalProperties": False})


_SAMPLING: dict[str, tuple[Any, Any]] = {
    "temperature": (0.25, 0.75),
    "top_p": (0.5, 0.75),
    "top_k": (3, 5),
    "seed": (1, 2),
    "max_tokens": (3, 4),
    "stop": (("@@",), ("##",)),
}
PAIRS: dict[str, tuple[Request, Request]] = {
    **{n: (ask(TEXT, **{n: a}), ask(TEXT, **{n: b})) for n, (a, b) in _SAMPLING.items()},
    "logprobs": (_asking(logprobs=1), _asking(logprobs=3)),
    "reasoning": (_asking(reasoning="low"), _asking(reasoning="high")),
    "tools": (_asking(tools=TOOLS[:1]), _asking(tools=TOOLS)),
    "tool_choice": (
        _asking(tools=TOOLS, tool_choice="required"),
        _asking(tools=TOOLS, tool_choice="first"),
    ),
    "parallel_tool_calls": (
        _asking(tools=TOOLS, parallel_tool_calls=True),
        _asking(tools=TOOLS, parallel_tool_calls=False),
    ),
    "json_schema": (_asking(format=_json("a")), _asking(format=_json("b"))),
    "choices": (
        _asking(format=ChoiceFormat(("a", "b"))),
        _asking(format=ChoiceFormat(("a", "c"))),
    ),
    "images": (_showing(Image(PIXEL)), _showing(Image(PIXEL + b"\0"))),
    "audio": (_showing(Audio(b"RIFF0")), _showing(Audio(b"RIFF1"))),
    "files": (_showing(File(b"%PDF-1.4")), _showing(File(b"%PDF-1.5"))),
}
"""By a capability: two requests that a model which has it must not send alike."""


class ExchangeTests(Served):
    """Nothing is lost between Quilate's values and the provider's, either way."""

    @whole_and_streamed
    def test_cached_tokens_are_counted_once(self, opened: Open, stream: bool) -> None:
        usage = taken(opened("cached:2"), ask(TEXT), stream).usage
        assert (usage.input_tokens, usage.output_tokens) == (6, 6)
        assert usage.cached_tokens in (0, 2)  # an adapter may leave them untold

    @whole_and_streamed
    def test_reasoning_tokens_are_counted_once(self, opened: Open, stream: bool) -> None:
        response = taken(opened("reasoning:3"), ask(TEXT), stream)
        assert response.text == TEXT, "what the model thinks is no part of its answer"
        assert (response.usage.input_tokens, response.usage.output_tokens) == (6, 9)
        assert response.usage.reasoning_tokens in (0, 3)

    @whole_and_streamed
    def test_reasoning_goes_back_signed(
        self, opened: Open, control: FaultServer, stream: bool
    ) -> None:
        model, deltas = opened("reasoning:3"), list[Event]()
        message = taken(model, ask(TEXT), stream, deltas).message
        thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
        if not thoughts:
            assert not has(model, "reasoning"), "what the model thinks is lost"
            pytest.skip("it gives no reasoning")
        assert message.reasoning.split() == ["hm"] * 3
        if stream:
            pieces = [d.reasoning for d in deltas if isinstance(d, ReasoningDelta)]
            assert "".join(pieces) == message.reasoning
        if control.report()["last"]["path"] in SIGNED:
            assert [part.signature for part in thoughts] == [SIGNATURE]
        taken(model, Request((user(TEXT), message, user("Go on."))), stream)
        sent = json.dumps(control.report()["last"]["body"])
        assert all(part.signature in sent for part in thoughts if part.signature)

    @whole_and_streamed
    def test_several_calls_at_once(self, opened: Open, control: FaultServer, stream: bool) -> None:
        model, deltas = opened("calls:2"), list[Event]()
        if not has(model, "tools"):
            pytest.skip("tools are not declared")
        response = taken(model, _asking(tools=TOOLS), stream, deltas)
        assert response.tool_calls == CALLS
        assert response.finish_reason == "tool_calls"
        if stream:
            assert _joined(deltas) == CALLS

    def test_calls_and_results_go_back(self, opened: Open, control: FaultServer) -> None:
        model = opened("echo")
        if not has(model, "tools"):
            pytest.skip("tools are not declared")
        results = tuple(ToolResult(call.id, f"result-{call.id}") for call in CALLS)
        turns = (user(TEXT), Message("assistant", CALLS), Message("tool", results))
        taken(model, Request((*turns, user("Go on.")), tools=TOOLS), False)
        # Arguments may go as JSON within JSON.
        body = control.report()["last"]["body"]
        sent = json.dumps(body.get("messages", body.get("input")))
        plain = sent.replace("\\", "").replace(" ", "")
        for n, call in enumerate(CALLS):
            assert plain.count(f'"{call.id}"') == 2, "a call and its result name each other"
            assert plain.count(f'"{call.name}"') == 1
            assert plain.count(f'"number":{n}') == 1
            assert plain.count(f"result-{call.id}") == 1

    @pytest.mark.parametrize("name", PAIRS)
    @whole_and_streamed
    def test_what_is_declared_is_sent(
        self, make: Make, control: FaultServer, name: str, stream: bool
    ) -> None:
        model = Wrapper(make(control.address, "echo", KEY))  # bare, or what is wrong is asked again
        if not has(model, name):
            pytest.skip(f"{name} is not declared")
        sent = []
        for request in PAIRS[name]:
            control.set(reset=True)
            with suppress(ModelError):  # the echo has no form, and what is refused is not ignored
                taken(model, request, stream)
            sent.append(control.report()["last"])
        run(model.aclose())
        assert sent[0] != sent[1] or sent == [{}, {}], f"{name} is ignored"


def _joined(deltas: list[Event]) -> tuple[ToolCall, ...]:
    """The calls that the deltas of a stream make."""
    written: dict[tuple[str, str], str] = {}
    for delta in deltas:
        if isinstance(delta, ToolCallDelta):
            key = (delta.id, delta.name)
            written[key] = written.get(key, "") + delta.arguments
    return tuple(ToolCall(*key, json.loads(text)) for key, text in written.items())
