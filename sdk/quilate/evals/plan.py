"""The plan of a run: which target meets which sample, in what order, and what it all rests on."""

import random
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any, NamedTuple

from quilate.codec import digest
from quilate.errors import ConfigurationError
from quilate.evals import reducers
from quilate.evals.provenance import describe
from quilate.evals.suite import Suite
from quilate.evals.tables import safe_json
from quilate.evals.targets import as_target
from quilate.evaluators import Evaluator, Metric, Sample, misfit
from quilate.middleware.cassette import redacted


class Work(NamedTuple):
    """One item to be done: target × sample × epoch. `position` is its place in the results."""

    position: int
    target: str
    sample: Sample
    epoch: int

    @property
    def scope(self) -> str:
        """What tells this item's model calls from every other's."""
        return f"{self.target}|{self.sample.id}|{self.epoch}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All items of a run. `fingerprint` says what their results depend on: a run can only be
    resumed by a plan of the same fingerprint. `grouped` does the samples of one source one after
    the other, for who counts sources."""

    samples: tuple[Sample, ...]
    targets: tuple[str, ...]
    epochs: int
    seed: int
    fingerprint: Mapping[str, Any]
    grouped: bool = False

    def units(self) -> list[list[int]]:
        """The places of the samples, in the order drawn from the seed in which they are done: each
        alone or, in a `grouped` plan, together with those of its `Sample.group`."""
        units: dict[Any, list[int]] = {}
        for place, sample in enumerate(self.samples):
            together = self.grouped and sample.group is not None
            units.setdefault((sample.group,) if together else place, []).append(place)
        order = list(units.values())
        random.Random(self.seed).shuffle(order)  # noqa: S311  # not for secrets
        return order

    def __len__(self) -> int:
        return len(self.samples) * len(self.targets) * self.epochs

    def positions(self) -> dict[tuple[str, str, int], int]:
        """The place of each item in the results, by target, sample id and epoch."""
        items = product(self.samples, self.targets, range(self.epochs))
        return {(target, one.id, n): place for place, (one, target, n) in enumerate(items)}

    def work(self, done: Container[int] = ()) -> Iterator[Work]:
        """The items whose position is not in `done`.

        Samples come in an order drawn from the seed, each with all its targets at once: so a run
        that stops early has seen a random part of the data set, and the same part for every
        target, and what it has can still be compared in pairs.
        """
        for index in chain.from_iterable(self.units()):
            for number, target in enumerate(self.targets):
                for epoch in range(self.epochs):
                    position = (index * len(self.targets) + number) * self.epochs + epoch
                    if position not in done:
                        yield Work(position, target, self.samples[index], epoch)


def metrics_of(suite: Suite) -> dict[str, Metric]:
    """The suite's metrics by name. Raises `ConfigurationError` for what is no evaluator, and when
    two share a metric."""
    found: dict[str, Metric] = {}
    for evaluator in suite.evaluators:
        if isinstance(evaluator, type) or not hasattr(evaluator, "metrics"):
            raise ConfigurationError(
                f"{getattr(evaluator, '__name__', evaluator)!r} is no evaluator.",
                where=str(suite.path or suite.name),
                remedy="Write quilate.evaluator(NAME), or give it your function or class.",
            )
        for metric in evaluator.metrics:
            if metric.name in found:
                raise ConfigurationError(
                    f"Two evaluators give the metric '{metric.name}'; one is '{evaluator.name}'.",
                    where=str(suite.path or suite.name),
                    remedy="Leave one out, or wrap it in quilate.evaluators.Renamed.",
                )
            found[metric.name] = metric
    return found


async def make_plan(suite: Suite) -> Plan:
    """Check a suite and plan it. Raises `ConfigurationError` for a suite that cannot be run.

    >>> from quilate import sync
    >>> suite = Suite("s", [Sample("1", "?"), Sample("2", "?")], {"a": str, "b": str}, [])
    >>> [work.scope for work in sync.run(make_plan(suite)).work()]
    ['a|1|0', 'b|1|0', 'a|2|0', 'b|2|0']
    """
    _check(suite)
    fingerprint = {
        "samples": digest(*(_json_of(sample, suite) for sample in suite.samples)),
        "targets": {name: await describe(target) for name, target in suite.targets.items()},
        "evaluators": await evaluators_of(suite),
        "resources": {name: dict(await r.provenance()) for name, r in suite.resources.items()},
        "epochs": suite.epochs,
        "seed": suite.seed,
    }
    samples, targets = tuple(suite.samples), tuple(suite.targets)
    return Plan(samples, targets, suite.epochs, suite.seed, redacted(fingerprint))


async def evaluators_of(suite: Suite) -> dict[str, Any]:
    """What each evaluator is, and the names of its metrics, by its number and name."""
    return {
        f"{n} {one.name}": [await describe(one), [metric.name for metric in one.metrics]]
        for n, one in enumerate(suite.evaluators)
    }


def _json_of(sample: Sample, suite: Suite) -> bytes:
    try:
        return safe_json(sample)
    except ValueError as error:
        raise ConfigurationError(
            f"The sample '{sample.id}' cannot be kept as JSON: {error}.",
            where=str(suite.path or suite.name),
            remedy="Give its fields the declared types, and its metadata plain JSON values.",
        ) from None


def _check(suite: Suite) -> None:
    where = str(suite.path or suite.name)
    for what, there in (("samples", suite.samples), ("targets", suite.targets)):
        if not there:
            raise ConfigurationError(f"The suite has no {what}.", where=where)
    if suite.epochs < 1 or suite.concurrency < 1:
        raise ConfigurationError("`epochs` and `concurrency` must be at least 1.", where=where)
    seen: set[str] = set()
    for sample in suite.samples:
        if sample.id in seen:
            raise ConfigurationError(
                f"Two samples have the id '{sample.id}'.",
                where=where,
                remedy="Ids tell samples apart; give each its own.",
            )
        seen.add(sample.id)
    reducers.check(suite.reducers, suite.epochs, where=where)
    metrics_of(suite)
    for name, target in suite.targets.items():
        as_target(name, target)
    for evaluator in suite.evaluators:
        check_fit(evaluator, suite.samples, where)


def check_fit(evaluator: Evaluator, samples: Sequence[Sample], where: str) -> None:
    """Raise `ConfigurationError` for an evaluator that is of no use for the samples."""
    why = misfit(evaluator, samples)
    if why is not None:
        raise ConfigurationError(
            f"The evaluator '{evaluator.name}' {why}.",
            where=where,
            remedy="Correct the samples (`samples: fields:` maps columns to what evaluators "
            "look at) or its options, or leave it out.",
        )


def changes(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two fingerprints differ, as ``path: old → new``.

    >>> changes({"seed": 0, "epochs": 1}, {"seed": 7, "epochs": 1})
    ['seed: 0 → 7']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        names = [*old, *(name for name in new if name not in old)]
        return [
            change
            for name in names
            for change in changes(
                old.get(name, "absent"), new.get(name, "absent"), f"{path}.{name}".lstrip(".")
            )
        ]
    return [] if old == new else [f"{path}: {_short(old)} → {_short(new)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
