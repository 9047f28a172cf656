"""What a step of a data pipeline is: rows in, verdicts on them out.

There are two kinds. A **row step** looks at rows one by one, or a shard of them at a time, and
can be run on any shard alone. A **dataset step** (duplicates, splits, samples) must have seen every
row: it makes a small *sketch* of each shard, decides once over all the sketches, and its verdicts
fall back on the shards.

Steps are values: frozen dataclasses whose fields are their options. They are found by name in the
entry-point group ``quilate.steps``, and so must give the same verdicts for the same rows and
options, on any machine. `version` changes whenever the verdicts do: cached verdicts of the version
before are then not used again.

Three methods more are optional. ``inputs()`` gives the files that the verdicts depend on, by path
with their SHA-256; ``named_files(rows)`` gives the paths of those that rows name, such as images:
where one has changed, its shard is done again. ``reads()`` names the fields without which the step
could do nothing to a row: rows without are counted, and it is an error where no row has one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = Mapping[str, Any]
"""One row: field names to JSON values. Every row of a pipeline has an ``id``, a text that no other
row has."""

Sketch = Mapping[str, "NDArray[Any]"]
"""What a dataset step keeps of a shard: named arrays, the first axis of each usually the rows."""


@dataclass(frozen=True, slots=True)
class Change:
    """The row stays, with these `fields` new or replaced (a field of None is taken away), for
    `reasons`: short constant words, which the report counts. Without fields it says why the row was
    left as it is."""

    fields: Mapping[str, Any]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """The row goes to the quarantine for a `reason` (a short constant word, which the report
    counts), with a `detail` of its own."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Add:
    """The row stays as it is, and these `rows` come after it; each has an ``id`` of its own."""

    rows: tuple[Row, ...]
    reason: str


Verdict = Change | Drop | Add | None
"""What a step says of a row; None: it stays as it is."""


class RowStep(Protocol):
    """A step that looks at the rows of one shard."""

    version: ClassVar[int]

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """One verdict for each row, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a dataset step decided of all `n` rows, by their positions in the dataset.

    `dropped` holds, for each row, the index in `reasons` for which it goes, or -1. `details` tells
    more of single positions (such as which row it is a duplicate of). `columns` are new fields, one
    value a row (in a list, or a numpy array), counted in the report by value where they are texts.
    """

    dropped: "NDArray[np.int16]"
    reasons: tuple[str, ...] = ()
    details: Mapping[int, str] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)


class Rows(Protocol):
    """All the rows of a dataset, read where they lie."""

    def __len__(self) -> int: ...

    def take(self, positions: Sequence[int], fields: Sequence[str] | None = None) -> list[Row]:
        """The rows at `positions`, in that order (cheapest when they rise)."""
        ...


class DatasetStep(Protocol):
    """A step that decides when it has seen every row."""

    version: ClassVar[int]

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """The sketch of one shard. Shards are sketched apart, perhaps in other processes."""
        ...

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """The verdicts, from the shards' sketches in order."""
        ...


def text_of(row: Row, name: str) -> str:
    """The text of a field; empty where the row has none, its JSON where it is no text.

    >>> text_of({"id": "1", "text": "Hola"}, "text"), text_of({"id": "1"}, "text")
    ('Hola', '')
    """
    value = row.get(name)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    import json

    return json.dumps(value, ensure_ascii=False, sort_keys=True)
