"""The scores of a run by metric and target: what was scored, what was not, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from quilate.evals.reducers import Reducer
from quilate.evals.results import Item, Run
from quilate.evaluators import ABSTAINS, Score

TOO_FEW = "too few epochs are scored"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the planned items of one target under one metric, in items; in samples for a
    figure that takes several epochs.

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

    @property
    def abstained(self) -> int:
        """Items without a score because the target said that it does not know, which is an outcome
        of its own: right where the context lacks the answer."""
        return self.unscored.get(ABSTAINS, 0)


@dataclass(slots=True)
class Tally:
    """The scores of one metric of one target as they are gathered."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    settled: Counter[str] = field(default_factory=Counter)  # finished items by sample
    failed: Counter[str] = field(default_factory=Counter)  # items in error by sample
    unscored: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, item: Item, score: Score | None) -> None:
        """Count one finished item, with its score of this metric where there is one."""
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


def tallies_of(run: Run) -> dict[tuple[str, str], Tally]:
    """The scores of every metric and target."""
    tallies = {(name, target): Tally() for name in run.metrics for target in run.targets}
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


def covered_items(run: Run, tally: Tally) -> Coverage:
    """Coverage in items, as for the mean."""
    planned = run.planned // max(len(run.targets), 1)
    return Coverage(
        planned=planned,
        scored=sum(len(scored) for scored in tally.values.values()),
        unscored=dict(tally.unscored.most_common()),
        errors=dict(tally.errors.most_common()),
        pending=max(planned - tally.settled.total(), 0),
        messages=dict(tally.messages),
    )


def covered_samples(run: Run, reducer: Reducer, tally: Tally, scored: int) -> Coverage:
    """Coverage in samples, of a figure that takes `reducer.k` scored epochs; `scored` have it."""
    epochs, fates = epochs_of(run), Counter[str]()
    for sample in run.samples:
        have, failed = len(tally.values.get(sample, ())), tally.failed[sample]
        if have < reducer.k:
            pending = tally.settled[sample] < epochs
            fates["pending" if pending else "failed" if failed else "unscored"] += 1
    return Coverage(
        planned=len(run.samples),
        scored=scored,
        unscored={TOO_FEW: fates["unscored"]} if fates["unscored"] else {},
        errors={TOO_FEW: fates["failed"]} if fates["failed"] else {},
        pending=fates["pending"],
    )


def filled(
    samples: Iterable[str], tally: Tally, epochs: int, end: float
) -> Iterator[tuple[str, list[float]]]:
    """The scores of samples, every missing one taken to be `end`."""
    for sample in samples:
        scored = tally.values.get(sample, [])
        pending = max(epochs - tally.settled[sample], 0)
        values = scored + [end] * (tally.failed[sample] + pending)
        if values:
            yield sample, values


def epochs_of(run: Run) -> int:
    """How often each target was to answer each sample."""
    return max(run.planned // max(len(run.targets) * len(run.samples), 1), 1)
