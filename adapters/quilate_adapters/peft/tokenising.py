"""Examples as token ids, with what is learned marked; the unusable are dropped by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from quilate.errors import ConfigurationError, DataError
from quilate.messages import Message
from quilate.models import Tool
from quilate.tuning.examples import AnyExample, Example, Preference
from quilate_adapters.peft.chat import Span, Unusable
from quilate_adapters.peft.tokenizer import Tokenizer

IGNORED = -100
"""The label of a token that is read and not learned."""


@dataclass(frozen=True, slots=True)
class Row:
    """A supervised example as tokens: `labels` are the ids where they are learned, else -100."""

    id: str
    input_ids: list[int]
    labels: list[int]

    @property
    def length(self) -> int:
        """Tokens of the longest sequence."""
        return len(self.input_ids)

    @property
    def supervised(self) -> int:
        """Tokens that are learned."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Pair:
    """A preference as tokens."""

    id: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    @property
    def length(self) -> int:
        """Tokens of the longest sequence."""
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))

    @property
    def supervised(self) -> int:
        """Tokens of both answers."""
        return len(self.chosen_ids) + len(self.rejected_ids)


@dataclass(frozen=True, slots=True)
class Dropped:
    """An example that was left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What is trained on (rows, or pairs for DPO), and what was dropped."""

    kept: tuple[Row | Pair, ...]
    dropped: tuple[Dropped, ...]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max((row.length for row in self.kept), default=0)


def tokenise(
    examples: Sequence[AnyExample],
    tokenizer: Tokenizer,
    method: Literal["sft", "dpo"],
    *,
    max_length: int,
    what: str = "examples",
) -> Rows:
    """The examples as tokens. Those longer than `max_length` are dropped, not cut: what would be
    cut off is the answer.

    Raises `DataError` for none, for those of a kind that `method` does not train on, and where all
    are dropped.
    """
    _check_kinds(examples, method, what)
    kept: list[Row | Pair] = []
    dropped: list[Dropped] = []
    for example in examples:
        try:
            row = _tokenised(example, tokenizer)
            if row.length > max_length:
                raise Unusable(f"{row.length} tokens, and max_length is {max_length}")
            kept.append(row)
        except Unusable as reason:
            dropped.append(Dropped(example.id, str(reason)))
        except UnicodeEncodeError:
            dropped.append(Dropped(example.id, "it has broken characters (lone surrogates)"))
    if not kept:
        raise DataError(
            f"None of the {len(examples)} {what} can be trained on. {_reasons(dropped)}",
            remedy="Raise max_length, or mend them.",
        )
    return Rows(tuple(kept), tuple(dropped))


def _reasons(dropped: Iterable[Dropped]) -> str:
    """The first example of each of the three commonest reasons (numbers apart)."""
    import re

    by_kind: dict[str, list[Dropped]] = {}
    for one in dropped:
        by_kind.setdefault(re.sub(r"\d+", "n", one.reason), []).append(one)
    common = sorted(by_kind.values(), key=len, reverse=True)[:3]
    return " ".join(f"{len(ones)}: {ones[0].reason} (example {ones[0].id!r})." for ones in common)


def _check_kinds(examples: Sequence[AnyExample], method: str, what: str) -> None:
    if not examples:
        raise DataError(f"There are no {what}.", remedy="Give at least one.")
    wanted = Example if method == "sft" else Preference
    for example in examples:
        if not isinstance(example, wanted):
            kind = type(example).__name__
            raise ConfigurationError(
                f"Example {getattr(example, 'id', '?')!r} is of the kind {kind}, and the method "
                f"{method} trains on {wanted.__name__}.",
                remedy="Write method: dpo for preferences."
                if isinstance(example, Preference)
                else "Give prompts with their completions, or pairs (chosen, rejected) with "
                "method: dpo.",
            )


def _tokenised(example: AnyExample, tokenizer: Tokenizer) -> Row | Pair:
    if isinstance(example, Preference):
        return _pair(example, tokenizer)
    assert isinstance(example, Example)  # noqa: S101 - checked before
    input_ids, labels = _labelled(example.prompt, example.completion, example.tools, tokenizer)
    return Row(example.id, input_ids, labels)


def _pair(example: Preference, tokenizer: Tokenizer) -> Pair:
    answers = []
    prompts = []
    for completion in (example.chosen, example.rejected):
        if len(completion) != 1:
            raise Unusable("a preference between answers of several turns")
        ids, labels = _labelled(example.prompt, completion, example.tools, tokenizer)
        start = next(at for at, label in enumerate(labels) if label != IGNORED)
        prompts.append(ids[:start])
        answers.append(ids[start:])
    if answers[0] == answers[1]:
        raise Unusable("chosen and rejected are the same")
    return Pair(example.id, prompts[0], answers[0], answers[1])


def _labelled(
    prompt: Sequence[Message],
    completion: Sequence[Message],
    tools: Sequence[Tool],
    tokenizer: Tokenizer,
) -> tuple[list[int], list[int]]:
    """Token ids and labels of a conversation that ends with the last answer's stop token."""
    spans = tokenizer.chat.spans(prompt, completion, tools)
    first = "".join(piece.text for piece in spans[0].pieces)
    bos = tokenizer.chat.bos
    ids = [] if bos and first.startswith(bos) else list(tokenizer.begin)
    labels = [IGNORED] * len(ids)
    for at, span in enumerate(spans):
        tokens, learned = _span(span, tokenizer, last=at == len(spans) - 1)
        ids += tokens
        labels += learned
    # The first token of all is predicted from nothing.
    labels[0] = IGNORED
    if all(label in (IGNORED, tokenizer.end) for label in labels):
        raise Unusable("the answer is empty")
    return ids, labels


def _span(span: Span, tokenizer: Tokenizer, *, last: bool) -> tuple[list[int], list[int]]:
    """A span's tokens and labels. Of an answer they are learned up to its stop token: what the
    template writes after it (a line break) is never generated."""
    for piece in span.pieces:
        piece.text.encode("utf-8")  # tokenizers would fail with an error that says nothing
    tokens = tokenizer.encode(span.pieces)
    if not span.learned:
        return tokens, [IGNORED] * len(tokens)
    ends = [at for at, token in enumerate(tokens) if token in tokenizer.stops]
    if not ends and last:
        tokens = [*tokens, tokenizer.end]
        return tokens, tokens
    stop = ends[-1] + 1 if ends else len(tokens)
    if last:
        return tokens[:stop], tokens[:stop]
    return tokens, tokens[:stop] + [IGNORED] * (len(tokens) - stop)
