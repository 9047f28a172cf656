"""The checks of a gate: each metric's new scores against the baseline's, tested one by one."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

from quilate.errors import ConfigurationError
from quilate.evals import runner
from quilate.evals.comparing import same_sample, shared_metrics, target_pairs
from quilate.evals.plan import Plan, metrics_of
from quilate.evals.results import Item, Run
from quilate.evals.suite import Suite
from quilate.evaluators import Metric
from quilate.stats.betting import confidence_sequence
from quilate.stats.estimates import Interval
from quilate.stats.sequential import SequentialTest

_TOLERATED = 0.05
UNTRUSTED = "its judge is not to be trusted, so it is not watched"
"""How the note on a metric ends that is left out for its judge."""

Verdict = Literal["not worse", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class Check:
    """One metric of one target, the new answers against the baseline's.

    `difference` is the mean of new − baseline over the `samples` that were compared, in `n` units
    (each sample, or each source of several), turned so that higher is better. `interval` holds what
    it is over the whole suite, `beyond` what it is over endlessly many samples like these; both
    hold whenever they are looked at. Each end has the level of the verdict that it bears out: the
    lower that of *not worse*, the upper the one of *worse*, which is corrected for the number of
    checks. So the interval of the question that the gate asks lies above −margin where the
    verdict is *not worse*, below it for *worse*, and holds it for *undecided*. `failed` counts the
    samples that the new run failed at, which count as the worst; `left_out` those that one of the
    two gave no score for other reasons; where `lost`, what could be compared is not worse, but the
    new run has lost too many scores for that to pass.
    """

    metric: str
    target: str
    baseline_target: str
    verdict: Verdict
    difference: float | None
    interval: Interval | None
    beyond: Interval | None
    n: int
    failed: int = 0
    left_out: int = 0
    samples: int = 0
    lost: bool = False


@dataclass(slots=True)
class _Check:
    """A check under way: its baseline, and the tests of both questions."""

    metric: Metric
    target: str
    baseline_target: str
    before: Mapping[str, float]
    margin: float  # on the metric's scale
    passing: SequentialTest
    failing: SequentialTest
    units: int  # of the suite: samples, or sources of several
    typical: float  # samples of a unit, on average
    generalize: bool
    tolerated: float  # share of samples that may lose their score, by an abstention, and still pass
    values: list[float] = field(default_factory=list)
    failed: int = 0
    left_out: int = 0
    seen: int = 0  # samples that the baseline has a score of
    dropped: int = 0  # of those, what the new run gives none for
    compared: int = 0  # of those, what both have

    @property
    def verdict(self) -> Verdict:
        if self.passing.decision == "not worse" and not self.too_few:
            return "not worse"
        return "worse" if self.failing.decision == "worse" else "undecided"

    @property
    def too_few(self) -> bool:
        """Whether the new run has lost more scores than a pass allows."""
        return self.dropped > self.tolerated * self.seen

    def add(self, samples: Sequence[str], after: Mapping[str, Sequence[float | None]]) -> None:
        """A unit: the new scores of each sample, None where the run failed."""
        if self.verdict != "undecided":
            return
        differences = []
        low, high = self.metric.bounds or (0.0, 1.0)
        worst = low if self.metric.higher_is_better else high
        for sample in samples:
            scores = after.get(sample)
            self.seen += sample in self.before
            self.dropped += sample in self.before and not scores
            if sample not in self.before or not scores:
                self.left_out += 1
                continue
            self.failed += None in scores
            value = statistics.fmean(worst if one is None else one for one in scores)
            _check_within(self.metric, sample, value, "the new run")
            difference = value - self.before[sample]
            self.compared += 1
            differences.append(difference if self.metric.higher_is_better else -difference)
        if differences:
            # So weighed, the mean over units is that over samples, as every report has it.
            weight = sum(sample in self.before for sample in samples) / self.typical
            most = self.passing.bounds[1]  # which rounding must not exceed
            value = min(max(weight * statistics.fmean(differences), -most), most)
            self.values.append(value)
            for test in (self.passing, self.failing):
                test.update(value)

    def result(self) -> Check:
        interval = beyond = None
        if self.values:
            interval = self._agreeing(_joined(self.passing.interval, self.failing.interval))
            # Where the test has no population, it asks about endlessly many samples itself.
            beyond = interval if self.generalize else self._beyond()
        return Check(
            self.metric.name,
            self.target,
            self.baseline_target,
            self.verdict,
            self._within(statistics.fmean(self.values)) if self.values else None,
            None if interval is None else self._interval(interval),
            None if beyond is None else self._interval(beyond),
            len(self.values),
            self.failed,
            self.left_out,
            self.compared,
            self.verdict == "undecided" and self.passing.decision == "not worse",
        )

    def _agreeing(self, found: Interval) -> Interval:
        """The interval, from which one can read the verdict.

        A verdict that is kept from an earlier look rests on that look's interval, which holds
        together with this one; to reach −margin, where nothing is decided (too many scores are
        lost, or the first evidence was for the other side), only raises the coverage.
        """
        edge = -self.margin
        if self.verdict == "not worse":
            return replace(found, low=max(found.low, edge), high=max(found.high, edge))
        if self.verdict == "worse":
            return replace(found, low=min(found.low, edge), high=min(found.high, edge))
        return replace(found, low=min(found.low, edge), high=max(found.high, edge))

    def _beyond(self) -> Interval:
        """What the tests would say, were they about endlessly many samples."""
        low, high = (
            confidence_sequence(self.values, test.bounds, level=test.level, horizon=self.units)
            for test in (self.passing, self.failing)
        )
        return _joined(low, high)

    def _interval(self, found: Interval) -> Interval:
        return replace(found, low=self._within(found.low), high=self._within(found.high))

    def _within(self, difference: float) -> float:
        """A difference of means is no larger than that of the bounds; that of a few large units,
        weighed, may be."""
        low, high = self.metric.bounds or (0.0, 1.0)
        return min(max(difference, low - high), high - low)


def _joined(low: Interval, high: Interval) -> Interval:
    """The lower end of one interval and the upper end of the other."""
    level = (low.level + high.level) / 2.0  # each end errs with half of what its interval may
    return replace(low, high=high.high, level=round(level, 12))


class Checks:
    """All checks of a gate, fed with items as they are finished and looked at in plan order."""

    def __init__(
        self,
        suite: Suite,
        baseline: Run,
        wanted: Sequence[str],
        *,
        margin: float,
        level: float,
        generalize: bool,
        distrusted: Collection[str] = (),
    ) -> None:
        """`distrusted` are the metrics whose judge is not to be trusted by people's labels."""
        self.baseline, self.margin, self.level = baseline, margin, level
        self.generalize = generalize
        known = metrics_of(suite)
        self.skipped: list[str] = []
        chosen = self._bounded(shared_metrics(known, baseline.metrics, wanted), wanted)
        if not wanted:
            chosen = self._trusted(chosen, distrusted)
        pairs = target_pairs(tuple(suite.targets), baseline.targets)
        self.targets = tuple(target for target, _ in pairs)
        self.samples = self._shared(suite)
        self.available, self.used = len(self.samples), 0
        groups = {s.id: s.group or (s.id,) for s in suite.samples if s.id in self.samples}
        scored: list[tuple[Metric, str, str, Mapping[str, float], list[int]]] = []
        for metric, (target, other) in product(chosen, pairs):
            before = _means(baseline, metric.name, other)
            for sample, value in before.items():
                _check_within(metric, sample, value, f"the run {baseline.id}")
            sizes = Counter(groups[id] for id in before if id in groups)
            if not sizes:
                self.skipped.append(f"{metric.name} ({other}): the baseline has no score of it")
                continue
            scored.append((metric, target, other, before, list(sizes.values())))
        self.checks = [
            _check(
                *one,
                margin=margin,
                alpha=1.0 - level,
                count=len(scored),
                generalize=generalize,
            )
            for one in scored
        ]
        self._refuse_unscored(chosen, wanted)
        if not wanted:  # what only one of the two has may be what got worse
            self.skipped += _alone("metric", known, baseline.metrics)
        if len(pairs) < max(len(suite.targets), len(baseline.targets)):
            self.skipped += _alone("target", suite.targets, baseline.targets)

    def _shared(self, suite: Suite) -> set[str]:
        """The samples that the baseline was asked too."""
        shared = {
            sample.id
            for sample in suite.samples
            if same_sample(sample, self.baseline.samples.get(sample.id))
        }
        if not shared:
            raise ConfigurationError(
                f"The suite and the run {self.baseline.id} have no samples in common "
                "(same id, input, references).",
                remedy="Gate over samples that the baseline has answered.",
            )
        if len(suite.samples) > len(shared):
            missing = len(suite.samples) - len(shared)
            said = "1 sample is" if missing == 1 else f"{missing} samples are"
            self.skipped.append(f"{said} not in the baseline")
        return shared

    def _refuse_unscored(self, chosen: Sequence[Metric], wanted: Sequence[str]) -> None:
        """A gate that watches nothing, or not what was asked for, would pass anything."""
        watched = {check.metric.name for check in self.checks}
        unscored = [one.name for one in chosen if one.name not in watched]
        if unscored and (wanted or not self.checks):
            raise ConfigurationError(
                f"The run {self.baseline.id} has no score of '{unscored[0]}' on the suite's "
                "samples.",
                remedy="Compare with a run that has, or choose other metrics.",
            )

    def _bounded(self, metrics: Sequence[Metric], wanted: Sequence[str]) -> list[Metric]:
        """Those that a sequential test can watch."""
        unbounded = [metric.name for metric in metrics if metric.bounds is None]
        bounded = [metric for metric in metrics if metric.bounds is not None]
        if unbounded and (wanted or not bounded):
            raise ConfigurationError(
                f"The metric '{unbounded[0]}' has no bounds, and cannot be gated.",
                remedy="Choose metrics with bounds; compare others afterwards: quilate compare.",
            )
        self.skipped += [f"{name}: no bounds, so it is not watched" for name in unbounded]
        return bounded

    def _trusted(self, metrics: Sequence[Metric], distrusted: Collection[str]) -> list[Metric]:
        """Those that nobody has shown to be worthless: a gate by another proves nothing."""
        weak = [metric.name for metric in metrics if metric.name in distrusted]
        trusted = [metric for metric in metrics if metric.name not in distrusted]
        if weak and not trusted:
            raise ConfigurationError(
                f"Nothing is left to watch: the judge of '{weak[0]}' is not to be trusted.",
                remedy="See why: quilate judge calibrate; or watch it all the same: "
                f"--metric {weak[0]}.",
            )
        self.skipped += [f"{name}: {UNTRUSTED}" for name in weak]
        return trusted

    def record(self) -> dict[str, Any]:
        """What the gate asks, as it stands in its run's provenance."""
        return {
            "baseline": self.baseline.id,
            "margin": self.margin,
            "level": self.level,
            "generalize": self.generalize,
            "checks": [[one.metric.name, one.target, one.baseline_target] for one in self.checks],
        }

    def watch(self, plan: Plan) -> runner.Watch:
        """What looks at the plan's items: in the order of the plan, for the quick answers, which
        are finished first, may be the good ones."""
        waiting = [[plan.samples[place].id for place in unit] for unit in plan.units()]
        waiting.reverse()
        items: dict[str, list[Item]] = defaultdict(list)
        whole = len(plan.targets) * plan.epochs

        def add(item: Item) -> str | None:
            items[item.sample_id].append(item)
            while (
                self.verdict == "undecided"
                and waiting
                and all(len(items[sample]) == whole for sample in waiting[-1])
            ):
                unit = waiting.pop()
                self._add(unit, [done for sample in unit for done in items.pop(sample)])
            return None if self.verdict == "undecided" else self.verdict

        return add

    def _add(self, unit: Sequence[str], items: Sequence[Item]) -> None:
        shared = [sample for sample in unit if sample in self.samples]
        self.used += len(shared)
        for check in self.checks:
            check.add(shared, _scores(items, check.metric.name, check.target))

    def results(self) -> tuple[Check, ...]:
        """What each check has found so far."""
        return tuple(check.result() for check in self.checks)

    @property
    def verdict(self) -> Verdict:
        """*not worse* when every check is, *worse* when one is."""
        verdicts = {check.verdict for check in self.checks}
        if "worse" in verdicts:
            return "worse"
        return "undecided" if "undecided" in verdicts else "not worse"


