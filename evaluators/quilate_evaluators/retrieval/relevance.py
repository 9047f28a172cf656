"""LLM judge: is each passage that was shown of use for the question? Needs no reference."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.decisions import Decision, Question, decide
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Model, Request
from quilate_evaluators.judges.asking import after, bill, check_votes
from quilate_evaluators.judges.prompting import (
    digests,
    language_of,
    messages,
    own_prompt,
    question,
    shipped,
)
from quilate_evaluators.retrieval.context import shown

if TYPE_CHECKING:
    from quilate.prompts import Template

LABELS = ("useful", "useless")
_MOST = 100


@dataclass(frozen=True, slots=True)
class ContextRelevance:
    """`context_relevance`: the expected share of the passages that are of use for the question;
    `context_relevance_precision`: the expected rank-weighted precision, high where the useful
    ones stand first (0 where none is).

    The judge sees the question and one passage at a time, never the answer or the references. Its
    decisions are taken as independent, and the precision is averaged over what they leave open,
    see `expected_precision`. `votes` is how often a model without log-probabilities is asked
    about each passage; `prompt` is a template file in the place of the shipped
    ``context_relevance``.
    """

    model: Model
    votes: int = 5
    prompt: str | Path | None = None
    name: str = "context_relevance"
    metrics: tuple[Metric, ...] = (
        Metric("context_relevance", "The judge: share of useful passages.", judged=True),
        Metric(
            "context_relevance_precision",
            "The judge: useful passages stand first (rank-weighted).",
            judged=True,
        ),
    )
    needs: frozenset[str] = frozenset()
    prompts = ("context_relevance", "context_relevance_question")
    _own: "Template | None" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_votes(self.name, self.votes)
        own = own_prompt(self.name, self.prompt, "context_relevance")
        object.__setattr__(self, "_own", own)

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could: the options, and the digests of the prompts."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "model": self.model,
            "votes": self.votes,
            "prompts": digests(self._own, *self.prompts),
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores; the first carries what the judge's calls cost. Raises what the judge's
        model raises, with what was paid till then."""
        hits = shown(output)
        if hits is None:
            return self._unscored("the target retrieves nothing")
        if not hits:
            return self._unscored("the target found no passages")
        if len(hits) > _MOST:
            return self._unscored("the target shows more than a hundred passages")
        decisions: list[Decision] = []
        for hit in hits:
            with after(decisions):
                decisions.append(await self._decided(sample, hit.passage.text))
        shares = [decision.probabilities["useful"] for decision in decisions]
        named = "; ".join(f"{rank}: {share:.2f}" for rank, share in enumerate(shares, 1))
        usage, cost = bill(decisions)
        mean = Score.of(
            "context_relevance",
            sum(shares) / len(shares),
            explanation=f"probability of use by rank: {named}",
            usage=usage,
            cost=cost,
        )
        return [mean, Score.of("context_relevance_precision", expected_precision(shares))]

    async def _decided(self, sample: Sample, passage: str) -> Decision:
        language = language_of(sample)
        template = self._own or shipped("context_relevance", language)
        evidence = messages(template, question=sample.question, passage=passage)
        asked = Question(
            question("context_relevance_question", language), LABELS, id="context_relevance"
        )
        return await decide(self.model, Request(evidence), asked, votes=self.votes)

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]


def expected_precision(shares: Sequence[float]) -> float:
    """The expected value of `rank_weighted_precision` where the passage at each rank is useful
    with the probability given there, independently of the others.

    Exact, by the distributions of how many useful passages stand before and after each rank:
    a ratio of expected values would call a lone passage perfect however improbable its use.

    >>> expected_precision([1.0, 0.0, 1.0])
    0.8333333333333333
    >>> expected_precision([0.25])
    0.25
    """
    after = [[1.0]]
    for share in reversed(shares):
        after.append(_one_more(after[-1], share))
    after.reverse()  # after[k]: how many from place k on
    before, total = [1.0], 0.0
    for place, share in enumerate(shares):
        for ahead, likely in enumerate(before):
            for behind, too in enumerate(after[place + 1]):
                weight = share * likely * too
                total += weight * (ahead + 1) / (place + 1) / (ahead + 1 + behind)
        before = _one_more(before, share)
    return min(1.0, total)


def _one_more(counts: Sequence[float], share: float) -> list[float]:
    """The distribution of a count when one more may come, with the probability `share`."""
    longer = [*counts, 0.0]
    return [
        likely * (1 - share) + (counts[number - 1] * share if number else 0.0)
        for number, likely in enumerate(longer)
    ]
