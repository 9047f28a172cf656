"""LLM judge: a rubric. Criteria in plain words become questions, and those become decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.decisions import Question
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Model
from quilate_evaluators.abstention import abstains
from quilate_evaluators.judges.asking import Judgement, after, bill, check_votes, judge
from quilate_evaluators.judges.prompting import (
    digests,
    language_of,
    material,
    messages,
    own_prompt,
    question,
    shipped,
)
from quilate_evaluators.judges.scales import (
    DEFAULT_SCALE,
    Example,
    criteria_of,
    examples_of,
    scale_of,
    steps_of,
)
from quilate_evaluators.options import check_flag, texts, wrong

if TYPE_CHECKING:
    from quilate.prompts import Template

INCLUDED = ("question", "context", "reference")


@dataclass(frozen=True, slots=True)
class Rubric:
    """An answer's value on a scale, for each criterion: the expected one under the judge's
    distribution over the labels, moved to 0 … 1 (G-Eval, Liu et al. 2023).

    With labels l of values v(l): ``(Σ p(l) v(l) − min v) / (max v − min v)``. `criteria` is one in
    plain words (the metric is then ``rubric``), or several by name, each a metric of that name and
    a decision of its own. `scale` maps labels to values, 1 to 5 unless given, or lists labels from
    worst to best. `steps` says what to look at, in order. `include` is what the judge sees beside
    the answer: the ``question``, the passages as ``context``, the references as ``reference``, of
    the samples that have any. With `reasoning` it writes its reasons first, in a call more.
    `examples` are labelled ones: a JSON Lines file or a list, of ``text``, ``label`` and, where
    wanted, ``question`` and ``criterion``. `votes` is how often a model without log-probabilities
    is asked. `prompt` is a template file in the place of the shipped ``rubric``.
    """

    model: Model
    criteria: str | Mapping[str, str]
    scale: Mapping[str, float] | Sequence[str] = field(default_factory=lambda: DEFAULT_SCALE)
    steps: Sequence[str] | Mapping[str, Sequence[str]] = ()
    include: Sequence[str] = ("question",)
    reasoning: bool = False
    examples: str | Path | Sequence[Any] = ()
    votes: int = 5
    prompt: str | Path | None = None
    name: str = "rubric"
    prompts = ("rubric", "rubric_question", "judge_reasoning", "rubric_steps")
    _named: Mapping[str, str] = field(init=False, repr=False)
    _scale: Mapping[str, float] = field(init=False, repr=False)
    _steps: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)
    _examples: tuple[Example, ...] = field(init=False, repr=False)
    _own: "Template | None" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_votes(self.name, self.votes)
        check_flag(self.name, "reasoning", self.reasoning)
        include = texts(self.name, "include", self.include)
        if not set(include) <= set(INCLUDED):
            wrong(self.name, "include", self.include, f"Known: {', '.join(INCLUDED)}.")
        named, scale = criteria_of(self.criteria), scale_of(self.scale)
        for option, value in {
            "include": include,
            "_named": named,
            "_scale": scale,
            "_steps": steps_of(self.steps, named),
            "_examples": examples_of(self.examples, named, scale),
            "_own": own_prompt(self.name, self.prompt, "rubric"),
        }.items():
            object.__setattr__(self, option, value)

    @property
    def needs(self) -> frozenset[str]:
        """References, where the judge is to see them."""
        return frozenset({"references"} if "reference" in self.include else ())

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One a criterion, of its name. A person may answer with a label of the scale instead."""
        low, high = min(self._scale.values()), max(self._scale.values())
        labels = tuple((name, (v - low) / (high - low)) for name, v in self._scale.items())
        return tuple(
            Metric(name, f"The judge: {words}", judged=True, labels=labels)
            for name, words in self._named.items()
        )

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could: the options, and the digests of the prompts."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "model": self.model,
            "criteria": self._named,
            "scale": self._scale,
            "steps": self._steps,
            "include": self.include,
            "reasoning": self.reasoning,
            "examples": self._examples,
            "votes": self.votes,
            "prompts": digests(self._own, *self.prompts[:3]),
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score a criterion, with its decision; the first carries the cost of all calls.
        Raises what the judge's model raises."""
        reason = None
        if abstains(output) or not output.text.strip():
            reason = "the answer abstains"
        elif "context" in self.include and output.context is None:
            reason = "the target shows the model no passages"
        if reason is not None:
            return [Score.unscored(name, reason) for name in self._named]
        found: list[Judgement] = []
        for name in self._named:
            with after(found):
                found.append(await self._judged(name, sample, output))
        first, *others = (
            Score.of(name, self._value(one), decision=one.decision, explanation=one.reasoning)
            for name, one in zip(self._named, found, strict=True)
        )
        usage, cost = bill(found)
        return [replace(first, usage=usage, cost=cost), *others]

    async def _judged(self, name: str, sample: Sample, output: Output) -> Judgement:
        language, criterion = language_of(sample), self._named[name]
        shown = messages(
            self._own or shipped("rubric", language),
            criterion=criterion,
            scale=list(self._scale),
            steps=list(self._steps[name]),
            examples=[
                {"text": one.text, "label": one.label, "question": one.question}
                for one in self._examples
                if one.criterion in (None, name)
            ],
            question=material(sample.question) if "question" in self.include else "",
            passages=[material(hit.passage.text) for hit in output.context or ()]
            if "context" in self.include
            else [],
            references=list(sample.references) if "reference" in self.include else [],
            answer=material(output.text),
        )
        asked = Question(
            question("rubric_question", language, criterion=criterion),
            tuple(self._scale),
            self._scale,
            id=name,
        )
        return await judge(
            self.model,
            shown,
            asked,
            votes=self.votes,
            reasoning=self.reasoning,
            language=language,
        )

    def _value(self, judged: Judgement) -> float:
        low, high = min(self._scale.values()), max(self._scale.values())
        return (judged.decision.expected(self._scale) - low) / (high - low)
