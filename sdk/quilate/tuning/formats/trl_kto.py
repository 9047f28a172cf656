"""TRL's unpaired preference format, for KTO: a completion that was found good or bad."""

from quilate.tuning.examples import Judged
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import from_chat, names_of_calls, to_trl
from quilate.tuning.formats.conversation import checked_completion, checked_prompt
from quilate.tuning.formats.values import Format, NotCarried, Row


def write(example: Judged, with_tools: bool) -> Row:
    """The row of a judged completion."""
    checked_prompt(example.prompt)
    checked_completion(example.completion)
    names = names_of_calls((*example.prompt, *example.completion))
    row: Row = {
        "prompt": to_trl(example.prompt, names),
        "completion": to_trl(example.completion, names),
        "label": example.good,
    }
    return {**row, "tools": tools.column(example.tools)} if with_tools else row


def read(row: Row, name: str) -> Judged:
    """The judged completion of a row."""
    label = row["label"]
    if label not in (True, False):  # 0 and 1 are among them
        raise NotCarried("label", f"the label is {label!r:.60}, not true or false")
    prompt = from_chat(row["prompt"], "prompt")
    completion = from_chat(row["completion"], "completion")
    checked_completion(completion)
    return Judged(name, prompt, completion, bool(label), tools.read_tools(row.get("tools")))


FORMAT = Format(
    "kto",
    "TRL unpaired preference (KTO)",
    Judged,
    ("prompt", "completion", "label"),
    write,
    read,
    optional=("tools",),
    messages=("prompt", "completion"),
    arrow=True,
)
