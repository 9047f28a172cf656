"""TRL's preference format, for DPO: a prompt with a better and a worse completion."""

from quilate.tuning.examples import Preference
from quilate.tuning.formats import tools
from quilate.tuning.formats.chat import from_chat, names_of_calls, to_trl
from quilate.tuning.formats.conversation import checked_completion, checked_prompt
from quilate.tuning.formats.values import Format, NotCarried, Row


def write(example: Preference, with_tools: bool) -> Row:
    """The row of a preference."""
    checked_prompt(example.prompt)
    row: Row = {"prompt": to_trl(example.prompt, names_of_calls(example.prompt))}
    for column, turns in (("chosen", example.chosen), ("rejected", example.rejected)):
        checked_completion(turns)
        row[column] = to_trl(turns, names_of_calls((*example.prompt, *turns)))
    return {**row, "tools": tools.column(example.tools)} if with_tools else row


def read(row: Row, name: str) -> Preference:
    """The preference of a row. Where it has no prompt, that is what both lists begin with."""
    chosen, rejected = (from_chat(row[column], column) for column in ("chosen", "rejected"))
    if row.get("prompt") is not None:
        prompt = from_chat(row["prompt"], "prompt")
    else:
        shared = 0
        while chosen[shared : shared + 1] == rejected[shared : shared + 1] != ():
            shared += 1
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        if not prompt:
            raise NotCarried("no_prompt", "no prompt, and the two begin differently")
    for turns in (chosen, rejected):
        checked_completion(turns)
    return Preference(name, prompt, chosen, rejected, tools.read_tools(row.get("tools")))


FORMAT = Format(
    "preference",
    "TRL preference (DPO)",
    Preference,
    ("chosen", "rejected"),
    write,
    read,
    optional=("prompt", "tools"),
    messages=("prompt", "chosen", "rejected"),
    arrow=True,
)
