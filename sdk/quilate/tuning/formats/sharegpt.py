"""ShareGPT's format as LLaMA-Factory reads it: turns of ``human``, ``gpt``, ``function_call`` and
``observation``, with ``system`` and ``tools`` (JSON in a string) beside them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from quilate.messages import Message, Role, Text, ToolCall, ToolResult, system
from quilate.tuning.examples import Example
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import arguments, check_parts, plain
from quilate.tuning.formats.conversation import answered, checked_completion, divided
from quilate.tuning.formats.values import Format, NotCarried, Row

_ROLES: Mapping[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}
_CALLS, _RESULTS = ("function_call", "function-call"), ("observation", "tool")


def write(example: Example, with_tools: bool) -> Row:
    """The row of an example."""
    checked_completion(example.completion)
    messages = (*example.prompt, *example.completion)
    check_parts(messages, images=False, reasoning=False)
    said, turns = "", messages
    if messages[0].role == "system":
        said, turns = messages[0].text, messages[1:]
        if not said:
            raise NotCarried("empty_system", "an empty system turn cannot be told from none")
    _check_order(turns)
    row: Row = {"conversations": [_turn(message) for message in turns], "system": said}
    if with_tools:
        row["tools"] = json.dumps(tools.flat_wire(example.tools), ensure_ascii=False)
        row["tools"] = row["tools"] if example.tools else ""
    return row


def _check_order(turns: Sequence[Message]) -> None:
    """LLaMA-Factory passes over a conversation whose turns do not take turns."""
    for place, message in enumerate(turns):
        wanted = ("assistant",) if place % 2 else ("user", "tool")
        if message.role not in wanted:
            raise NotCarried(
                "turn_order",
                f"turn {place + 1} is of role {message.role}: user or tool and assistant must take "
                "turns, after one system turn at the most",
            )


def _turn(message: Message) -> Row:
    if message.role == "user":
        return {"from": "human", "value": message.text}
    if message.role == "tool":
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if len(results) > 1:
            raise NotCarried("several_results", "an observation is the result of one tool")
        return {"from": "observation", "value": results[0].content}
    if not message.tool_calls:
        return {"from": "gpt", "value": message.text}
    if message.text:
        raise NotCarried("text_with_call", "a function_call has no place for text beside it")
    calls = [{"name": call.name, "arguments": plain(call.arguments)} for call in message.tool_calls]
    value = calls[0] if len(calls) == 1 else calls
    return {"from": "function_call", "value": json.dumps(value, ensure_ascii=False)}


def read(row: Row, name: str) -> Example:
    """The example of a row; besides LLaMA-Factory's names of roles others are known."""
    turns: Any = row["conversations"]
    if not isinstance(turns, list):
        raise NotCarried("not_messages", "`conversations` is no list of turns")
    said = row.get("system")
    messages = [system(said)] if isinstance(said, str) and said else []
    waiting: list[str] = []
    for turn in turns:
        messages.append(_message(turn, waiting, len(messages)))
    whole, about = answered(messages)
    prompt, completion = divided(whole)
    return Example(name, prompt, completion, tools.read_tools(row.get("tools")), about)


def _message(turn: Any, waiting: list[str], place: int) -> Message:
    sender = turn.get("from") if isinstance(turn, dict) else None
    value = turn.get("value") if isinstance(turn, dict) else None
    if not isinstance(sender, str) or not isinstance(value, str):
        raise NotCarried("not_messages", "a turn that is not {from, value} with texts")
    if sender in _RESULTS:
        return Message("tool", (ToolResult(waiting.pop(0) if waiting else "", value),))
    if sender in _CALLS:
        calls = _calls(value, place)
        waiting[:] = [call.id for call in calls]
        return Message("assistant", calls)
    if sender not in _ROLES:
        raise NotCarried("unknown_role", f"a turn from {sender!r:.60}")
    return Message(_ROLES[sender], (Text(value),))


def _calls(value: str, place: int) -> tuple[ToolCall, ...]:
    try:
        calls = json.loads(value)
    except (ValueError, RecursionError):
        raise NotCarried("tool_calls", "a function_call that is no JSON") from None
    found = calls if isinstance(calls, list) else [calls]
    if not found or not all(
        isinstance(call, dict) and isinstance(call.get("name"), str) for call in found
    ):
        raise NotCarried("tool_calls", "a function_call that is not {name, arguments}")
    return tuple(
        ToolCall(f"call_{place}_{number}", call["name"], arguments(call.get("arguments")))
        for number, call in enumerate(found)
    )


FORMAT = Format(
    "sharegpt",
    "ShareGPT",
    Example,
    ("conversations",),
    write,
    read,
    optional=("system", "tools"),
    messages=("conversations",),
    arrow=True,
)
