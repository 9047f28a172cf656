"""OpenAI's preference files, for DPO."""

from typing import Any

from quilate.tuning.examples import Preference
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import from_chat, to_openai
from quilate.tuning.formats.conversation import checked_completion
from quilate.tuning.formats.values import Format, NotCarried, Row

_OUTPUTS = ("preferred_output", "non_preferred_output")


def write(example: Preference, with_tools: bool) -> Row:
    """The row of a preference. OpenAI takes a single assistant turn on either side."""
    given: Row = {"messages": to_openai(example.prompt)}
    if example.tools:
        given |= {"tools": tools.wire(example.tools), "parallel_tool_calls": True}
    row: Row = {"input": given}
    for column, turns in zip(_OUTPUTS, (example.chosen, example.rejected), strict=True):
        checked_completion(turns)
        if len(turns) > 1:
            raise NotCarried("several_turns", f"{column} holds one turn of the assistant alone")
        row[column] = to_openai(turns)
    return row


def read(row: Row, name: str) -> Preference:
    """The preference of a row."""
    given: Any = row["input"]
    if not isinstance(given, dict):
        raise NotCarried("not_messages", "`input` is no object with messages")
    chosen, rejected = (from_chat(row[column], column) for column in _OUTPUTS)
    for turns in (chosen, rejected):
        checked_completion(turns)
    prompt = from_chat(given.get("messages"), "input.messages")
    return Preference(name, prompt, chosen, rejected, tools.read_tools(given.get("tools")))


FORMAT = Format(
    "openai-preference",
    "OpenAI preference (DPO)",
    Preference,
    ("input", *_OUTPUTS),
    write,
    read,
)
