"""How well a score separates right answers from wrong ones, with intervals by cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Separated:
    """Scores of answers, whether each is right, and their clusters."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    clusters: Sequence[str]


def auroc(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The probability that a right answer scores higher than a wrong one; ties count half."""
    n, m = int(right.sum()), int((~right).sum())
    ranks = rankdata(scores)
    return float((ranks[right].sum() - n * (n + 1) / 2) / (n * m))


def balanced_accuracy(
    scores: NDArray[np.float64], right: NDArray[np.bool_], threshold: float
) -> float:
    """The mean of the shares of right and of wrong answers that a threshold calls so."""
    called = scores >= threshold
    return float((called[right].mean() + (~called[~right]).mean()) / 2)


def best_threshold(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The score from which on answers are best called right."""
    order = np.unique(scores)
    cuts = np.append((order[1:] + order[:-1]) / 2, order[0])
    return float(max(cuts, key=lambda cut: balanced_accuracy(scores, right, cut)))


def draws(right: NDArray[np.bool_], clusters: Sequence[str]) -> list[NDArray[np.intp]]:
    """Bootstrap draws of whole clusters, seeded, as places of items; those without a right or
    without a wrong answer are drawn again."""
    random = np.random.default_rng(0)
    names = list(dict.fromkeys(clusters))
    places = [np.flatnonzero(np.array([c == name for c in clusters])) for name in names]
    found: list[NDArray[np.intp]] = []
    while len(found) < DRAWS:
        drawn = np.concatenate([places[i] for i in random.integers(len(names), size=len(names))])
        if 0 < right[drawn].sum() < len(drawn):
            found.append(drawn)
    return found


def interval(values: Sequence[float]) -> list[float]:
    """The middle 95% of bootstrap values."""
    return [round(float(value), 3) for value in np.quantile(values, [0.025, 0.975])]
