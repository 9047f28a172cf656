"""Declared tools, as JSON has them."""

import json
from collections.abc import Sequence
from typing import Any

from quilate.models import Tool
from quilate.tuning.formats.chat import plain
from quilate.tuning.formats.values import NotCarried, Row

NONE = "null"
"""No tools, where a column of JSON holds them: TRL reads it as none at all. An empty list would
make some templates write an empty list of tools."""


def wire(tools: Sequence[Tool]) -> list[Row]:
    """The tools as ``{"type": "function", "function": {…}}``."""
    return [{"type": "function", "function": flat} for flat in flat_wire(tools)]


def flat_wire(tools: Sequence[Tool]) -> list[Row]:
    """The tools as ``{"name": …, "description": …, "parameters": …}``."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": plain(tool.parameters),
        }
        for tool in tools
    ]


def column(tools: Sequence[Tool]) -> str:
    """The tools as JSON in a string, which is how TRL reads them from files: Arrow would make the
    parameters of different tools one type, and fill each with the others' keys."""
    return json.dumps(wire(tools), ensure_ascii=False) if tools else NONE


def read_tools(value: Any) -> tuple[Tool, ...]:
    """The tools of a column: a list or its JSON, wrapped or flat. Raises `NotCarried`.

    >>> read_tools('[{"name": "clock", "description": "The time."}]')
    (Tool(name='clock', description='The time.', parameters={}),)
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError):
            raise NotCarried("tools", "the tools are no JSON") from None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise NotCarried("tools", f"the tools are a {type(value).__name__}, not a list")
    return tuple(map(_tool, value))


def _tool(value: Any) -> Tool:
    inner = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise NotCarried("tools", "a tool without a name")
    parameters = inner.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise NotCarried("tools", f"the parameters of the tool {inner['name']} are no JSON Schema")
    return Tool(inner["name"], str(inner.get("description") or ""), parameters or {})
