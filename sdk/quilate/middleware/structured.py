"""Structured output by the best route that a model has, validated, with one round of repair."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from quilate.errors import DeadlineExceeded, MalformedReply, ModelError, SchemaUnsupported
from quilate.messages import Message, Reasoning, Text, user
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.json_schema import find, parse, violation
from quilate.models import (
    ChoiceFormat,
    Cost,
    Event,
    Finished,
    JsonFormat,
    Model,
    Request,
    Response,
    Route,
    Tool,
    Usage,
    events_of,
)


class Structured(Wrapper):
    """Answers a request's `format`, whatever the model's own means, and validates it.

    JSON takes the first of these routes that the model has and that can express the schema: its
    own structured output (``native``, or ``grammar`` where the adapter says so), a forced tool
    call (``tool``), the schema in the prompt (``prompted``); `Response.route` records it. JSON
    that does not validate goes back once with what is wrong; the second failure is a
    `MalformedReply`. Usage and cost are those of both rounds, in an error too. Choices go the same
    way, as an object with an ``enum``; a reply that names none of them is a `MalformedReply`.
    Calls of the request's own tools pass: the answer comes after their results.

    A stream of ``native`` JSON comes as it is written, and can therefore not be repaired; other
    routes give their answer whole.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> model = Structured(ScriptedModel('Here you are: {"n": 1}'))
    >>> wanted = JsonFormat({"type": "object", "properties": {"n": {"type": "integer"}}})
    >>> response = sync.run(model.generate(replace(ask("?"), format=wanted)))
    >>> response.text, response.route
    ('{"n": 1}', 'prompted')
    """

    async def generate(self, request: Request) -> Response:
        """Answer once, in the format asked for."""
        if request.format is None:
            return await self.inner.generate(request)
        if isinstance(request.format, ChoiceFormat):
            return await self._choose(request, request.format)
        return await self._json(request, request.format, self._routes(request))

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, where the route allows it."""
        wanted = request.format
        if wanted is not None and not (isinstance(wanted, JsonFormat) and self._has("json_schema")):
            for event in events_of(await self.generate(request)):
                yield event
            return
        events, begun = self.inner.stream(request), False
        try:
            async for event in events:
                begun = True
                if isinstance(event, Finished) and wanted is not None:
                    event = Finished(self._valid(event.response, wanted))  # noqa: PLW2901
                yield event
        except SchemaUnsupported:
            if begun or wanted is None or wanted.strict:
                raise
            others = self._routes(request)[1:]
            for event in events_of(await self._json(request, wanted, others)):
                yield event
        finally:
            await close_stream(events)

    def _has(self, name: str) -> bool:
        return self.info.capabilities.has(name)

    async def _json(
        self, request: Request, wanted: JsonFormat, routes: Sequence[Route]
    ) -> Response:
        for route in routes:
            try:
                return await self._by(route, request, wanted)
            except SchemaUnsupported:
                if wanted.strict or route == routes[-1]:
                    raise
        raise AssertionError("the last route raises or returns")

    def _routes(self, request: Request) -> tuple[Route, ...]:
        native: tuple[Route, ...] = ("native",) if self._has("json_schema") else ()
        can_force = not request.tools and self._has("tools") and self._has("tool_choice")
        return (*native, "tool", "prompted") if can_force else (*native, "prompted")

    async def _by(self, route: Route, request: Request, wanted: JsonFormat) -> Response:
        """One route: ask, validate, and once more with what was wrong."""
        began = monotonic()
        asked, read = _ROUTES[route](request, wanted)
        first = read(await self.inner.generate(asked))
        if first.tool_calls:
            return first  # of the request's own tools: the answer comes after their results
        wrong = _wrong(first, wanted)
        if wrong is None:
            return _marked(first, route)
        if first.finish_reason == "length":
            raise self._malformed(first, f"{wrong}. It was cut off at its token limit")
        second = read(await ask_again(self.inner, asked, first, wrong, monotonic() - began))
        if second.tool_calls:
            return second
        wrong = _wrong(second, wanted)
        if wrong is not None:
            raise self._malformed(second, f"{wrong}, after one repair")
        return _marked(second, route)

    def _valid(self, response: Response, wanted: JsonFormat) -> Response:
        """A streamed response, or the error that it is not valid."""
        wrong = None if response.tool_calls else _wrong(response, wanted)
        if wrong is not None:
            cut = ". It was cut off at its token limit"
            raise self._malformed(response, wrong + cut * (response.finish_reason == "length"))
        return _marked(response, "native")

    async def _choose(self, request: Request, wanted: ChoiceFormat) -> Response:
        if self._has("choices"):
            response = await self.inner.generate(request)
        elif request.logprobs is None and self._has("json_schema"):
            # An object, because strict modes take nothing else at the root.
            asked = JsonFormat(
                {
                    "type": "object",
                    "properties": {"answer": {"type": "string", "enum": list(wanted.choices)}},
                    "required": ["answer"],
                    "additionalProperties": False,
                },
                name="choice",
            )
            request = replace(request, format=asked)
            response = await self._json(request, asked, self._routes(request))
        else:
            # With log-probabilities the label itself must come first, so nothing may be around it.
            response = await self.inner.generate(_naming_choices(request, wanted))
            response = _marked(response, "prompted")
        if response.tool_calls:
            return response
        label = _label(response.text, wanted.choices)
        if label is None:
            cut = ". It was cut off at its token limit" * (response.finish_reason == "length")
            raise self._malformed(
                response, f"it is none of the choices {', '.join(wanted.choices)}{cut}"
            )
        return _saying(label, response)

    def _malformed(self, response: Response, wrong: str) -> MalformedReply:
        error = MalformedReply(
            f"The reply {response.text[:200]!r} is not what was asked for: {wrong}.",
            where=self.info.name,
            provider=self.info.provider,
            remedy="Raise max_tokens, simplify the schema, or use a model that follows schemas.",
        )
        error.usage, error.cost = response.usage, response.cost
        return error


