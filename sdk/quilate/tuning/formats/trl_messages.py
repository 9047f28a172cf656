"""TRL's conversational format: one list of turns."""

from quilate.messages import Message
from quilate.tuning.examples import Example
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import from_chat, names_of_calls, to_trl
from quilate.tuning.formats.conversation import answered, checked_completion, divided
from quilate.tuning.formats.values import Format, NotCarried, Row


def write(example: Example, with_tools: bool) -> Row:
    """The row of an example."""
    checked_completion(example.completion)
    messages = (*example.prompt, *example.completion)
    row: Row = {"messages": to_trl(messages, names_of_calls(messages))}
    return {**row, "tools": tools.column(example.tools)} if with_tools else row


def read(row: Row, name: str) -> Example:
    """The example of a row: the last turns of the assistant are the completion, after the last that
    has weight 0 (OpenAI's files say so which turns are not learned)."""
    messages, about = answered(from_chat(row["messages"]))
    prompt, completion = divided(messages)
    held = [place for place, turn in enumerate(row["messages"]) if turn.get("weight") == 0]
    if held and held[-1] >= len(prompt):
        prompt, completion = _after(messages, held[-1])
    return Example(name, prompt, completion, tools.read_tools(row.get("tools")), about)


def _after(
    messages: tuple[Message, ...], last: int
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The conversation divided after a turn, and after the tool results that answer it."""
    start = last + 1
    while start < len(messages) and messages[start].role == "tool":
        start += 1
    if start == len(messages):
        raise NotCarried("no_completion", "its last turn has weight 0: nothing is learned")
    return messages[:start], messages[start:]


FORMAT = Format(
    "messages",
    "TRL conversational",
    Example,
    ("messages",),
    write,
    read,
    optional=("tools", "parallel_tool_calls"),
    messages=("messages",),
    arrow=True,
)
