"""LLM judge: is the answer supported by the passages that the model was shown?"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from quilate.decisions import Question, decide
from quilate.errors import ConfigurationError
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Model, Request

if TYPE_CHECKING:
    from quilate.prompts import Template

VALUES = {"supported": 1.0, "partly": 0.5, "unsupported": 0.0}
_ASKED = {
    "en": "Is the answer supported by the passages?",
    "es": "¿Respaldan los pasajes la respuesta?",
}


@cache
def prompt(language: str) -> "Template":
    """The judge's prompt, ``en`` or ``es``."""
    from quilate.prompts import Template

    source = files("quilate_evaluators") / "prompts" / f"groundedness.{language}.md"
    return Template.parse(source.read_text(encoding="utf-8"), where=source.name)


@dataclass(frozen=True, slots=True)
class Groundedness:
    """The expected support of an answer by its context, under the judge's distribution over
    supported (1), partly (0.5) and unsupported (0).

    The judge sees the passages, the question and the answer, never the references. `votes` is
    how often a model without log-probabilities is asked.
    """

    model: Model
    votes: int = 5
    name: str = "groundedness"
    metrics: tuple[Metric, ...] = (
        Metric("groundedness", "The judge: passages support the answer.", judged=True),
    )
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not isinstance(self.votes, int) or self.votes < 1:
            raise ConfigurationError(
                f"`votes` of the evaluator 'groundedness' is {self.votes!r}.",
                remedy="Give a whole number above zero, such as 5.",
            )

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score with its decision. Raises what the judge's model raises; a run makes an error
        score of that, and asks again on resume where that may help."""
        if output.context is None:
            return [Score.unscored("groundedness", "the target shows the model no passages")]
        if output.abstained or not output.text.strip():
            return [Score.unscored("groundedness", "the answer abstains")]
        language = "es" if (sample.language or "").startswith("es") else "en"
        messages = prompt(language).render(
            question=sample.question,
            answer=output.text,
            passages=[hit.passage.text for hit in output.context],
        )
        question = Question(_ASKED[language], tuple(VALUES), VALUES, id="groundedness")
        decision = await decide(self.model, Request(messages), question, votes=self.votes)
        return [
            Score.of(
                "groundedness",
                decision.expected(VALUES),
                decision=decision,
                usage=decision.usage,
                cost=decision.cost,
            )
        ]
