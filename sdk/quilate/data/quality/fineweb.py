"""The rules that FineWeb adds to those of Gopher and C4: Penedo et al., The FineWeb Datasets, 2024
(arXiv:2406.17557), section 3.6."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from quilate.data.cleaning.options import check_number, check_text
from quilate.data.cleaning.within import text_within
from quilate.data.quality.words import TERMINAL, lines_of, pieces, repeated, share
from quilate.data.steps import Drop, Row, Verdict


@dataclass(frozen=True, slots=True)
class FineWebQuality:
    r"""FineWeb's own filter, by the paper's thresholds: drops texts of which at most 12 % of the
    lines end in a terminal mark; at least 10 % of the characters lie in repeated lines; or at least
    67 % of the lines are shorter than 30 characters.

    `max_line_breaks_per_word` is a fourth rule, of the published code alone (datatrove, 0.3): set
    it to null to leave it out. That code differs from the paper in the repeated lines: it drops
    texts over 1 % (``max_repeated_characters: 0.01``). Lines are those that are not blank.

    >>> row = {"id": "1", "text": "Home\nNews\nSports"}
    >>> list(FineWebQuality().apply([row]))
    [Drop(reason='lines without end marks', detail='0.000 with one')]
    """

    field: str = "text"
    min_end_marks: float = 0.12
    max_repeated_characters: float = 0.1
    max_short_lines: float = 0.67
    short_line: int = 30
    max_line_breaks_per_word: float | None = 0.3
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_text("fineweb_quality", "field", self.field)
        for one in fields(self)[1:]:
            value = getattr(self, one.name)
            if value is not None or one.name != "max_line_breaks_per_word":
                check_number("fineweb_quality", one.name, value)

    def reads(self) -> Sequence[str]:
        """The field that is judged."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Each row that a rule is against is dropped for the first such rule."""
        return [self._verdict(text_within(row, self.field)) for row in rows]

    def _verdict(self, text: str) -> Verdict:
        lines = lines_of(text)
        if not lines:
            return Drop("empty")
        ended = share(sum(line.rstrip().endswith(TERMINAL) for line in lines), len(lines))
        if ended <= self.min_end_marks:
            return Drop("lines without end marks", f"{ended:.3f} with one")
        short = share(sum(len(line) < self.short_line for line in lines), len(lines))
        if short >= self.max_short_lines:
            return Drop("short lines", f"{short:.3f}")
        again = share(repeated(lines)[1], sum(map(len, lines)))
        if again >= self.max_repeated_characters:
            return Drop("characters in repeated lines", f"{again:.3f}")
        if self.max_line_breaks_per_word is not None:
            breaks = share(text.count("\n"), sum(1 for _ in pieces(text)))
            if breaks > self.max_line_breaks_per_word:
                return Drop("line breaks", f"{breaks:.3f} a word")
        return None
