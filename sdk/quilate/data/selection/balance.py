"""Fewer rows of what there is too much of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from quilate.data.selection import keys
from quilate.data.steps import Row, Rows, Sketch, Verdicts
from quilate.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAMED = 1000  # values whose rows are dropped for a reason of their own


@dataclass(frozen=True, slots=True)
class Balance:
    """Drops rows of the values of `field` that are over-represented.

    With ``how="downsample"`` every value keeps as many rows as the rarest one has. With
    ``how="cap"`` none keeps more than `max_ratio` times those, or than `max_rows`. Rows without
    the field are a value of their own. Which rows stay is drawn by a hash of their ids and `seed`;
    the others are dropped as ``over-represented: VALUE``.

    >>> rows = [{"id": str(at), "lang": "en" if at < 9 else "es"} for at in range(12)]
    >>> step = Balance("lang", how="cap", max_ratio=2)
    >>> verdicts = step.decide([step.sketch(rows)], rows=rows)
    >>> int((verdicts.dropped >= 0).sum()), verdicts.reasons
    (3, ('over-represented: en',))
    """

    field: str
    how: Literal["downsample", "cap"] = "downsample"
    max_ratio: float | None = None
    max_rows: int | None = None
    seed: int = 0
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        keys.check_field(self.field, "field")
        if self.how not in ("downsample", "cap"):
            raise ConfigurationError(
                f"`how` is {self.how!r}.", remedy='Write "downsample" or "cap".'
            )
        limits = (self.max_ratio, self.max_rows)
        if (self.how == "cap") == (limits == (None, None)):
            raise ConfigurationError(
                "`max_ratio` and `max_rows` are the limits of how: cap.",
                remedy="Give one of them with it, and none with how: downsample.",
            )
        if self.max_ratio is not None:
            keys.check_number(self.max_ratio, "option `max_ratio`", 1.0)
        if self.max_rows is not None:
            keys.check_count(self.max_rows, "option `max_rows`")

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """Each row's hash and value."""
        drawn = {"hash": keys.hashes(self.seed, (str(row.get("id")) for row in rows))}
        return drawn | dict(keys.coded(keys.value_keys(rows, self.field), "value"))

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """Which rows are too many; raises `DataError` for a field that no row has."""
        import numpy as np

        drawn, values = keys.all_of(sketches, "hash"), keys.joined(sketches, "value")
        dropped = np.full(len(drawn), -1, np.int16)
        if not len(drawn):
            return Verdicts(dropped)
        keys.check_there(values, self.field)
        most = self._most(np.bincount(values.codes))
        order = np.lexsort((drawn, values.codes))
        firsts = np.searchsorted(values.codes[order], np.arange(len(values.names)))
        place = np.arange(len(order)) - firsts[values.codes[order]]
        over = order[place >= most]
        return Verdicts(dropped, *_reasons(dropped, over, values))

    def _most(self, counts: "NDArray[np.int64]") -> int:
        rarest = int(counts.min())
        limits = [rarest] if self.how == "downsample" else []
        if self.max_ratio is not None:
            limits.append(int(rarest * self.max_ratio + 1e-9))
        if self.max_rows is not None:
            limits.append(self.max_rows)
        return min(limits)


def _reasons(
    dropped: "NDArray[np.int16]", over: "NDArray[np.int64]", values: keys.Values
) -> tuple[tuple[str, ...]]:
    """Marks the rows that are too many, with a reason for each value, the commonest if there are
    more values than can be told apart."""
    import numpy as np

    codes = values.codes[over]
    counts = np.bincount(codes, minlength=len(values.names))
    named = [at for at in np.argsort(-counts, kind="stable")[:_NAMED].tolist() if counts[at]]
    reason = np.full(len(values.names), len(named), np.int16)
    reason[named] = np.arange(len(named))
    dropped[over] = reason[codes]
    told = tuple(f"over-represented: {keys.shown(values.names[at])}" for at in named)
    return (
        (*told, "over-represented")
        if (codes.size and (reason[codes] == len(named)).any())
        else told,
    )
