"""What a run shows, as values: figures with intervals, coverage, comparisons, cost and time.

Every report is drawn from here. `judges` measures the judged metrics.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from quilate.evals.results import Item, Run
from quilate.evaluators import Metric, Score
from quilate.models import FREE, Cost, Usage
from quilate.reports.judges import Judge, measure_judges
from quilate.stats import (
    Comparison,
    Estimate,
    compare_paired,
    estimate,
    holm_adjust,
    minimum_detectable_effect,
)

Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the planned items of one target under one metric, in items.

    `unscored` counts, by reason, where the metric does not apply; `errors`, by kind, where it
    should have been scored and could not be, and `messages` has what the first of each kind said;
    `pending` what the run has not reached.
    """

    planned: int
    scored: int
    unscored: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    messages: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Items that should have a score and have none."""
        return sum(self.errors.values()) + self.pending


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one target. `range` is what the figure could be at worst and at best, were
    every missing score at one end of the metric's bounds; None where nothing is missing."""

    target: str
    metric: str
    estimate: Estimate
    coverage: Coverage
    range: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Targets `a` and `b` on the samples that both have scored. `detectable` is the smallest true
    difference that this run would have shown four times in five, at its corrected level."""

    metric: str
    a: str
    b: str
    comparison: Comparison
    detectable: float | None

    @property
    def winner(self) -> str | None:
        """The better target, or None where no difference is shown."""
        return {"a better": self.a, "b better": self.b}.get(self.comparison.verdict)


@dataclass(frozen=True, slots=True)
class Effort:
    """What one target took: tokens and money of its answers and of their evaluation, and the
    median and 95th percentile of the seconds of an item (None without items). `messages` holds,
    for each kind of failure, what the first one said."""

    target: str
    items: int
    failures: Mapping[str, int]
    messages: Mapping[str, str]
    usage: Usage
    cost: Cost
    evaluation_usage: Usage
    evaluation_cost: Cost
    seconds_median: float | None
    seconds_p95: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a run shows, at confidence `level`. `cells` are keyed (metric, target);
    `clustered` says whether any samples share a source."""

    level: float
    targets: tuple[str, ...]
    metrics: tuple[Metric, ...]
    cells: Mapping[tuple[str, str], Cell]
    pairs: tuple[Pair, ...]
    judges: tuple[Judge, ...]
    efforts: tuple[Effort, ...]
    samples: int
    epochs: int
    finished: int
    planned: int
    clustered: bool


def summarize(run: Run, level: float = 0.95) -> Summary:
    """The figures of `run`, intervals at `level`.

    The epochs of a sample are averaged before anything else; intervals and tests are clustered by
    `Sample.group`. All pairs of targets on one metric are a family, whose p-values are adjusted
    after Holm (1979): the chance that any verdict on that metric is false stays within 1 − level.

    Raises ValueError for a level outside (0, 1).

    >>> from quilate.evaluators import Output, Sample, Score
    >>> items = [Item("echo", "1", output=Output("hola"), scores=(Score.of("exact_match", 1),))]
    >>> run = Run("r1", "demo", "", "finished", ("echo",), {"exact_match": Metric("exact_match")},
    ...           samples={"1": Sample("1", "hola")}, items=items, planned=1, provenance={})
    >>> summarize(run).cells["exact_match", "echo"].estimate.value
    1.0
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, both excluded, not {level}.")
    metrics = tuple(run.metrics.values())
    tallies = _tallies(run)
    return Summary(
        level=level,
        targets=run.targets,
        metrics=metrics,
        cells={
            (metric.name, target): _cell(run, metric, target, tallies[metric.name, target], level)
            for metric in metrics
            for target in run.targets
        },
        pairs=_pairs(run, tallies, level),
        judges=measure_judges(run, level),
        efforts=tuple(_effort(target, run.items) for target in run.targets),
        samples=len(run.samples),
        epochs=_epochs(run),
        finished=len(run.items),
        planned=run.planned,
        clustered=_groups(run, run.samples) is not None,
    )


@dataclass(slots=True)
class _Tally:
    """The scores of one metric of one target as they are gathered."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    settled: Counter[str] = field(default_factory=Counter)  # finished items by sample
    failed: Counter[str] = field(default_factory=Counter)  # items in error by sample
    unscored: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, item: Item, score: Score | None) -> None:
        self.settled[item.sample_id] += 1
        if score is not None and score.value is not None:
            self.values[item.sample_id].append(score.value)
        elif item.failure is None and score is not None and score.status == "unscored":
            self.unscored[score.reason or ""] += 1
        else:
            self.failed[item.sample_id] += 1
            kind = _error_kind(item, score)
            self.errors[kind] += 1
            if item.failure is None and score is not None and score.reason != kind:
                reason = (score.reason or "").removeprefix(f"{kind}:").strip()
                self.messages.setdefault(kind, reason)

    def means(self) -> dict[str, float]:
        """Sample id to the mean over its scored epochs."""
        return {sample: statistics.fmean(values) for sample, values in self.values.items()}


