"""Alpaca's format: an instruction and its output, with earlier turns as pairs in ``history``."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from quilate.messages import Message, assistant, system, user
from quilate.tuning.examples import Example
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import check_parts
from quilate.tuning.formats.conversation import checked_completion
from quilate.tuning.formats.values import Format, NotCarried, Row


def write(example: Example, with_tools: bool) -> Row:
    """The row of an example. The whole request is the instruction: ``input`` stays empty, since
    how a trainer joins the two is its own affair."""
    checked_completion(example.completion)
    messages = (*example.prompt, *example.completion)
    check_parts(messages, images=False, reasoning=False)
    if any(message.tool_calls or message.role == "tool" for message in messages):
        raise NotCarried("tool_calls", "the format has no place for tool calls and their results")
    said, turns = "", messages
    if messages[0].role == "system":
        said, turns = messages[0].text, messages[1:]
        if not said:
            raise NotCarried("empty_system", "an empty system turn cannot be told from none")
    _check_order(turns)
    texts = [message.text for message in turns]
    row: Row = {
        "instruction": texts[-2],
        "input": "",
        "output": texts[-1],
        "system": said,
        "history": [list(pair) for pair in zip(texts[:-2:2], texts[1:-2:2], strict=True)],
    }
    if with_tools:
        row["tools"] = tools.column(example.tools) if example.tools else ""
    return row


def _check_order(turns: Sequence[Message]) -> None:
    roles = [turn.role for turn in turns]
    if len(roles) % 2 or roles[:1] != ["user"] or any(a == b for a, b in pairwise(roles)):
        raise NotCarried(
            "turn_order", "user and assistant must take turns, after one system turn at the most"
        )


def read(row: Row, name: str) -> Example:
    """The example of a row; instruction and input are joined with a line break, as LLaMA-Factory
    does it."""
    asked = [text for text in (_text(row, "instruction"), _text(row, "input")) if text]
    said = _text(row, "system")
    prompt = [system(said)] if said else []
    for pair in _history(row.get("history")):
        prompt += [user(pair[0]), assistant(pair[1])]
    prompt.append(user("\n".join(asked)))
    completion = (assistant(_text(row, "output")),)
    return Example(name, tuple(prompt), completion, tools.read_tools(row.get("tools")))


def _history(value: Any) -> list[list[str]]:
    found = value or []
    if not isinstance(found, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in found
    ):
        raise NotCarried("history", "`history` is not a list of pairs of texts")
    return found


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    if value is None and column != "output":
        return ""
    if not isinstance(value, str):
        raise NotCarried("not_text", f"`{column}` is a {type(value).__name__}, not a text")
    return value


FORMAT = Format(
    "alpaca",
    "Alpaca",
    Example,
    ("instruction", "output"),
    write,
    read,
    optional=("input", "system", "history", "tools"),
    arrow=True,
)
