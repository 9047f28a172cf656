"""TRL's prompt–completion, the default: its loss is on the completion whatever the template."""

from quilate.tuning.examples import Example
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import from_chat, names_of_calls, to_trl
from quilate.tuning.formats.conversation import checked_completion, checked_prompt
from quilate.tuning.formats.values import Format, Row


def write(example: Example, with_tools: bool) -> Row:
    """The row of an example."""
    checked_prompt(example.prompt)
    checked_completion(example.completion)
    names = names_of_calls((*example.prompt, *example.completion))
    row: Row = {
        "prompt": to_trl(example.prompt, names),
        "completion": to_trl(example.completion, names),
    }
    return {**row, "tools": tools.column(example.tools)} if with_tools else row


def read(row: Row, name: str) -> Example:
    """The example of a row; texts instead of lists of turns are the user's and the assistant's."""
    prompt = from_chat(row["prompt"], "prompt")
    completion = from_chat(row["completion"], "completion")
    checked_completion(completion)
    return Example(name, prompt, completion, tools.read_tools(row.get("tools")))


FORMAT = Format(
    "prompt-completion",
    "TRL prompt–completion",
    Example,
    ("prompt", "completion"),
    write,
    read,
    optional=("tools",),
    messages=("prompt", "completion"),
    arrow=True,
)
