"""LLM judge: is the answer supported by the passages that the model was shown?"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.decisions import Question, decide
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Model, Request
from quilate_evaluators.abstention import abstains
from quilate_evaluators.judges.asking import check_votes
from quilate_evaluators.judges.prompting import (
    digests,
    language_of,
    material,
    messages,
    own_prompt,
    question,
    shipped,
)

if TYPE_CHECKING:
    from quilate.prompts import Template

VALUES = {"supported": 1.0, "partly": 0.5, "unsupported": 0.0}


@dataclass(frozen=True, slots=True)
class Groundedness:
    """The expected support of an answer by its context, under the judge's distribution over
    supported (1), partly (0.5) and unsupported (0).

    The judge sees the passages, the question and the answer, never the references. `votes` is
    how often a model without log-probabilities is asked; `prompt` is a template file in the place
    of the shipped ``groundedness``.
    """

    model: Model
    votes: int = 5
    prompt: str | Path | None = None
    name: str = "groundedness"
    metrics: tuple[Metric, ...] = (
        Metric(
            "groundedness",
            "The judge: passages support the answer.",
            judged=True,
            labels=tuple(VALUES.items()),
        ),
    )
    needs: frozenset[str] = frozenset()
    prompts = ("groundedness", "groundedness_question")
    _own: "Template | None" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_votes(self.name, self.votes)
        object.__setattr__(self, "_own", own_prompt(self.name, self.prompt, "groundedness"))

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "model": self.model,
            "votes": self.votes,
            "prompts": digests(self._own, *self.prompts),
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score with its decision. Raises what the judge's model raises; a run makes an error
        score of that, and asks again on resume where that may help."""
        if output.context is None:
            return [Score.unscored("groundedness", "the target shows the model no passages")]
        if abstains(output) or not output.text.strip():
            return [Score.unscored("groundedness", "the answer abstains")]
        language = language_of(sample)
        shown = messages(
            self._own or shipped("groundedness", language),
            question=material(sample.question),
            answer=material(output.text),
            passages=[material(hit.passage.text) for hit in output.context],
        )
        words = question("groundedness_question", language)
        asked = Question(words, tuple(VALUES), VALUES, id="groundedness")
        decision = await decide(self.model, Request(shown), asked, votes=self.votes)
        return [
            Score.of(
                "groundedness",
                decision.expected(VALUES),
                decision=decision,
                usage=decision.usage,
                cost=decision.cost,
            )
        ]
