"""LLM judge: which of two answers is better? Asked in both orders, for judges favour a place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quilate import sync
from quilate.decisions import Decision, Question
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Cost, Model, Usage
from quilate_evaluators.judges.asking import Judgement, after, bill, check_votes, judge
from quilate_evaluators.judges.baselines import Baseline, baseline
from quilate_evaluators.judges.prompting import (
    digests,
    language_of,
    material,
    messages,
    own_prompt,
    shipped,
)
from quilate_evaluators.judges.prompting import question as wording
from quilate_evaluators.options import check_flag, check_text, texts, wrong

if TYPE_CHECKING:
    from quilate.prompts import Template

Winner = Literal["a", "b", "tie"]

INCLUDED = ("context", "reference")
_FIRST, _SECOND, _TIE = "A", "B", "tie"


@dataclass(frozen=True, slots=True)
class Preference:
    """A judge's preference between two answers, asked in both orders.

    `first` is its decision with answer a in the first place, `second` with b there. The `winner`
    is the one that won both; where the orders disagree it is a tie, and `consistent` is False.
    `usage` and `cost` are those of all calls.
    """

    winner: Winner
    consistent: bool
    first: Decision
    second: Decision
    usage: Usage
    cost: Cost
    reasoning: str | None = None

    @property
    def value(self) -> float:
        """1 where a won, 0.5 for a tie, 0 where b won."""
        return {"a": 1.0, "tie": 0.5, "b": 0.0}[self.winner]


async def acompare_answers(
    model: Model,
    question: str,
    a: str,
    b: str,
    *,
    language: str = "en",
    criteria: str | None = None,
    passages: Sequence[str] = (),
    references: Sequence[str] = (),
    ties: bool = True,
    reasoning: bool = False,
    votes: int = 5,
    template: "Template | None" = None,
) -> Preference:
    """Ask a judge which of the answers `a` and `b` to `question` is better, in both
    orders; outside of a run too, as for a ranking of many systems.

    Where the orders disagree it is a tie (the conservative way of Zheng et al. 2023). Without
    `ties` the judge must choose. Raises what the model raises, with what all calls cost.
    """
    words = wording("pairwise_question", language, ties=ties)
    labels = (_FIRST, _SECOND, _TIE) if ties else (_FIRST, _SECOND)
    found: list[Judgement] = []
    for first, second in ((a, b), (b, a)):
        shown = messages(
            template or shipped("pairwise", language),
            criterion=criteria or wording("pairwise_criterion", language),
            question=material(question),
            passages=[material(passage) for passage in passages],
            references=list(references),
            first=material(first),
            second=material(second),
        )
        with after(found):
            one = await judge(
                model,
                shown,
                Question(words, labels, id="pairwise"),
                votes=votes,
                reasoning=reasoning,
                language=language,
            )
        found.append(one)
    return _preference(found)


def compare_answers(model: Model, question: str, a: str, b: str, **options: Any) -> Preference:
    """`acompare_answers` for sync code, with the same options.

    >>> from quilate.testing import ScriptedModel
    >>> always_first = ScriptedModel("A")
    >>> found = compare_answers(always_first, "Capital of Peru?", "Lima", "Quito")
    >>> found.winner, found.consistent
    ('tie', False)
    """
    return sync.run(acompare_answers(model, question, a, b, **options))


def _preference(found: Sequence[Judgement]) -> Preference:
    first, second = (one.decision for one in found)
    straight: dict[str, Winner] = {_FIRST: "a", _SECOND: "b", _TIE: "tie"}
    turned: dict[str, Winner] = {_FIRST: "b", _SECOND: "a", _TIE: "tie"}
    said, again = straight[first.label], turned[second.label]
    usage, cost = bill(found)
    reasons = [one.reasoning for one in found if one.reasoning]
    return Preference(
        winner=said if said == again else "tie",
        consistent=said == again,
        first=first,
        second=second,
        usage=usage,
        cost=cost,
        reasoning="\n\n".join(reasons) or None,
    )


@dataclass(frozen=True, slots=True)
class Pairwise:
    """`pairwise_win`: 1 where the judge prefers the answer to another one in both orders, 0 where
    it prefers the other in both, else 0.5. `position_consistent`: 1 where both orders agree, 0
    where the place of an answer decided.

    `against` says what the other answer is: the first of the ``references``, ``metadata.KEY`` of
    the sample, or ``run:RUN/TARGET``, what a target answered in a recorded run of `store` (the
    run's first epoch). `criteria` says in plain words what is better; `include` may show the judge
    the passages (``context``) and the references (``reference``). Without `ties` it must choose.
    With `reasoning` it writes its reasons first. An answer that abstains is compared too.
    """

    model: Model
    against: str = "references"
    criteria: str | None = None
    include: Sequence[str] = ()
    ties: bool = True
    reasoning: bool = False
    votes: int = 5
    prompt: str | Path | None = None
    store: str | Path = ".quilate"
    name: str = "pairwise"
    metrics: tuple[Metric, ...] = (
        Metric(
            "pairwise_win",
            "The judge: the answer is better than the other.",
            judged=True,
            labels=(("worse", 0.0), ("neither", 0.5), ("better", 1.0)),
        ),
        Metric("position_consistent", "The judge: both orders agree.", judged=True, of_judge=True),
    )
    prompts = ("pairwise", "pairwise_criterion", "pairwise_question", "judge_reasoning")
    _baseline: Baseline = field(init=False, repr=False)
    _own: "Template | None" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_votes(self.name, self.votes)
        check_flag(self.name, "ties", self.ties)
        check_flag(self.name, "reasoning", self.reasoning)
        if self.criteria is not None:
            check_text(self.name, "criteria", self.criteria)
        include = texts(self.name, "include", self.include)
        if not set(include) <= set(INCLUDED):
            wrong(self.name, "include", self.include, f"Known: {', '.join(INCLUDED)}.")
        object.__setattr__(self, "include", include)
        object.__setattr__(self, "_baseline", baseline(self.against, self.store))
        if self._baseline.kind == "references" and "reference" in include:
            said = "The other answer is the reference: the judge would be told that it is right."
            wrong(self.name, "include", self.include, said)
        object.__setattr__(self, "_own", own_prompt(self.name, self.prompt, "pairwise"))

    @property
    def needs(self) -> frozenset[str]:
        """References, where the other answer or what the judge sees is from there."""
        seen = {*self.include, self._baseline.kind} & {"references", "reference"}
        return frozenset({"references"} if seen else ())

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no sample has another answer."""
        return self._baseline.misfit(samples)

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "model": self.model,
            "against": self._baseline,
            "criteria": self.criteria,
            "include": self.include,
            "ties": self.ties,
            "reasoning": self.reasoning,
            "votes": self.votes,
            "prompts": digests(self._own, *self.prompts),
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores; the first carries the cost of both orders. Raises what the model raises."""
        other = self._baseline.of(sample)
        reason = None
        if other is None:
            reason = "the sample has no other answer to compare with"
        elif "context" in self.include and output.context is None:
            reason = "the target shows the model no passages"
        elif not output.text.strip():
            reason = "the answer is empty"
        elif other.strip() == output.text.strip():
            return [
                Score.of("pairwise_win", 0.5, explanation="Both answers are the same."),
                Score.unscored("position_consistent", "the answer equals the other one"),
            ]
        if other is None or reason is not None:
            return [Score.unscored(metric.name, reason or "") for metric in self.metrics]
        found = await acompare_answers(
            self.model,
            sample.question,
            output.text,
            other,
            language=language_of(sample),
            criteria=self.criteria,
            passages=[hit.passage.text for hit in output.context or ()]
            if "context" in self.include
            else (),
            references=sample.references if "reference" in self.include else (),
            ties=self.ties,
            reasoning=self.reasoning,
            votes=self.votes,
            template=self._own,
        )
        return [
            Score.of(
                "pairwise_win",
                found.value,
                decision=found.first,
                explanation=found.reasoning,
                usage=found.usage,
                cost=found.cost,
            ),
            Score.of("position_consistent", found.consistent, decision=found.second),
        ]
