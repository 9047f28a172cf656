"""Messages as lists of ``{"role": …, "content": …}``, the form that chat templates read.

Two dialects: that of transformers and TRL (arguments of tool calls as objects, texts as one string,
`reasoning_content`), and that of OpenAI's fine-tuning files (arguments as JSON in a string, content
null or a list of parts). Both are read, whichever it is.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from quilate.messages import Image, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from quilate.tuning.formats.values import NotCarried, Row

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "gpt": "assistant",
    "tool": "tool",
}
_TEXTS: Mapping[str, Role] = {
    "prompt": "user",
    "completion": "assistant",
    "chosen": "assistant",
    "rejected": "assistant",
}
_REASONING = ("reasoning_content", "reasoning", "thinking")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)
_KINDS: Mapping[Role, tuple[type, ...]] = {
    "system": (Text,),
    "user": (Text, Image),
    "assistant": (Text, Reasoning, ToolCall),
    "tool": (ToolResult,),
}


def check_parts(messages: Sequence[Message], *, images: bool, reasoning: bool) -> None:
    """Raise `NotCarried` for parts that do not belong into a turn of their role, or that the format
    has no place for."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, Reasoning) and (not reasoning or part.redacted):
                why = "it is encrypted" if part.redacted else "the format has no place for it"
                raise NotCarried("reasoning", f"reasoning of the assistant: {why}")
            if isinstance(part, Image) and not images:
                raise NotCarried("image", "the format has no place for images")
            if not isinstance(part, _KINDS[message.role]):
                kind = type(part).__name__
                raise NotCarried("part", f"a part of kind {kind} in a turn of role {message.role}")
        if message.role == "tool" and not message.parts:
            raise NotCarried("part", "a tool's turn without a result")


def names_of_calls(messages: Sequence[Message]) -> dict[str, str]:
    """The tool's name by the id of the call."""
    return {call.id: call.name for message in messages for call in message.tool_calls}


def to_trl(messages: Sequence[Message], names: Mapping[str, str]) -> list[Row]:
    """The messages as transformers' chat templates read them. `names` are those of the called
    tools, which some templates write beside a result."""
    check_parts(messages, images=False, reasoning=True)
    return [turn for message in messages for turn in _trl_turns(message, names)]


def _trl_turns(message: Message, names: Mapping[str, str]) -> list[Row]:
    if message.role == "tool":
        results = (part for part in message.parts if isinstance(part, ToolResult))
        return [
            {
                "role": "tool",
                "tool_call_id": result.id,
                **({"name": names[result.id]} if result.id in names else {}),
                "content": result.content,
            }
            for result in results
        ]
    # Text beside the empty string: templates add content to text, and fail where it is null.
    turn: Row = {"role": message.role, "content": message.text}
    if any(isinstance(part, Reasoning) for part in message.parts):
        turn["reasoning_content"] = message.reasoning
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": plain(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return [turn]


def to_openai(messages: Sequence[Message]) -> list[Row]:
    """The messages as OpenAI's fine-tuning files have them."""
    check_parts(messages, images=True, reasoning=False)
    return [turn for message in messages for turn in _openai_turns(message)]


def _openai_turns(message: Message) -> list[Row]:
    if message.role == "tool":
        return [
            {"role": "tool", "tool_call_id": part.id, "content": part.content}
            for part in message.parts
            if isinstance(part, ToolResult)
        ]
    parts = [part for part in message.parts if isinstance(part, Text | Image)]
    content: Any = [_openai_part(part) for part in parts]
    if len(parts) == 1 and isinstance(parts[0], Text):
        content = parts[0].text
    elif not parts:
        content = None if message.tool_calls else ""
    turn: Row = {"role": message.role, "content": content}
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(
                        plain(call.arguments), ensure_ascii=False, allow_nan=False
                    ),
                },
            }
            for call in message.tool_calls
        ]
    return [turn]


