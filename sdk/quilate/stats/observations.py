"""What every statistic asks of its input: finite numbers, and a cluster for each of them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bounds = tuple[float, float]

_LARGEST = 1e150  # a larger number has no finite square, hence no variance


@dataclass(frozen=True, slots=True)
class Clusters:
    """Cluster membership of n values: `codes` (n,) holds integers in ``range(count)``."""

    codes: npt.NDArray[np.intp]
    count: int

    def sums(self, values: Floats) -> Floats:
        """Sum the values within each cluster: (n,) → (count,)."""
        totals = np.bincount(self.codes, weights=values, minlength=self.count)
        return totals.astype(np.float64, copy=False)


def as_floats(values: npt.ArrayLike, name: str = "values") -> Floats:
    """One-dimensional float64 array of `values`.

    Raises ValueError unless it is one-dimensional and holds finite numbers only.

    >>> as_floats([True, 0.5])
    array([1. , 0.5])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {array.shape}.")
    bad = np.flatnonzero(~(np.abs(array) <= _LARGEST))
    if bad.size:
        raise ValueError(
            f"{name}[{bad[0]}] is {array[bad[0]]}; statistics need finite numbers (up to "
            f"{_LARGEST:g}). Leave unscored items out and report their number beside the result."
        )
    return array


def as_pairs(a: npt.ArrayLike, b: npt.ArrayLike, names: tuple[str, str]) -> tuple[Floats, Floats]:
    """Two arrays of the same length, aligned by position. Raises ValueError if they are not."""
    first, second = as_floats(a, names[0]), as_floats(b, names[1])
    if first.size != second.size:
        raise ValueError(
            f"{names[0]} has {first.size} values and {names[1]} {second.size}; "
            "pair them by sample, and leave out the samples that only one of them has."
        )
    return first, second


def as_clusters(labels: Sequence[Hashable] | None, n: int) -> Clusters | None:
    """Number the clusters; a label None stands for a value that shares its source with no other.

    >>> as_clusters(["doc1", "doc2", "doc1", None], 4).codes.tolist()
    [0, 1, 0, 2]
    """
    if labels is None:
        return None
    if len(labels) != n:
        raise ValueError(f"clusters has {len(labels)} labels for {n} values; give one a value.")
    known: dict[Hashable, int] = {}
    codes = [known.setdefault(object() if label is None else label, len(known)) for label in labels]
    return Clusters(np.array(codes, dtype=np.intp), len(known))


def check_choice(value: object, name: str, known: Sequence[str]) -> None:
    """Raise ValueError unless `value` is one of the known."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}.")


def check_share(value: float, name: str) -> None:
    """Raise ValueError unless 0 < value < 1, as a confidence level or a power must be."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, both excluded, not {value}.")


def check_bounds(values: Floats, bounds: Bounds) -> None:
    """Raise ValueError unless the bounds are in order and every value lies within them."""
    low, high = bounds
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"bounds must be two finite numbers in rising order, not {bounds}.")
    outside = np.flatnonzero((values < low) | (values > high))
    if outside.size:
        raise ValueError(
            f"Value {values[outside[0]]} at position {outside[0]} lies outside the bounds "
            f"{bounds}; give the metric's true bounds, or None where it has none."
        )


def is_binary(values: Floats) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.all((values == 0.0) | (values == 1.0)))
