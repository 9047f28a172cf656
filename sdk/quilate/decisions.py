"""Decisions: judgements as distributions over declared labels, with their source named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from quilate.models import Cost, Request, Usage

DecisionSource = Literal["endpoint", "logprobs", "votes"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided. `values` gives labels a number, for an expected score.

    >>> Question("Is it supported?", ("supported", "unsupported")).labels
    ('supported', 'unsupported')
    """

    text: str
    labels: tuple[str, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    id: str = "decision"


@dataclass(frozen=True, slots=True)
class Decision:
    """A distribution over the labels of a question.

    `source` says where the probabilities come from: a provider's decision endpoint, label
    log-probabilities, or the shares of k sampled votes. `reply` is the label that the model
    itself wrote. `mass` is the probability that the model gave to all declared labels together
    before they were normalised: near zero, the model wanted to say something else.
    """

    question: str
    probabilities: Mapping[str, float]
    source: DecisionSource
    reply: str = ""
    mass: float | None = None
    usage: Usage = Usage()
    cost: Cost = Cost()

    @property
    def label(self) -> str:
        """The likeliest label; the first declared wins a tie."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    def expected(self, values: Mapping[str, float]) -> float:
        """The mean of `values` under the distribution.

        >>> Decision("q", {"yes": 0.75, "no": 0.25}, "votes").expected({"yes": 1, "no": 0})
        0.75
        """
        return sum(share * values[label] for label, share in self.probabilities.items())


class DecisionModel(Protocol):
    """A model with capability ``decide``."""

    async def decide(self, request: Request, questions: Sequence[Question]) -> list[Decision]:
        """One decision a question, in order."""
        ...
