"""OpenAI's fine-tuning files: chat turns, of which those of weight 0 are not learned."""

from quilate.tuning.examples import Example
from quilate.tuning.formats import tools, trl_messages
from quilate.tuning.formats.chat import to_openai
from quilate.tuning.formats.conversation import checked_completion
from quilate.tuning.formats.values import Format, Row


def write(example: Example, with_tools: bool) -> Row:
    """The row of an example. Every example's own tools are in it, and no empty list of them."""
    checked_completion(example.completion)
    given = to_openai(example.prompt)
    for turn in given:
        if turn["role"] == "assistant":
            turn["weight"] = 0
    row: Row = {"messages": given + to_openai(example.completion)}
    if example.tools:
        row |= {"tools": tools.wire(example.tools), "parallel_tool_calls": True}
    return row


FORMAT = Format(
    "openai",
    "OpenAI fine-tuning",
    Example,
    ("messages",),
    write,
    trl_messages.read,
    optional=("tools", "parallel_tool_calls"),
)
