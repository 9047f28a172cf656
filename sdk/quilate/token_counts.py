"""How many input tokens a request has: counted where the model can, else estimated, and said."""

import json

from quilate.messages import Audio, File, Image, Part, Reasoning, Text, ToolCall, ToolResult
from quilate.models import Model, Request, TokenCount

_MESSAGE = 4
"""Tokens of a chat template around one message, about."""
_IMAGE = 800
"""Tokens of one image: providers count 85 to 1,600, by its size and theirs."""


async def count_tokens(model: Model, request: Request) -> TokenCount:
    """The input tokens of `request`: the provider's or the model's own count where it has one
    (capability ``count_tokens``), else an estimate, with `exact` False. Raises what the model does.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> sync.run(count_tokens(ScriptedModel(), ask("¿Quién fundó Bogotá?")))
    TokenCount(tokens=12, exact=False)
    """
    if model.info.capabilities.has("count_tokens"):
        counted: TokenCount = await model.count_tokens(request)  # type: ignore[attr-defined]
        return counted
    return TokenCount(estimate(request), exact=False)


def estimate(request: Request) -> int:
    """An estimate of a request's input tokens that needs no model; see `estimate_tokens` of
    `quilate.retrieval` for how far off it is."""
    from quilate.retrieval.tokens import estimate_tokens

    total = 0
    for message in request.messages:
        total += _MESSAGE
        for part in message.parts:
            text = _text(part)
            total += _IMAGE if text is None else estimate_tokens(text)
    for tool in request.tools:
        total += estimate_tokens(f"{tool.name} {tool.description} {json.dumps(tool.parameters)}")
    return total


def _text(part: Part) -> str | None:
    """What a part says in words; None for what is not words."""
    match part:
        case Text(text):
            return text
        case Reasoning():
            return part.reasoning
        case ToolResult():
            return part.content
        case ToolCall():
            return f"{part.name} {json.dumps(dict(part.arguments))}"
        case Image() | Audio() | File():
            return None
