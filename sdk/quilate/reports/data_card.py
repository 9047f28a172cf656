"""A data card as one HTML file: no network, no script, everything of the data escaped."""

from __future__ import annotations

from pathlib import Path

from quilate.data.card import wording
from quilate.data.card.values import Card, Shown
from quilate.data.card.words import CardWords
from quilate.data.tokens import chart
from quilate.data.tokens.lengths import Lengths
from quilate.reports.pages import render_page, write_whole
from quilate.reports.strings import language

_FOLDED = 280  # characters of a value that a sample shows before it is opened


def write(card: Card, path: str | Path, *, lang: str | None = None) -> Path:
    """Write the card's page to `path` and return it; folders that are missing are made. The file is
    there whole or not at all. Raises StoreError where it cannot be written."""
    return write_whole(Path(path), page_of(card, lang=lang))


def page_of(card: Card, *, lang: str | None = None) -> str:
    """The page that `write` writes, in ``en`` or ``es`` (None: as the environment says)."""
    words = CardWords(language(lang))
    main = card.field(card.text_field)
    bars = _language_bars(words, card)
    return render_page(
        "data_card.html.j2",
        styles=("report.css", "data_card.css"),
        scripts=(),
        card=card,
        words=words,
        wording=wording,
        notices=wording.notices(words, card),
        checks=wording.checks(words, card),
        language_bars=bars,
        language_said="; ".join(f"{one.label}: {one.value}" for one in bars),
        lengths=_lengths(words, None if main is None else main.lengths),
        chart_height=chart.HEIGHT,
        fit=None if card.tokens is None else card.tokens.html(words.lang),
        folded=_folded,
    )


def _language_bars(words: CardWords, card: Card) -> list[chart.RatioBar]:
    return [
        chart.RatioBar(
            words.named(one.language), words.share(one.share), round(98 * one.share, 2), number + 1
        )
        for number, one in enumerate(card.languages.shares[:12])
    ]


def _lengths(words: CardWords, lengths: Lengths | None) -> chart.LengthChart | None:
    if lengths is None:
        return None
    return chart.length_chart(words, lengths, unit="bar_characters")


def _folded(value: Shown) -> tuple[str, str | None]:
    """What is shown of a value at once, and the rest that opens; None where all is shown."""
    if len(value.text) <= _FOLDED:
        return value.text, None
    return value.text[:_FOLDED], value.text[_FOLDED:]
