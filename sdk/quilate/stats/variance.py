"""Where the noise of a mean comes from: the items, the answers to one item, or the judges.

Variance components by the method of moments (analysis of variance with random effects: Searle,
Casella & McCulloch 1992, Variance Components; as generalizability studies do, Brennan 2001).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from quilate.stats.observations import Floats, as_floats

Advice = Literal["more items", "more epochs", "more judges"]

ONE_EPOCH = "one epoch: how much answers to one item vary cannot be told from how items vary"


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances of a score, each per single draw; a part that comes out negative, as it may by
    chance when it is small, is 0.

    - `item`: between the true means of items;
    - `epoch`: between answers to one item (None with one epoch: it is then part of `item`);
    - `judge`: between judges' overall severity; `item_judge`: judges' tastes for certain items;
    - `residual`: between a judge's scores of one answer and what the rest explains.

    The last three are None without judges: all that answers vary by is then `epoch`. `item_judge`
    is part of `residual` with one epoch. `items`, `epochs` and `judges` are the sizes seen;
    `epochs` is the (harmonic) mean where items have different numbers. `mean` is that of the items.
    """

    item: float
    epoch: float | None
    judge: float | None
    item_judge: float | None
    residual: float | None
    items: int
    epochs: float
    judges: int | None
    mean: float
    reason: str | None = None

    def variance_of_mean(
        self, items: float | None = None, epochs: float | None = None, judges: float | None = None
    ) -> float:
        """Variance of the mean over so many items, epochs and judges (None: as many as seen).

        σ²_item/n + σ²_epoch/(n m) + σ²_judge/k + σ²_item·judge/(n k) + σ²_residual/(n m k).
        """
        n, m = items or self.items, epochs or self.epochs
        k = judges or self.judges or 1
        return sum(share for _, share in self._parts(n, m, k))

    @property
    def std_error(self) -> float:
        """Standard error of the mean of the run seen, judges included."""
        return math.sqrt(self.variance_of_mean())

    @property
    def advice(self) -> Advice:
        """What the largest part of the mean's variance asks for.

        For the same number of calls, new items never do worse than more epochs: advice of "more
        epochs" means that answers vary so much that epochs do nearly as well, without new
        samples to label.
        """
        totals: dict[Advice, float] = {"more items": 0.0, "more epochs": 0.0, "more judges": 0.0}
        for name, share in self._parts(self.items, self.epochs, self.judges or 1):
            totals[name] += share
        return max(totals, key=lambda name: totals[name])

    def best_epochs(self, *, item_cost: float, answer_cost: float) -> int:
        """Epochs that give the smallest variance for a budget, when each new item costs `item_cost`
        once (writing, labelling) and each answer `answer_cost`.

        √(item_cost/answer_cost · σ²_within/σ²_item), the optimum of two-stage sampling (Cochran
        1977, Sampling Techniques, section 10.6), rounded so that the variance is smallest.

        Raises ValueError for costs that are not positive, and with one epoch.

        >>> scores = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
        >>> variance_components(scores).best_epochs(item_cost=4.0, answer_cost=1.0)
        7
        """
        if self.epoch is None:
            raise ValueError(f"The best number of epochs cannot be told: {ONE_EPOCH}.")
        if not (0.0 < item_cost < math.inf and 0.0 < answer_cost < math.inf):
            raise ValueError("item_cost and answer_cost must be positive and finite.")
        k = self.judges or 1
        within = self.epoch + (self.residual or 0.0) / k
        between = self.item + (self.item_judge or 0.0) / k
        if within == 0.0:
            return 1
        if between == 0.0:
            raise ValueError(
                "Items show no variance of their own: one item would do, so no number of epochs "
                "is best."
            )
        ideal = math.sqrt(item_cost / answer_cost * within / between)

        def cost(m: int) -> float:
            return (item_cost + m * answer_cost) * (between + within / m)

        return min(max(math.floor(ideal), 1), math.floor(ideal) + 1, key=cost)

    def _parts(self, n: float, m: float, k: float) -> list[tuple[Advice, float]]:
        return [
            ("more items", self.item / n + (self.item_judge or 0.0) / (n * k)),
            ("more epochs", (self.epoch or 0.0) / (n * m) + (self.residual or 0.0) / (n * m * k)),
            ("more judges", (self.judge or 0.0) / k),
        ]


