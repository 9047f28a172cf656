"""The comparison itself: pairs, coverage, statistics and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal, get_args

from quilate.errors import ConfigurationError
from quilate.evals import DEFAULT_STORE, open_run
from quilate.evals.comparing import (
    differences,
    measures_of,
    names_of,
    remeasured,
    same_samples,
    shared_metrics,
    target_pairs,
)
from quilate.evals.results import Item, Run
from quilate.evals.store import Items
from quilate.evals.stored import groups_of
from quilate.evaluators import Metric, Sample
from quilate.judging.calibration import Calibration
from quilate.judging.kept import distrusted, find_calibrations
from quilate.reports.comparison.decisions import Draft, decide
from quilate.reports.comparison.people import adjusted, labels_in, people_difference
from quilate.reports.comparison.values import Correction, Note, RunComparison, Uncompared
from quilate.reports.summary import Cell, _cell, _rows
from quilate.reports.tallies import epochs_of, tallies_of


def compare(
    run_a: Run | str,
    run_b: Run | str,
    *,
    metrics: Sequence[str] = (),
    margin: float | None = None,
    level: float = 0.95,
    correction: Correction = "holm",
    store: str | Path = DEFAULT_STORE,
) -> RunComparison:
    """Compare run B with run A on the samples that both have, by the metrics that both have.

    Runs are given as such, or by their ids in `store`. Samples are the same when their id, input
    and references are. The one target of each run is a pair, whatever its name; else those of the
    same name are. Epochs are put together first, intervals are clustered by `Sample.group`, and
    p-values adjusted over all rows: after Holm (1979), or after Benjamini & Hochberg (1995) with
    `correction` ``bh``.

    A metric without bounds, and one whose judge is not to be trusted by people's labels (see
    `quilate.judging`), decide only when they are named by `metrics`.

    With a `margin`, a share of each metric's range, a row is asked whether B is worse by more than
    that (non-inferiority), and whether A and B differ by less (equivalence, two one-sided tests).

    Raises `ConfigurationError` for runs with nothing in common, an unknown metric, a margin that
    is not between 0 and 1, or one for a metric that was named and has no bounds.
    """
    a, b = (_opened(run, store) for run in (run_a, run_b))
    _check(level, margin, correction)
    pairs = target_pairs(a.targets, b.targets)
    samples = same_samples(a.samples, b.samples)
    if not samples:
        raise ConfigurationError(
            f"The runs {a.id} and {b.id} have no samples in common (same id, input, references).",
            remedy="Compare runs over the same samples.",
        )
    left, right = (_side(run, samples, level) for run in (a, b))
    metrics = names_of(metrics)
    chosen = shared_metrics(left.metrics, right.metrics, metrics)
    if margin is not None:
        _check_bounded(chosen, metrics)
    drafts, uncompared = _drafted(chosen, pairs, samples, left, right, named=bool(metrics))
    drafts = _with_people(drafts, left, right, level)
    return RunComparison(
        a=a,
        b=b,
        rows=decide(drafts, margin=margin, level=level, correction=correction),
        uncompared=uncompared,
        samples=tuple(samples),
        differences=tuple(differences(a, b)),
        notes=tuple(_left_out(a, b, len(samples))),
        remeasured=tuple(remeasured(measures_of(a), measures_of(b), _sources(a, b, chosen))),
        level=level,
        margin=margin,
        correction=correction,
    )


def _drafted(
    chosen: Sequence[Metric],
    pairs: Sequence[tuple[str, str]],
    samples: Sequence[str],
    left: _Side,
    right: _Side,
    *,
    named: bool,
) -> tuple[list[Draft], tuple[Uncompared, ...]]:
    """The scores of each metric and pair of targets side by side, and those that cannot be."""
    untrusted = distrusted(left.calibrations, right.calibrations)
    drafts: list[Draft] = []
    uncompared: list[Uncompared] = []
    for metric, (one, other) in product(chosen, pairs):
        judge = untrusted.get(right.sources[metric.name])
        cells = (left.cells[metric.name, one], right.cells[metric.name, other])
        x, y = left.figures[metric.name, one], right.figures[metric.name, other]
        shared = [key for key in samples if key in x and key in y]
        if len(shared) < 2:
            decides = named or (len(x) > 1 and metric.bounds is not None and judge is None)
            uncompared.append(Uncompared(metric.name, one, other, len(shared), cells, decides))
            continue
        # Groups may have been given to the samples after the first of the two runs.
        groups = groups_of(right.run.samples, shared) or groups_of(left.run.samples, shared)
        before, after = [x[key] for key in shared], [y[key] for key in shared]
        drafts.append(Draft(metric, one, other, shared, before, after, groups, cells, named, judge))
    return drafts, tuple(uncompared)


def _with_people(drafts: Sequence[Draft], left: _Side, right: _Side, level: float) -> list[Draft]:
    """The drafts with what people's labels say of them, where there are any."""
    a, b = left.run, right.run
    # Labels are of single answers, so that those of several epochs are no label of their mean.
    if not epochs_of(a) == epochs_of(b) == 1:
        return list(drafts)
    found = []
    for draft in drafts:
        source = right.sources[draft.metric.name]
        before = labels_in(a, draft.target_a, left.calibrations.get(source))
        after = labels_in(b, draft.target_b, right.calibrations.get(source))
        found.append(people_difference(before, after, draft, level))
    told = zip(drafts, found, adjusted(found), strict=True)
    return [replace(draft, people=people, people_p=p) for draft, people, p in told]