def _tallies(run: Run) -> dict[tuple[str, str], _Tally]:
    tallies = {(name, target): _Tally() for name in run.metrics for target in run.targets}
    for item in run.items:
        scores = {score.metric: score for score in item.scores}
        for name in run.metrics:
            tallies[name, item.target].add(item, scores.get(name))
    return tallies


def _error_kind(item: Item, score: Score | None) -> str:
    if item.failure is not None:
        return item.failure.kind
    if score is None:
        return "no score given"
    head, colon, _ = (score.reason or "").partition(":")
    return head if colon and head.isidentifier() else score.reason or "error"


def _cell(run: Run, metric: Metric, target: str, tally: _Tally, level: float) -> Cell:
    means = tally.means()
    values = list(means.values())
    planned = run.planned // max(len(run.targets), 1)
    figure = estimate(
        values, clusters=_groups(run, means), level=level, bounds=_bounds(metric, values)
    )
    coverage = Coverage(
        planned=planned,
        scored=sum(len(scored) for scored in tally.values.values()),
        unscored=dict(tally.unscored.most_common()),
        errors=dict(tally.errors.most_common()),
        pending=max(planned - tally.settled.total(), 0),
        messages=dict(tally.messages),
    )
    return Cell(target, metric.name, figure, coverage, _range(run, metric, tally, coverage))


def _range(run: Run, metric: Metric, tally: _Tally, coverage: Coverage) -> Bounds | None:
    if not coverage.missing or metric.bounds is None:
        return None
    epochs = _epochs(run)
    ends = [list(_filled(run.samples, tally, epochs, end)) for end in metric.bounds]
    return (statistics.fmean(ends[0]), statistics.fmean(ends[1])) if ends[0] else None


def _filled(samples: Iterable[str], tally: _Tally, epochs: int, end: float) -> Iterator[float]:
    """Means of samples, every missing score taken to be `end`."""
    for sample in samples:
        scored = tally.values.get(sample, [])
        pending = max(epochs - tally.settled[sample], 0)
        missing = tally.failed[sample] + pending
        if scored or missing:
            yield (sum(scored) + missing * end) / (len(scored) + missing)


def _pairs(run: Run, tallies: Mapping[tuple[str, str], _Tally], level: float) -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for metric in run.metrics.values():
        means = {target: tallies[metric.name, target].means() for target in run.targets}
        names = [
            (a, b)
            for a, b in itertools.combinations(run.targets, 2)
            if len(means[a].keys() & means[b].keys()) > 1
        ]
        family = holm_adjust([_compare(run, metric, means[a], means[b], level) for a, b in names])
        corrected = 1.0 - (1.0 - level) / max(len(family), 1)
        pairs += [
            Pair(metric.name, a, b, comparison, _detectable(comparison, corrected))
            for (a, b), comparison in zip(names, family, strict=True)
        ]
    return tuple(pairs)


def _compare(
    run: Run, metric: Metric, a: Mapping[str, float], b: Mapping[str, float], level: float
) -> Comparison:
    shared = [sample for sample in a if sample in b]
    x, y = [a[sample] for sample in shared], [b[sample] for sample in shared]
    return compare_paired(
        x,
        y,
        clusters=_groups(run, shared),
        level=level,
        bounds=_bounds(metric, x + y),
        higher_is_better=metric.higher_is_better,
    )


def _detectable(comparison: Comparison, level: float) -> float | None:
    difference = comparison.difference
    if difference.std_error is None or difference.df < 1:
        return None
    return minimum_detectable_effect(difference.std_error, level=level, df=difference.df)


def _effort(target: str, items: Sequence[Item]) -> Effort:
    own = [item for item in items if item.target == target]
    outputs = [item.output for item in own if item.output is not None]
    failures = [item.failure for item in own if item.failure is not None]
    # A score that called no model has cost nothing, whatever its default says.
    scores = [s for item in own for s in item.scores if s.usage.total_tokens or s.cost.usd]
    seconds = sorted(item.seconds for item in own)
    return Effort(
        target=target,
        items=len(own),
        failures=dict(Counter(failure.kind for failure in failures).most_common()),
        messages={failure.kind: failure.message for failure in reversed(failures)},
        usage=sum((output.usage for output in outputs), Usage()),
        cost=sum((output.cost for output in outputs), FREE),
        evaluation_usage=sum((score.usage for score in scores), Usage()),
        evaluation_cost=sum((score.cost for score in scores), FREE),
        seconds_median=statistics.median(seconds) if seconds else None,
        seconds_p95=seconds[-(-95 * len(seconds) // 100) - 1] if seconds else None,
    )


def _groups(run: Run, samples: Iterable[str]) -> list[str | None] | None:
    """Cluster labels, or None when no sample shares a source."""
    labels = [run.samples[sample].group for sample in samples]
    return labels if any(label is not None for label in labels) else None


def _bounds(metric: Metric, values: Sequence[float]) -> Bounds | None:
    """The metric's bounds, unless its own scores break them: then it has none."""
    bounds = metric.bounds
    if bounds is None or any(not bounds[0] <= value <= bounds[1] for value in values):
        return None
    return bounds


def _epochs(run: Run) -> int:
    return max(run.planned // max(len(run.targets) * len(run.samples), 1), 1)
