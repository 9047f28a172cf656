"""A judge is measured before it is believed: its agreement with the deterministic metrics.

A judge that cannot tell apart what they tell apart must be said to be weak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from quilate.evals.results import Run
from quilate.evaluators import Metric
from quilate.judging.biases import moved_by_place
from quilate.judging.calibration import Calibration
from quilate.judging.correcting import corrected_means
from quilate.judging.kept import find_calibrations, unreadable_calibrations
from quilate.stats import Estimate, auroc, spearman
from quilate.stats.jackknife import Mask, jackknife
from quilate.stats.ppi import PpiEstimate

Floats = npt.NDArray[np.float64]
Measure = Literal["AUROC", "Spearman"]
Standing = Literal["better than chance", "includes chance", "worse than chance", "unmeasured"]
Silence = Literal["no score", "one score", "too little"]
"""Why a judge is unmeasured: it scored nothing, it says the same of all, or the run has too little
to compare it with."""

CHANCE: dict[Measure, float] = {"AUROC": 0.5, "Spearman": 0.0}
FEWEST_SOURCES = 10
"""Sources below which an agreement is not told: whatever it is, it may be chance."""
_SMALLEST: dict[Measure, float] = {"AUROC": 0.0, "Spearman": -1.0}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a judged metric agrees with a deterministic `reference` on the items that have both:
    AUROC where the reference is 0 or 1 (chance 0.5), Spearman's correlation where it is graded
    (chance 0). Higher is always agreement, whichever way the two metrics point."""

    reference: str
    measure: Measure
    estimate: Estimate

    @property
    def standing(self) -> Standing:
        """Where the interval lies from what a judge that answers at random would get."""
        interval, chance = self.estimate.interval, CHANCE[self.measure]
        if interval is None:
            return "unmeasured"
        if interval.low > chance:
            return "better than chance"
        return "worse than chance" if interval.high < chance else "includes chance"

    @property
    def strong(self) -> bool:
        """The whole interval lies nearer to perfect agreement, which is 1, than to chance."""
        interval, chance = self.estimate.interval, CHANCE[self.measure]
        return interval is not None and interval.low > (chance + 1.0) / 2


@dataclass(frozen=True, slots=True)
class Judge:
    """A judged metric and its agreements. `level` is that of the single interval: those of one
    judge hold together at the report's level (Bonferroni), for the best of many is no proof.

    `calibration` is what people's labels said of this judge, if there are any (without its single
    labels), and `corrected` the mean of each target that people would give, by its labels in `run`.
    """

    metric: str
    agreements: tuple[Agreement, ...]
    level: float
    calibration: Calibration | None = None
    corrected: tuple[tuple[str, PpiEstimate], ...] = ()
    unreadable: str | None = None
    """Why a calibration that is kept for this judge does not count: its file cannot be read."""
    run: str = ""
    silence: Silence = "too little"
    moved: tuple[int, int] | None = None
    """How many of how many verdicts changed with the order, where they are nearly all."""

    @property
    def standing(self) -> Standing:
        """*Better than chance* when it separates what at least one deterministic metric does and
        contradicts none; *worse* when it contradicts one."""
        standings = {agreement.standing for agreement in self.agreements}
        order: tuple[Standing, ...] = ("worse than chance", "better than chance", "includes chance")
        return next((one for one in order if one in standings), "unmeasured")

    @property
    def weak(self) -> bool:
        """It chooses by place; people's labels say not to trust it; or, without any, it is not
        shown to agree well with anything, or contradicts something."""
        if self.moved is not None:
            return True
        if self.calibration is not None:
            return self.calibration.trust == "do not trust"
        strong = any(agreement.strong for agreement in self.agreements)
        return self.standing != "better than chance" or not strong


