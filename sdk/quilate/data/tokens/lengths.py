"""A histogram of lengths that stays small: exact below 32,768, else within one part in 16,384."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_EXACT_BITS = 15
_BARS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """So many `rows` with a length of `low` to less than `high` (None: no end)."""

    low: int
    high: int | None
    rows: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """What a histogram says: `quantiles` by their share (0.5: the median), each a length that
    occurs; `bars` for a chart, the last of them open."""

    rows: int
    mean: float
    least: int
    most: int
    quantiles: Mapping[float, int]
    bars: tuple[Bar, ...]


class Histogram:
    """Counts of lengths, which are added in batches.

    >>> counts = Histogram()
    >>> counts.add([3, 1, 2, 100_001])
    >>> counts.lengths().quantiles[0.5], counts.lengths().most
    (2, 100001)
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._rows = self._total = self._most = 0

    def add(self, lengths: Iterable[int]) -> None:
        """Count more lengths."""
        for length in lengths:
            key = _bucket(length)
            self._counts[key] = self._counts.get(key, 0) + 1
            self._rows += 1
            self._total += length
            self._most = max(self._most, length)

    def merge(self, other: "Histogram") -> None:
        """Count what another has counted as well."""
        for key, rows in other._counts.items():
            self._counts[key] = self._counts.get(key, 0) + rows
        self._rows += other._rows
        self._total += other._total
        self._most = max(self._most, other._most)

    def items(self) -> list[tuple[int, int]]:
        """(length, rows) from the shortest."""
        return sorted(self._counts.items())

    def lengths(self) -> Lengths:
        """The summary; all zeros without rows."""
        items = self.items()
        if not items:
            return Lengths(0, 0.0, 0, 0, dict.fromkeys(QUANTILES, 0), ())
        return Lengths(
            rows=self._rows,
            mean=self._total / self._rows,
            least=items[0][0],
            most=self._most,
            quantiles=dict(zip(QUANTILES, _quantiles(items, self._rows), strict=True)),
            bars=tuple(_bars(items, self._most)),
        )


def _bucket(length: int) -> int:
    """The length itself, or its first 15 bits."""
    shift = max(length.bit_length() - _EXACT_BITS, 0)
    return length >> shift << shift


def _quantiles(items: list[tuple[int, int]], rows: int) -> Iterator[int]:
    """The least length that a share of the rows do not exceed."""
    seen, position = items[0][1], 0
    for share in QUANTILES:
        while seen < share * rows:
            position += 1
            seen += items[position][1]
        yield items[position][0]


def _bars(items: list[tuple[int, int]], most: int) -> Iterator[Bar]:
    """Bars of one width up to about the 99th percentile, and one for what is beyond."""
    rows = sum(count for _, count in items)
    seen, reach = 0, most
    for length, count in items:
        seen += count
        if seen >= 0.99 * rows:
            reach = length
            break
    width = max(1, -(-(reach + 1) // _BARS))
    counts = [0] * (reach // width + 1)
    beyond = 0
    for length, count in items:
        if length // width < len(counts):
            counts[length // width] += count
        else:
            beyond += count
    for place, count in enumerate(counts):
        yield Bar(place * width, (place + 1) * width, count)
    if beyond:
        yield Bar(len(counts) * width, None, beyond)
