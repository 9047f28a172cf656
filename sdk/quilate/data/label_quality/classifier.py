"""Probabilities of classes from vectors, each row's from a classifier that has not seen it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_PENALTY = 0.03
_ROUNDS = 200


def folds_of(labels: "Ints", texts: "Ints", folds: int) -> "Ints":
    """A fold for each row, drawn by the hashes of their texts: every class is spread evenly, and
    equal texts, of whatever labels, are in one fold.

    >>> folds_of(np.array([0, 0, 0, 1]), np.array([7, 7, 5, 6]), 2).tolist()
    [1, 1, 0, 0]
    """
    distinct, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    order = np.lexsort((distinct, labels[first]))
    fold = np.empty(len(distinct), np.int64)
    fold[order] = np.arange(len(distinct)) % folds
    spread: Ints = fold[inverse]
    return spread


def out_of_fold(vectors: "Floats", labels: "Ints", classes: int, folds: "Ints") -> "Floats":
    """Probabilities of shape (n, classes): those of each fold from a logistic regression on the
    other folds."""
    probabilities = np.zeros((len(labels), classes))
    for fold in np.unique(folds).tolist():
        held = folds == fold
        model = _fit(vectors[~held], labels[~held], classes)
        probabilities[held] = model(vectors[held])
    return probabilities


class _Fitted:
    """A multinomial logistic regression: standardises vectors, and gives probabilities."""

    def __init__(self, centre: "Floats", scale: float, weights: "Floats") -> None:
        self._centre, self._scale, self._weights = centre, scale, weights

    def __call__(self, vectors: "Floats") -> "Floats":
        return _softmax(_scores(_extended(vectors, self._centre, self._scale), self._weights))


def _fit(vectors: "Floats", labels: "Ints", classes: int) -> _Fitted:
    """Fit by L-BFGS from zero, so that it comes out the same every time; the weights have a ridge
    penalty, the intercepts none."""
    from scipy.optimize import minimize

    centre = vectors.mean(axis=0)
    # One scale for all: the directions of an embedding are comparable as they are.
    scale = float(np.sqrt(((vectors - centre) ** 2).mean())) or 1.0
    inputs = _extended(vectors, centre, scale)
    wanted = np.zeros((len(labels), classes))
    wanted[np.arange(len(labels)), labels] = 1.0

    def loss(flat: "Floats") -> tuple[float, "Floats"]:
        weights = flat.reshape(inputs.shape[1], classes)
        shares = _softmax(_scores(inputs, weights))
        kept = weights.copy()
        kept[-1] = 0.0
        likelihood = np.log(np.maximum((shares * wanted).sum(axis=1), 1e-300)).mean()
        slope = inputs.T @ (shares - wanted) / len(labels) + _PENALTY * kept
        return float(-likelihood + 0.5 * _PENALTY * (kept**2).sum()), slope.ravel()

    start = np.zeros(inputs.shape[1] * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS})
    return _Fitted(centre, scale, found.x.reshape(inputs.shape[1], classes))


def _extended(vectors: "Floats", centre: "Floats", scale: float) -> "Floats":
    """The vectors, standardised, with a one for the intercept."""
    standard = (vectors - centre) / scale
    return np.hstack([standard, np.ones((len(vectors), 1))])


def _scores(inputs: "Floats", weights: "Floats") -> "Floats":
    scores: Floats = inputs @ weights
    return scores


def _softmax(scores: "Floats") -> "Floats":
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
