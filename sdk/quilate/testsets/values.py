"""What a test set is made of: tasks, drafts, and what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from quilate.codec import digest
from quilate.evaluators import Sample
from quilate.models import Cost, Usage
from quilate.retrievers import Passage

Kind = Literal["single", "multi", "unanswerable"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Reason = Literal[
    "malformed", "refused", "too_long", "failed",
    "declined", "unprintable", "length", "not_a_question", "language", "not_self_contained",
    "off_subject", "copied", "gives_answer_away", "quote_too_short", "quote_not_in_passage",
    "answer_not_quoted",
    "duplicate", "checker_malformed", "not_answerable", "answers_disagree", "one_passage_suffices",
    "answerable_after_all",
]  # fmt: skip
"""Why a draft is rejected. docs/testsets.md says what each means."""


@dataclass(frozen=True, slots=True)
class Task:
    """A question to be drafted: its kind, its passages (two for ``multi``), their language, and
    the how-manieth draft of them it is, from 0."""

    kind: Kind
    passages: tuple[Passage, ...]
    language: str
    round: int = 0

    @property
    def key(self) -> str:
        """The same for the same kind of question on the same passages, whatever the round."""
        return digest(self.kind, *(passage.id for passage in self.passages))


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote for a task. Data, not to be trusted before it is checked. `missing` is
    what an unanswerable question asks for that its passage does not tell."""

    task: Task
    question: str
    answer: str = ""
    quotes: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A draft that is not taken, or a task that gave none: why, and more about it."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A draft that stood all checks: their names, where each quote stands in its passage, and what
    the second pass saw."""

    draft: Draft
    checks: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def quotes(self) -> tuple[str, ...]:
        """The quotes with the letters of their passages."""
        placed = zip(self.draft.task.passages, self.spans, strict=False)
        return tuple(passage.text[slice(*span)] for passage, span in placed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task. `again` says that its failure may pass: it is not kept."""

    task: Task
    draft: Draft | None = None
    checked: Checked | None = None
    rejection: Rejection | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one kind: how many questions were wanted, accepted and drafted."""

    wanted: int
    accepted: int
    drafted: int


@dataclass(frozen=True, slots=True)
class Testset:
    """What was made. `stopped` says why it ended before it was whole (a limit, failing calls);
    None when nothing was left to try. `usage` and `cost` are those of all goes at it together.
    `notes` are reasons not to rely on what was taken."""

    samples: tuple[Sample, ...]
    tallies: Mapping[Kind, Tally]
    reasons: Mapping[str, int]
    passages: int
    left_out: Mapping[str, int]
    out: Path
    rejected: Path
    usage: Usage = Usage()
    cost: Cost = Cost()
    stopped: str | None = None
    notes: tuple[str, ...] = ()
