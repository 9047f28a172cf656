"""What moves a judge apart from the quality of the answer: length, format, whose it is, its place.

Each bias is a figure with an interval, 0 where there is none; errors are judge − human on a scale
of 0 to 1, so that a figure of 0.1 is a tenth of the scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quilate.evals.results import Run
from quilate.judging.judgements import Judgement
from quilate.stats import Estimate, Interval, mean, spearman
from quilate.stats.estimates import t_quantile

Kind = Literal["length", "format", "own answers", "first place"]


@dataclass(frozen=True, slots=True)
class Bias:
    """One bias. `estimate` is, for *length*, Spearman's correlation of the judge's error with the
    answer's length (verbosity: Saito et al. 2023, arXiv:2310.10076); for *format* and *own
    answers*, the mean error on such answers less that on others (self-preference: Panickssery et
    al. 2024, arXiv:2404.13076); for *first place*, how much more often than half the judge prefers
    the answer shown first (position: Wang et al. 2023, arXiv:2305.17926).
    """

    kind: Kind
    estimate: Estimate

    @property
    def shown(self) -> bool:
        """The interval excludes 0."""
        interval = self.estimate.interval
        return interval is not None and 0.0 not in interval

    @property
    def matters(self) -> bool:
        """It is shown and no trifle: a twentieth of the scale, or of the choices; for a correlation
        the 0.1 that Cohen (1988) calls small."""
        value, trifle = self.estimate.value or 0.0, 0.1 if self.kind == "length" else 0.05
        return self.shown and abs(value) >= trifle


def measure_biases(
    judgements: Sequence[Judgement],
    errors: Sequence[float],
    *,
    span: float = 1.0,
    level: float = 0.95,
) -> tuple[Bias, ...]:
    """The biases that these judgements tell of; `errors` are judge − human of a scale of 0 to 1, in
    their order, and `span` is how far the judgements' own scale reaches.

    Intervals are clustered by the judgements' groups, at a level at which all of them hold together
    (Bonferroni).
    """
    kinds = [
        (kind, found)
        for kind, found in _all(judgements, errors, span, 0.95)
        if found.value is not None
    ]
    single = 1.0 - (1.0 - level) / max(len(kinds), 1)
    wanted = {kind for kind, _ in kinds}
    return tuple(
        Bias(kind, found)
        for kind, found in _all(judgements, errors, span, single)
        if kind in wanted
    )


def _all(
    judgements: Sequence[Judgement], errors: Sequence[float], span: float, level: float
) -> list[tuple[Kind, Estimate]]:
    return [
        ("length", _length(judgements, errors, level)),
        ("format", _contrast([one.formatted for one in judgements], judgements, errors, level)),
        ("own answers", _contrast([one.own for one in judgements], judgements, errors, level)),
        ("first place", _first_place(judgements, span, level)),
    ]


def _length(judgements: Sequence[Judgement], errors: Sequence[float], level: float) -> Estimate:
    known = [
        (one.length, error, one.group)
        for one, error in zip(judgements, errors, strict=True)
        if one.length is not None
    ]
    if len(known) < 4:
        return Estimate(None, None, len(known), reason="too few lengths are known")
    lengths, values, groups = zip(*known, strict=True)
    return spearman(lengths, values, clusters=groups, level=level)


def _contrast(
    flags: Sequence[bool | None],
    judgements: Sequence[Judgement],
    errors: Sequence[float],
    level: float,
) -> Estimate:
    """Mean error where the flag is set less that where it is not: Welch's t, clustered. Where one
    of the two shows no spread, as for a judge that is always right but for one kind of answer, both
    intervals are put together (MOVER: Zou & Donner 2008, Statistics in Medicine 27)."""
    parts = []
    for wanted in (True, False):
        chosen = [n for n, flag in enumerate(flags) if flag is wanted]
        groups = [judgements[n].group for n in chosen]
        clusters = groups if any(group is not None for group in groups) else None
        found = [errors[n] for n in chosen]
        parts.append(mean(found, clusters=clusters, level=level, bounds=(-1.0, 1.0)))
    with_it, without = parts
    n = with_it.n + without.n
    if min(with_it.n, without.n) < 5 or with_it.value is None or without.value is None:
        return Estimate(None, None, n, reason="fewer than five answers with or without it")
    value = with_it.value - without.value
    if with_it.std_error is None or without.std_error is None:
        return _put_together(with_it, without, value, n)
    variances = with_it.std_error**2, without.std_error**2
    error = float(np.sqrt(sum(variances)))
    df = sum(variances) ** 2 / sum(
        v**2 / max(part.df, 1) for v, part in zip(variances, parts, strict=True)
    )
    half = t_quantile(level, df) * error
    return Estimate(value, Interval(value - half, value + half, level, "Welch"), n, std_error=error)


def _put_together(a: Estimate, b: Estimate, value: float, n: int) -> Estimate:
    if a.interval is None or b.interval is None or a.value is None or b.value is None:
        return Estimate(value, None, n, reason="the errors are of one source")
    low = value - math.hypot(a.value - a.interval.low, b.interval.high - b.value)
    high = value + math.hypot(a.interval.high - a.value, b.value - b.interval.low)
    return Estimate(value, Interval(low, high, a.interval.level, "MOVER"), n)


def _first_place(judgements: Sequence[Judgement], span: float, level: float) -> Estimate:
    """Over both orders of a pair, the share of times that the first shown is preferred, less ½.

    `judge` is the value of the answer that stands first in the first order; exchanged, that answer
    stands second. So the share is ½ + (judge − swapped)/2 for values of 0 to 1.
    """
    pairs = [one for one in judgements if one.swapped is not None]
    if len(pairs) < 5:
        return Estimate(None, None, len(pairs), reason="fewer than five pairs in both orders")
    values = [(one.judge - (one.swapped or 0.0)) / (2.0 * span) for one in pairs]
    groups = [one.group for one in pairs]
    clusters = groups if any(group is not None for group in groups) else None
    return mean(values, clusters=clusters, level=level, bounds=(-0.5, 0.5))


def moved_by_place(run: Run) -> dict[str, tuple[int, int]]:
    """The metrics of judges of pairs that choose a place and not an answer: of at least five
    verdicts nine in ten changed with the order of the two answers. With how many did, of how many.
    """
    found: dict[str, tuple[int, int]] = {}
    for _, given in run.provenance.get("evaluators", {}).values():
        for name in (one for one in given if one.endswith(_CONSISTENT)):
            scores = (score for item in run.items for score in item.scores)
            values = [one.value for one in scores if one.metric == name and one.value is not None]
            moved = values.count(0.0)
            if len(values) >= _FEWEST_VERDICTS and moved >= _NEARLY_ALL * len(values):
                found |= {other: (moved, len(values)) for other in given if other != name}
    return found


_CONSISTENT = "position_consistent"  # the metric of `pairwise`, which a name stands before
_FEWEST_VERDICTS, _NEARLY_ALL = 5, 0.9
