"""A judge measured against people: how far it agrees, where it errs, and whether to believe it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from quilate.errors import ConfigurationError
from quilate.judging.biases import Bias, measure_biases
from quilate.judging.judgements import Judgement
from quilate.stats import (
    Estimate,
    Interval,
    auroc,
    cohen_kappa,
    krippendorff_alpha,
    mean,
    percent_agreement,
    spearman,
)
from quilate.stats.calibration import ReliabilityBin, reliability_curve
from quilate.stats.estimates import unanimous
from quilate.stats.observations import Floats

Trust = Literal["trust", "trust with correction", "do not trust"]

FEWEST = 20
"""Labels without which nothing is said for a judge."""
ENOUGH = 50
"""Labels without which a judge is not trusted as it is."""
SUBSTANTIAL = 0.6
"""Agreement beyond chance that Landis & Koch (1977, Biometrics 33) call substantial."""
TOLERATED = 0.05
"""Share of the scale by which a trusted judge's mean may be off."""
_MOST_LABELS = 11  # more distinct values than that are a graded scale, not labels


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a judge is, or is not, believed: `kind` is what was found, `figure` its number."""

    kind: Literal[
        "few labels",
        "one label",
        "no better than chance",
        "some labels",
        "agreement",
        "mean off",
        "bias",
        "all well",
    ]
    figure: Estimate | None = None
    bias: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The judge's value and people's of one answer; `item` is its target, sample and epoch in
    `run`."""

    judge: float
    human: float
    group: str | None = None
    item: tuple[str, str, int] | None = None
    run: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `n` labels, given in `runs` runs, say of a judge.

    Values are on a scale of 0 to 1, from the ends of `scale`. `agreement` is the figure that trust
    rests on: Cohen's kappa (`measure` says so), weighted quadratically for more than two labels, or
    Krippendorff's alpha of the two on a graded scale, which a judge that squeezes or shifts the
    scale lowers; `ranks` is Spearman's correlation there. `exact` is the share of equal labels,
    `auroc` is for two labels. `confusion` has a row a human label and a column a judge's, by
    `labels`, whose `names` are what people called them ("" where they gave numbers). `error` is the
    mean of judge − human. `humans` is Krippendorff's alpha among the labellers, and `again` the
    mean absolute change when the judge is asked again; None where it is not known. `divided` is on
    how many answers people differ so that the mean of their labels is no label.
    """

    metric: str
    n: int
    scale: tuple[float, float]
    measure: Literal["kappa", "alpha"]
    agreement: Estimate
    error: Estimate
    judge_mean: Estimate
    human_mean: Estimate
    trust: Trust
    reasons: tuple[Reason, ...]
    labels: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    exact: Estimate | None = None
    ranks: Estimate | None = None
    auroc: Estimate | None = None
    curve: tuple[ReliabilityBin, ...] = ()
    biases: tuple[Bias, ...] = ()
    humans: Estimate | None = None
    again: Estimate | None = None
    labellers: int = 1
    divided: int = 0
    at: str = ""
    runs: int = 0
    pairs: tuple[Pair, ...] = ()
    """What a mean is corrected by, on the metric's own scale."""

    @property
    def speaks_against(self) -> bool:
        """Whether labels enough, and of more than one kind, show no more agreement than chance has.
        Few labels, or of answers that are all good, say nothing for a judge nor against it."""
        return any(reason.kind == "no better than chance" for reason in self.reasons)


