"""Which of several duplicates stays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quilate.data.steps import Row, Sketch
from quilate.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RULES = ("first", "last", "longest")
_BEST = "best:"


@dataclass(frozen=True, slots=True)
class Keeping:
    """The rule by which one row of several stays: ``first`` or ``last`` in the dataset,
    ``longest`` (characters of the text), or ``best:FIELD`` (highest number in that field; a row
    without a number comes after those with one). The first of equals stays.

    >>> keeping = Keeping("best:votes")
    >>> scores = keeping.scores([{"id": "a", "votes": 1}, {"id": "b", "votes": 7}], ["", ""])
    >>> keeping.ranks(scores).tolist()
    [1, 0]
    """

    rule: str

    def __post_init__(self) -> None:
        if not isinstance(self.rule, str) or not (
            self.rule in _RULES or (self.rule.startswith(_BEST) and self.rule != _BEST)
        ):
            raise ConfigurationError(
                f"keep is {self.rule!r}.", remedy="Write first, last, longest or best:FIELD."
            )

    def scores(self, rows: Sequence[Row], texts: Sequence[str]) -> "NDArray[np.float64]":
        """How much each row speaks for itself."""
        if self.rule == "longest":
            return np.fromiter(map(len, texts), dtype=np.float64, count=len(texts))
        if self.rule.startswith(_BEST):
            name = self.rule.removeprefix(_BEST)
            return np.array([_number(row.get(name)) for row in rows], dtype=np.float64)
        return np.zeros(len(rows))

    @property
    def compares(self) -> bool:
        """Whether it looks at the rows, and not at their order alone."""
        return self.rule == "longest" or self.rule.startswith(_BEST)

    def of_sketches(self, sketches: Sequence[Sketch], count: int) -> "NDArray[np.int64]":
        """The ranks of all rows, from the ``scores`` in their sketches where it compares rows.
        Raises as `check`."""
        if not self.compares or not sketches:
            return self.ranks(np.zeros(count))
        self.check(sketches)
        return self.ranks(np.concatenate([sketch["scores"] for sketch in sketches]))

    def check(self, sketches: Sequence[Sketch]) -> None:
        """Raise `DataError` where no row at all has a number in the field of ``best:FIELD``."""
        if not self.rule.startswith(_BEST):
            return
        scores = [sketch["scores"] for sketch in sketches if len(sketch["scores"])]
        if scores and all(np.isneginf(some).all() for some in scores):
            raise DataError(
                f"No row has a number in '{self.rule.removeprefix(_BEST)}', by which the best is "
                "to stay.",
                where=f"keep: {self.rule}",
                remedy="Name a field with numbers (those of a CSV file are texts), or write keep: "
                "longest.",
            )

    def ranks(self, scores: "NDArray[np.float64]") -> "NDArray[np.int64]":
        """The rank of each of all rows, 0 the one that stays before all others."""
        count = len(scores)
        if self.rule == "first":
            return np.arange(count)
        if self.rule == "last":
            return np.arange(count)[::-1].copy()
        ranks = np.empty(count, dtype=np.int64)
        ranks[np.argsort(-scores, kind="stable")] = np.arange(count)
        return ranks


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return -math.inf
    try:
        number = float(value)
    except OverflowError:  # an int beyond the floats
        return math.inf if value > 0 else -math.inf
    return -math.inf if math.isnan(number) else number
