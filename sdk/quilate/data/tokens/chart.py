"""The geometry of the charts of a fit: positions in per cent of the width, heights in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quilate.data.tokens.lengths import Lengths
from quilate.data.tokens.values import Counts, Fit
from quilate.data.tokens.wording import TokenWords

HEIGHT = 120
"""Pixels of the tallest bar of a histogram."""


@dataclass(frozen=True, slots=True)
class Column:
    """One bar of a histogram, with what it says."""

    left: float
    width: float
    height: float
    said: str


@dataclass(frozen=True, slots=True)
class LengthChart:
    """A histogram of lengths, the window that falls within it (None: none does), and the text that
    says what it shows."""

    columns: tuple[Column, ...]
    first: str
    last: str
    mark: tuple[float, str] | None
    description: str


@dataclass(frozen=True, slots=True)
class RatioBar:
    """Tokens per word (or character) of one language."""

    label: str
    value: str
    width: float
    number: int


@dataclass(frozen=True, slots=True)
class RatioChart:
    """A bar for each language, and the text that says them all."""

    per: str
    bars: tuple[RatioBar, ...]
    description: str


def length_chart(
    words: TokenWords, lengths: Lengths, windows: Sequence[int] = (), unit: str = "bar"
) -> LengthChart | None:
    """The histogram of lengths; None without rows. `unit` is the key of the sentence of a bar."""
    bars = lengths.bars
    if not bars:
        return None
    tallest, share = max(bar.rows for bar in bars), 98 / len(bars)
    columns = []
    for place, bar in enumerate(bars):
        key = unit if bar.high is not None else f"{unit}_open"
        said = words(
            key,
            low=words.count(bar.low),
            high=words.count((bar.high or 1) - 1),
            rows=words.some("rows", bar.rows),
        )
        # What is there is seen, however few.
        height = max(HEIGHT * bar.rows / tallest, 1.5) if bar.rows else 0.0
        columns.append(
            Column(round(1 + share * place, 2), round(share * 0.92, 2), round(height, 1), said)
        )
    ends = [bar.high for bar in bars if bar.high is not None]
    return LengthChart(
        columns=tuple(columns),
        first=words.count(bars[0].low),
        last=words.count(ends[-1] - 1) + ("+" if bars[-1].high is None else ""),
        mark=_mark(words, windows, ends, share),
        description=quantile_line(words, lengths),
    )


def quantile_line(words: TokenWords, lengths: Lengths) -> str:
    """The quantiles that matter most, in words."""
    return words(
        "quantile_line",
        p50=words.count(lengths.quantiles[0.5]),
        p95=words.count(lengths.quantiles[0.95]),
        most=words.count(lengths.most),
    )


def _mark(
    words: TokenWords, windows: Sequence[int], ends: Sequence[int], share: float
) -> tuple[float, str] | None:
    """The shortest window that stands within the closed bars."""
    inside = [window for window in windows if window < ends[-1]]
    if not inside:
        return None
    return round(1 + share * len(ends) * inside[0] / ends[-1], 2), words.count(inside[0])


def ratio_chart(words: TokenWords, languages: Mapping[str, Counts], most: float) -> RatioChart:
    """Tokens per word by language, per character where some language has no spaces; the whole
    width is `most`."""
    spaced = all(counts.text.spaced for counts in languages.values())
    bars = []
    for number, (name, counts) in enumerate(languages.items()):
        value = (counts.per_word if spaced else counts.per_character) or 0.0
        width = round(min(98 * value / most, 98), 2) if most else 0.0
        bars.append(RatioBar(words.named(name), words.ratio(value), width, number + 1))
    per = words["per_word" if spaced else "per_character_long"]
    said = "; ".join(f"{bar.label}: {bar.value}" for bar in bars)
    return RatioChart(per, tuple(bars), said)


def widest(fit: Fit) -> float:
    """The most tokens per word or character, for charts of one scale."""
    rates = [
        rate
        for one in fit.tokenizers
        for counts in one.languages.values()
        for rate in [
            counts.per_word
            if all(other.text.spaced for other in one.languages.values())
            else counts.per_character
        ]
    ]
    return max((rate for rate in rates if rate is not None), default=0.0)
