"""Replies of Chat Completions as Quilate's responses."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from quilate.models import (
    ChoiceFormat,
    Cost,
    FinishReason,
    Request,
    Response,
    Timing,
    TokenLogprob,
    Usage,
    reply,
)
from quilate_adapters.openai.endpoint import Endpoint
from quilate_adapters.openai.faults import malformed

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
    *,
    text: str,
    finish: str | None,
    logprobs: Sequence[TokenLogprob],
    last: Any,
    usage: Any,
    timing: Timing,
) -> Response:
    """The response whose `last` object (the completion, or a stream's last chunk) is given."""
    counted = _usage(usage)
    return reply(
        _checked(at, request, text, finish),
        finish_reason=_FINISH.get(finish or "", "unknown"),
        usage=counted,
        cost=_cost(at, last.model, counted),
        logprobs=None if request.logprobs is None else tuple(logprobs),
        timing=timing,
        id=last.id,
        raw=last.model_dump(mode="json"),
    )


def _checked(at: Endpoint, request: Request, text: str, finish: str | None) -> str:
    """The text as the request's format wants it; raises `MalformedReply`."""
    if request.format is None:
        return text
    cut = " It was cut off at max_tokens." if finish == "length" else ""
    if isinstance(request.format, ChoiceFormat):
        label = _label(text, request.format.choices)
        if label is None:
            raise malformed(
                at,
                f"The reply {text[:200]!r} is none of the choices "
                f"{', '.join(request.format.choices)}.{cut}",
                "Name the choices in the prompt, or use a model that follows schemas.",
            )
        return label
    try:
        json.loads(text)
    except ValueError as error:
        raise malformed(
            at,
            f"The reply is not JSON ({error}): {text[:200]!r}.{cut}",
            "Raise max_tokens, or use a model that follows schemas.",
        ) from None
    return text


def _cost(at: Endpoint, name: str, usage: Usage) -> Cost:
    """By genai-prices' tables, which come with the package; unknown for a server not in them."""
    from genai_prices import Usage as Priced
    from genai_prices import calc_price

    counted = Priced(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        price = calc_price(counted, model_ref=name, provider_api_url=at.base_url)
    except LookupError:
        return Cost()
    return Cost(float(price.total_price), "estimated") if usage.total_tokens else Cost()


def _label(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a reply names: as the schema's object, or plain, give or take quotes, case
    and a full stop."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    if isinstance(found, Mapping):
        found = found.get("answer")
    plain = str(found).strip().strip("\"'`*.").casefold()
    return next((c for c in choices if c == found), None) or next(
        (c for c in choices if c.casefold() == plain), None
    )


def token_logprobs(choice: Any) -> list[TokenLogprob]:
    """The log-probabilities in a choice of a completion or a chunk."""
    found = getattr(choice, "logprobs", None)
    return [
        TokenLogprob(
            entry.token,
            entry.logprob,
            tuple((top.token, top.logprob) for top in entry.top_logprobs or ()),
        )
        for entry in (found and found.content) or ()
    ]


def _usage(usage: Any) -> Usage:
    """Prompt tokens already count the cached ones, completion tokens the reasoning ones."""
    if usage is None:
        return Usage()
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        (prompt and prompt.cached_tokens) or 0,
        (completion and completion.reasoning_tokens) or 0,
    )
