"""The smallest loss that a regression suite could have shown: a suite that is too small finds
nothing, whatever was lost."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quilate.stats.power import samples_needed

if TYPE_CHECKING:
    from quilate.reports.comparison.values import Row, RunComparison

POWER = 0.8


@dataclass(frozen=True, slots=True)
class SmallestLoss:
    """Of a metric over `n` samples: the smallest true `loss` that would have been shown four times
    in five, in the metric's units; None where none would.

    `margin` is the loss that the recipe allows, None where it says none; `needed` about how many
    samples would show a loss of that size.
    """

    metric: str
    loss: float | None
    n: int
    margin: float | None = None
    needed: int | None = None

    @property
    def blind(self) -> bool:
        """Whether a loss that matters could have stayed unseen."""
        return self.loss is None or (self.margin is not None and self.loss > self.margin)


def smallest_losses(comparison: "RunComparison") -> tuple[SmallestLoss, ...]:
    """Those of every metric that decides."""
    # As `compare` does: one row that fails is enough, so each is tested at a part of the level.
    level = 1.0 - (1.0 - comparison.level) / max(len(comparison.rows), 1)
    return tuple(_smallest(row, level) for row in comparison.rows if row.decides)


def _smallest(row: "Row", level: float) -> SmallestLoss:
    n, error = row.comparison.n, row.comparison.difference.std_error
    # Without any difference seen there is no spread to reckon with but that of the test itself.
    found = row.detectable if error or not row.binary else 0.0
    if row.binary and found is not None:
        least = smallest_share(n, level)
        found = None if least is None else max(found, least)
    return SmallestLoss(row.metric, found, n, row.margin, _needed(row, level))


def _needed(row: "Row", level: float) -> int | None:
    margin, error = row.margin, row.comparison.difference.std_error
    if margin is None:
        return None
    sizes = []
    if error:
        sizes.append(samples_needed(error * math.sqrt(row.comparison.n), margin, level=level))
    if row.binary:
        size = 2
        while (smallest_share(size, level) or 1.0) > margin:
            size = math.ceil(size * 1.05) + 1
        sizes.append(size)
    return max(sizes, default=None)


def smallest_share(n: int, level: float) -> float | None:
    """The smallest share of `n` right answers that, lost with none won, McNemar's exact test
    (two-sided, at 1 − `level`) finds four times in five; None where it would not find even the loss
    of all.

    >>> [None if share is None else round(share, 2) for share in
    ...  (smallest_share(n, 0.95) for n in (5, 6, 40, 400))]
    [None, 0.96, 0.19, 0.02]
    """
    from scipy.special import bdtri

    # k answers lost and none won have the p-value 2 · ½ᵏ.
    lost = math.ceil(1.0 - math.log2(1.0 - level) - 1e-9)
    if lost > n:
        return None
    # The share p at which fewer than `lost` of n are lost with probability 1 − POWER.
    return float(bdtri(lost - 1, n, 1.0 - POWER))
