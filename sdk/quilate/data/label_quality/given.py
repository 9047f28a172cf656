"""Probabilities that the rows bring with them: read, checked, and put side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quilate.data.selection import keys
from quilate.data.steps import Row, Sketch
from quilate.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_OFF = 0.02  # by which probabilities may miss a sum of 1, for rounding


def sketch_given(rows: Sequence[Row], field: str, classes: Sequence[str] | None) -> dict[str, Any]:
    """The probabilities in a field: label, number and row of each, and which rows have any.

    Raises `DataError` for what is no distribution.
    """
    names: list[str] = []
    shares: list[float] = []
    owners: list[int] = []
    for at, row in enumerate(rows):
        given = row.get(field)
        if given is None:
            continue
        chances = _checked(given, field, classes, f"row {row.get('id')}")
        total = math.fsum(chances.values())
        names += chances
        shares += [chance / total for chance in chances.values()]
        owners += [at] * len(chances)
    return {
        **keys.coded(names, "given"),
        "share": np.array(shares, np.float64),
        "owner": np.array(owners, np.int64),
        "size": np.array([len(rows)], np.int64),
    }


def _checked(
    given: Any, field: str, classes: Sequence[str] | None, where: str
) -> Mapping[str, float]:
    if isinstance(given, list | tuple) and classes is not None and len(given) == len(classes):
        given = dict(zip(classes, given, strict=True))
    if not isinstance(given, Mapping) or not given:
        raise DataError(
            f"'{field}' holds no probabilities of labels.",
            where=where,
            remedy='Write {"LABEL": 0.9, …}, or a list and the option classes: [LABEL, …].',
        )
    fine = all(
        isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1 + _OFF
        for one in given.values()
    )
    if not fine or abs(math.fsum(given.values()) - 1.0) > _OFF:
        raise DataError(
            f"'{field}' is no distribution: its numbers must be 0 or more, and sum to 1.",
            where=where,
            remedy="Give probabilities, not scores.",
        )
    return {str(name): float(one) for name, one in given.items()}


def merged(sketches: Sequence[Sketch]) -> tuple[list[str], "Floats"]:
    """All labels that any row gives a probability, and the rows' probabilities in their order, of
    shape (n, K); a row that has none is all 0."""
    values = keys.joined(sketches, "given")
    sizes = [int(sketch["size"][0]) for sketch in sketches]
    shares = np.zeros((sum(sizes), len(values.names)))
    starts = np.cumsum([0, *sizes])
    owners = [sketch["owner"] + start for sketch, start in zip(sketches, starts, strict=False)]
    owner = np.concatenate([np.zeros(0, np.int64), *owners])
    shares[owner, values.codes] = keys.all_of(sketches, "share", "float64")
    return values.names, shares
