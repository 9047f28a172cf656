"""The difference that people would give of two runs, from their labels of both runs' answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from scipy.special import stdtr

from quilate.evals.results import Run
from quilate.judging.calibration import Calibration
from quilate.judging.correcting import LABELLED
from quilate.stats import Comparison, Estimate
from quilate.stats.estimates import t_quantile
from quilate.stats.multiple import holm
from quilate.stats.ppi import PpiEstimate, ppi_difference

if TYPE_CHECKING:
    from quilate.reports.comparison.decisions import Draft

Says = Literal["better", "worse", "no difference shown"]
Labels = Mapping[str, float]


def labels_in(run: Run, target: str, calibration: Calibration | None) -> Labels:
    """What people said of a target's answers in this run, by sample."""
    pairs = calibration.pairs if calibration else ()
    return {
        one.item[1]: one.human
        for one in pairs
        if one.run == run.id and one.item is not None and one.item[0] == target
    }


def people_difference(of_a: Labels, of_b: Labels, draft: Draft, level: float) -> PpiEstimate | None:
    """B − A as people would have it: the judge's paired difference, corrected by its error on the
    samples that are labelled in both runs. None where those are fewer than `LABELLED`."""
    samples = draft.samples
    known = [place for place, key in enumerate(samples) if key in of_a and key in of_b]
    if len(known) < LABELLED:
        return None
    rest = sorted(set(range(len(samples))).difference(known))

    def side(labels: Labels, scores: Sequence[float]) -> tuple[list[float], ...]:
        return (
            [labels[samples[place]] for place in known],
            [scores[place] for place in known],
            [scores[place] for place in rest],
        )

    (y, f, g), (z, h, k) = side(of_b, draft.after), side(of_a, draft.before)
    groups, clusters = draft.groups, None
    if groups is not None:
        clusters = [groups[place] for place in known], [groups[place] for place in rest]
    return ppi_difference(
        (y, f, g), (z, h, k), level=level, clusters=clusters, bounds=draft.metric.bounds
    )


def p_value(found: Estimate) -> float | None:
    """Of no difference, two-sided, by Student's t, below 1 − level where the interval excludes 0;
    None without one."""
    if found.value is None or found.interval is None or found.df < 1:
        return None
    towards = found.interval.low if found.value > 0.0 else found.interval.high
    error = abs(found.value - towards) / t_quantile(found.interval.level, found.df)
    return float(2.0 * stdtr(found.df, -abs(found.value) / error)) if error > 0.0 else None


def adjusted(found: Sequence[PpiEstimate | None]) -> list[float | None]:
    """The p-values of people's differences, adjusted together (Holm); None where there is none."""
    single = [None if one is None else p_value(one.corrected) for one in found]
    known = iter(holm([p for p in single if p is not None]))
    return [None if p is None else next(known) for p in single]


def people_say(found: PpiEstimate, p: float | None, level: float, higher_is_better: bool) -> Says:
    """B's verdict by people's difference and its adjusted p-value."""
    if p is None or found.value is None or p > 1.0 - level:
        return "no difference shown"
    return "better" if (found.value > 0.0) == higher_is_better else "worse"


def judge_says(comparison: Comparison) -> Says:
    """B's verdict by the judge's scores. B is the first of the comparison."""
    if comparison.verdict == "no difference shown":
        return "no difference shown"
    return "better" if comparison.verdict == "a better" else "worse"