def _check(
    metric: Metric,
    target: str,
    baseline_target: str,
    before: Mapping[str, float],
    sizes: Sequence[int],
    *,
    margin: float,
    alpha: float,
    count: int,
    generalize: bool,
) -> _Check:
    """To pass, every check must be shown not worse, which needs no correction for their number;
    to fail, one is enough, which does (Bonferroni). `sizes` are those of the units in samples: the
    more unequal they are, the more one of them can move the mean."""
    low, high = metric.bounds or (0.0, 1.0)
    span, units, typical = high - low, len(sizes), statistics.fmean(sizes)
    most = span * max(sizes) / typical

    def test(alpha: float) -> SequentialTest:
        return SequentialTest(
            bounds=(-most, most),
            margin=margin * span,
            alpha=alpha,
            population=None if generalize else units,
            horizon=units if generalize else None,
        )

    return _Check(
        metric,
        target,
        baseline_target,
        before,
        margin=margin * span,
        passing=test(alpha),
        failing=test(alpha / count),
        units=units,
        typical=typical,
        generalize=generalize,
        tolerated=max(margin, _TOLERATED),
    )


def _alone(what: str, suite: Iterable[str], baseline: Iterable[str]) -> list[str]:
    """What only one side has, and nobody compares."""
    here, there = list(suite), list(baseline)
    return [
        *(f"{one}: only the suite has this {what}" for one in here if one not in there),
        *(f"{one}: only the baseline has this {what}" for one in there if one not in here),
    ]


