"""Ratings of units by several raters, as the statistics of agreement need them: how often each
unit got each label, and how near two labels are."""

from __future__ import annotations

import numbers
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from quilate.stats.observations import Clusters, Floats, as_clusters, as_floats

Ratings = Sequence[Sequence[Hashable | None]]
Weights = Literal["linear", "quadratic", "ordinal"]

NO_PAIRS = "no unit has two ratings or more"
ONE_LABEL = "every rating is the same label"


@dataclass(frozen=True, slots=True)
class Table:
    """`counts` (units, labels): how many raters gave a unit each label. Units that nobody rated are
    left out. `labels` are in order where they have one."""

    counts: Floats
    labels: tuple[Hashable, ...]
    groups: Clusters | None

    @property
    def raters(self) -> Floats:
        """How many raters rated each unit: (units,)."""
        raters: Floats = self.counts.sum(axis=1)
        return raters


def tabulate(
    ratings: Ratings,
    *,
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    ordered: bool = False,
) -> Table:
    """Count labels by unit. A row holds the ratings of one unit, None or NaN where one is missing;
    rows may differ in length, for who gave a rating does not matter.

    `labels` are all labels there are, in order; without it those that occur: numbers sorted, others
    as first met, which is refused where the order matters (`ordered`).

    >>> tabulate([[1, 2, None], [2, 2, 2]]).counts
    array([[1., 1.],
           [0., 3.]])
    """
    rated = [[label for label in unit if label is not None and label == label] for unit in ratings]
    kept = [number for number, unit in enumerate(rated) if unit]
    if clusters is not None and len(clusters) != len(rated):
        raise ValueError(f"clusters has {len(clusters)} labels for {len(rated)} units.")
    known = _labels([label for unit in rated for label in unit], labels, ordered)
    place = {label: number for number, label in enumerate(known)}
    counts = np.zeros((len(kept), len(known)))
    for row, number in enumerate(kept):
        for label in rated[number]:
            counts[row, place[label]] += 1.0
    groups = None if clusters is None else [clusters[number] for number in kept]
    return Table(counts, known, as_clusters(groups, len(kept)))


def _labels(
    met: Sequence[Hashable], given: Sequence[Hashable] | None, ordered: bool
) -> tuple[Hashable, ...]:
    found = dict.fromkeys(met)
    if given is not None:
        if len(set(given)) < len(given):
            raise ValueError("labels holds a label twice.")
        for label in found:
            if label not in given:
                raise ValueError(f"{label!r} is not one of the labels {list(given)}.")
        return tuple(given)
    if all(isinstance(label, numbers.Real) for label in found):
        return tuple(sorted(cast(list[float], list(found))))
    if ordered:
        raise ValueError("Labels that are not numbers have no order: give `labels` in order.")
    return tuple(found)


def positions(labels: Sequence[Hashable]) -> Floats:
    """Where labels stand on a line: numbers at their value, others at their place in the order."""
    if all(isinstance(label, numbers.Real) for label in labels):
        return as_floats(np.array(labels, dtype=np.float64), "ratings")
    return np.arange(len(labels), dtype=np.float64)


def agreement_weights(labels: Sequence[Hashable], weights: Weights | None) -> Floats:
    """How far two labels agree, (labels, labels): 1 on the diagonal, 0 for the farthest apart.

    None: 0 off the diagonal. ``linear`` is 1 − d/D and ``quadratic`` 1 − d²/D², with d the
    distance of the labels (numbers by value, others by place) and D the largest; ``ordinal`` is
    Gwet's, 1 − C(d + 1, 2)/C(D + 1, 2) with d in places.

    >>> agreement_weights([1, 2, 3], "quadratic")[0].tolist()
    [1.0, 0.75, 0.0]
    """
    if weights is None or len(labels) < 2:
        return np.eye(len(labels))
    at = np.arange(len(labels)) if weights == "ordinal" else positions(labels)
    apart: Floats = np.abs(at[:, None] - at[None, :]).astype(np.float64)
    if weights == "quadratic":
        apart = apart**2
    elif weights == "ordinal":
        apart = apart * (apart + 1.0) / 2.0
    elif weights != "linear":
        raise ValueError(f"weights is {weights!r}; one of linear, quadratic, ordinal or None.")
    return 1.0 - apart / float(apart.max())
