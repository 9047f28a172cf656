"""Checks of what the model reads of a row: its length, what is learned, and how it ends."""

from collections.abc import Iterator

from quilate.errors import DataError
from quilate.messages import Text
from quilate.tuning.lint.context import Context
from quilate.tuning.lint.reading import Reading
from quilate.tuning.lint.values import Finding
from quilate.tuning.templates import written

LEAST_SHARE = 0.01
"""Share of a row's tokens that should be learned: below it most of the work is done for nothing."""


def rendering(row: Reading, context: Context) -> Iterator[Finding]:
    """``not_rendered``: the chat template does not take the messages."""
    if row.failure:
        yield row.finding("drop", "not_rendered", row.failure)


def length(row: Reading, context: Context) -> Iterator[Finding]:
    """``too_long``: the row is longer than `max_length`: its answer, or a part of it, would be cut
    off, with the token that ends it."""
    if row.rendered is None:
        return
    if row.tokens is None:
        size = f"{len(row.rendered.text):,} characters"
    elif row.tokens > context.max_length:
        size = f"{row.tokens:,} tokens"
    else:
        return
    yield row.finding("drop", "too_long", f"{size}, and {context.max_length:,} tokens fit")


def supervised(row: Reading, context: Context) -> Iterator[Finding]:
    """``nothing_learned``: no token of the row is learned; ``little_learned``: next to none are."""
    if not row.tokens or row.learned is None:
        return
    if row.learned == 0:
        yield row.finding("drop", "nothing_learned", "the template writes nothing of the answer")
    elif row.learned < LEAST_SHARE * row.tokens:
        share = f"{row.learned:,} of {row.tokens:,} tokens"
        yield row.finding("note", "little_learned", share)


def stop_token(row: Reading, context: Context) -> Iterator[Finding]:
    """``stop_not_learned``: the answer does not end with a token that ends generation: the model
    would not learn to stop."""
    if row.learned and row.last not in context.tokenizer.stop_tokens:
        end = row.rendered.supervised[-20:] if row.rendered else ""
        yield row.finding("warning", "stop_not_learned", f"it ends with {end!r}")


def prefix(row: Reading, context: Context) -> Iterator[Finding]:
    """``prompt_differs``: the text of the prompt alone is not what the whole begins with: the model
    is trained on another prompt than it will be asked with."""
    if row.rendered is not None and not row.rendered.prefix:
        end = row.rendered.prompt[-40:]
        yield row.finding("warning", "prompt_differs", f"the prompt alone ends with {end!r}")


def earlier_turns(row: Reading, context: Context) -> Iterator[Finding]:
    """``turns_change``: the template writes an earlier turn of the assistant otherwise once others
    follow (it leaves out its reasoning, say): what was learned of it is not what is read later."""
    if row.rendered is None or context.template.source is None:
        return
    whole = (*row.example.prompt, *row.example.completion)
    spoken = [at for at, turn in enumerate(whole[:-1], 1) if turn.role == "assistant"]
    for at in spoken:
        try:
            text = written(row.example, at, context.template)
        except DataError:
            continue
        if not row.rendered.text.startswith(text):
            yield row.finding("note", "turns_change", f"turn {at} is written otherwise later")
            return


def left_out(row: Reading, context: Context) -> Iterator[Finding]:
    """``left_out``: the template does not write what the row holds (tools, tool calls, results,
    reasoning, images): nothing of it can be learned, and nothing says so but this."""
    if row.rendered is None:
        return
    text = row.rendered.text
    lost = [tool.name for tool in row.example.tools if tool.name not in text]
    if lost:
        yield row.finding("warning", "left_out", f"the tool {lost[0]} is declared, not written")
    calls = [call for turn in row.example.completion for call in turn.tool_calls]
    gone = next((call.name for call in calls if call.name not in row.rendered.supervised), None)
    if gone is not None:
        yield row.finding("drop", "left_out", f"the call of {gone} is not written")
    thought = "".join(turn.reasoning for turn in row.example.completion).strip()
    if thought and thought[:40] not in text:
        yield row.finding("warning", "left_out", "the reasoning is not written")


def control_tokens(row: Reading, context: Context) -> Iterator[Finding]:
    """``control_token``: a message says the text of a control token, which would be read as one."""
    marks = {context.template.bos, context.template.eos} - {""}
    for turn in (*row.example.prompt, *row.example.completion):
        for part in turn.parts:
            found = [mark for mark in marks if isinstance(part, Text) and mark in part.text]
            if found:
                yield row.finding("warning", "control_token", f"{found[0]} in a {turn.role} turn")
                return


def tool_results(row: Reading, context: Context) -> Iterator[Finding]:
    """``results_learned``: tool results stand in the completion. TRL's loss on a completion is on
    all of it, so that the model would learn to make up results: split it by turns."""
    if any(turn.role == "tool" for turn in row.example.completion):
        yield row.finding("note", "results_learned", "tool results stand between the answers")
