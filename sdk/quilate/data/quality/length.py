"""The step ``length``: rows whose text is neither too short nor too long."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from quilate.data.cleaning.options import check_choice, check_count, check_text, wrong
from quilate.data.cleaning.within import text_within
from quilate.data.quality.words import bare, lines_of, pieces, some
from quilate.data.steps import Drop, Row, Verdict

_COUNTERS: dict[str, Callable[[str], int]] = {
    "characters": len,
    "words": lambda text: sum(bool(bare(piece)) for piece in pieces(text)),
    "lines": lambda text: len(lines_of(text)),
}


@dataclass(frozen=True, slots=True)
class Length:
    """Keeps the rows whose `field` has `min` to `max` characters, words or lines, these included.

    A word is what stands between white space and has a letter or digit; lines are those that are
    not blank. Of messages, all contents count together.

    >>> list(Length(min=2, unit="words").apply([{"id": "1", "text": "Hola –"}]))
    [Drop(reason='too short', detail='1 word')]
    """

    field: str = "text"
    min: int | None = None
    max: int | None = None
    unit: Literal["characters", "words", "lines"] = "characters"
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_text("length", "field", self.field)
        check_choice("length", "unit", self.unit, _COUNTERS)
        for option, value in (("min", self.min), ("max", self.max)):
            if value is not None:
                check_count("length", option, value)
        if self.min is None and self.max is None:
            wrong("length", "min", None, "Give min, max, or both.")
        if self.min is not None and self.max is not None and self.min > self.max:
            wrong("length", "max", self.max, f"Give {self.min} or more, or a smaller min.")

    def reads(self) -> Sequence[str]:
        """The field that is measured."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Rows that are ``too short`` or ``too long`` are dropped."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        count = _COUNTERS[self.unit](text_within(row, self.field))
        if self.min is not None and count < self.min:
            return Drop("too short", some(count, self.unit))
        if self.max is not None and count > self.max:
            return Drop("too long", some(count, self.unit))
        return None
