"""What both of OpenAI's APIs share of a request: reasoning, tools, schemas, cache hints."""

import json
from collections.abc import Mapping
from typing import Any

from quilate.codec import digest, to_json
from quilate.errors import ContentRefused, InvalidRequest, Unsupported
from quilate.messages import ToolCall
from quilate.models import JsonFormat, Request
from quilate.providers import Endpoint, encoded, malformed
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.faults import misread as misread
from quilate_adapters.openai.profiles import profile
from quilate_adapters.openai.strict_schema import strict


def effort(wire: Connection, request: Request) -> str | None:
    """The reasoning effort to send; raises `Unsupported` where the model does not take it, or
    does not take the sampling settings beside it."""
    wanted = request.reasoning
    if not wire.official or wanted is None:
        return wanted
    known = profile(wire.at.name)
    if wanted not in known.efforts:
        raise unsupported(
            wire.at,
            f"reasoning={wanted!r}",
            f"It takes {', '.join(known.efforts) or 'none at all'}; or leave it out.",
        )
    sampling = request.sampling
    beside = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "logprobs": request.logprobs,
    }
    clash = [name for name, value in beside.items() if value is not None]
    if wanted != "none" and clash:
        raise unsupported(
            wire.at,
            f"{', '.join(clash)} while it reasons",
            'Leave it out, or ask reasoning="none".',
        )
    return wanted


def json_schema(wire: Connection, request: Request) -> dict[str, Any] | None:
    """The name, schema and strictness of the answer, if it has a format."""
    wanted = request.format
    if not isinstance(wanted, JsonFormat):
        return None
    schema = strict(wire.at, wanted.schema) if wire.official else dict(wanted.schema)
    return {"name": wanted.name, "schema": schema, "strict": True}


def forced(request: Request) -> str | None:
    """The one tool that must be called, by its name, if one must."""
    choice = request.tool_choice
    return choice if choice not in (None, "auto", "none", "required") else None


def cache_key(wire: Connection, request: Request) -> str | None:
    """What sends requests of one cached beginning to one machine of OpenAI's, which caches by
    itself."""
    if not wire.official or not request.cache_prefix:
        return None
    head = Request(request.messages[: request.cache_prefix], tools=request.tools)
    return digest(to_json(head))[:32]


def unsupported(at: Endpoint, what: str, remedy: str) -> Unsupported:
    """The model does not take `what`."""
    return Unsupported(
        f"This model does not take {what}.", provider=at.provider, where=at.where, remedy=remedy
    )


def arguments_of(at: Endpoint, call: ToolCall) -> str:
    """A call's arguments as both APIs take them; raises `InvalidRequest` for what is no JSON
    object."""
    if not isinstance(call.arguments, Mapping):
        raise InvalidRequest(
            f"The arguments of the tool call '{call.name}' are {call.arguments!r}, no mapping.",
            provider=at.provider,
            where=at.where,
            remedy="Give it a mapping; an empty one where there are none.",
        )
    return encoded(at, dict(call.arguments)).decode()


def text_of(at: Endpoint, found: Any) -> str:
    """A text of a reply; raises `MalformedReply` where it is none."""
    if not isinstance(found, str):
        raise malformed(at, f"The reply's text is not a string: {str(found)[:100]!r}.")
    return found


def tool_call(at: Endpoint, id_: Any, name: Any, arguments: Any) -> ToolCall:
    """A call as the model wrote it; raises `MalformedReply` where it is none."""
    if not name or not isinstance(name, str) or not id_:
        raise malformed(at, "The reply has a tool call without a name or an id.")
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise malformed(
            at,
            f"The arguments of the tool call '{name}' are not a JSON object: "
            f"{str(arguments)[:200]!r}.",
        )
    return ToolCall(str(id_), name, found)


def check_refusal(at: Endpoint, said: Any) -> None:
    """Raise `ContentRefused` where the model said why it refuses."""
    if said:
        raise ContentRefused(
            at.quiet(f"The model refused: {said}"),
            provider=at.provider,
            where=at.where,
        )
