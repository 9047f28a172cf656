"""Which outputs of a run are good: by its scores, or by what people said of them."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quilate.errors import ConfigurationError
from quilate.evals.results import Item, Run
from quilate.evaluators import Metric
from quilate.judging.labels import Label
from quilate.registry import nearest
from quilate.tuning.sources.values import Unusable

People = Mapping[tuple[str, str, int], Mapping[str, float]]
"""Of an item (target, sample, epoch), the mean of people's labels by metric."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What an output must reach under a metric: `at_least`, or `at_most`."""

    metric: Metric
    at_least: float | None
    at_most: float | None

    def passes(self, value: float) -> bool:
        """Whether a value reaches it."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


def bars(
    run: Run,
    metric: str | Sequence[str],
    at_least: float | None,
    at_most: float | None,
    *,
    distrusted: bool,
) -> tuple[Bar, ...]:
    """What outputs must reach under each metric. Without a limit it is the best value there is.

    Raises `ConfigurationError` for a metric that the run has not, one whose best value nobody
    knows, a limit that points the wrong way, and a judge whose calibration speaks against it
    (unless `distrusted` ones may be used).
    """
    names = [metric] if isinstance(metric, str) else list(metric)
    if not names:
        raise ConfigurationError("No metric is named.", remedy='Give metric="NAME".')
    return tuple(bar_of(known(run, name, distrusted), at_least, at_most) for name in names)


def known(run: Run, name: str, distrusted: bool) -> Metric:
    """A metric of the run, by a judge that labels do not speak against."""
    found = run.metrics.get(name)
    if found is None:
        raise ConfigurationError(
            f"The run {run.id} has no metric '{name}'.", remedy=nearest(name, list(run.metrics))
        )
    if found.judged and not distrusted:
        from quilate.judging.kept import distrusted_judges

        if name in distrusted_judges(run):
            raise ConfigurationError(
                f"People's labels speak against the judge of '{name}': it agrees with them no "
                "better than chance.",
                where=f"run {run.id}",
                remedy="Take another metric; or give distrusted=True, to use it all the same.",
            )
    return found


def bar_of(metric: Metric, at_least: float | None, at_most: float | None) -> Bar:
    """What must be reached under a metric: the limits, else the best value that it can have.

    Raises `ConfigurationError` where nobody knows what is best, and for a limit that is NaN or
    points the wrong way.
    """
    if at_least is None and at_most is None:
        if metric.bounds is None:
            raise ConfigurationError(
                f"Nobody knows what is good under '{metric.name}', which has no bounds.",
                remedy="Give at_least=… or at_most=….",
            )
        low, high = metric.bounds
        return Bar(metric, high, None) if metric.higher_is_better else Bar(metric, None, low)
    if at_least is not None and at_most is None and not metric.higher_is_better:
        raise ConfigurationError(
            f"Lower is better under '{metric.name}'.", remedy=f"Give at_most={at_least:g}."
        )
    if at_most is not None and at_least is None and metric.higher_is_better:
        raise ConfigurationError(
            f"Higher is better under '{metric.name}'.", remedy=f"Give at_least={at_most:g}."
        )
    for limit in (at_least, at_most):
        if limit is not None and limit != limit:
            raise ConfigurationError("A limit is NaN.", remedy="Give a number.")
    return Bar(metric, at_least, at_most)


def targets_of(run: Run, target: str | None) -> frozenset[str]:
    """The targets that are meant: one, or all. Raises `ConfigurationError` for an unknown one."""
    if target is None:
        return frozenset(run.targets)
    if target not in run.targets:
        raise ConfigurationError(
            f"The run {run.id} has no target '{target}'.",
            remedy=nearest(target, list(run.targets)),
        )
    return frozenset((target,))


def people_of(run: Run, labels: Iterable[Label]) -> People:
    """What people said of the run's items: the mean of the labellers for each metric."""
    given: dict[tuple[str, str, int], dict[str, dict[str, float]]] = {}
    for label in labels:
        if label.run == run.id:
            by = given.setdefault(label.item, {}).setdefault(label.metric, {})
            by[label.labeller] = label.value
    return {
        item: {metric: statistics.fmean(by.values()) for metric, by in metrics.items()}
        for item, metrics in given.items()
    }


def values_of(item: Item, wanted: Sequence[Bar], people: People) -> dict[str, float]:
    """An item's value under each metric, people's before the run's own.

    Raises `Unusable` for an item that failed or has no value.
    """
    if item.output is None:
        what = item.failure.kind if item.failure is not None else "no output"
        raise Unusable("failed", what)
    scores = {score.metric: score for score in item.scores}
    said = people.get((item.target, item.sample_id, item.epoch), {})
    found: dict[str, float] = {}
    for one in wanted:
        name = one.metric.name
        score = scores.get(name)
        value = said.get(name, score.value if score is not None else None)
        if value is None:
            raise Unusable("unscored", f"{name}: {score.reason if score else 'no score'}")
        found[name] = value
    return found
