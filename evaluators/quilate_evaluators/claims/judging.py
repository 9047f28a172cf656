"""Judging claims: each pair of a claim and a text once, several at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quilate.decisions import Decision, Question, decide
from quilate.errors import ModelError
from quilate.messages import Message
from quilate.models import Model, Request
from quilate_evaluators.claims.measures import Verdict
from quilate_evaluators.judges.asking import Bill
from quilate_evaluators.judges.prompting import material, messages, question, shipped

if TYPE_CHECKING:
    from quilate.prompts import Template

ENTAILMENT = ("entailed", "contradicted", "neutral")
RELEVANCE = ("relevant", "irrelevant")
PROMPTS = (
    "claims_split",
    "claims_entailment",
    "claims_entailment_question",
    "claims_relevance",
    "claims_relevance_question",
)


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
