"""What a run shows, as values: figures with intervals, coverage, comparisons, cost and time.

Every report is drawn from here. `judges` measures the judged metrics.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quilate.evals.reducers import MEAN, Reducer, reducers_of
from quilate.evals.results import Item, Run
from quilate.evaluators import Metric
from quilate.models import FREE, Cost, Usage
from quilate.reports.judges import Judge, measure_judges
from quilate.reports.tallies import (
    Coverage,
    Tally,
    covered_items,
    covered_samples,
    epochs_of,
    filled,
    tallies_of,
)
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
class LeftOut:
    """Reducers that say nothing of a metric, for one reason."""

    metric: str
    reducers: tuple[str, ...]
    reason: str


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
    `clustered` says whether any samples share a source.

    `metrics` are the rows to show: each metric of the run reduced as its suite asked
    (``exact_match``, ``exact_match pass@2``). Cells have the means besides, shown or not.
    """

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
    left_out: tuple[LeftOut, ...] = ()


def summarize(run: Run, level: float = 0.95) -> Summary:
    """The figures of `run`, intervals at `level`.

    The epochs of a sample are averaged, or reduced as the run's suite asked, before anything else;
    intervals and tests are clustered by `Sample.group`. All pairs of targets on one metric are a
    family, whose p-values are adjusted after Holm (1979): the chance that any verdict on that
    metric is false stays within 1 − level.

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
    tallies = tallies_of(run)
    rows, left_out = _rows(run, tallies)
    means = [_Row(metric, metric, MEAN) for metric in run.metrics.values()]
    cells = {
        (row.metric.name, target): _cell(run, row, target, tallies[row.source.name, target], level)
        for row in dict.fromkeys([*rows, *means])
        for target in run.targets
    }
    return Summary(
        level=level,
        targets=run.targets,
        metrics=tuple(row.metric for row in rows),
        cells=cells,
        pairs=_pairs(run, rows, tallies, level),
        judges=measure_judges(run, level),
        efforts=tuple(_effort(target, run.items) for target in run.targets),
        samples=len(run.samples),
        epochs=epochs_of(run),
        finished=len(run.items),
        planned=run.planned,
        clustered=_groups(run, run.samples) is not None,
        left_out=left_out,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of figures: a metric of the run under one reducer. `metric` is what it shows."""

    metric: Metric
    source: Metric
    reducer: Reducer

    def figures(self, values: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Sample id to its figure."""
        return self.reducer.reduce(values, higher_is_better=self.source.higher_is_better)


def _rows(
    run: Run, tallies: Mapping[tuple[str, str], Tally]
) -> tuple[list[_Row], tuple[LeftOut, ...]]:
    """What to show of each metric, the mean alone where no reducer says anything of it."""
    wanted, rows, left_out = reducers_of(run), [], []
    for metric in run.metrics.values():
        found = [
            value
            for target in run.targets
            for scores in tallies[metric.name, target].values.values()
            for value in scores
        ]
        why = {reducer: reducer.inapplicable(metric, found) for reducer in wanted}
        apt = [reducer for reducer, reason in why.items() if reason is None] or [MEAN]
        rows += [_Row(reducer.metric(metric), metric, reducer) for reducer in apt]
        for reason in dict.fromkeys(filter(None, why.values())):
            names = tuple(str(reducer) for reducer in wanted if why[reducer] == reason)
            left_out.append(LeftOut(metric.name, names, reason))
    return rows, tuple(left_out)


def _cell(run: Run, row: _Row, target: str, tally: Tally, level: float) -> Cell:
    figures = row.figures(tally.values)
    values = list(figures.values())
    figure = estimate(
        values, clusters=_groups(run, figures), level=level, bounds=_bounds(row.metric, values)
    )
    items = covered_items(run, tally)
    mean = row.reducer.kind == "mean"
    coverage = items if mean else covered_samples(run, row.reducer, tally, len(figures))
    span = _range(run, row, tally) if items.missing else None
    return Cell(target, row.metric.name, figure, coverage, span)


def _range(run: Run, row: _Row, tally: Tally) -> Bounds | None:
    if row.metric.bounds is None:
        return None
    epochs = epochs_of(run)
    worst, best = (
        list(row.figures(dict(filled(run.samples, tally, epochs, end))).values())
        for end in row.metric.bounds
    )
    return (statistics.fmean(worst), statistics.fmean(best)) if worst else None


def _pairs(
    run: Run, rows: Sequence[_Row], tallies: Mapping[tuple[str, str], Tally], level: float
) -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for row in rows:
        metric = row.metric
        means = {
            target: row.figures(tallies[row.source.name, target].values) for target in run.targets
        }
        names = [
            (a, b)
            for a, b in itertools.combinations(run.targets, 2)
            if len(means[a].keys() & means[b].keys()) > 1
        ]
        family = holm_adjust([_compare(run, metric, means[a], means[b], level) for a, b in names])
        corrected = 1.0 - (1.0 - level) / max(len(family), 1)
        pairs += [
            Pair(metric.name, a, b, comparison, _detectable(comparison, corrected, metric.bounds))
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


def _detectable(comparison: Comparison, level: float, bounds: Bounds | None) -> float | None:
    """None too where it is more than the metric's bounds allow: no difference would be seen."""
    difference = comparison.difference
    if difference.std_error is None or difference.df < 1:
        return None
    smallest = minimum_detectable_effect(difference.std_error, level=level, df=difference.df)
    return None if bounds is not None and smallest > bounds[1] - bounds[0] else smallest


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
