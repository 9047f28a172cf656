"""Replies of the Responses API as Quilate's responses."""

from collections.abc import Iterator, Mapping
from typing import Any

from quilate.errors import ServerError
from quilate.messages import Message, Part, Reasoning, Text, ToolCall
from quilate.models import FinishReason, Request, Response, Timing, TokenLogprob, Usage
from quilate.providers import billed, estimate, malformed, rate_limit
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.faults import reading
from quilate_adapters.openai.settings import check_refusal, text_of, tool_call


def response(
    wire: Connection,
    request: Request,
    reply: Mapping[str, Any],
    headers: Mapping[str, str],
    timing: Timing,
) -> Response:
    """The response to a whole reply; raises a `ModelError`."""
    with reading(wire.at, headers):
        return _response(wire, request, reply, headers, timing)


def _response(
    wire: Connection,
    request: Request,
    reply: Mapping[str, Any],
    headers: Mapping[str, str],
    timing: Timing,
) -> Response:
    at = wire.at
    if not isinstance(reply.get("output"), list):
        raise malformed(
            at,
            "The reply is not one of the Responses API.",
            'Does the server have it? Try api="chat".',
        )
    status = reply.get("status")
    if status in ("failed", "cancelled"):
        raise ServerError(
            f"The answer has the status '{status}'.", provider=at.provider, where=at.where
        )
    usage, name = _usage(reply.get("usage")), reply.get("model")
    cost = estimate(at, name, usage)
    with billed(usage, cost):
        check_refusal(at, _refusal(reply))
        parts = tuple(part for item in reply["output"] for part in _parts(wire, item))
    return Response(
        Message("assistant", parts or (Text(""),)),
        finish_reason=_finish(wire, request, reply, usage, parts),
        usage=usage,
        cost=cost,
        logprobs=_logprobs(request, reply),
        timing=timing,
        id=reply.get("id"),
        model=name,
        rate_limit=rate_limit(headers),
        raw=reply,
    )


def _refusal(reply: Mapping[str, Any]) -> str:
    return "".join(
        content["refusal"] for content in _contents(reply) if content.get("type") == "refusal"
    )


def _contents(reply: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in reply["output"]:
        if item.get("type") == "message":
            yield from item.get("content") or ()


def _parts(wire: Connection, item: Mapping[str, Any]) -> Iterator[Part]:
    kind, at = item.get("type"), wire.at
    if kind == "message":
        for content in item.get("content") or ():
            if content.get("type") == "output_text" and content["text"]:
                yield Text(text_of(at, content["text"]))
    elif kind == "function_call":
        yield tool_call(at, item.get("call_id"), item.get("name"), item.get("arguments"))
    elif kind == "reasoning":
        said = [*(item.get("summary") or ()), *(item.get("content") or ())]
        secret = item.get("encrypted_content")
        text = "\n\n".join(entry["text"] for entry in said)
        if text or secret:
            yield Reasoning(
                text,
                id=item.get("id"),
                signature=secret,
                provider=at.provider,
                redacted=bool(secret) and not text,
            )


def _finish(
    wire: Connection,
    request: Request,
    reply: Mapping[str, Any],
    usage: Usage,
    parts: tuple[Part, ...],
) -> FinishReason:
    if reply.get("status") == "incomplete":
        reason = (reply.get("incomplete_details") or {}).get("reason")
        known: dict[str, FinishReason] = {
            "max_output_tokens": "length",
            "content_filter": "content_filter",
        }
        return known.get(reason or "", "unknown")
    if any(isinstance(part, ToolCall) for part in parts):
        return "tool_calls"
    limit = request.sampling.max_tokens
    if not wire.official and limit is not None and usage.output_tokens >= limit:
        return "length"  # llama.cpp's server calls an answer completed that it has cut
    return "stop"


def _logprobs(request: Request, reply: Mapping[str, Any]) -> tuple[TokenLogprob, ...] | None:
    if request.logprobs is None:
        return None
    found = [entry for content in _contents(reply) for entry in content.get("logprobs") or ()]
    return (
        tuple(
            TokenLogprob(
                entry["token"],
                float(entry["logprob"]),
                tuple(
                    (top["token"], float(top["logprob"]))
                    for top in (entry.get("top_logprobs") or ())[: request.logprobs]
                ),
            )
            for entry in found
        )
        or None
    )


def _usage(usage: Mapping[str, Any] | None) -> Usage:
    """Input tokens already count the cached ones, output tokens the reasoning ones."""
    if not usage:
        return Usage()
    read = usage.get("input_tokens_details") or {}
    written = usage.get("output_tokens_details") or {}
    return Usage(
        int(usage.get("input_tokens") or 0),
        int(usage.get("output_tokens") or 0),
        int(read.get("cached_tokens") or 0),
        int(written.get("reasoning_tokens") or 0),
    )
