"""The Target and Evaluator protocols and their values: sample → output → scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from quilate.decisions import Decision
from quilate.messages import Message
from quilate.models import Cost, Usage
from quilate.retrievers import Hit

ScoreStatus = Literal["scored", "unscored", "error"]

ABSTAINS = "the answer abstains"
"""Why a metric of what an answer says has no score where it says that it does not know."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question put to a target.

    `references` are acceptable answers; `gold` the ids of the passages that hold the answer;
    `answerable` False says that the right answer is to abstain; `group` names the source that
    samples share (a document, a conversation), by which intervals are clustered.
    """

    id: str
    input: str | tuple[Message, ...]
    references: tuple[str, ...] = ()
    gold: tuple[str, ...] = ()
    answerable: bool | None = None
    group: str | None = None
    language: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """The input as text: the last user message of a conversation."""
        if isinstance(self.input, str):
            return self.input
        users = [message for message in self.input if message.role == "user"]
        return users[-1].text if users else ""


CitationStatus = Literal["verified", "not_in_passage", "no_such_passage", "no_quote"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in an answer that points to a passage.

    ``answer.text[start:end]`` is the marker; `quote` is what the answer claims to be the
    passage's words, and is *verified* when it stands there verbatim (white space folded), at
    ``passage.text[quote_start:quote_end]``.
    """

    marker: str
    start: int
    end: int
    passage_id: str | None
    quote: str | None
    status: CitationStatus
    quote_start: int | None = None
    quote_end: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a target gave for a sample. `hits` is None for a target that retrieves nothing;
    `context` is what of the hits the model was shown; `abstained` None means not known. `seconds`
    is how long the answer took: a run fills it in, unless the target did or a stored answer was
    used. It is no part of what two outputs are compared by."""

    text: str
    hits: tuple[Hit, ...] | None = None
    context: tuple[Hit, ...] | None = None
    citations: tuple[Citation, ...] = ()
    abstained: bool | None = None
    usage: Usage = Usage()
    cost: Cost = Cost()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = field(default=None, compare=False)


class Target(Protocol):
    """What is under test."""

    async def __call__(self, sample: Sample) -> Output:
        """Answer one sample."""
        ...


@dataclass(frozen=True, slots=True)
class Metric:
    """What a score's number means. `judged` says that a model gave it; `labels` are what a person
    may answer in the judge's place, each with its value. `of_judge` says that it tells of the judge
    itself, such as whether its verdict held in another order: nobody can answer that in its place.
    """

    name: str
    description: str = ""
    bounds: tuple[float, float] | None = (0.0, 1.0)
    higher_is_better: bool = True
    judged: bool = False
    labels: tuple[tuple[str, float], ...] = ()
    of_judge: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Score:
    """One metric on one output: a value, or the reason why there is none. Never NaN.

    >>> Score.of("exact_match", 1.0).value
    1.0
    >>> Score.unscored("recall@4", "the sample has no gold passages").status
    'unscored'
    """

    metric: str
    value: float | None
    status: ScoreStatus = "scored"
    reason: str | None = None
    explanation: str | None = None
    evidence: tuple[str, ...] = ()
    decision: Decision | None = None
    usage: Usage = Usage()
    cost: Cost = Cost()

    def __post_init__(self) -> None:
        if self.status == "scored":
            if self.value is None or not math.isfinite(self.value):
                raise ValueError(
                    f"A score of {self.metric!r} must be a finite number, "
                    f"not {self.value!r}; use Score.unscored to say why not."
                )
        elif self.value is not None or not self.reason:
            raise ValueError(f"{self.metric!r} is {self.status}: give a reason and no value.")

    @classmethod
    def of(cls, metric: str, value: float | bool, **fields: Any) -> "Score":
        """A score with a value."""
        return cls(metric, float(value), **fields)

    @classmethod
    def unscored(cls, metric: str, reason: str, **fields: Any) -> "Score":
        """The metric does not apply to this output, for `reason`."""
        return cls(metric, None, "unscored", reason, **fields)

    @classmethod
    def error(cls, metric: str, reason: str, **fields: Any) -> "Score":
        """The metric could not be computed, for `reason`."""
        return cls(metric, None, "error", reason, **fields)


class Evaluator(Protocol):
    """Turns an output into scores. A pure value: configured once, no mutable state.

    It may have a method ``misfit(samples) -> str | None`` too, see `misfit`.
    """

    @property
    def name(self) -> str:
        """The name under which it is registered."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics it gives, one score each for every output."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Fields of `Sample` that at least one sample must have: ``references``, ``gold``…"""
        ...

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Score one output."""
        ...


def misfit(evaluator: Evaluator, samples: Sequence[Sample]) -> str | None:
    """Why an evaluator is of no use for samples, as what follows its name; None where it is of use
    for one at least. It is what no sample has of its `needs`, else what its own ``misfit`` says:
    for what depends on its options, or stands in the samples' metadata.

    >>> from quilate.registry import evaluator
    >>> misfit(evaluator("exact_match"), [Sample("1", "?")])
    'needs `references`, which no sample has'
    """
    for need in sorted(evaluator.needs):
        if all(getattr(sample, need, None) in (None, (), "") for sample in samples):
            return f"needs `{need}`, which no sample has"
    own = getattr(evaluator, "misfit", None)
    found: str | None = own(samples) if callable(own) else None
    return found


@dataclass(frozen=True, slots=True)
class Renamed:
    """An evaluator under a `name` of its own, so that a suite can hold several of one kind: its
    metric is called so or, where it gives several, each ``NAME_METRIC``.

    >>> from quilate.registry import evaluator
    >>> [metric.name for metric in evaluator("exact_match", name="strict").metrics]
    ['strict']
    """

    evaluator: Evaluator
    name: str

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those of the evaluator, renamed."""
        own = self.evaluator.metrics
        return tuple(replace(metric, name=self._called(metric.name)) for metric in own)

    @property
    def needs(self) -> frozenset[str]:
        """Those of the evaluator."""
        return self.evaluator.needs

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That of the evaluator."""
        return misfit(self.evaluator, samples)

    def provenance(self) -> Evaluator:
        """What it is does not change with its name."""
        return self.evaluator

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """The evaluator's scores, renamed."""
        scores = await self.evaluator.evaluate(sample, output)
        return [replace(score, metric=self._called(score.metric)) for score in scores]

    def _called(self, metric: str) -> str:
        return self.name if len(self.evaluator.metrics) == 1 else f"{self.name}_{metric}"
