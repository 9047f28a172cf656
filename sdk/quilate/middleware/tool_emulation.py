"""Tools for models that take none, or whose server ignores a forced choice: as structured output.

The tools are described in the prompt, and the reply is JSON: either calls or an answer. Where the
model enforces a schema (a grammar, say), the calls are as valid as a provider's own.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from quilate.errors import MalformedReply
from quilate.messages import Message, Part, Reasoning, Text, ToolCall, ToolResult, system
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.json_schema import parse, violation
from quilate.models import (
    ChoiceFormat,
    Event,
    FinishReason,
    JsonFormat,
    Request,
    Response,
    TokenCount,
    Tool,
    events_of,
)

MAX_CALLS = 8
"""How many calls one reply may hold: a bound that keeps small models from going on for ever."""


class EmulatedTools(Wrapper):
    """Gives a model the tools, the forced choice or the single calls that it has not itself.

    What the model has natively is left to it. `Response.emulated` says what was done in its place.
    A request without tools, or for which the model needs no help, costs nothing. A format is that
    of the answer, and a reply that is neither valid calls nor such an answer is a `MalformedReply`.
    With a `strict` format the provider's own structured output must take the tools' schemas too.
    """

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        if not self._is_needed(request):
            return _single(request, await self.inner.generate(request))
        response = await self.inner.generate(_described(request))
        if not _may_call(request):
            return replace(response, emulated=(*response.emulated, "tools"))
        if response.tool_calls:  # the model has tools of its own after all; the contract checks it
            return _single(request, response)
        return _read(request, response, self._found(request, response))

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece; emulated tool calls come whole."""
        if self._is_needed(request) or (request.tools and request.parallel_tool_calls is False):
            for event in events_of(await self.generate(request)):
                yield event
            return
        events = self.inner.stream(request)
        try:
            async for event in events:
                yield event
        finally:
            await close_stream(events)

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count a request's input tokens, with those of the tools' description."""
        return await super().count_tokens(
            _described(request) if self._is_needed(request) else request
        )

    def _found(self, request: Request, response: Response) -> dict[str, Any]:
        """The reply's JSON, valid under the form that was asked for."""
        try:
            found: dict[str, Any] = parse(response.text)
            wrong = violation(found, _schema(request))
        except (ValueError, RecursionError) as error:
            wrong = f"it is not JSON ({error})"
        if wrong is None:
            return found
        malformed = MalformedReply(
            f"The reply {response.text[:200]!r} is neither a tool call nor an answer: {wrong}.",
            where=self.info.name,
            provider=self.info.provider,
            remedy="Use a model that has tools of its own, or that follows schemas.",
        )
        malformed.usage, malformed.cost = response.usage, response.cost
        raise malformed

    def _is_needed(self, request: Request) -> bool:
        has = self.info.capabilities.has
        if not request.tools and not _mentions_tools(request):
            return False
        if not has("tools"):
            return True
        return request.tool_choice not in (None, "auto") and not has("tool_choice")


def _mentions_tools(request: Request) -> bool:
    return any(
        isinstance(part, ToolCall | ToolResult)
        for message in request.messages
        for part in message.parts
    )


def _single(request: Request, response: Response) -> Response:
    """The response with its first call alone, where only one was allowed."""
    if request.parallel_tool_calls is not False or len(response.tool_calls) < 2:
        return response
    first = response.tool_calls[0]
    parts = tuple(
        part for part in response.message.parts if part is first or not isinstance(part, ToolCall)
    )
    return replace(
        response,
        message=Message("assistant", parts),
        emulated=(*response.emulated, "parallel_tool_calls"),
    )


def _described(request: Request) -> Request:
    """The request with its tools in words, and the reply's form as a schema."""
    messages = _merged([_in_words(m, i, request) for i, m in enumerate(request.messages)])
    plain = replace(
        request, messages=messages, tools=(), tool_choice=None, parallel_tool_calls=None
    )
    if not _may_call(request):
        return plain
    wanted = request.format
    strict = _may_answer(request) and isinstance(wanted, JsonFormat) and wanted.strict
    return replace(
        plain,
        messages=_instructed(_instruction(request), messages),
        format=JsonFormat(_schema(request), name="reply", strict=strict),
    )


def _merged(messages: list[Message]) -> tuple[Message, ...]:
    """Neighbours of one role as one message: chat templates want the roles to alternate."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            message = Message(message.role, merged.pop().parts + message.parts)  # noqa: PLW2901
        merged.append(message)
    return tuple(merged)


def _instructed(text: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with `text` at the end of the system message, or as one."""
    if not messages or messages[0].role != "system":
        return (system(text), *messages)
    first = Message("system", (*messages[0].parts, Text(f"\n\n{text}")))
    return (first, *messages[1:])