def _sources(a: Run, b: Run, chosen: Sequence[Metric]) -> list[str]:
    """The metrics that the chosen rows are made of, whatever their reducers."""
    names = {metric.name for metric in chosen}
    return [
        own
        for own in a.metrics
        if own in b.metrics and any(f"{name} ".startswith(f"{own} ") for name in names)
    ]


def _opened(run: Run | str, store: str | Path) -> Run:
    return run if isinstance(run, Run) else open_run(run, store=store)


def _check(level: float, margin: float | None, correction: str) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigurationError(
            f"The level is {level!r}.", remedy="It lies between 0 and 1: 0.95."
        )
    if margin is not None and not 0.0 < margin < 1.0:
        raise ConfigurationError(
            f"The margin is {margin!r}.",
            remedy="It is a share of the metric's range, between 0 and 1: 0.02.",
        )
    if correction not in get_args(Correction):
        raise ConfigurationError(
            f"There is no correction '{correction}'.", remedy="Choose holm or bh."
        )


def _check_bounded(chosen: Sequence[Metric], named: Sequence[str]) -> None:
    for metric in chosen:
        if metric.bounds is None and metric.name in named:
            raise ConfigurationError(
                f"The metric '{metric.name}' has no bounds, and a margin is a share of them.",
                remedy="Compare it without a margin.",
            )


def _left_out(a: Run, b: Run, shared: int) -> Iterator[Note]:
    sides: tuple[tuple[Literal["A", "B"], Run], ...] = (("A", a), ("B", b))
    for name, run in sides:
        if len(run.samples) > shared:
            yield Note("unequal", name, len(run.samples) - shared, len(run.samples))
        if len(run.items) < run.planned:
            yield Note("unfinished", name, len(run.items), run.planned)


@dataclass(frozen=True, slots=True)
class _Side:
    """One run's part: its metrics, reduced as its suite asked, by name, and the name of what each
    is reduced from; by (metric, target) its cell, and the figure of each sample; and what is known
    of its judges."""

    run: Run
    metrics: Mapping[str, Metric]
    sources: Mapping[str, str]
    cells: Mapping[tuple[str, str], Cell]
    figures: Mapping[tuple[str, str], Mapping[str, float]]
    calibrations: Mapping[str, Calibration]


def _side(run: Run, samples: Sequence[str], level: float) -> _Side:
    """The run as if it had no other samples."""
    wanted = set(samples)
    groups = groups_of(run.samples, samples) or [None] * len(samples)
    part = replace(
        run,
        samples={
            key: Sample(key, "", group=group) for key, group in zip(samples, groups, strict=True)
        },
        items=[item for item in _bare(run) if item.sample_id in wanted],
        planned=len(samples) * len(run.targets) * epochs_of(run),
    )
    tallies = tallies_of(part)
    rows, _ = _rows(part, tallies)
    found = {
        (row.metric.name, target): (row, tallies[row.source.name, target])
        for row in rows
        for target in run.targets
    }
    return _Side(
        run,
        {row.metric.name: row.metric for row in rows},
        {row.metric.name: row.source.name for row in rows},
        {key: _cell(part, row, key[1], tally, level) for key, (row, tally) in found.items()},
        {key: row.figures(tally.values) for key, (row, tally) in found.items()},
        find_calibrations(run),
    )


def _bare(run: Run) -> Iterator[Item]:
    return run.items.without_outputs() if isinstance(run.items, Items) else iter(run.items)