def calibrate(
    judgements: Sequence[Judgement],
    *,
    metric: str,
    scale: tuple[float, float] = (0.0, 1.0),
    labels: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Calibration:
    """Measure a judge by answers that people have judged as well.

    `labels` are what people could say, with what each counts as on the scale; without them, what
    they did say, and both ends of the scale where that is one value. A judge is trusted when it has
    `ENOUGH` labels, the whole interval of its agreement lies above `SUBSTANTIAL`, its mean is
    within `TOLERATED` of the people's (the whole interval), and no bias is shown that matters. It
    is not trusted with fewer than `FEWEST`, nor when people gave one label alone, nor when the
    interval of its agreement reaches down to chance. Between the two it is trusted with correction:
    its mean, corrected by the labels (`quilate.judging.correcting`).

    Raises `ConfigurationError` for values outside the scale.

    >>> people = [0.0, 1.0] * 40
    >>> found = calibrate([Judgement(value, value) for value in people], metric="m")
    >>> found.trust, found.agreement.value
    ('trust', 1.0)
    """
    judge, human = (_unit(values, scale) for values in _columns(judgements))
    for one in judgements:
        _unit([value for value in (one.again, one.swapped) if value is not None], scale)
    groups = [one.group for one in judgements]
    clusters = groups if any(group is not None for group in groups) else None
    known = _known_labels(human, labels or {}, scale)
    found = _measured(judgements, judge, human, known, clusters, scale, level)
    return replace(found, metric=metric, divided=_divided(judgements, labels or {}))


def _measured(
    judgements: Sequence[Judgement],
    judge: Floats,
    human: Floats,
    known: Mapping[float, str],
    clusters: Sequence[str | None] | None,
    scale: tuple[float, float],
    level: float,
) -> Calibration:
    """The figures of values from 0 to 1 and the trust that they give; `known` are the labels that
    people could give, with their names."""
    errors = judge - human
    values = tuple(known)
    discrete = len(values) <= _MOST_LABELS
    rated = _nearest(judge, values) if discrete else judge
    binary = values == (0.0, 1.0)
    if discrete:
        agreement = _kappa(rated, human, values, clusters, level)
    else:
        pairs = np.column_stack([judge, human]).tolist()
        agreement = krippendorff_alpha(
            pairs, measurement="interval", clusters=clusters, level=level
        )
    error = mean(errors, clusters=clusters, level=level, bounds=(-1.0, 1.0))
    biases = measure_biases(judgements, errors.tolist(), span=scale[1] - scale[0], level=level)
    trust, reasons = _trust(human, agreement, error, biases)
    return Calibration(
        metric="",
        n=len(judgements),
        scale=scale,
        measure="kappa" if discrete else "alpha",
        agreement=agreement,
        error=error,
        judge_mean=mean(judge, clusters=clusters, level=level, bounds=(0.0, 1.0)),
        human_mean=mean(human, clusters=clusters, level=level, bounds=(0.0, 1.0)),
        trust=trust,
        reasons=reasons,
        labels=values if discrete else (),
        names=tuple(known.values()) if discrete else (),
        confusion=_confusion(rated, human, values) if discrete else (),
        exact=_equal_labels(rated, human, clusters, level) if discrete else None,
        ranks=None if discrete else spearman(judge, human, clusters=clusters, level=level),
        auroc=auroc(judge, human, clusters=clusters, level=level) if binary else None,
        curve=reliability_curve(judge, human, level=level) if binary else (),
        biases=biases,
        humans=_humans(judgements, clusters, level),
        again=_again(judgements, scale, level),
        labellers=len({name for one in judgements for name in one.humans}) or 1,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=len({one.run for one in judgements if one.run}),
        pairs=tuple(Pair(one.judge, one.human, one.group, one.item, one.run) for one in judgements),
    )


def _kappa(
    rated: Floats,
    human: Floats,
    labels: Sequence[float],
    clusters: Sequence[str | None] | None,
    level: float,
) -> Estimate:
    found = cohen_kappa(
        rated.tolist(),
        human.tolist(),
        weights="quadratic" if len(labels) > 2 else None,
        labels=labels,
        clusters=clusters,
        level=level,
    )
    return _if_perfect(found, human, level)


def _equal_labels(
    rated: Floats, human: Floats, clusters: Sequence[str | None] | None, level: float
) -> Estimate:
    pairs = np.column_stack([rated, human]).tolist()
    return percent_agreement(pairs, clusters=clusters, level=level)


def _columns(judgements: Sequence[Judgement]) -> tuple[list[float], list[float]]:
    return [one.judge for one in judgements], [one.human for one in judgements]


def _known_labels(
    human: Floats, declared: Mapping[str, float], scale: tuple[float, float]
) -> dict[float, str]:
    """What people could say, each value of the scale of 0 to 1 with its name, "" where it has none.

    A label that nobody gave is a label all the same: which statistic is used must not depend on it.
    """
    values = _unit(list(declared.values()), scale).tolist()
    known = dict.fromkeys(human.tolist(), "") | dict(zip(values, declared, strict=True))
    if len(known) < 2:
        known = {0.0: "", 1.0: ""} | known
    return dict(sorted(known.items()))


def _unit(
    values: Sequence[float], scale: tuple[float, float]
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    low, high = scale
    for value in values:
        if not low <= value <= high:
            raise ConfigurationError(
                f"A judgement is {value:g}, outside the scale {low:g} to {high:g}.",
                remedy="Correct that label, or the scale that the evaluator declares.",
            )
    return (np.array(values, dtype=np.float64) - low) / (high - low)


def _nearest(values: Floats, labels: Sequence[float]) -> Floats:
    """Each value as the label nearest to it."""
    known = np.array(labels)
    nearest: Floats = known[np.abs(values[:, None] - known[None, :]).argmin(axis=1)]
    return nearest


def _confusion(
    judge: Floats, human: Floats, labels: Sequence[float]
) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(int(((human == row) & (judge == column)).sum()) for column in labels)
        for row in labels
    )


def _divided(judgements: Sequence[Judgement], declared: Mapping[str, float]) -> int:
    """On how many answers the mean of several labels is none that a person could give."""
    said = {value for one in judgements for value in one.humans.values()}
    could_say = said.union(declared.values())
    return sum(len(one.humans) > 1 and one.human not in could_say for one in judgements)


def _humans(
    judgements: Sequence[Judgement], clusters: Sequence[str | None] | None, level: float
) -> Estimate | None:
    """How far the labellers agree among themselves, where there are several."""
    names = sorted({name for one in judgements for name in one.humans})
    if len(names) < 2:
        return None
    rows = [[one.humans.get(name) for name in names] for one in judgements]
    return krippendorff_alpha(rows, measurement="interval", clusters=clusters, level=level)


def _again(
    judgements: Sequence[Judgement], scale: tuple[float, float], level: float
) -> Estimate | None:
    span = scale[1] - scale[0]
    asked = [one for one in judgements if one.again is not None]
    changes = [abs((one.again or 0.0) - one.judge) / span for one in asked]
    groups = [one.group for one in asked]
    clusters = groups if any(group is not None for group in groups) else None
    return mean(changes, clusters=clusters, level=level, bounds=(0.0, 1.0)) if asked else None


def _trust(
    human: Floats, agreement: Estimate, error: Estimate, biases: Sequence[Bias]
) -> tuple[Trust, tuple[Reason, ...]]:
    n, low = human.size, _low(agreement)
    if n < FEWEST:
        return "do not trust", (Reason("few labels"),)
    if np.ptp(human) == 0.0:
        return "do not trust", (Reason("one label"),)
    if low is None or low <= 0.0:
        return "do not trust", (Reason("no better than chance", agreement),)
    reasons = []
    if n < ENOUGH:
        reasons.append(Reason("some labels"))
    if low < SUBSTANTIAL:
        reasons.append(Reason("agreement", agreement))
    interval = error.interval
    if interval is None or interval.low < -TOLERATED or interval.high > TOLERATED:
        reasons.append(Reason("mean off", error))
    reasons += [Reason("bias", one.estimate, one.kind) for one in biases if one.matters]
    if reasons:
        return "trust with correction", tuple(reasons)
    return "trust", (Reason("all well", agreement),)


def _if_perfect(agreement: Estimate, human: Floats, level: float) -> Estimate:
    """Perfect agreement with the interval that it lacks: down to the kappa that it would be if as
    many answers were judged otherwise as could be without one of them being seen (the rule of
    three). Where nearly all labels are the same, that is little more than chance."""
    if agreement.value != 1.0 or agreement.interval is not None:
        return agreement
    units = agreement.n if agreement.clusters is None else agreement.clusters
    unseen = unanimous(0.0, units, (0.0, 1.0), level=level).high
    shares = np.unique(human, return_counts=True)[1] / human.size
    low = max(1.0 - unseen / (1.0 - float(shares @ shares)), -1.0)
    return replace(agreement, interval=Interval(low, 1.0, level, "rule of three"), reason=None)


def _low(agreement: Estimate) -> float | None:
    """The low end of an agreement; a perfect alpha, which has no interval, is itself."""
    if agreement.interval is not None:
        return agreement.interval.low
    return agreement.value if agreement.value == 1.0 else None
