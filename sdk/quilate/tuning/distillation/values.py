"""What a distillation is of, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from quilate.evaluators import Sample
from quilate.messages import Message
from quilate.models import FREE, Cost, Response, Tool, Usage
from quilate.tuning.examples import AnyExample
from quilate.tuning.sources.values import Skipped

if TYPE_CHECKING:
    from quilate.stats import Estimate

Keep = Literal["best", "all", "pairs"]


@dataclass(frozen=True, slots=True)
class Task:
    """One prompt: `prompt` is what is learned from, `asked` what the teacher sees (with its hint),
    and `sample` what evaluators look at."""

    id: str
    sample: Sample
    prompt: tuple[Message, ...]
    asked: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer of the teacher, and what became of it.

    `reason` is None for one that was accepted; `passed` is how many filters it passed, `scores`
    what they gave. `twin` is the number of an earlier candidate with the same text.
    """

    number: int
    response: Response | None
    reason: str | None = None
    detail: str = ""
    passed: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)
    rank: float = 0.0
    twin: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether every filter let it pass."""
        return self.reason is None

    @property
    def text(self) -> str:
        """Its text; empty where the call failed."""
        return self.response.text if self.response is not None else ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was not accepted: its prompt's id, its number, why, and its text."""

    prompt: str
    candidate: int
    reason: str
    detail: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a filter did with the distinct answers that reached it; `rate` is the share that it let
    pass, with an interval over prompts."""

    seen: int
    passed: int
    below: int
    unscored: int
    errors: int
    rate: "Estimate"


@dataclass(frozen=True, slots=True)
class Distilled:
    """The examples of a distillation, and how they came about.

    `acceptance` is the share of all candidates that were accepted, with an interval over prompts;
    `answered` the share of prompts with an accepted candidate; `agreement` the mean share of pairs
    of a prompt's candidates that say the same, None with one candidate. `reasons` counts why
    candidates were not accepted, `filters` what each filter did. `duplicates` are candidates that
    repeat another of their prompt. `skipped` are prompts that cannot be asked, `unanswered` those
    without an accepted candidate, and `unfinished` how many a limit left undone (`stopped` says
    which). `usage`, `cost` and `by_model` are of all calls in the journal, of earlier goes too.
    """

    examples: tuple[AnyExample, ...]
    prompts: int
    candidates: int
    acceptance: "Estimate"
    answered: "Estimate"
    agreement: "Estimate | None"
    reasons: Mapping[str, int]
    filters: Mapping[str, Tally]
    duplicates: int = 0
    rejected: tuple[Rejected, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unanswered: tuple[str, ...] = ()
    unfinished: int = 0
    stopped: str | None = None
    usage: Usage = Usage()
    cost: Cost = FREE
    by_model: Mapping[str, tuple[Usage, Cost]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Short: a notebook shows it, and it holds every answer."""
        return f"<Distilled: {len(self.examples)} examples of {self.prompts} prompts>"

    def summary(self) -> str:
        """The figures as text."""
        from quilate.tuning.distillation.summary import summary

        return summary(self)
