"""Quilate's requests as litellm's arguments, and its replies as Quilate's responses.

litellm speaks OpenAI's Chat Completions to everybody, so that adapter's translation serves here;
what is added is what has no place there: signed reasoning, cache marks, litellm's prices.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from quilate.errors import ContentRefused
from quilate.messages import Message, Reasoning, ToolResult
from quilate.models import Cost, Request, Response, Timing
from quilate_adapters.litellm.loading import litellm
from quilate_adapters.litellm.route import Route, provider_of
from quilate_adapters.openai import chat_reply, chat_request
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.strict_schema import strict

_DAY = 86_400.0
_STRICT = ("openai", "azure")


def arguments(at: Route, request: Request, *, stream: bool = False) -> dict[str, Any]:
    """What ``litellm.acompletion`` is called with."""
    body = chat_request.body(Connection(at), request, stream=stream)
    _sign(body["messages"], request.messages)
    if not at.compatible:
        _strengthen(at, body)
        _mark_prefix(at, body["messages"], request)
    top_k = body.pop("top_k", None)
    if top_k is not None:
        body["extra_body"] = {"top_k": top_k, **body.get("extra_body", {})}
    return {
        **body,
        "drop_params": False,
        "num_retries": 0,
        "max_retries": 0,
        "timeout": _DAY,  # deadlines are Quilate's
        **({"api_base": at.base_url} if at.base_url else {}),
        # The environment's keys are for the providers themselves, not for another server.
        **({"api_key": at.key or "none"} if at.key or at.base_url else {}),
    }


def _sign(turns: Sequence[dict[str, Any]], messages: Sequence[Message]) -> None:
    """Give each assistant's turn the signed thoughts of its message."""
    spoken = (turn for turn in turns if turn["role"] == "assistant")
    for message, turn in zip(
        (message for message in messages if message.role == "assistant"), spoken, strict=True
    ):
        blocks = [
            {"type": "redacted_thinking", "data": part.signature}
            if part.redacted
            else {"type": "thinking", "thinking": part.reasoning, "signature": part.signature}
            for part in message.parts
            if isinstance(part, Reasoning) and part.provider == "litellm" and part.signature
        ]
        if blocks:
            turn["thinking_blocks"] = blocks


def _strengthen(at: Route, body: dict[str, Any]) -> None:
    """OpenAI's strict mode takes some schemas only in another form."""
    if "response_format" in body and provider_of(at) in _STRICT:
        wanted = body["response_format"]["json_schema"]
        wanted["schema"] = strict(at, wanted["schema"])


def _mark_prefix(at: Route, turns: Sequence[dict[str, Any]], request: Request) -> None:
    """Claude caches what ends with a mark; others cache by themselves."""
    if not request.cache_prefix or "claude" not in at.name:
        return
    head = request.messages[: request.cache_prefix]
    results = (sum(isinstance(part, ToolResult) for part in message.parts) for message in head)
    turn = turns[sum(max(1, count) for count in results) - 1]
    content = turn["content"]
    if isinstance(content, str) and content and turn["role"] != "tool":
        content = turn["content"] = [{"type": "text", "text": content}]
    if isinstance(content, list) and content:
        content[-1] = {**content[-1], "cache_control": {"type": "ephemeral"}}


def response(
    at: Route,
    request: Request,
    completion: Mapping[str, Any],
    hidden: Mapping[str, Any],
    blocks: Sequence[Mapping[str, Any]],
    timing: Timing,
) -> Response:
    """The response to a whole completion; `hidden` is what litellm keeps beside it, `blocks` the
    signed thoughts."""
    named = {**completion, "model": hidden.get("provider_response_model") or completion["model"]}
    found = chat_reply.response(at, request, named, headers_of(hidden), timing)
    message = found.message
    if found.finish_reason == "content_filter" and not message.text:
        raise ContentRefused(
            "The model, or a filter before it, refused.", provider=at.provider, where=at.where
        )
    if blocks:
        others = tuple(part for part in message.parts if not isinstance(part, Reasoning))
        message = Message("assistant", (*_thoughts(blocks), *others))
    return replace(found, message=message, cost=_cost(at, completion, hidden))


def _thoughts(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Reasoning]:
    for block in blocks:
        if block.get("type") == "redacted_thinking":
            yield Reasoning("", signature=block["data"], provider="litellm", redacted=True)
        else:
            yield Reasoning(
                block.get("thinking") or "",
                signature=block.get("signature") or None,
                provider="litellm",
            )


def joined(pieces: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The thoughts that a stream's pieces make: a signature ends one.

    >>> joined([{"thinking": "a"}, {"thinking": "b"}, {"signature": "s"}, {"thinking": "c"}])
    [{'thinking': 'ab', 'signature': 's'}, {'thinking': 'c', 'signature': None}]
    """
    whole: list[dict[str, Any]] = []
    is_open = False
    for piece in pieces:
        if piece.get("type") == "redacted_thinking":
            whole.append(dict(piece))
            is_open = False
            continue
        if not is_open:
            whole.append({"thinking": "", "signature": None})
        whole[-1]["thinking"] += piece.get("thinking") or ""
        whole[-1]["signature"] = piece.get("signature") or None
        is_open = not piece.get("signature")
    return whole


def headers_of(hidden: Mapping[str, Any]) -> dict[str, str]:
    """The provider's own headers, which litellm gives with a prefix."""
    found = hidden.get("additional_headers") or {}
    return {str(k).removeprefix("llm_provider-").lower(): str(v) for k, v in found.items()}


def _cost(at: Route, completion: Mapping[str, Any], hidden: Mapping[str, Any]) -> Cost:
    """By litellm's own tables; a user's server has no price in them, whatever its model's name."""
    if at.base_url:
        return Cost()
    price = hidden.get("response_cost")
    if price is None:
        module = litellm()
        try:
            price = module.completion_cost(module.ModelResponse(**completion), model=at.name)
        except Exception:  # its tables lack the model, or what it takes to price it
            return Cost()
    return Cost(float(price), "estimated")
