"""Anthropic's messages as Quilate's responses."""

from collections.abc import Mapping
from typing import Any

from quilate.errors import ContentRefused
from quilate.messages import Message, Part, Reasoning, Text, ToolCall
from quilate.models import FinishReason, Response, Timing, Usage
from quilate.providers import Endpoint, billed, estimate, malformed, rate_limit
from quilate_adapters.anthropic.faults import error_within

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
# "pause_turn" (a turn with the provider's own tools, to be sent back and gone on with) stays
# "unknown": only a request that asks for such tools through `extra` meets it.


def response(
    at: Endpoint,
    message: Any,
    *,
    timing: Timing = Timing(),  # noqa: B008  # a frozen value
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for a message, streamed or not; raises the error that it stands for.

    Blocks of the provider's own tools are in `raw` alone.
    """
    if isinstance(message, Mapping) and message.get("type") == "error":
        raise error_within(at, message)
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        raise malformed(
            at,
            "The reply is not a message.",
            "Check that base_url is the server's Anthropic-compatible address, without /v1.",
        )
    usage, written = _usage(message.get("usage"))
    name, reason = _known_text(message, "model"), _known_text(message, "stop_reason")
    cost = estimate(at, name, usage, cache_write_tokens=written)
    with billed(usage, cost):
        _check_refusal(at, message)
        parts = tuple(part for block in content for part in _parts(at, block))
    return Response(
        Message("assistant", parts),
        finish_reason=_FINISH.get(reason or "", "unknown"),
        usage=usage,
        cost=cost,
        timing=timing,
        id=_known_text(message, "id"),
        model=name,
        rate_limit=rate_limit(headers) if headers else None,
        raw=message,
    )


def _parts(at: Endpoint, block: Any) -> tuple[Part, ...]:
    """The part that a block is, or none."""
    try:
        kind = block["type"]
        if kind == "text":
            return (Text(_text(block["text"])),) if block["text"] else ()
        if kind == "thinking":
            signature = block.get("signature") or None
            thought = _text(block["thinking"])
            return (Reasoning(thought, signature=signature, provider="anthropic"),)
        if kind == "redacted_thinking":
            sealed = _text(block["data"])
            return (Reasoning("", signature=sealed, provider="anthropic", redacted=True),)
        if kind == "tool_use":
            return (ToolCall(_text(block["id"]), _text(block["name"]), _object(block["input"])),)
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise malformed(at, f"A block of the reply cannot be read: it {what}.") from None
    return ()


def _known_text(found: Mapping[str, Any], name: str) -> str | None:
    """A field that an answer can do without, where it is what it should be."""
    value = found.get(name)
    return value if isinstance(value, str) else None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"has {value!r} where text should be")
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"has {value!r} as a tool's arguments, which is no JSON object")
    return value


def _check_refusal(at: Endpoint, message: Mapping[str, Any]) -> None:
    if message.get("stop_reason") != "refusal":
        return
    details = message.get("stop_details")
    details = details if isinstance(details, Mapping) else {}
    category, why = details.get("category"), details.get("explanation")
    raise ContentRefused(
        "The model refused"
        + (f" ({category})" if category else "")
        + (f": {at.quiet(why).rstrip('.')}." if why else "."),
        provider=at.provider,
        where=at.where,
        remedy="Change the prompt, or ask another model.",
    )


def _usage(usage: Any) -> tuple[Usage, int]:
    """The tokens, and how many of the input were written to the cache.

    The API's ``input_tokens`` leave out those that it read from the cache or wrote to it.
    """
    read = _count(usage, "cache_read_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    details = usage.get("output_tokens_details") if isinstance(usage, Mapping) else None
    return Usage(
        input_tokens=_count(usage, "input_tokens") + read + written,
        output_tokens=_count(usage, "output_tokens"),
        cached_tokens=read,
        reasoning_tokens=_count(details, "thinking_tokens"),
    ), written


def _count(found: Any, name: str) -> int:
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, int) else 0