def variance_components(scores: Sequence[Any] | npt.NDArray[np.float64]) -> VarianceComponents:
    """Split the variance of scores (items, epochs) or (items, epochs, judges).

    Without judges, items may have different numbers of epochs: rows of different lengths, or None
    where a score is missing; items without any are left out (one-way random effects, Henderson's
    method 1). With judges the design must be complete: each answer judged by each of two or more
    judges. Epochs are answers to one item, in no order that items share.

    Raises ValueError for fewer than two items, for scores that are not finite, and for missing
    ones among judges.

    >>> parts = variance_components([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    >>> round(parts.item, 4), parts.epoch, parts.advice
    (0.1667, 0.125, 'more items')
    """
    rows = [list(row) for row in scores]
    if any(isinstance(cell, (list, tuple, np.ndarray)) for row in rows for cell in row):
        return _judged(rows)
    return _one_way(
        [as_floats([x for x in row if x is not None], "a row of scores") for row in rows]
    )


def _one_way(rows: list[Floats]) -> VarianceComponents:
    rows = [row for row in rows if row.size]
    count = len(rows)
    if count < 2:
        raise ValueError(f"Variance between items needs two items with scores, not {count}.")
    sizes = np.array([row.size for row in rows], dtype=np.float64)
    means = np.array([row.mean() for row in rows])
    total = float(sizes.sum())
    grand = float(sizes @ means) / total
    between = float(sizes @ (means - grand) ** 2) / (count - 1)
    epochs = count / float((1.0 / sizes).sum())
    if total == count:
        return VarianceComponents(
            between, None, None, None, None, count, epochs, None, grand, ONE_EPOCH
        )
    inside = sum(float(((row - mean) ** 2).sum()) for row, mean in zip(rows, means, strict=True))
    within = inside / (total - count)
    typical = (total - float(sizes @ sizes) / total) / (count - 1)
    item = max((between - within) / typical, 0.0)
    average = float(means.mean())
    return VarianceComponents(item, within, None, None, None, count, epochs, None, average)


def _judged(rows: list[list[Any]]) -> VarianceComponents:
    """Answers nested in items, judges crossed with both: the mean squares' expectations, solved."""
    x = _complete(rows)
    n, m, k = x.shape
    grand = float(x.mean())
    items, judges = x.mean(axis=(1, 2)), x.mean(axis=(0, 1))
    answers, tastes = x.mean(axis=2), x.mean(axis=1)
    ms_item = m * k * float(((items - grand) ** 2).sum()) / (n - 1)
    ms_judge = n * m * float(((judges - grand) ** 2).sum()) / (k - 1)
    crossed = tastes - items[:, None] - judges + grand
    ms_crossed = m * float((crossed**2).sum()) / ((n - 1) * (k - 1))
    judge = max((ms_judge - ms_crossed) / (n * m), 0.0)
    if m == 1:
        item = max((ms_item - ms_crossed) / k, 0.0)
        return VarianceComponents(item, None, judge, None, ms_crossed, n, 1, k, grand, ONE_EPOCH)
    ms_answer = k * float(((answers - items[:, None]) ** 2).sum()) / (n * (m - 1))
    rest = x - answers[:, :, None] - tastes[:, None, :] + items[:, None, None]
    residual = float((rest**2).sum()) / (n * (m - 1) * (k - 1))
    return VarianceComponents(
        item=max((ms_item - ms_answer - ms_crossed + residual) / (m * k), 0.0),
        epoch=max((ms_answer - residual) / k, 0.0),
        judge=judge,
        item_judge=max((ms_crossed - residual) / m, 0.0),
        residual=residual,
        items=n,
        epochs=m,
        judges=k,
        mean=grand,
    )


def _complete(rows: list[list[Any]]) -> npt.NDArray[np.float64]:
    cells = [[] if cell is None else list(cell) for row in rows for cell in row]
    shapes = {len(row) for row in rows}, {len(cell) for cell in cells}
    missing = any(score is None for cell in cells for score in cell)
    if missing or any(len(sizes) != 1 for sizes in shapes):
        raise ValueError(
            "Scores of several judges must be complete: each item with the same number of epochs, "
            "each answer judged by each judge. Leave out the items that are not."
        )
    x = np.array(rows, dtype=np.float64)
    as_floats(x.ravel(), "scores")
    if x.shape[0] < 2 or x.shape[2] < 2:
        raise ValueError(
            f"Needs two items and two judges or more, not {x.shape[0]} and {x.shape[2]}; for one "
            "judge, give scores of shape (items, epochs)."
        )
    return x
