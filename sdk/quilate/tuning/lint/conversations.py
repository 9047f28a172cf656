"""Checks of the turns: their order, tools, and images."""

import re
from collections.abc import Iterator
from typing import Any

from quilate.errors import QuilateError
from quilate.messages import Image, Message, Text, ToolResult
from quilate.tuning.formats.chat import plain
from quilate.tuning.formats.values import NotCarried
from quilate.tuning.lint.context import Context
from quilate.tuning.lint.reading import Reading
from quilate.tuning.lint.values import Finding

_PLACEHOLDER = re.compile(
    r"<image>|<\|image\|>|<\|image_pad\|>|<start_of_image>|\[IMG\]|<\|image_\d+\|>|<img>"
)


def _turns(row: Reading) -> tuple[Message, ...]:
    return (*row.example.prompt, *row.example.completion)


def order(row: Reading, context: Context) -> Iterator[Finding]:
    """``no_answer``: the row does not end with the assistant. ``role_order``: a system turn that is
    not the first, two turns of the user or of the assistant in a row, a prompt that ends with the
    assistant, a tool's result without a call."""
    turns = _turns(row)
    completion = row.example.completion
    if completion and completion[-1].role != "assistant":
        yield row.finding("drop", "no_answer", f"it ends with a turn of role {turns[-1].role}")
    elif any(turn.role in ("user", "system") for turn in completion):
        yield row.finding("drop", "no_answer", "the completion holds turns of the user or system")
    said = _disorder(turns, len(row.example.prompt))
    if said:
        yield row.finding("warning", "role_order", said)


def _disorder(turns: tuple[Message, ...], prompt: int) -> str:
    """The first thing that is out of order; nothing where all is well."""
    if all(turn.role != "user" for turn in turns[:prompt]):
        return "the prompt has no turn of the user"
    for at, turn in enumerate(turns):
        before = turns[at - 1] if at else None
        if turn.role == "system" and at:
            return f"turn {at + 1} is a system turn, and not the first"
        if turn.role == "tool" and (before is None or before.role not in ("assistant", "tool")):
            return f"turn {at + 1} is a tool's, and no call stands before it"
        if before is not None and turn.role == before.role and turn.role in ("user", "assistant"):
            return f"turns {at} and {at + 1} are both of role {turn.role}"
    return ""


def tools(row: Reading, context: Context) -> Iterator[Finding]:
    """``undeclared_tool``: a call of a tool that the row does not declare. ``bad_arguments``:
    arguments that the tool's JSON Schema does not allow. ``unanswered_call``: a call in the prompt
    without a result, or a result without a call."""
    declared = {tool.name: tool.parameters for tool in row.example.tools}
    for turn in _turns(row):
        for call in turn.tool_calls:
            if call.name not in declared:
                yield row.finding("warning", "undeclared_tool", f"{call.name} is called")
                continue
            wrong = _invalid(call.arguments, declared[call.name])
            if wrong:
                yield row.finding("warning", "bad_arguments", f"{call.name}: {wrong}")
    wrong = _unanswered(row)
    if wrong:
        yield row.finding("warning", "unanswered_call", wrong)


def _invalid(arguments: Any, schema: Any) -> str:
    """What is wrong with the arguments of a call, or with the tool's schema."""
    from quilate.middleware.json_schema import violation

    try:
        return violation(plain(arguments), plain(schema)) or ""
    except QuilateError as error:
        return f"its schema cannot be used: {error.what:.200}"
    except NotCarried as why:
        return why.detail


def _unanswered(row: Reading) -> str:
    given = row.example.prompt
    asked = [call.id for turn in given for call in turn.tool_calls]
    answered = {
        part.id for turn in _turns(row) for part in turn.parts if isinstance(part, ToolResult)
    }
    waiting = next((one for one in asked if one not in answered), None)
    if waiting is not None:
        return f"the call {waiting:.60} has no result"
    known = {call.id for turn in _turns(row) for call in turn.tool_calls}
    orphan = next((one for one in answered if one not in known), None)
    return "" if orphan is None else f"the result {orphan:.60} has no call"


def images(row: Reading, context: Context) -> Iterator[Finding]:
    """``placeholder``: a text names an image that the row does not have. ``image_not_written``: an
    image that the template leaves out."""
    # The word is the field's, for a mark such as "<image>" in a prompt; nothing here is left open.
    turns = _turns(row)
    held = sum(isinstance(part, Image) for turn in turns for part in turn.parts)
    texts = [part.text for turn in turns for part in turn.parts if isinstance(part, Text)]
    named = [found for text in texts for found in _PLACEHOLDER.findall(text)]
    if len(named) > held:
        yield row.finding("warning", "placeholder", f"{named[0]}, and {held} images")
    if held and row.rendered is not None:
        written = len(_PLACEHOLDER.findall(row.rendered.text)) - len(named)
        if written < held:
            yield row.finding("drop", "image_not_written", f"{written} of {held} images")
