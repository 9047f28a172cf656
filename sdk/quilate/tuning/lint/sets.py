"""Checks of the whole set: repetitions, contradictions, languages, packing, and the template."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quilate import codec
from quilate.data.tokens.packing import windows_needed
from quilate.messages import Message, Part, Reasoning, ToolCall, ToolResult
from quilate.retrieval.languages import language_of
from quilate.tuning.examples import AnyExample, Judged, Preference
from quilate.tuning.lint.context import Context
from quilate.tuning.lint.reading import Reading
from quilate.tuning.lint.values import Finding, Packed

_WORDS = 5  # fewer do not tell a language
_WORD = re.compile(r"[^\W\d_]+")


def templates(context: Context) -> Iterator[Finding]:
    """``no_template``: the model's file has no chat template. ``template_differs``: it has another
    than is trained with, so that the model would be asked otherwise than it learned."""
    served, trained = context.tokenizer.template.source, context.template.source
    if served is None:
        yield Finding(
            "warning",
            "",
            "no_template",
            f"{context.tokenizer.name} has no chat template: it must be served with the one that "
            "it is trained with",
        )
    elif (trained or "").strip() != served.strip():
        yield Finding(
            "warning",
            "",
            "template_differs",
            f"the template of the training is not the one in {context.tokenizer.name}",
        )


def repetitions(examples: Sequence[AnyExample]) -> Iterator[Finding]:
    """``repeated_id``, ``duplicate`` (the same in all) and ``contradiction``: the same prompt with
    another answer, the same completion once good and once bad, or a pair also the other way round.
    """
    ids: dict[str, int] = {}
    whole: dict[str, str] = {}
    prompts: dict[str, tuple[str, set[str]]] = {}
    for place, example in enumerate(examples):
        name = example.id
        if ids.setdefault(name, place) != place:
            yield Finding("warning", name, "repeated_id", f"row {ids[name] + 1} has it", place)
        asked, said, against = _keys(example)
        same = codec.digest(asked, said)
        if same in whole:
            yield Finding("note", name, "duplicate", f"the same as {whole[same]:.80}", place)
            continue
        whole[same] = name
        first, answers = prompts.setdefault(asked, (name, set()))
        if answers and (against is None or against in answers):
            yield Finding(
                "warning", name, "contradiction", f"{first:.80} has another answer", place
            )
        answers.add(said)


def _keys(example: AnyExample) -> tuple[str, str, str | None]:
    """What is asked, what is answered, and what would contradict that (None: any other answer)."""
    tools = tuple(tool.name for tool in example.tools)
    kind = type(example).__name__
    asked = codec.digest(kind, _hash(example.prompt), *tools)
    if isinstance(example, Preference):
        chosen, rejected = _hash(example.chosen), _hash(example.rejected)
        return asked, codec.digest(chosen, rejected), codec.digest(rejected, chosen)
    said = _hash(example.completion)
    if isinstance(example, Judged):
        return asked, f"{said} {example.good}", f"{said} {not example.good}"
    return asked, said, None


def _hash(messages: Sequence[Message]) -> str:
    try:
        return codec.digest(repr([(turn.role, _bare(turn)) for turn in messages]))
    except RecursionError:  # arguments nested beyond reason: the same as no other
        return codec.digest(str(id(messages)))


def _bare(turn: Message) -> list[Any]:
    """A turn's parts without the ids of calls and of reasoning, which differ from row to row."""
    return [_bare_part(part) for part in turn.parts]


def _bare_part(part: Part) -> Any:
    match part:
        case ToolCall():
            return "call", part.name, sorted(part.arguments.items())
        case ToolResult():
            return "result", part.content
        case Reasoning():
            return "reasoning", part.reasoning
        case _:
            return part


def languages(readings: Sequence[Reading]) -> tuple[Mapping[str, int], list[Finding]]:
    """The completions by language, and ``language_differs``: an answer in another language than the
    last turn of the user. Spanish and English are told apart; short texts are not looked at."""
    counts: Counter[str] = Counter()
    found: list[Finding] = []
    for row in readings:
        answer = _language("".join(turn.text for turn in row.example.completion))
        if answer is None:
            continue
        counts[answer] += 1
        asked = [turn.text for turn in row.example.prompt if turn.role == "user"]
        question = _language(asked[-1]) if asked else None
        if question is not None and question != answer:
            found.append(row.finding("note", "language_differs", f"{question} → {answer}"))
    return dict(counts.most_common()), found


def _language(text: str) -> str | None:
    if text.lstrip()[:1] in ("{", "[") or len(_WORD.findall(text[:2000])) < _WORDS:
        return None
    return language_of(text)


def packing(readings: Sequence[Reading], max_length: int) -> Packed | None:
    """How the rows fit into windows of `max_length` tokens; None where there are none."""
    lengths = Counter(row.tokens for row in readings if row.tokens)
    tokens = sum(length * rows for length, rows in lengths.items() if length)
    if not tokens:
        return None
    rows = sum(lengths.values())
    pairs = [(length, count) for length, count in lengths.items() if length]
    windows = windows_needed(pairs, max_length)
    return Packed(
        max_length, windows, tokens / (windows * max_length), tokens / (rows * max_length)
    )