def _check_within(metric: Metric, sample: str, value: float, where: str) -> None:
    """Raise `ConfigurationError` for a score outside its metric's bounds: a bet on it is none."""
    low, high = metric.bounds or (0.0, 1.0)
    rounding = 1e-9 * (high - low)
    if not low - rounding <= value <= high + rounding:
        raise ConfigurationError(
            f"{metric.name} is {value:g} for the sample '{sample}', outside its bounds "
            f"{low:g} and {high:g}.",
            where=where,
            remedy="Give the metric its true bounds, or choose others: --metric NAME.",
        )


def _means(run: Run, metric: str, target: str) -> dict[str, float]:
    """Sample id to the mean over its scored epochs."""
    scores = _scores(run.items, metric, target)
    known = {key: [v for v in values if v is not None] for key, values in scores.items()}
    return {sample: statistics.fmean(values) for sample, values in known.items() if values}


def _scores(items: Iterable[Item], metric: str, target: str) -> dict[str, list[float | None]]:
    """The scores of each sample, one an epoch: None for a failure; what a metric does not apply to
    is not there."""
    found: dict[str, list[float | None]] = defaultdict(list)
    for item in items:
        if item.target != target:
            continue
        score = next((one for one in item.scores if one.metric == metric), None)
        if item.failure is not None or score is None or score.status == "error":
            found[item.sample_id].append(None)
        elif score.value is not None:
            found[item.sample_id].append(score.value)
    return found
