"""Quilate's requests as bodies of the Responses API, stateless: everything goes each time."""

from collections.abc import Iterator, Sequence
from typing import Any

from quilate.messages import (
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
from quilate_adapters.openai.profiles import profile
from quilate_adapters.openai.settings import (
    arguments_of,
    cache_key,
    effort,
    forced,
    json_schema,
    unsupported,
)


def body(wire: Connection, request: Request, *, stream: bool = False) -> dict[str, Any]:
    """The body; raises an `InvalidRequest` for what cannot be sent."""
    with writing(wire.at):
        return _body(wire, request, stream)


def _body(wire: Connection, request: Request, stream: bool) -> dict[str, Any]:
    sampling, at = request.sampling, wire.at
    for name in ("top_k", "seed", "stop"):
        if getattr(sampling, name) not in (None, ()):
            raise unsupported(at, name, 'The Responses API has none; api="chat" may.')
    wanted = json_schema(wire, request)
    thinks = effort(wire, request)
    include = ["message.output_text.logprobs"] if request.logprobs is not None else []
    if wire.official and profile(at.name).reasons:
        include.append("reasoning.encrypted_content")
    settings = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_output_tokens": sampling.max_tokens,
        "top_logprobs": request.logprobs or None,
        "reasoning": {"effort": thinks} if thinks else None,
        "text": wanted and {"format": {"type": "json_schema", **wanted}},
        "include": include or None,
        "prompt_cache_key": cache_key(wire, request),
        "stream": stream or None,
        **_tools(request),
    }
    return {
        "model": at.name,
        "input": items(at, request.messages),
        "store": False,
        **{name: value for name, value in settings.items() if value is not None},
        **request.extra,
    }


def items(at: Endpoint, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the API's items, in the order of their parts."""
    return [item for message in messages for item in _items(at, message)]


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    name = forced(request)
    return {
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
                # The API's default would rewrite the parameters for strict mode.
                "strict": False,
            }
            for tool in request.tools
        ],
        "tool_choice": {"type": "function", "name": name} if name else request.tool_choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _items(at: Endpoint, message: Message) -> Iterator[dict[str, Any]]:
    role = "user" if message.role == "tool" else message.role
    content: list[dict[str, Any]] = []
    for part in message.parts:
        item = _item(at, part)
        if item is None:
            if isinstance(part, Reasoning):
                continue  # another provider's
            content.append(_content(at, role, part))
            continue
        yield from _message(role, content)
        content = []
        yield item
    yield from _message(role, content)


def _message(role: str, content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if content:
        yield {"type": "message", "role": role, "content": content}


def _item(at: Endpoint, part: Part) -> dict[str, Any] | None:
    """A part that is an item of its own."""
    if isinstance(part, ToolCall):
        return {
            "type": "function_call",
            "call_id": part.id,
            "name": part.name,
            "arguments": arguments_of(at, part),
        }
    if isinstance(part, ToolResult):
        output = f"Error: {part.content}" if part.is_error else part.content
        return {"type": "function_call_output", "call_id": part.id, "output": output}
    # Without the encrypted content the API would look for what it has not stored.
    if isinstance(part, Reasoning) and part.provider == at.provider and part.signature:
        said = [{"type": "summary_text", "text": part.reasoning}] if part.reasoning else []
        return {
            "type": "reasoning",
            "id": part.id or "",
            "summary": said,
            "encrypted_content": part.signature,
        }
    return None


def _content(at: Endpoint, role: str, part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        kind = "output_text" if role == "assistant" else "input_text"
        return {"type": kind, "text": part.text}
    if isinstance(part, Image) and role == "user":
        return {"type": "input_image", "detail": "auto", "image_url": media.image_url(at, part)}
    if isinstance(part, File) and role == "user":
        return {"type": "input_file", **media.file(at, part)}
    raise unsupported(
        at, f"a part of kind {type(part).__name__} in a message of {role}", "Leave it out."
    )
