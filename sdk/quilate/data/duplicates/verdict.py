"""What comes of clusters: which rows go, for which other row, and the clusters' column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quilate.data.steps import Row, Rows, Verdicts
from quilate.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 8192  # rows that are read together


@dataclass(frozen=True, slots=True)
class Found:
    """Of every row of a dataset: the position of the first row of its `cluster`, of the row that it
    gives way to (`kept_for`, itself where it stays), and how similar it is to that one."""

    cluster: "NDArray[np.int64]"
    kept_for: "NDArray[np.int64]"
    similarity: "NDArray[np.float64]"


@dataclass(frozen=True, slots=True)
class Pairs:
    """The rows that give way (`going`, by their positions, which rise), each with the one that is
    kept for it, and how similar they are."""

    going: "NDArray[np.int64]"
    kept_for: "NDArray[np.int64]"
    similarity: "NDArray[np.float64]"


class _Details(Mapping[int, str]):
    """Which row each one gives way to, in words that are made when they are asked for: of ten
    million duplicates, they would take gigabytes."""

    def __init__(
        self, telling: "Telling", pairs: Pairs, rows: Rows, ids: Mapping[int, str]
    ) -> None:
        self._telling, self._pairs, self._rows, self._ids = telling, pairs, rows, ids

    def __getitem__(self, position: int) -> str:
        at = int(np.searchsorted(self._pairs.going, position))
        if at == len(self._pairs.going) or self._pairs.going[at] != position:
            raise KeyError(position)
        keeper = int(self._pairs.kept_for[at])
        name = self._ids.get(keeper)
        if name is None:
            name = str(self._rows.take([keeper], ["id"])[0]["id"])
        return f"of {name}" + self._telling.nearness(float(self._pairs.similarity[at]))

    def __iter__(self) -> Iterator[int]:
        return iter(self._pairs.going.tolist())

    def __len__(self) -> int:
        return len(self._pairs.going)

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True, slots=True)
class Telling:
    """How duplicates are told: the `reason` and `measure`, whether they are dropped at all, and
    the field in which each row is told its cluster, if any."""

    reason: str
    measure: str = ""
    drop: bool = True
    cluster_field: str | None = None

    def __post_init__(self) -> None:
        name = self.cluster_field
        if not isinstance(self.drop, bool):
            raise ConfigurationError(f"drop is {self.drop!r}.", remedy="Write true or false.")
        if name is not None and (not isinstance(name, str) or not name or name == "id"):
            raise ConfigurationError(
                f"cluster_field is {name!r}.", remedy="Name a new field, such as cluster."
            )
        if not self.drop and name is None:
            raise ConfigurationError(
                "With drop: false and no cluster_field, nothing comes of the step.",
                remedy="Name a new field, such as cluster_field: cluster.",
            )

    def verdicts(self, found: Found, rows: Rows, ids: Mapping[int, str]) -> Verdicts:
        """The verdicts; `ids` are those known already of rows that are kept."""
        count = len(found.cluster)
        going = np.flatnonzero(found.kept_for != np.arange(count))
        pairs = Pairs(going, found.kept_for[going], found.similarity[going])
        return self.verdicts_of(count, pairs, found.cluster, rows, ids)

    def verdicts_of(
        self,
        count: int,
        pairs: "Pairs",
        cluster: "NDArray[np.int64] | None",
        rows: Rows,
        ids: Mapping[int, str],
    ) -> Verdicts:
        """The verdicts on `count` rows, of which the `pairs` alone give way; `cluster` is wanted
        where there is a cluster field."""
        dropped = np.full(count, -1, dtype=np.int16)
        details: Mapping[int, str] = {}
        if self.drop:
            dropped[pairs.going] = 0
            details = _Details(self, pairs, rows, ids)
        columns: dict[str, Any] = (
            {} if self.cluster_field is None else {self.cluster_field: cluster}
        )
        return Verdicts(dropped, (self.reason,), details, columns)

    def nearness(self, near: float) -> str:
        """How near a row is to the one that it gives way to, as it is told."""
        # Rounded down: 1.000 is said of equals alone (whose cosine is rounded itself).
        return (
            f" ({self.measure} {np.floor(near * 1000 + 1e-3) / 1000:.3f})" if self.measure else ""
        )


class ListedRows:
    """Rows of a list, as a dataset step reads them.

    >>> ListedRows([{"id": "a", "text": "Hola"}]).take([0], ["text"])
    [{'text': 'Hola'}]
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, positions: Sequence[int], fields: Sequence[str] | None = None) -> list[Row]:
        """The rows at positions."""
        taken = [self._rows[at] for at in positions]
        if fields is None:
            return taken
        return [{name: row.get(name) for name in fields} for row in taken]


def first_of(labels: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """For each row the first one with its label.

    >>> first_of(np.array([2, 1, 2])).tolist()
    [0, 1, 0]
    """
    count = len(labels)
    first = np.full(count, count)
    first[labels[::-1]] = np.arange(count)[::-1]
    return first[labels]


def same_length(count: int, rows: Rows) -> None:
    """Raise `DataError` unless the sketches tell of as many rows as there are."""
    if count != len(rows):
        raise DataError(
            f"The sketches tell of {count} rows, and there are {len(rows)}.",
            remedy="Sketch every row once, with the step that decides.",
        )


def groups_of(keys: "NDArray[np.generic]", ranks: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """For each row the best-ranked one of those with its key.

    >>> groups_of(np.array([5, 3, 5]), np.array([1, 2, 0])).tolist()
    [2, 1, 2]
    """
    count = len(keys)
    best = np.arange(count)
    if not count:
        return best
    order = np.argsort(keys)
    ordered = keys[order]
    heads = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.concatenate((heads, [count])))
    holder = np.empty(count, dtype=np.int64)
    holder[ranks] = np.arange(count)
    best[order] = np.repeat(holder[np.minimum.reduceat(ranks[order], heads)], sizes)
    return best


def row_numbers(digests: "NDArray[np.uint64]") -> "NDArray[np.int64]":
    """A number for each row of an array of two columns, the same for the same rows.

    >>> row_numbers(np.array([[1, 2], [1, 3], [1, 2]], dtype=np.uint64)).tolist()
    [0, 1, 0]
    """
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    new = (ordered[1:] != ordered[:-1]).any(axis=1)
    numbers = np.empty(len(digests), dtype=np.int64)
    numbers[order] = np.concatenate(([0], np.cumsum(new)))[: len(digests)]
    return numbers