def measure_judges(run: Run, level: float = 0.95) -> tuple[Judge, ...]:
    """The agreement of every judged metric of `run` with its deterministic metrics.

    It is measured within each target and averaged, for between targets the two may well differ for
    reasons that have nothing to do with the judge. Items on one source are not independent, so the
    intervals are those of a delete-a-group jackknife over `Sample.group` (Kott 2001); what fewer
    than `FEWEST_SOURCES` show is left out.
    """
    references = [metric for metric in run.metrics.values() if not metric.judged and metric.bounds]
    judged = [one for one in run.metrics.values() if one.judged and not one.of_judge]
    placed = moved_by_place(run) if judged else {}
    judges = [
        replace(_judge(run, metric, references, level), moved=placed.get(metric.name))
        for metric in judged
    ]
    known = find_calibrations(run) if judges else {}
    corrected = corrected_means(run, known, level=level)
    unreadable = unreadable_calibrations(run) if judges else {}
    return tuple(
        replace(
            judge,
            calibration=replace(known[judge.metric], pairs=()),
            corrected=tuple(
                (target, one)
                for (metric, target), one in corrected.items()
                if metric == judge.metric
            ),
        )
        if judge.metric in known
        else replace(judge, unreadable=str(unreadable[judge.metric]))
        if judge.metric in unreadable
        else judge
        for judge in judges
    )


def _judge(run: Run, judged: Metric, references: Sequence[Metric], level: float) -> Judge:
    columns = [(reference, _paired(run, judged, reference)) for reference in references]
    usable = [(reference, pairs) for reference, pairs in columns if pairs.tells]
    single = 1.0 - (1.0 - level) / max(len(usable), 1)
    return Judge(
        judged.name,
        tuple(_agreement(reference.name, pairs, single) for reference, pairs in usable),
        single,
        run=run.id,
        silence=_silence(run, judged),
    )


def _silence(run: Run, judged: Metric) -> Silence:
    scores = [one for item in run.items for one in item.scores if one.metric == judged.name]
    values = [one.value for one in scores if one.value is not None]
    if not values:
        return "no score"
    return "one score" if len(values) > 1 and len(set(values)) == 1 else "too little"


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The items that both metrics scored; values turned so that higher is better."""

    judge: Floats
    truth: Floats
    targets: npt.NDArray[np.str_]
    clusters: tuple[str, ...]

    @property
    def tells(self) -> bool:
        """Whether both sides vary, over sources enough for an interval that means something."""
        enough = len(set(self.clusters)) >= FEWEST_SOURCES
        return enough and min(np.unique(self.judge).size, np.unique(self.truth).size) > 1


def _paired(run: Run, judged: Metric, reference: Metric) -> _Pairs:
    signs = [1.0 if metric.higher_is_better else -1.0 for metric in (judged, reference)]
    rows: list[tuple[float, float, str, str]] = []
    for item in run.items:
        values = {score.metric: score.value for score in item.scores}
        x, y = values.get(judged.name), values.get(reference.name)
        if x is not None and y is not None:
            cluster = run.samples[item.sample_id].group or f"sample {item.sample_id}"
            rows.append((signs[0] * x, signs[1] * y, item.target, cluster))
    return _Pairs(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows], dtype=np.str_),
        tuple(row[3] for row in rows),
    )


def _agreement(reference: str, pairs: _Pairs, level: float) -> Agreement:
    values = np.unique(pairs.truth)
    measure: Measure = "AUROC" if values.size == 2 else "Spearman"
    truth = (pairs.truth == values[1]).astype(np.float64) if measure == "AUROC" else pairs.truth
    within = [pairs.targets == target for target in np.unique(pairs.targets)]

    def figure(keep: Mask) -> float | None:
        parts = [_one_target(measure, pairs.judge[keep & own], truth[keep & own]) for own in within]
        weight = sum(weight for _, weight in parts)
        return sum(value * weight for value, weight in parts) / weight if weight else None

    found = jackknife(figure, pairs.clusters, smallest=_SMALLEST[measure], level=level)
    return Agreement(reference, measure, found)


def _one_target(measure: Measure, judge: Floats, truth: Floats) -> tuple[float, float]:
    """A target's figure and its weight: the pairs it ranks for AUROC, its items for Spearman."""
    if measure == "AUROC":
        positive = float(truth.sum())
        value, weight = auroc(judge, truth).value, positive * (truth.size - positive)
    else:
        value, weight = spearman(judge, truth).value, float(truth.size)
    return (0.0, 0.0) if value is None else (value, weight)