Read = Callable[[Response], Response]


def _native(request: Request, wanted: JsonFormat) -> tuple[Request, Read]:
    return replace(request, format=wanted), lambda response: response


def _by_tool(request: Request, wanted: JsonFormat) -> tuple[Request, Read]:
    """A tool whose arguments are the answer, the only one that may be called."""
    schema = dict(wanted.schema)
    if schema.get("type") != "object":
        raise SchemaUnsupported("A tool's arguments are an object, and this schema is none.")
    tool = Tool(wanted.name, "Give the answer.", schema)

    def read(response: Response) -> Response:
        if not response.tool_calls:
            return response
        text = json.dumps(dict(response.tool_calls[0].arguments), ensure_ascii=False)
        return replace(_saying(text, response), finish_reason="stop")

    return replace(request, format=None, tools=(tool,), tool_choice=wanted.name), read


def _prompted(request: Request, wanted: JsonFormat) -> tuple[Request, Read]:
    schema = json.dumps(wanted.schema, ensure_ascii=False)
    text = f"Answer with JSON alone, valid under this JSON schema, and nothing else:\n{schema}"

    def read(response: Response) -> Response:
        if response.tool_calls:
            return response
        if response.finish_reason == "length":
            # Of an answer that was cut off, what begins later may be a part of what was begun.
            return _saying(find(response.text, starts=1), response)
        return _saying(find(response.text), response)

    return _adding(replace(request, format=None), text), read


_ROUTES: dict[Route, Callable[[Request, JsonFormat], tuple[Request, Read]]] = {
    "native": _native,
    "tool": _by_tool,
    "prompted": _prompted,
}


def _saying(text: str, response: Response) -> Response:
    """The response with `text` as its answer, after what the model thought."""
    kept = tuple(part for part in response.message.parts if isinstance(part, Reasoning))
    return replace(response, message=Message("assistant", (*kept, Text(text))))


def _marked(response: Response, route: Route) -> Response:
    return response if response.route else replace(response, route=route)


def _wrong(response: Response, wanted: JsonFormat) -> str | None:
    try:
        value: Any = parse(response.text)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON ({error})"
    return violation(value, wanted.schema)


async def ask_again(
    model: Model, request: Request, first: Response, wrong: str, passed: float
) -> Response:
    """The second answer to a request, in what its deadline leaves after `passed` seconds: the
    `first` goes back with what is wrong with it. Usage and cost are those of both, in an error
    too."""
    try:
        asked = _in_time_left(request, passed, model.info.name)
        second = await model.generate(_with_repair(asked, first.message, wrong))
    except ModelError as error:
        error.usage, error.cost = total((first, error))
        raise
    usage, cost = total((first, second))
    return replace(second, usage=usage, cost=cost)


def total(paid: Sequence[Response | ModelError]) -> tuple[Usage, Cost]:
    """What replies, and errors as far as they tell, used and cost together."""
    told = [one for one in paid if one.usage is not None]
    costs = [one.cost or Cost() for one in told]
    usage = sum((one.usage for one in told if one.usage), Usage())
    return usage, sum(costs[1:], costs[0]) if costs else Cost()


def _with_repair(request: Request, said: Message, wrong: str) -> Request:
    again = user(f"That is not valid: {wrong}. Answer again, with valid JSON alone.")
    before = (said,) if said.text else ()  # providers refuse empty messages
    return replace(request, messages=(*request.messages, *before, again))


def _in_time_left(request: Request, passed: float, where: str) -> Request:
    if request.deadline is None:
        return request
    if passed >= request.deadline:
        raise DeadlineExceeded("No time is left to repair the answer.", where=where)
    return replace(request, deadline=request.deadline - passed)


def _adding(request: Request, text: str) -> Request:
    """The request with `text` at the end of its last user message."""
    *before, last = request.messages or (user(""),)
    if last.role != "user":
        return replace(request, messages=(*before, last, user(text)))
    joined = Message("user", (*last.parts, Text(f"\n\n{text}")))
    return replace(request, messages=(*before, joined))


def _naming_choices(request: Request, wanted: ChoiceFormat) -> Request:
    plain = replace(request, format=None)
    if request.logprobs is not None:
        return plain
    return _adding(plain, "Answer with exactly one of: " + " / ".join(wanted.choices))


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _label(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a reply names: as an object's ``answer``, or plain, give or take quotes,
    case and a full stop."""
    try:
        found = json.loads(text, object_pairs_hook=_each_key_once)
        if isinstance(found, dict):
            found = found.get("answer", "")
        said = "" if found is None else str(found)  # null is no choice, not even "none"
    except (ValueError, RecursionError):
        found = said = text
    plain = said.strip().strip("\"'`*.").casefold()
    exact = [choice for choice in choices if choice in (found, text)]
    return next(iter(exact or [c for c in choices if c.casefold() == plain]), None)
