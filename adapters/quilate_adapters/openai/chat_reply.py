"""Completions of Chat Completions as Quilate's responses."""

from collections.abc import Mapping
from typing import Any

from quilate.messages import Message, Part, Reasoning, Text
from quilate.models import FinishReason, Request, Response, Timing, TokenLogprob, Usage
from quilate.providers import Endpoint, billed, estimate, malformed, rate_limit
from quilate_adapters.openai.chat_request import REASONING_FIELDS
from quilate_adapters.openai.faults import reading
from quilate_adapters.openai.settings import check_refusal, text_of, tool_call

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def response(
    at: Endpoint,
    request: Request,
    completion: Mapping[str, Any],
    headers: Mapping[str, str],
    timing: Timing,
) -> Response:
    """The response to a whole completion; raises `MalformedReply` and `ContentRefused`."""
    with reading(at, headers):
        return _response(at, request, completion, headers, timing)


def _response(
    at: Endpoint,
    request: Request,
    completion: Mapping[str, Any],
    headers: Mapping[str, str],
    timing: Timing,
) -> Response:
    choices = completion.get("choices")
    if not choices or not isinstance(choices[0].get("message"), Mapping):
        raise malformed(
            at,
            "The reply is not a chat completion.",
            "Check that base_url is the server's OpenAI-compatible address (often ending /v1).",
        )
    choice = choices[0]
    message = choice["message"]
    usage, name = _usage(completion.get("usage")), completion.get("model")
    cost = estimate(at, name, usage)
    with billed(usage, cost):
        check_refusal(at, message.get("refusal"))
        parts = _parts(at, message)
    return Response(
        Message("assistant", parts),
        finish_reason=_FINISH.get(choice.get("finish_reason") or "", "unknown"),
        usage=usage,
        cost=cost,
        logprobs=_logprobs(request, choice),
        timing=timing,
        id=completion.get("id"),
        model=name,
        rate_limit=rate_limit(headers),
        raw=completion,
    )


def _parts(at: Endpoint, message: Mapping[str, Any]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for field in REASONING_FIELDS:
        thought = message.get(field)
        if thought:
            parts.append(Reasoning(text_of(at, thought), id=field, provider=at.provider))
            break
    if message.get("content"):
        parts.append(Text(text_of(at, message["content"])))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        parts.append(tool_call(at, call.get("id"), function["name"], function.get("arguments")))
    return tuple(parts) or (Text(""),)


def _logprobs(request: Request, choice: Mapping[str, Any]) -> tuple[TokenLogprob, ...] | None:
    found = choice.get("logprobs")
    if request.logprobs is None or not found or found.get("content") is None:
        return None
    return tuple(
        TokenLogprob(
            entry["token"],
            float(entry["logprob"]),
            tuple(
                (top["token"], float(top["logprob"]))
                for top in (entry.get("top_logprobs") or ())[: request.logprobs]
            ),
        )
        for entry in found["content"]
    )


def _usage(usage: Mapping[str, Any] | None) -> Usage:
    """Prompt tokens already count the cached ones, completion tokens the reasoning ones."""
    if not usage:
        return Usage()
    prompt = usage.get("prompt_tokens_details") or {}
    written = usage.get("completion_tokens_details") or {}
    return Usage(
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        int(prompt.get("cached_tokens") or 0),
        int(written.get("reasoning_tokens") or 0),
    )
