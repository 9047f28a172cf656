"""Quilate's requests as bodies of Chat Completions."""

from collections.abc import Iterator
from typing import Any

from quilate.errors import Unsupported
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
)
from quilate.models import Request
from quilate.providers import Endpoint
from quilate_adapters.openai import media
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.faults import writing
from quilate_adapters.openai.settings import (
    arguments_of,
    cache_key,
    effort,
    forced,
    json_schema,
    unsupported,
)

REASONING_FIELDS = ("reasoning_content", "reasoning")


def body(wire: Connection, request: Request, *, stream: bool = False) -> dict[str, Any]:
    """The body; raises an `InvalidRequest` for what cannot be sent."""
    with writing(wire.at):
        return _body(wire, request, stream)


def _body(wire: Connection, request: Request, stream: bool) -> dict[str, Any]:
    sampling, at = request.sampling, wire.at
    if wire.official and sampling.top_k is not None:
        raise unsupported(at, "top_k", "OpenAI has none: leave it out, or use top_p.")
    wanted = json_schema(wire, request)
    settings = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        # OpenAI's newer models refuse max_tokens; other servers often know nothing else.
        "max_completion_tokens" if wire.official else "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "logprobs": None if request.logprobs is None else True,
        "top_logprobs": request.logprobs or None,
        "reasoning_effort": effort(wire, request),
        "response_format": wanted and {"type": "json_schema", "json_schema": wanted},
        "prompt_cache_key": cache_key(wire, request),
        "stream": stream or None,
        "stream_options": {"include_usage": True} if stream else None,
        **_tools(request),
    }
    return {
        "model": at.name,
        "messages": [turn for message in request.messages for turn in _turns(at, message)],
        **{name: value for name, value in settings.items() if value is not None},
        **request.extra,
    }


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    name = forced(request)
    return {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in request.tools
        ],
        "tool_choice": {"type": "function", "function": {"name": name}}
        if name
        else request.tool_choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _turns(at: Endpoint, message: Message) -> Iterator[dict[str, Any]]:
    """A message as the API's: each tool result is one of its own."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.id, "content": _result(result)}
    others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    if message.role == "assistant":
        yield _assistant(at, Message("assistant", others))
    elif others or not results:
        role = "user" if message.role == "tool" else message.role
        yield {"role": role, "content": _content(at, role, others)}


def _result(part: ToolResult) -> str:
    """The API has no mark for a failure: it is told in words."""
    return f"Error: {part.content}" if part.is_error else part.content


def _assistant(at: Endpoint, message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": arguments_of(at, call),
                },
            }
            for call in message.tool_calls
        ]
    elif turn["content"] is None:
        turn["content"] = ""
    for part in message.parts:
        # A compatible server's reasoning goes back in the field that it came in.
        if isinstance(part, Reasoning) and part.provider == at.provider:
            if part.id in REASONING_FIELDS:
                turn[part.id] = turn.get(part.id, "") + part.reasoning
        elif not isinstance(part, Text | ToolCall | Reasoning):
            raise _misplaced(at, part, "assistant")
    return turn


def _content(at: Endpoint, role: str, parts: tuple[Part, ...]) -> str | list[dict[str, Any]]:
    # Thoughts are the assistant's alone, and no other message has a field for them.
    parts = tuple(part for part in parts if not isinstance(part, Reasoning))
    if all(isinstance(part, Text) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, Text))
    return [_part(at, role, part) for part in parts]


def _part(at: Endpoint, role: str, part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": media.image_url(at, part)}}
    if isinstance(part, Audio):
        return {"type": "input_audio", "input_audio": media.audio(at, part)}
    if isinstance(part, File):
        return {"type": "file", "file": media.file(at, part)}
    raise _misplaced(at, part, role)


def _misplaced(at: Endpoint, part: Any, role: str) -> Unsupported:
    return unsupported(
        at, f"a part of kind {type(part).__name__} in a message of {role}", "Leave it out."
    )
