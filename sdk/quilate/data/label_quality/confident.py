"""Confident learning (Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty
in Dataset Labels", JAIR 70): which labels are probably wrong, from predicted probabilities.

A class's threshold is the mean probability that its own rows are given. A row is confidently of the
likeliest class whose threshold it reaches. Where that is not its label, the label is suspect.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SLACK = 1e-6  # of a threshold, for rounding


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of labels.

    `thresholds` are those of the classes, of shape (K,), infinite for a class without rows.
    `joint`, of shape (K, K), counts rows by their label and the class that they are confidently
    of. `suggested`, for each row, is that class where the label is suspect, else -1. `quality`, for
    each row, is the normalised margin, ``(p(label) - p(likeliest other) + 1) / 2``: from 0, surely
    wrong, to 1.
    """

    thresholds: "Floats"
    joint: "Ints"
    suggested: "Ints"
    quality: "Floats"


def confident_learning(labels: "Ints", probabilities: "Floats") -> Judged:
    """Judge `labels` (numbers of classes) by out-of-sample `probabilities`, of shape (n, K), K at
    least 2.

    A label that is itself the likeliest class is never suspect.

    >>> shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.05, 0.95]])
    >>> judged = confident_learning(np.array([0, 0, 1, 1, 0]), shares)
    >>> judged.suggested.tolist(), judged.joint.tolist()
    ([-1, -1, -1, -1, 1], [[2, 1], [0, 1]])
    """
    count, classes = probabilities.shape
    rows = np.arange(count)
    own = probabilities[rows, labels]
    sizes = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    reached = probabilities >= thresholds - _SLACK
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    sure = reached.any(axis=1)
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (labels[sure], likeliest[sure]), 1)
    suspect = sure & (likeliest != labels) & (probabilities.argmax(axis=1) != labels)
    others = probabilities.copy()
    others[rows, labels] = -np.inf
    quality = (own - others.max(axis=1) + 1.0) / 2.0
    return Judged(thresholds, joint, np.where(suspect, likeliest, -1), quality)
