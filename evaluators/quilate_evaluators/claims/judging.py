"""Judging claims: each pair of a claim and a text once, several at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio

from quilate.decisions import Decision, Question, decide
from quilate.errors import MalformedReply, ModelError
from quilate.messages import Message
from quilate.models import FREE, Cost, Model, Request, Usage
from quilate_evaluators.claims.measures import Verdict
from quilate_evaluators.judges.prompting import material, messages, question, shipped

if TYPE_CHECKING:
    from quilate.prompts import Template

T = TypeVar("T")

ENTAILMENT = ("entailed", "contradicted", "neutral")
RELEVANCE = ("relevant", "irrelevant")
PROMPTS = (
    "claims_split",
    "claims_entailment",
    "claims_entailment_question",
    "claims_relevance",
    "claims_relevance_question",
)
_AT_ONCE = 8


@dataclass(slots=True)
class Bill:
    """What the calls of one evaluation used and cost together."""

    usage: Usage = Usage()
    cost: Cost = FREE
    calls: int = 0

    def add(self, usage: Usage, cost: Cost) -> None:
        """Add a call. The first is not added to `FREE`: an unknown cost must not look like 0."""
        if (usage, cost) == (Usage(), FREE):
            return
        self.usage += usage
        self.cost = self.cost + cost if self.calls else cost
        self.calls += 1

    def add_error(self, error: ModelError) -> None:
        """Add what useless replies cost, where the provider told it."""
        if error.usage is not None:
            self.add(error.usage, error.cost or Cost())

    def charge(self, error: ModelError) -> None:
        """Let an error that ends the evaluation tell what all its calls cost, its own included."""
        if self.calls:
            error.usage, error.cost = self.usage, self.cost


@dataclass(frozen=True, slots=True)
class Judge:
    """A model as judge of claims, in one language, with the prompts that it is shown; `bill` has
    what its calls cost."""

    model: Model
    votes: int
    language: str
    entailment: "Template"
    relevance: "Template"
    bill: Bill

    async def entails(self, claim: str, texts: Sequence[str]) -> Decision:
        """Whether the texts, read together, entail a claim."""
        shown = [material(text) for text in texts]
        evidence = messages(self.entailment, texts=shown, claim=material(claim))
        text = question("claims_entailment_question", self.language)
        return await self._decide(evidence, Question(text, ENTAILMENT, id="entailment"))

    async def relevant(self, claim: str, asked: str) -> Decision:
        """Whether a claim bears on a question."""
        evidence = messages(self.relevance, question=asked, claim=claim)
        text = question("claims_relevance_question", self.language)
        return await self._decide(evidence, Question(text, RELEVANCE, id="relevance"))

    async def _decide(self, evidence: tuple[Message, ...], asked: Question) -> Decision:
        try:
            decision = await decide(self.model, Request(evidence), asked, votes=self.votes)
        except ModelError as error:
            self.bill.add_error(error)
            raise
        self.bill.add(decision.usage, decision.cost)
        return decision


def judge(
    model: Model,
    *,
    votes: int,
    language: str,
    entailment: "Template | None" = None,
    relevance: "Template | None" = None,
) -> Judge:
    """A judge with nothing on its bill; a prompt that is not given is the shipped one."""
    return Judge(
        model,
        votes,
        language,
        entailment or shipped("claims_entailment", language),
        relevance or shipped("claims_relevance", language),
        Bill(),
    )


def verdict(decision: Decision) -> Verdict:
    """A decision on entailment or on relevance as the numbers that measures are made of."""
    found: Mapping[str, float] = decision.probabilities
    if "relevant" in found:
        return Verdict(found["relevant"])
    return Verdict(found["entailed"], found["contradicted"])


async def together(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T | MalformedReply]:
    """The results of jobs, in their order, a few under way at once; a reply that is of no use is a
    result too.

    After any other error no further job begins, those under way come to their end, so that what
    they cost is known, and the first error is raised.
    """
    results: dict[int, T | MalformedReply] = {}
    broken: list[Exception] = []
    left = iter(enumerate(jobs))

    async def work() -> None:
        for place, job in left:
            try:
                results[place] = await job()
            except MalformedReply as error:
                results[place] = error
            except Exception as error:  # raised below, when the others are done
                broken.append(error)
            if broken:
                return

    async with anyio.create_task_group() as group:
        for _ in range(min(_AT_ONCE, len(jobs))):
            group.start_soon(work)
    if broken:
        raise broken[0]
    return [results[place] for place in range(len(jobs))]
