"""LLM jury: several models answer one judge's question; their mean or majority, and agreement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from typing import Any

from quilate import registry
from quilate.errors import ConfigurationError, MalformedReply, ModelError
from quilate.evaluators import Evaluator, Metric, Output, Sample, Score, misfit
from quilate.models import Model
from quilate_evaluators.judges.asking import Bill, together
from quilate_evaluators.options import check_choice, wrong

_SAID = {
    "mean": "The jury: the mean of what its judges say.",
    "majority": "The jury: what most of its judges say.",
}
_AGREEMENT = "The jury: how near its judges are to each other."


@dataclass(frozen=True, slots=True)
class Jury:
    """A judge evaluator's metrics from several `models` (a panel, Verga et al. 2024).

    `judge` names the evaluator, with its options where it has any, as in a suite. For each of its
    metrics M there are two: ``jury_M``, the mean of the jurors' values (or, by `aggregate`
    ``majority``, the end of M's bounds on whose side more than half of them lie, else their
    middle), and ``jury_M_agreement``, 1 minus the mean distance of two jurors' values as a share of
    the bounds' width: for values 0 and 1, the share of pairs that agree. An answer that not all
    jurors could score is an error: a mean over those that could would be of another jury.
    """

    models: Sequence[Model]
    judge: str | Mapping[str, Any]
    aggregate: str = "mean"
    name: str = "jury"
    _jurors: tuple[Evaluator, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_choice(self.name, "aggregate", self.aggregate, _SAID)
        models = tuple(self.models) if isinstance(self.models, list | tuple) else ()
        named = [model if isinstance(model, str) else model.info.name for model in models]
        if len(models) < 2 or any(isinstance(model, str) for model in models):
            shown = named or self.models
            wrong(self.name, "models", shown, "Give two models or more, [PROVIDER/NAME, …].")
        known = {model.info.identity for model in models}
        if len(known) < len(models):  # asked the same, it would agree with itself
            wrong(self.name, "models", named, "One of them stands there twice: give it once.")
        jurors = tuple(_juror(self.judge, model) for model in models)
        object.__setattr__(self, "models", models)
        object.__setattr__(self, "_jurors", jurors)
        unbounded = [metric.name for metric in jurors[0].metrics if metric.bounds is None]
        if unbounded:
            wrong(self.name, "judge", self.judge, f"{unbounded[0]} has no bounds to vote within.")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """For each metric of the judge the jury's, and the agreement on it."""
        found: list[Metric] = []
        for own in self._jurors[0].metrics:
            name = f"jury_{own.name}"
            found.append(replace(own, name=name, description=_SAID[self.aggregate], judged=True))
            found.append(Metric(f"{name}_agreement", _AGREEMENT, judged=True, of_judge=True))
        return tuple(found)

    @property
    def needs(self) -> frozenset[str]:
        """What its judge needs."""
        return self._jurors[0].needs

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That of its judge."""
        return misfit(self._jurors[0], samples)

    @property
    def prompts(self) -> tuple[str, ...]:
        """Those of its judge."""
        return tuple(getattr(self._jurors[0], "prompts", ()))

    def provenance(self) -> dict[str, Any]:
        """What changes when its scores could: its jurors, and how they are put together."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "aggregate": self.aggregate,
            "jurors": self._jurors,
        }

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores for each metric of the judge; the first carries what all jurors cost. They are
        asked at the same time. Raises what a juror raises, with what all of them cost."""
        owed = Bill()

        async def ask(juror: Evaluator) -> Sequence[Score]:
            try:
                scores = await juror.evaluate(sample, output)
            except ModelError as error:
                owed.add_error(error)
                raise
            for score in scores:
                # What was asked has a decision; what was not cost nothing, whatever it says.
                if score.decision is not None or score.usage.total_tokens or score.cost.usd:
                    owed.add(score.usage, score.cost)
            return scores

        try:
            said = [_given(one) for one in await together([partial(ask, j) for j in self._jurors])]
        except ModelError as error:
            owed.charge(error)
            raise
        found: list[Score] = []
        for metric in self._jurors[0].metrics:
            found += self._together(metric, [_of(metric.name, scores) for scores in said])
        return [replace(found[0], usage=owed.usage, cost=owed.cost), *found[1:]]

    def _together(self, metric: Metric, scores: Sequence[Score | None]) -> list[Score]:
        names = f"jury_{metric.name}", f"jury_{metric.name}_agreement"
        known = [score for score in scores if score is not None]
        values = [score.value for score in known if score.value is not None]
        if len(values) < len(scores):
            unscored = [score for score in known if score.status == "unscored"]
            if len(unscored) == len(scores):
                return [Score.unscored(name, unscored[0].reason or "") for name in names]
            told = f"{len(values)} of {len(scores)} jurors gave a score"
            told += "".join(f"; {score.reason}" for score in known if score.reason)
            said = "the answer was not scored by all jurors"
            return [Score.error(name, said, explanation=told) for name in names]
        low, high = metric.bounds or (0.0, 1.0)
        pool = _majority if self.aggregate == "majority" else _mean
        apart = [abs(one - other) / (high - low) for one, other in combinations(values, 2)]
        shown = "; ".join(
            f"{model.info.name}: {value:.3g}"
            for model, value in zip(self.models, values, strict=True)
        )
        return [
            Score.of(names[0], pool(values, low, high), explanation=shown),
            Score.of(names[1], max(1.0 - sum(apart) / len(apart), 0.0)),
        ]


def _juror(judge: Any, model: Model) -> Evaluator:
    """The evaluator that `judge` names, with one model."""
    given: Mapping[Any, Any] = {judge: None} if isinstance(judge, str) else judge
    name, asked = (
        next(iter(given.items())) if isinstance(given, Mapping) and given else (None, None)
    )
    if not isinstance(name, str) or len(given) > 1 or not isinstance(asked or {}, Mapping):
        wrong("jury", "judge", judge, "Name one judge, such as groundedness, with its options.")
    options = dict(asked or {})
    if "model" in options:
        wrong("jury", "judge", name, "Its models are those of the jury: leave `model` out.")
    try:
        return registry.evaluator(name, model=model, **options)
    except ConfigurationError as error:
        if "'model'" not in error.what:
            raise
        raise ConfigurationError(
            f"The evaluator '{name}' asks no model, so there can be no jury of it.",
            remedy="Name a judge, such as groundedness or rubric.",
        ) from None


def _given(said: Sequence[Score] | MalformedReply) -> Sequence[Score]:
    if isinstance(said, MalformedReply):
        raise said
    return said


def _of(name: str, scores: Sequence[Score]) -> Score | None:
    return next((score for score in scores if score.metric == name), None)


def _mean(values: Sequence[float], low: float, high: float) -> float:
    return min(max(sum(values) / len(values), low), high)


def _majority(values: Sequence[float], low: float, high: float) -> float:
    middle = (low + high) / 2
    if sum(value > middle for value in values) * 2 > len(values):
        return high
    if sum(value < middle for value in values) * 2 > len(values):
        return low
    return middle
