"""Quilate's requests as the arguments of Chat Completions."""

from collections.abc import Mapping
from typing import Any

from quilate.errors import Unsupported
from quilate.messages import Message, Text
from quilate.models import ChoiceFormat, JsonFormat, Request
from quilate_adapters.openai.endpoint import Endpoint


def arguments(at: Endpoint, request: Request) -> dict[str, Any]:
    """What the SDK's ``create`` is called with; raises `Unsupported` for what cannot be sent."""
    if request.tools:
        raise _unsupported(at, "tools", "Leave `tools` out.")
    sampling = request.sampling
    body = dict(request.extra)
    if sampling.top_k is not None:
        if at.official:
            raise _unsupported(at, "top_k", "OpenAI has none: leave it out, or use top_p.")
        body["top_k"] = sampling.top_k
    # OpenAI's newer models refuse max_tokens; other servers often know nothing else.
    limit = "max_completion_tokens" if at.official else "max_tokens"
    settings = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        limit: sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "logprobs": None if request.logprobs is None else True,
        "top_logprobs": request.logprobs or None,
        "response_format": _response_format(request),
        "extra_body": body or None,
    }
    return {
        "model": at.name,
        "messages": [_message(at, message) for message in request.messages],
        **{name: value for name, value in settings.items() if value is not None},
    }


def _message(at: Endpoint, message: Message) -> dict[str, str]:
    for part in message.parts:
        if not isinstance(part, Text):
            raise _unsupported(
                at, f"a part of kind {type(part).__name__}", "Send text parts alone."
            )
    return {"role": message.role, "content": message.text}


def _unsupported(at: Endpoint, what: str, remedy: str) -> Unsupported:
    return Unsupported(
        f"This adapter cannot send {what}.", provider="openai", where=at.where, remedy=remedy
    )


def _response_format(request: Request) -> dict[str, Any] | None:
    if isinstance(request.format, JsonFormat):
        schema, name = request.format.schema, request.format.name
    elif isinstance(request.format, ChoiceFormat) and request.logprobs is None:
        name = "choice"
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(request.format.choices)}},
            "required": ["answer"],
            "additionalProperties": False,
        }
    else:
        return None
    wanted = {"name": name, "schema": schema, "strict": is_strict(schema)}
    return {"type": "json_schema", "json_schema": wanted}


def is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes a schema's objects: closed, all properties required.

    >>> is_strict({"type": "object", "properties": {"a": {}}, "required": ["a"]})
    False
    """
    if isinstance(schema, list):
        return all(is_strict(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        named = set(schema.get("properties", ()))
        if (
            schema.get("additionalProperties") is not False
            or set(schema.get("required", ())) != named
        ):
            return False
    return all(is_strict(value) for value in schema.values())
