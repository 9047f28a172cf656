"""Whether a request makes sense at all, whatever the model: found before anything is sent."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilate.errors import InvalidRequest
from quilate.messages import Image, Message, Part, Text, ToolCall, ToolResult
from quilate.middleware.json_schema import check_schema
from quilate.models import ChoiceFormat, JsonFormat, Request, Sampling

_EFFORTS = (None, "none", "low", "medium", "high")
_ROLES = ("system", "user", "assistant", "tool")
_WHOLE, _NUMBER = (int,), (int, float)  # numpy's own are no JSON
_NO_NAMES = (None, "auto", "none", "required")


class Fault(NamedTuple):
    """What is wrong with a request, and what to do."""

    what: str
    remedy: str


def fault(request: Request) -> Fault | None:
    """The first thing that is wrong with a request; None where nothing is.

    >>> from quilate.models import ask
    >>> fault(ask("?", max_tokens=0)).what
    'max_tokens is 0.'
    >>> fault(ask("?", max_tokens=1))
    """
    try:
        return next(_faults(request), None)
    except (TypeError, AttributeError, RecursionError) as error:
        return Fault(
            f"The request is not made of Quilate's values: {error}.",
            "Its fields are those of Request, Sampling, Tool, JsonFormat and ChoiceFormat.",
        )


def _faults(request: Request) -> Iterator[Fault]:
    yield from _messages(request.messages)
    if request.sampling is not _PLAIN:
        yield from _sampling(request.sampling)
    if request.logprobs is not None:
        yield from _number("logprobs", request.logprobs, _WHOLE, "a whole number, 0 or more")
    for name in ("deadline", "first_event_deadline"):
        seconds = getattr(request, name)
        if seconds is not None and (not isinstance(seconds, _NUMBER) or seconds != seconds):
            yield Fault(f"{name} is {seconds!r}.", "It is a number of seconds.")
    yield from _number("cache_prefix", request.cache_prefix, _WHOLE, "a whole number, 0 or more")
    parallel: Any = request.parallel_tool_calls
    if not isinstance(parallel, bool | None):
        yield Fault(f"parallel_tool_calls is {parallel!r}.", "It is True or False.")
    if request.reasoning not in _EFFORTS:
        yield Fault(
            f"reasoning is {request.reasoning!r}.", "It is none, low, medium, high, or left out."
        )
    if request.tools or request.tool_choice not in (None, "auto", "none"):
        yield from _tools(request)
    if request.format is not None:
        yield from _format(request.format)
    if request.extra:
        yield from _json("extra", request.extra)


_PLAIN = Request(()).sampling  # the default, which every request without settings shares


def _messages(messages: Any) -> Iterator[Fault]:
    if isinstance(messages, str) or not all(isinstance(given, Message) for given in messages):
        yield Fault(
            "The request's messages are not a sequence of Message values.",
            "Write Request((user('…'),)), or ask the model with the text alone.",
        )
        return
    if not any(message.parts for message in messages):
        yield Fault(
            "There is nothing to answer: the request has no messages, or empty ones alone.",
            "Give it a message of the user.",
        )
    for message in messages:
        if message.role not in _ROLES:
            yield Fault(f"A message's role is {message.role!r}.", f"It is {' or '.join(_ROLES)}.")
        for part in message.parts:
            yield from _part(part)


def _part(part: Any) -> Iterator[Fault]:
    if isinstance(part, Text):
        yield from _text("A text", part.text)
    elif isinstance(part, ToolResult):
        yield from _text("A tool's result", part.content)
    elif isinstance(part, ToolCall):
        yield from _json(f"The arguments of the tool call '{part.name}'", part.arguments)
    elif isinstance(part, Image):
        if not isinstance(part.image, bytes | None) or not (part.image or part.url):
            yield Fault("An image has neither bytes nor a URL.", "Give it one of them.")
    elif not isinstance(part, Part):
        yield Fault(
            f"A message holds {str(part)[:60]!r}, which is no part.",
            "Write user('…'), or Message('user', (Text('…'),)).",
        )


def _text(what: str, text: Any) -> Iterator[Fault]:
    if not isinstance(text, str):
        yield Fault(f"{what} is {text!r}, which is no string.", "Give strings as texts.")
    elif not text.isascii() and (at := _lone_surrogate(text)) is not None:
        yield Fault(
            f"{what} holds half a surrogate pair (at character {at}), which no UTF-8 has.",
            "Read it again with its right encoding, or take that character out.",
        )


def _json(what: str, value: Any) -> Iterator[Fault]:
    """Faults of what is to be sent as a JSON object."""
    if not isinstance(value, Mapping):
        yield Fault(f"{what} is {value!r}.", "It is an object: a dict.")
        return
    try:
        yield from _text(what, json.dumps(dict(value), ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        yield Fault(f"{what} is not JSON: {error}.", "It is made of what JSON can hold.")


def _lone_surrogate(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _sampling(sampling: Sampling) -> Iterator[Fault]:
    yield from _number("temperature", sampling.temperature, _NUMBER, "a number, 0 or more")
    yield from _number("top_p", sampling.top_p, _NUMBER, "a number from 0 to 1", most=1)
    yield from _number("top_k", sampling.top_k, _WHOLE, "a whole number, 1 or more", least=1)
    yield from _number("seed", sampling.seed, _WHOLE, "a whole number, 0 or more")
    yield from _number(
        "max_tokens", sampling.max_tokens, _WHOLE, "a whole number, 1 or more", least=1
    )
    stop: Any = sampling.stop
    if isinstance(stop, str) or not all(isinstance(text, str) and text for text in stop):
        yield Fault(f"stop is {stop!r}.", "It is a tuple of strings that are not empty.")


def _number(
    name: str,
    value: Any,
    kind: tuple[type, ...],
    wanted: str,
    *,
    least: int = 0,
    most: float = math.inf,
) -> Iterator[Fault]:
    if value is None:
        return
    if not isinstance(value, kind) or not least <= value <= most or value == math.inf:  # type: ignore[operator]
        yield Fault(f"{name} is {value!r}.", f"It is {wanted}.")


def _tools(request: Request) -> Iterator[Fault]:
    names = [tool.name for tool in request.tools]
    choice = request.tool_choice
    if not names:
        yield Fault(
            f"tool_choice is {choice!r}, and there are no tools.", "Give it tools, or leave it out."
        )
    elif choice not in _NO_NAMES and choice not in names:
        yield Fault(
            f"tool_choice is {choice!r}, and there is no such tool.",
            f"It is auto, none, required or one of {', '.join(names)}.",
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or "" in names:
        yield Fault(f"Two tools are called {twice!r}, or one has no name.", "Rename them.")
    for tool in request.tools:
        yield from _text("A tool's name or description", f"{tool.name}{tool.description}")
        yield from _schema(f"The parameters of the tool '{tool.name}'", tool.parameters)


def _format(wanted: JsonFormat | ChoiceFormat) -> Iterator[Fault]:
    if isinstance(wanted, JsonFormat):
        yield from _schema("The JSON schema of the answer", wanted.schema)
    elif not wanted.choices or "" in wanted.choices:
        yield Fault(f"The choices are {wanted.choices!r}.", "Give strings that are not empty.")
    elif len(set(wanted.choices)) < len(wanted.choices):
        yield Fault(f"The choices {wanted.choices!r} are not all different.", "Give each once.")


def _schema(what: str, schema: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        check_schema(schema)
    except InvalidRequest as error:
        yield Fault(f"{what} is no JSON schema: {error.what}", error.remedy or "")
    except (TypeError, ValueError) as error:
        yield Fault(
            f"{what} is not JSON: {error}.", "Write it of objects, lists, strings and numbers."
        )
