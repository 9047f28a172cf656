"""How large a run must be to show an effect, and what that costs, from an earlier run of the suite.

Without one, the largest spread that a metric's bounds allow is taken.
"""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from quilate.errors import ConfigurationError
from quilate.evals import runner
from quilate.evals.comparing import names_of
from quilate.evals.plan import metrics_of
from quilate.evals.results import Run
from quilate.evals.suite import Suite
from quilate.evaluators import Metric
from quilate.models import FREE, Cost, Usage
from quilate.registry import nearest
from quilate.reports.summary import Effort, summarize
from quilate.reports.tallies import tallies_of
from quilate.stats import mean, samples_needed
from quilate.stats.variance import variance_components

Basis = Literal["pairs", "one target", "bounds"]


@dataclass(frozen=True, slots=True)
class Needed:
    """What one metric asks for. `samples` show a difference of `effect` between two targets with
    the plan's power; `for_one` give one target's figure an interval of ± `effect`.

    `deviation` is the standard deviation of the differences: of the *pairs* of an earlier run
    (of several pairs, the largest); of *one target*'s scores times √2, as if two targets had
    nothing in common, which is more than most pairs show; or the most that the metric's *bounds*
    allow. `design_effect` is by how much shared sources widen the variance. `scored` is the share
    of the samples that the metric gives a score; of those without one `samples` are more.
    """

    metric: str
    samples: int
    for_one: int
    deviation: float
    design_effect: float
    basis: Basis
    scored: float = 1.0


@dataclass(frozen=True, slots=True)
class Price:
    """What so many samples take: all targets, all epochs, answers and their evaluation.
    `seconds` is the sum over items, not the time by the clock."""

    samples: int
    usage: Usage
    cost: Cost
    seconds: float


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """The plan of a suite for an `effect`. `available` is how many samples the suite has; `pilot`
    the run that it rests on; `advice` what the variance between epochs says; `price` is for the
    metric that needs most, None without a pilot."""

    effect: float
    level: float
    power: float
    available: int
    needed: tuple[Needed, ...]
    pilot: Run | None
    price: Price | None
    advice: str | None
    skipped: tuple[str, ...]


_UNNAMED = "it has no bounds, so an effect on its scale is planned when it is named (--metric)"


def plan_samples(
    suite: Suite,
    effect: float,
    *,
    metrics: Sequence[str] = (),
    pilot: Run | None = None,
    level: float = 0.95,
    power: float = 0.8,
) -> SamplePlan:
    """How many samples of `suite` show a difference of `effect` between two targets.

    `effect` is on the metrics' own scale, so one without bounds (seconds, dollars) is left out
    unless `metrics` names it: what is large for a share is nothing for it. `pilot` is an earlier
    run of the suite, the larger the better; see `find_pilot`. Raises `ConfigurationError` for an
    unknown metric or an effect of 0 or less.
    """
    if not 0.0 < effect < math.inf:
        raise ConfigurationError(f"The effect is {effect!r}.", remedy="Give one above zero: 0.03.")
    metrics = names_of(metrics)
    known = metrics_of(suite)
    for name in metrics:
        if name not in known:
            raise ConfigurationError(
                f"The suite has no metric '{name}'.", remedy=nearest(name, list(known))
            )
    needed, skipped, scores = [], [], _scores(pilot)
    for metric in known.values():
        if metrics and metric.name not in metrics:
            continue
        apt = metrics or metric.bounds is not None
        spread = _spread(metric, effect, pilot, scores) if apt else _UNNAMED
        if isinstance(spread, str):
            skipped.append(f"{metric.name}: {spread}")
        else:
            one = _needed(metric.name, effect, level, power, *spread)
            needed.append(_with_unscored(one, _scored_share(metric.name, pilot, scores)))
    if skipped and not needed:
        raise ConfigurationError(
            f"There is nothing to plan for an effect of {effect:g}: {'; '.join(skipped)}.",
            remedy="Give an effect within the metrics' bounds; name what has none: --metric NAME; "
            "or make a run first: quilate run.",
        )
    most = max((one.samples for one in needed), default=0)
    return SamplePlan(
        effect,
        level,
        power,
        len(suite.samples),
        tuple(needed),
        pilot,
        _price(pilot, suite, most) if pilot is not None and most else None,
        _advice(scores, [one.metric for one in needed]),
        tuple(skipped),
    )


def find_pilot(suite: Suite, store: Path) -> Run | None:
    """The latest run of a suite's name that has results, and is no gate, which looks at few, and
    no replay, which takes no time; None without one."""
    for record in runner.list_runs(store):
        if record.name == suite.name and record.finished and record.kind == "run":
            return runner.open_run(record.id, store)
    return None


Scores = Mapping[tuple[str, str], Mapping[str, Sequence[float]]]
"""Of each metric and target, a sample's scores, one an epoch."""


def _scores(pilot: Run | None) -> Scores:
    tallies = {} if pilot is None else tallies_of(pilot)
    return {key: tally.values for key, tally in tallies.items()}


