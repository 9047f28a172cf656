"""Single measures as evaluators of their own; those that share judgements are cheaper in one."""

from pathlib import Path

from quilate.models import Model
from quilate_evaluators.claims.evaluator import Claims
from quilate_evaluators.claims.judging import PROMPTS


class Preset:
    """What makes a `Claims` of certain measures, under a name of its own."""

    prompts = PROMPTS

    def __init__(self, name: str, *measures: str) -> None:
        self._name, self._measures = name, measures
        self.__doc__ = f"`Claims` of {', '.join(measures)}."

    def __call__(
        self,
        model: Model,
        votes: int = 5,
        max_claims: int = 40,
        prompt: str | Path | None = None,
        split_prompt: str | Path | None = None,
        relevance_prompt: str | Path | None = None,
        language: str | None = None,
        split: str = "model",
    ) -> Claims:
        """The evaluator."""
        return Claims(
            model,
            self._measures,
            votes,
            max_claims,
            prompt,
            split_prompt,
            relevance_prompt,
            language,
            split,
            self._name,
        )


faithfulness = Preset("faithfulness", "faithfulness")
hallucination = Preset("hallucination", "hallucination")
answer_correctness = Preset(
    "answer_correctness", "claim_precision", "claim_recall", "answer_correctness"
)
answer_relevancy = Preset("answer_relevancy", "answer_relevancy")
context_utilisation = Preset("context_utilisation", "context_utilisation")
noise_sensitivity = Preset("noise_sensitivity", "noise_sensitivity")
self_knowledge = Preset("self_knowledge", "self_knowledge")
claim_coverage = Preset("claim_coverage", "claim_coverage")
passage_precision = Preset("passage_precision", "passage_precision")
