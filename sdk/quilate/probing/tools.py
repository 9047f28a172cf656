"""Checks of tools: offered, forced, forbidden, one at a time, and their results read."""

from dataclasses import replace

from quilate.errors import MalformedReply
from quilate.messages import Message, ToolCall, ToolResult, user
from quilate.models import Request, Response, Tool
from quilate.probing.formats import emulation
from quilate.probing.report import Found, honoured, ignored, unknown
from quilate.probing.session import Session, broken, thought


def _tool(name: str, what: str, argument: str) -> Tool:
    return Tool(
        name,
        what,
        {
            "type": "object",
            "properties": {argument: {"type": "string"}},
            "required": [argument],
            "additionalProperties": False,
        },
    )


_WEATHER = _tool("get_weather", "The weather in a city now.", "city")
_TIME = _tool("get_time", "The time in a city now.", "city")
_WEATHER_IN_LIMA = "What is the weather in Lima? Use the function."

_NOT_DONE = ("calls no tool", "was not offered", "no call was allowed")
"""What `middleware.contract` says of replies that do not keep to the tools or to the choice."""


async def tools(session: Session) -> Found:
    """An offered tool is called, or at least read."""
    asked = session.steady(_WEATHER_IN_LIMA, tokens=128, tools=(_WEATHER,))
    try:
        response = await session.ask(asked)
    except MalformedReply as error:
        return await _refused(session, "tools", asked, error)
    by = emulation(response, "tools")
    if response.tool_calls:
        return honoured(_called(response), by=by)
    plain = await session.ask(session.steady(_WEATHER_IN_LIMA))
    without, read = plain.usage.input_tokens, response.usage.input_tokens
    said = f"no call; {without} input tokens without the tool, {read} with"
    if not without:
        return unknown(said)
    return honoured(said, by=by) if read > without + 10 else ignored(said)


async def tool_choice_required(session: Session) -> Found:
    """A call, though the prompt wants none."""
    return await _forced(session, "required", "Say hello. Call no function.")


async def tool_choice_named(session: Session) -> Found:
    """A call of the named tool, though the prompt wants the other."""
    return await _forced(session, _TIME.name, _WEATHER_IN_LIMA)


async def _forced(session: Session, choice: str, text: str) -> Found:
    asked = session.steady(text, tokens=128, tools=(_WEATHER, _TIME), tool_choice=choice)
    try:
        response = await session.ask(asked)
    except MalformedReply as error:
        return await _refused(session, "tool_choice", asked, error)
    return honoured(_called(response), by=emulation(response, "tools"))


async def tool_choice_none(session: Session) -> Found:
    """No call, where there is one when it is allowed."""
    asked = session.steady(_WEATHER_IN_LIMA, tokens=128, tools=(_WEATHER,))
    try:
        response = await session.ask(replace(asked, tool_choice="none"))
    except MalformedReply as error:
        return await _refused(session, "tool_choice", asked, error)
    by = emulation(response, "tools")
    if by:
        return honoured("no call, for no tool is shown", by=by)
    free = await session.ask(asked)
    if not free.tool_calls:
        return unknown("no call, but none where it is allowed either")
    return honoured("no call, one where it is allowed")


async def parallel_tool_calls(session: Session) -> Found:
    """Several calls at once, and one alone where only one is allowed."""
    asked = session.steady(
        "What is the weather in Lima, and what is the weather in Quito? Call the function twice.",
        tokens=192,
        tools=(_WEATHER,),
        tool_choice="required",
    )
    try:
        single = await session.ask(replace(asked, parallel_tool_calls=False))
    except MalformedReply as error:  # the choice's fault, or the model's
        return unknown(f"no calls to count: {error.what[:160]}")
    cut = "parallel_tool_calls" in single.emulated
    if cut and session.has("parallel_tool_calls"):
        return ignored("declared, but several calls came where one was allowed")
    try:
        free = await session.ask(asked)
    except MalformedReply as error:
        return unknown(f"no calls to count where several are allowed: {error.what[:160]}")
    by = "the first call alone is kept" if cut else emulation(single, "tools")
    many, one = len(free.tool_calls), len(single.tool_calls)
    said = f"{many} calls where several are allowed, {one} where one is"
    if by or len(free.tool_calls) > 1:
        return honoured(said, by=by)
    return unknown(f"{said}: nothing to forbid")


async def tool_loop(session: Session) -> Found:
    """A tool's result reaches the model that asked for it."""
    code = "4217"
    told = await session.ask(_with_result(session, f"The weather code of Lima is {code}."))
    by = emulation(told, "tools")
    if code in told.text:
        return honoured(f"the answer has the result's {code}: {told.text[:40]!r}", by=by)
    more = await session.ask(
        _with_result(session, f"The weather code of Lima is {code}." + " It is dry." * 20)
    )
    few, many = told.usage.input_tokens, more.usage.input_tokens
    said = f"read, not repeated: {few} input tokens, {many} with 60 more words in the result"
    if not few:
        return unknown(f"the answer has nothing of the result: {told.text[:40]!r}")
    return honoured(said, by=by) if many > few + 40 else ignored(said)


def _with_result(session: Session, content: str) -> Request:
    asked = session.steady("", tokens=128, tools=(_WEATHER,))
    call = ToolCall("call_1", _WEATHER.name, {"city": "Lima"})
    return replace(
        asked,
        messages=(
            user("What is the weather code of Lima? Repeat the code that the function gives."),
            Message("assistant", (call,)),
            Message("tool", (ToolResult(call.id, content),)),
        ),
    )


async def _refused(
    session: Session, capability: str, asked: Request, error: MalformedReply
) -> Found:
    """What it means that Quilate refused a reply. No call, or one that was not offered, is the
    endpoint's doing; the arguments of a call are the model's."""
    if not any(said in error.what for said in _NOT_DONE):
        return unknown(f"the model's doing, and refused by Quilate: {error.what[:160]}")
    limit = asked.sampling.max_tokens
    if limit and error.usage and error.usage.output_tokens >= limit:
        plain = await session.ask(replace(asked, tools=(), tool_choice=None))
        if thought(plain):
            return unknown(f"the thoughts may have left no token for a call: {error.what[:160]}")
    return broken(session, capability, error)


def _called(response: Response) -> str:
    calls = [f"{call.name}({dict(call.arguments)})" for call in response.tool_calls]
    return ", ".join(calls)[:80] or "no call"
