"""How far the people who labelled a run agree among themselves, and where they do not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from quilate.evals.results import Run
from quilate.judging.labels import Label, paired
from quilate.stats import Estimate, cohen_kappa, krippendorff_alpha, percent_agreement


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Cohen's kappa of two labellers on the answers that both labelled; quadratic weights where
    there are more than two labels, for then they are an order."""

    a: str
    b: str
    kappa: Estimate


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer on which labellers differ: what each said, by name."""

    target: str
    sample: str
    epoch: int
    labels: Mapping[str, str]
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Agreement under one metric. `labellers` says how many answers each labelled, `both` how many
    have labels of two or more. `alpha` is Krippendorff's on the labels' values (interval scale),
    for all labellers at once. What cannot be had has its reason in the estimate."""

    metric: str
    labellers: Mapping[str, int]
    both: int
    percent: Estimate
    alpha: Estimate
    pairs: tuple[PairAgreement, ...]
    differences: tuple[Difference, ...]


def agreement_of(
    labels: Iterable[Label], run: Run, metric: str, *, level: float = 0.95
) -> LabelAgreement:
    """How far the labellers of a run agree under a metric.

    Labels are compared by their values. Intervals are clustered by the samples' groups, and by
    sample where several targets or epochs answered the same one.
    """
    mine = [label for label in labels if (label.run, label.metric) == (run.id, metric)]
    rows = list(paired(mine).values())
    names = sorted({label.labeller for label in mine})
    sources = [_source(run, row) for row in rows]
    clusters = sources if len(set(sources)) < len(sources) else None
    values = [[row[name].value if name in row else None for name in names] for row in rows]
    scale = sorted({label.value for label in mine})
    return LabelAgreement(
        metric,
        {name: sum(name in row for row in rows) for name in names},
        sum(len(row) > 1 for row in rows),
        percent_agreement(values, clusters=clusters, level=level),
        krippendorff_alpha(values, measurement="interval", clusters=clusters, level=level),
        tuple(_pair(a, b, rows, sources, scale, level) for a, b in combinations(names, 2)),
        tuple(_difference(row) for row in rows if len({one.value for one in row.values()}) > 1),
    )


def labelled_metrics(labels: Iterable[Label], run: Run) -> list[str]:
    """The metrics under which a run has labels, in the order in which they were first labelled."""
    return list(dict.fromkeys(label.metric for label in labels if label.run == run.id))


def _source(run: Run, row: Mapping[str, Label]) -> str:
    sample = next(iter(row.values())).sample
    known = run.samples.get(sample)
    return (known.group if known else None) or sample


def _pair(
    a: str,
    b: str,
    rows: Sequence[Mapping[str, Label]],
    sources: Sequence[str],
    scale: Sequence[float],
    level: float,
) -> PairAgreement:
    both = [(row, at) for row, at in zip(rows, sources, strict=True) if a in row and b in row]
    groups = [at for _, at in both]
    kappa = cohen_kappa(
        [row[a].value for row, _ in both],
        [row[b].value for row, _ in both],
        weights="quadratic" if len(scale) > 2 else None,
        labels=scale if len(scale) > 1 else None,
        clusters=groups if len(set(groups)) < len(groups) else None,
        level=level,
    )
    return PairAgreement(a, b, kappa)


def _difference(row: Mapping[str, Label]) -> Difference:
    target, sample, epoch = next(iter(row.values())).item
    return Difference(
        target,
        sample,
        epoch,
        {name: label.label for name, label in sorted(row.items())},
        {name: label.note for name, label in sorted(row.items()) if label.note},
    )
