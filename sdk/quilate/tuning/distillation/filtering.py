"""Filters: evaluators with what an answer must reach to pass."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quilate import registry
from quilate.errors import (
    AuthenticationError,
    BudgetExceeded,
    ConfigurationError,
    MissingDependency,
    ModelNotFound,
    PermissionDenied,
    StoreError,
    redact,
)
from quilate.evaluators import Evaluator, Output, Sample, Score, misfit
from quilate.judging.calibration import Calibration
from quilate.tuning.sources.passing import Bar, bar_of

FATAL = (AuthenticationError, PermissionDenied, ModelNotFound, MissingDependency)
"""Errors that every other prompt would meet as well."""
STOPPING = (BudgetExceeded, StoreError)
"""Errors that end the work; what was answered is kept."""


@dataclass(frozen=True, slots=True)
class Filter:
    """An evaluator (its registered name, one of your own, or a function of a sample and an output)
    and what its metrics must reach.

    Without a limit each `metric` (all, where none is named) must have the best value there is. An
    answer that it gives no score is rejected, or passes with ``unscored="accept"``; a metric that
    does not apply where another of the evaluator's does (`refusal` and ``over_refusal``: each is
    for samples of its own) asks for nothing, unless a model judges it. A judge that people's labels
    speak against does not filter, unless `distrusted` says that it shall.

    >>> Filter("exact_match").at_least is None
    True
    """

    evaluator: Any
    at_least: float | None = None
    at_most: float | None = None
    metric: str | None = None
    unscored: Literal["reject", "accept"] = "reject"
    distrusted: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A filter made ready: its `name`, its evaluator, and what must be reached."""

    name: str
    evaluator: Evaluator
    bars: tuple[Bar, ...]
    unscored: Literal["reject", "accept"]
    distrusted: bool

    @property
    def judged(self) -> bool:
        """Whether a model decides."""
        return any(bar.metric.judged for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Assessed:
    """What the checks said of an answer: how many it passed, their scores; and where one did not
    let it pass, its name and why: ``below``, ``unscored`` or ``error``."""

    passed: int
    scores: Mapping[str, float]
    by: str | None = None
    why: str | None = None
    detail: str = ""


def checks_of(filters: Sequence[Any], samples: Sequence[Sample]) -> list[Check]:
    """The filters made ready.

    Raises `ConfigurationError` for what is no evaluator, an evaluator of no use for the samples,
    a metric that it does not give, limits that cannot be, and two filters of one name.
    """
    found: dict[str, Check] = {}
    for one in filters:
        check = _check(one if isinstance(one, Filter) else Filter(one))
        why = misfit(check.evaluator, samples)
        if why is not None:
            raise ConfigurationError(
                f"The evaluator '{check.name}' {why}.",
                remedy="Give samples that have it, or leave the filter out.",
            )
        if check.name in found:
            raise ConfigurationError(
                f"Two filters are called '{check.name}'.",
                remedy="Rename one: quilate.evaluator(…, name=…).",
            )
        found[check.name] = check
    return list(found.values())


def _check(one: Filter) -> Check:
    if one.unscored not in ("reject", "accept"):
        raise ConfigurationError(
            f"unscored is {one.unscored!r}.", remedy="It is 'reject' or 'accept'."
        )
    evaluator = registry.evaluator(one.evaluator)
    metrics = [metric for metric in evaluator.metrics if not metric.of_judge]
    if one.metric is not None:
        metrics = [metric for metric in metrics if metric.name == one.metric]
        if not metrics:
            raise ConfigurationError(
                f"'{evaluator.name}' has no metric '{one.metric}' to filter by.",
                remedy=registry.nearest(one.metric, [m.name for m in evaluator.metrics]),
            )
    bars = tuple(bar_of(metric, one.at_least, one.at_most) for metric in metrics)
    name = one.metric or evaluator.name
    return Check(name, evaluator, bars, one.unscored, one.distrusted)


def believed(
    checks: Sequence[Check], calibrations: Mapping[str, Calibration]
) -> tuple[list[Check], list[str]]:
    """The checks that are to filter, and what is to be said of the judges among them all."""
    kept, notes = [], []
    for check in checks:
        judged = [bar.metric.name for bar in check.bars if bar.metric.judged]
        against = [name for name in judged if name in calibrations]
        against = [name for name in against if calibrations[name].speaks_against]
        if against and not check.distrusted:
            notes.append(
                f"{check.name} does not filter: people's labels speak against the judge of "
                f"{', '.join(against)}. Filter(…, distrusted=True) uses it all the same."
            )
            continue
        kept.append(check)
        notes += [_standing(name, calibrations.get(name)) for name in judged]
    return kept, notes


def _standing(name: str, found: Calibration | None) -> str:
    if found is None:
        return f"The judge of {name} was not measured against people."
    value = "unknown" if found.agreement.value is None else f"{found.agreement.value:.2f}"
    return f"The judge of {name}: {found.trust} ({found.measure} {value} over {found.n} labels)."


async def assess(checks: Sequence[Check], sample: Sample, output: Output) -> Assessed:
    """Ask the checks in their order, up to the first that does not let the answer pass. Raises
    what stops the work; other errors reject the answer."""
    scores: dict[str, float] = {}
    for number, check in enumerate(checks):
        try:
            given = await check.evaluator.evaluate(sample, output)
            by = {score.metric: score for score in given}
        except (*STOPPING, *FATAL):
            raise
        except Exception as error:  # of any kind: an evaluator may be anybody's code
            detail = redact(f"{type(error).__name__}: {error}")[:300]
            return Assessed(number, scores, check.name, "error", detail)
        for bar in _applying(check.bars, by):
            refused = _refusal(bar, by.get(bar.metric.name), check, scores)
            if refused is not None:
                return Assessed(number, scores, check.name, *refused)
    return Assessed(len(checks), scores)


def _applying(bars: Sequence[Bar], by: Mapping[str, Score]) -> list[Bar]:
    """The bars without those whose metric does not apply to the sample while another's does. Where
    a judge gives none of its verdicts, that says nothing of the sample: those stay."""
    given = {bar.metric.name: by.get(bar.metric.name) for bar in bars}
    if all(score is None or score.value is None for score in given.values()):
        return list(bars)
    left_out = {
        name for name, score in given.items() if score is not None and score.status == "unscored"
    }
    return [bar for bar in bars if bar.metric.judged or bar.metric.name not in left_out]


def _refusal(
    bar: Bar, score: Score | None, check: Check, scores: dict[str, float]
) -> tuple[str, str] | None:
    """Why a score does not let an answer pass; enters its value."""
    name = bar.metric.name
    if score is None or score.value is None:
        why = score.reason if score is not None and score.reason else "no score"
        if score is not None and score.status == "error":
            return "error", f"{name}: {why}"
        return None if check.unscored == "accept" else ("unscored", f"{name}: {why}")
    scores[name] = score.value
    if bar.passes(score.value):
        return None
    return "below", f"{name} is {score.value:g}"


def rank_of(checks: Sequence[Check], scores: Mapping[str, float], by: str | None) -> float:
    """How good an answer is by its scores: the mean over metrics with bounds, each from 0 (worst)
    to 1; or the value under the metric `by`, greater for better."""
    found = []
    for bar in (bar for check in checks for bar in check.bars):
        metric, value = bar.metric, scores.get(bar.metric.name)
        if value is None or (by is not None and metric.name != by):
            continue
        if by is not None:
            return value if metric.higher_is_better else -value
        if metric.bounds is not None and metric.bounds[1] > metric.bounds[0]:
            low, high = metric.bounds
            share = (value - low) / (high - low)
            found.append(share if metric.higher_is_better else 1.0 - share)
    if by is not None:
        return -math.inf
    return math.fsum(found) / len(found) if found else 0.0
