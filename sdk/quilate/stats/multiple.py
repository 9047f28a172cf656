"""Many hypotheses tested together: adjusted p-values, in the order given."""

import numpy as np
import numpy.typing as npt

from quilate.stats.observations import Floats, as_floats


def holm(p_values: npt.ArrayLike) -> list[float]:
    """P-values adjusted for being tested together, in the order given (Holm 1979).

    Calling those at most α significant keeps the chance of any false call within α, whatever the
    dependence between the tests.

    Raises ValueError for a p-value outside 0 to 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return _restored(stepped, order)


def benjamini_hochberg(p_values: npt.ArrayLike) -> list[float]:
    """P-values adjusted to control the false discovery rate (Benjamini & Hochberg 1995).

    Calling those at most α significant keeps the expected share of false calls among all calls
    within α, for tests that are independent or positively dependent. It finds more than `holm` and
    promises less: use it to choose what to look at among many metrics, not to block a release.

    Raises ValueError for a p-value outside 0 to 1.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    ratios = p[order] * (p.size / np.arange(1, p.size + 1))
    return _restored(np.minimum.accumulate(ratios[::-1])[::-1], order)


def _checked(p_values: npt.ArrayLike) -> Floats:
    p = as_floats(p_values, "p_values")
    if np.any((p < 0.0) | (p > 1.0)):
        raise ValueError("p-values must lie between 0 and 1.")
    return p


def _restored(ordered: Floats, order: npt.NDArray[np.intp]) -> list[float]:
    adjusted = np.empty_like(ordered)
    adjusted[order] = np.minimum(ordered, 1.0)
    return [float(value) for value in adjusted]