def _instruction(request: Request) -> str:
    tools = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in _callable(request)
    ]
    calls = 'To call functions, reply {"tool_calls": [{"name": …, "arguments": {…}}]}.'
    answer = ' To answer without, reply {"answer": …}.' if _may_answer(request) else ""
    listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return f"You can call these functions:\n{listed}\n{calls}{answer}"


def _callable(request: Request) -> tuple[Tool, ...]:
    """The tools that the choice leaves."""
    named = tuple(tool for tool in request.tools if tool.name == request.tool_choice)
    return named or request.tools


def _may_call(request: Request) -> bool:
    return bool(request.tools) and request.tool_choice != "none"


def _may_answer(request: Request) -> bool:
    return request.tool_choice in (None, "auto")


def _schema(request: Request) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    calls = [
        _object(
            name={"const": tool.name},
            arguments=_placed({"type": "object", **tool.parameters}, f"arguments_{i}", shared),
        )
        for i, tool in enumerate(_callable(request))
    ]
    is_named = request.tool_choice not in (None, "auto", "required")
    limit = 1 if is_named or request.parallel_tool_calls is False else MAX_CALLS
    items = calls[0] if len(calls) == 1 else {"anyOf": calls}
    call = _object(tool_calls={"type": "array", "minItems": 1, "maxItems": limit, "items": items})
    whole = call
    if _may_answer(request):
        answer = _placed(_answer_schema(request), "answer", shared)
        whole = {"anyOf": [_object(answer=answer), call]}
    return {**whole, "$defs": shared} if shared else whole


def _answer_schema(request: Request) -> dict[str, Any]:
    wanted = request.format
    if isinstance(wanted, JsonFormat):
        return dict(wanted.schema)
    choices = {"enum": list(wanted.choices)} if isinstance(wanted, ChoiceFormat) else {}
    return {"type": "string", **choices}


def _placed(schema: dict[str, Any], name: str, shared: dict[str, Any]) -> dict[str, Any]:
    """A schema as a part of another. One with references to itself goes among the `shared`
    definitions, where they are made to find what they name."""
    moved: dict[str, Any] = _moved(schema, f"#/$defs/{name}")
    if moved == schema:
        return schema
    shared[name] = moved
    return {"$ref": f"#/$defs/{name}"}


def _moved(value: Any, to: str) -> Any:
    if isinstance(value, list):
        return [_moved(item, to) for item in value]
    if not isinstance(value, Mapping):
        return value
    moved = {key: _moved(item, to) for key, item in value.items()}
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith("#"):
        moved["$ref"] = to + target[1:]
    return moved


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _in_words(message: Message, at: int, request: Request) -> Message:
    """A message with its tool calls and results as text."""
    names = {call.id: call.name for m in request.messages[:at] for call in m.tool_calls}
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            failed = " (an error)" if part.is_error else ""
            name = names.get(part.id, part.id)
            parts.append(Text(f"Result of {name}{failed}: {part.content}\n"))
        elif not isinstance(part, ToolCall):
            parts.append(part)
    if message.tool_calls:
        calls = [{"name": c.name, "arguments": dict(c.arguments)} for c in message.tool_calls]
        parts.append(Text(json.dumps({"tool_calls": calls}, ensure_ascii=False)))
    return Message("user" if message.role == "tool" else message.role, tuple(parts))


def _read(request: Request, response: Response, found: dict[str, Any]) -> Response:
    """The reply's JSON as tool calls or as the answer."""
    kept = tuple(part for part in response.message.parts if isinstance(part, Reasoning))
    before = sum(len(message.tool_calls) for message in request.messages)
    if "tool_calls" in found:
        parts: tuple[Part, ...] = tuple(
            ToolCall(f"call_{before + i + 1}", call["name"], call["arguments"])
            for i, call in enumerate(found["tool_calls"])
        )
        reason: FinishReason = "tool_calls"
    else:
        answer, is_json = found["answer"], isinstance(request.format, JsonFormat)
        parts = (Text(json.dumps(answer, ensure_ascii=False) if is_json else answer),)
        reason = response.finish_reason
    return replace(
        response,
        message=Message("assistant", (*kept, *parts)),
        finish_reason=reason,
        emulated=(*response.emulated, "tools"),
    )