def _openai_part(part: Text | Image) -> Row:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = part.url
    if part.image is not None:
        url = f"data:{part.media_type};base64,{base64.b64encode(part.image).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def plain(value: Any) -> Any:
    """A JSON value of plain dictionaries and lists. Raises `NotCarried` for what JSON lacks (NaN,
    dates, bytes …)."""
    try:
        return json.loads(json.dumps(value, default=_plain_mapping, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotCarried("not_json", f"a value that JSON cannot hold: {error}") from None


def _plain_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__}")


def from_chat(turns: Any, column: str = "messages") -> tuple[Message, ...]:
    """The messages of a list of turns, in either dialect; a text is one turn of the role that the
    column is for. Raises `NotCarried`.

    >>> [message.text for message in from_chat([{"role": "user", "content": "Hola"}])]
    ['Hola']
    """
    if isinstance(turns, str) and column in _TEXTS:
        return (Message(_TEXTS[column], (Text(turns),)),)
    if not isinstance(turns, list):
        raise NotCarried("not_messages", f"`{column}` is no list of turns")
    if not turns:
        raise NotCarried("empty", f"`{column}` is empty")
    messages: list[Message] = []
    waiting: list[str] = []  # ids of calls that have no result yet
    for turn in turns:
        messages.append(_message(turn, column, waiting, len(messages)))
        waiting.extend(call.id for call in messages[-1].tool_calls)
    return tuple(messages)


def _message(turn: Any, column: str, waiting: list[str], place: int) -> Message:
    if not isinstance(turn, dict):
        raise NotCarried("not_messages", f"`{column}` holds a {type(turn).__name__}, not a turn")
    role = _ROLES.get(str(turn.get("role")))
    if role is None:
        raise NotCarried("unknown_role", f"a turn of role {turn.get('role')!r:.60}")
    if turn.get("function_call") is not None:
        raise NotCarried("function_call", "`function_call` is outdated: write `tool_calls`")
    if role == "tool":
        return Message("tool", (_result(turn, waiting),))
    thought = next((turn[key] for key in _REASONING if turn.get(key) is not None), None)
    if thought is not None and not isinstance(thought, str):
        raise NotCarried("not_text", "the reasoning of a turn is no text")
    calls = _calls(turn.get("tool_calls"), place)
    parts: list[Part] = [] if thought is None else [Reasoning(thought)]
    parts += _content(turn.get("content"), spare=bool(parts or calls))
    return Message(role, (*parts, *calls))


def _content(content: Any, *, spare: bool) -> list[Part]:
    """The parts of a turn's content; an empty text beside other parts is none (`spare`)."""
    if content is None or (content == "" and spare):
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise NotCarried("not_text", f"the content of a turn is a {type(content).__name__}")
    return [_content_part(part) for part in content]


def _content_part(part: Any) -> Part:
    if isinstance(part, str):
        return Text(part)
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return Text(part["text"])
    if kind == "image_url":
        address = part.get("image_url")
        url = address.get("url") if isinstance(address, dict) else address
        if isinstance(url, str):
            return _image(url)
    if kind == "image":
        # Not a stub: "<image>" in a text, which a trainer would look an image up for.
        raise NotCarried("image_placeholder", "a placeholder for an image that the row lacks")
    raise NotCarried("part", f"a part of content of type {kind!r:.60}")


def _image(url: str) -> Image:
    inline = _DATA_URL.fullmatch(url)
    if inline is None:
        return Image(url=url)
    try:
        return Image(base64.b64decode(inline[2], validate=True), media_type=inline[1])
    except binascii.Error:
        raise NotCarried("image", "an image whose base64 is damaged") from None


def _calls(calls: Any, place: int) -> list[ToolCall]:
    if calls is None:
        return []
    if not isinstance(calls, list):
        raise NotCarried("tool_calls", "`tool_calls` is no list")
    return [_call(call, f"call_{place}_{number}") for number, call in enumerate(calls)]


def _call(call: Any, spare_id: str) -> ToolCall:
    inner = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise NotCarried("tool_calls", "a tool call without a name")
    given = call.get("id")
    return ToolCall(
        str(given) if given else spare_id, inner["name"], arguments(inner.get("arguments"))
    )


def arguments(value: Any) -> dict[str, Any]:
    """A call's arguments, given as an object or as its JSON. Raises `NotCarried`."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise NotCarried("arguments", "the arguments of a tool call are no JSON") from None
    if not isinstance(value, dict):
        raise NotCarried("arguments", "the arguments of a tool call are no object")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _result(turn: Row, waiting: list[str]) -> ToolResult:
    given = turn.get("tool_call_id")
    name = str(given) if given is not None else (waiting[0] if waiting else "")
    if name in waiting:
        waiting.remove(name)
    content = turn.get("content")
    if isinstance(content, list):
        parts = [_content_part(part) for part in content]
        if not all(isinstance(part, Text) for part in parts):
            raise NotCarried("part", "a tool's result that is not text alone")
        content = "".join(part.text for part in parts if isinstance(part, Text))
    if not isinstance(content, str):
        raise NotCarried("not_text", "a tool's result that is no text")
    return ToolResult(name, content)