def _scored_share(metric: str, pilot: Run | None, scores: Scores) -> float:
    """The share of a pilot's samples that a metric scores, of the target with the fewest."""
    counts = [len(own) for (name, _), own in scores.items() if name == metric]
    if pilot is None or not counts or not min(counts):
        return 1.0
    return min(counts) / len({item.sample_id for item in pilot.items})


def _with_unscored(one: Needed, share: float) -> Needed:
    """The samples of a suite that it takes, of which so many have a score."""
    samples, alone = (math.ceil(round(count / share, 9)) for count in (one.samples, one.for_one))
    return replace(one, samples=samples, for_one=alone, scored=share)


def _needed(
    name: str,
    effect: float,
    level: float,
    power: float,
    deviation: float,
    design: float,
    single: float,
    basis: Basis,
) -> Needed:
    quantile = statistics.NormalDist().inv_cdf((1.0 + level) / 2.0)
    try:
        pairs = samples_needed(deviation, effect, level=level, power=power, design_effect=design)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    alone = math.ceil((quantile * single / effect) ** 2 * design)
    return Needed(name, pairs, max(alone, 2), deviation, design, basis)


def _spread(
    metric: Metric, effect: float, pilot: Run | None, scores: Scores
) -> tuple[float, float, float, Basis] | str:
    """Standard deviation of differences, design effect, standard deviation of one target's
    scores, and where they come from; or why there is none."""
    if metric.bounds is not None and effect > metric.bounds[1] - metric.bounds[0]:
        return "the effect is more than its bounds allow"
    found = None if pilot is None else _observed(metric.name, pilot, scores)
    if found is not None:
        return found
    if metric.bounds is None:
        return "it has no bounds, and no earlier run shows its spread"
    single = (metric.bounds[1] - metric.bounds[0]) / 2.0
    return single * math.sqrt(2.0), 1.0, single, "bounds"


def _observed(metric: str, pilot: Run, scores: Scores) -> tuple[float, float, float, Basis] | None:
    means = [
        {sample: statistics.fmean(values) for sample, values in own.items()}
        for (name, _), own in scores.items()
        if name == metric
    ]
    singles = [_deviation(pilot, values) for values in means]
    known = [one for one in singles if one is not None]
    if not known:
        return None
    single = max(known)
    pairs = []
    for a, b in itertools.combinations(means, 2):
        shared = {key: a[key] - b[key] for key in a if key in b}
        if (found := _deviation(pilot, shared)) is not None:
            pairs.append(found)
    if pairs:
        deviation, design = max(pairs, key=lambda one: one[0] * math.sqrt(one[1]))
        return deviation, design, single[0], "pairs"
    return single[0] * math.sqrt(2.0), single[1], single[0], "one target"


def _deviation(pilot: Run, values: Mapping[str, float]) -> tuple[float, float] | None:
    """Standard deviation and design effect; None with fewer than ten values or no spread."""
    if len(values) < 10:
        return None
    x = np.array(list(values.values()))
    deviation = float(x.std(ddof=1))
    if deviation < 1e-12:
        return None
    labels = [pilot.samples[key].group for key in values]
    grouped = any(label is not None for label in labels)
    error = mean(x, clusters=labels).std_error if grouped else None
    design = 1.0 if error is None else (error / (deviation / math.sqrt(x.size))) ** 2
    return deviation, max(design, 1.0)


def _price(pilot: Run, suite: Suite, samples: int) -> Price | None:
    """The pilot's mean for each item of a target, times what the plan has of them; targets that
    the pilot does not know cost as those that it does."""
    efforts = [one for one in summarize(pilot).efforts if one.items]
    if not efforts:
        return None
    own = [one for one in efforts if one.target in suite.targets] or efforts
    items = sum(one.items for one in own)
    count = samples * suite.epochs * len(suite.targets)
    cost = sum((one.cost + one.evaluation_cost for one in own), FREE)
    usage = sum((one.usage + one.evaluation_usage for one in own), Usage())
    share = count / items
    usd = None if cost.usd is None else cost.usd * share
    basis = "estimated" if cost.basis == "exact" and usd else cost.basis
    seconds = share * sum(_seconds(one) for one in own)
    tokens = Usage(round(usage.input_tokens * share), round(usage.output_tokens * share))
    return Price(samples, tokens, Cost(usd, basis), seconds)


def _seconds(effort: Effort) -> float:
    return (effort.seconds_median or 0.0) * effort.items


def _advice(scores: Scores, metrics: Sequence[str]) -> str | None:
    """What the split of the variance says of the first metric whose epochs were repeated."""
    for (metric, target), own in scores.items():
        width = max(map(len, own.values()), default=0)
        whole = [list(values) for values in own.values() if len(values) == width]
        if metric in metrics and width > 1 and len(whole) > 9:
            advice = variance_components(np.array(whole)).advice
            return f"{metric} ({target}): {advice}" if advice else None
    return None
