"""Looking at examples before they are trained on."""

from collections.abc import Callable, Iterator, Sequence

from quilate.errors import DataError
from quilate.tuning.examples import AnyExample
from quilate.tuning.lint import answers, conversations, sets, tokens
from quilate.tuning.lint.context import Context
from quilate.tuning.lint.reading import Reading, read
from quilate.tuning.lint.values import ChatTokenizer, Finding, LintReport
from quilate.tuning.templates import ChatTemplate, check, sides

Check = Callable[[Reading, Context], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    conversations.order,
    answers.empty,
    tokens.rendering,
    tokens.length,
    conversations.images,
    tokens.left_out,
    tokens.supervised,
    tokens.stop_token,
    tokens.prefix,
    tokens.earlier_turns,
    tokens.tool_results,
    tokens.control_tokens,
    answers.cut_off,
    conversations.tools,
)
"""The checks of one row, in the order in which their reasons are told."""


def lint(
    examples: Sequence[AnyExample],
    tokenizer: ChatTokenizer,
    *,
    max_length: int = 1024,
    template: ChatTemplate | str | None = None,
) -> LintReport:
    """Look at examples as the model will read them: in its chat template, as its tokens.

    `template` is the one that the training uses, where it is not the tokenizer's own; `max_length`
    is in tokens. Nothing is changed: `LintReport.kept` gives the examples without those to drop.
    Raises `DataError` for no examples and for a template that is no valid jinja2.
    """
    if not examples:
        raise DataError("There are no examples to look at.")
    if max_length < 1:
        raise DataError(f"max_length is {max_length}, but must be at least 1.")
    if isinstance(template, str):
        own = tokenizer.template
        template = ChatTemplate(template, own.bos, own.eos)
    context = Context(tokenizer, template or tokenizer.template, max_length)
    check(context.template)
    readings = [
        read(place, side, one, tokenizer, context.template, max_length)
        for place, example in enumerate(examples)
        for side, one in sides(example)
    ]
    return _report(examples, readings, context)


def _report(
    examples: Sequence[AnyExample], readings: Sequence[Reading], context: Context
) -> LintReport:
    found = [*sets.templates(context)]
    found += [one for row in readings for each in CHECKS for one in each(row, context)]
    found += sets.repetitions(examples)
    out = {one.place for one in found if one.severity == "drop"}
    kept = [row for row in readings if row.place not in out]
    languages, differ = sets.languages(kept)
    return LintReport(
        tokenizer=context.tokenizer.name,
        rows=len(examples),
        max_length=context.max_length,
        tokens=sum(row.tokens or 0 for row in kept),
        learned=sum(row.learned or 0 for row in kept),
        packed=sets.packing(kept, context.max_length),
        languages=languages,
        findings=(*found, *differ),
    )
