"""What a data card holds: figures of a dataset, and what its manifest tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.data.tokens.lengths import Lengths
from quilate.errors import ConfigurationError

if TYPE_CHECKING:
    from quilate.data.tokens.values import Fit

_MARKDOWN, _HTML = (".md", ".markdown"), (".html", ".htm")


def check_ending(path: Path) -> None:
    """Raise `ConfigurationError` for a file whose name says that it is no card."""
    if path.suffix.casefold() not in (*_MARKDOWN, *_HTML):
        raise ConfigurationError(
            f"A card is HTML or Markdown, not '{path.suffix}'.",
            where=str(path),
            remedy="End the name in .html or .md.",
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as text: the whole of it, or its beginning; `characters` is how long it is."""

    text: str
    characters: int

    @property
    def cut(self) -> int:
        """How many characters are left out."""
        return self.characters - len(self.text)


@dataclass(frozen=True, slots=True)
class FieldCard:
    """One field: how many rows have a value of which type, how many are filled (neither missing,
    nor null, nor empty), how many values differ (at least so many, if `more`), `least` and `most`
    of numbers, the `lengths` of texts in characters, and, where the values are few and come again,
    how often each occurs."""

    name: str
    types: Mapping[str, int]
    filled: int
    distinct: int
    more: bool
    examples: tuple[Shown, ...] = ()
    least: float | None = None
    most: float | None = None
    lengths: Lengths | None = None
    values: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class LanguageCard:
    """Rows of one language. `confidence` is the mean of what the rows tell of it, `doubtful` how
    many of them are below one half."""

    language: str
    rows: int
    share: float
    confidence: float | None = None
    doubtful: int = 0


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of the rows. With a `field` its values are counted; without one, `of` rows
    drawn at random were told to be Spanish or English from their text."""

    field: str | None
    of: int
    shares: tuple[LanguageCard, ...]


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A file or folder that rows came from."""

    path: str
    sha256: str | None
    rows: int | None
    rejected: int


@dataclass(frozen=True, slots=True)
class Example:
    """What a step did to one row. The texts are left out where they may hold personal data."""

    id: str
    did: str
    reason: str
    detail: Shown | None
    before: Shown | None
    after: Shown | None


@dataclass(frozen=True, slots=True)
class StepCard:
    """A step of the pipeline: its options, rows in and out, and what it did, by reason. The texts
    of its examples are `hidden` where they are from before personal data were masked."""

    step: str
    options: Mapping[str, Any]
    digest: str | None
    rows_in: int | None
    kept: int
    changed: int
    dropped: int
    added: int
    rows_out: int | None
    reasons: Mapping[str, Mapping[str, int]]
    examples: tuple[Example, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A data card. `fields` are in the order in which they were met; `unseen_fields` is how many
    more there were. `text_field` is the one with the most text. `samples` are rows drawn at random
    with `seed`."""

    name: str
    version: str | None
    digest: str | None
    created: str | None
    quilate: str | None
    licence: str | None
    description: str | None
    rows: int
    told_rows: int | None
    fields: tuple[FieldCard, ...]
    unseen_fields: int
    text_field: str | None
    languages: Languages
    sources: tuple[SourceCard, ...]
    steps: tuple[StepCard, ...]
    quarantined: int | None
    samples: tuple[Mapping[str, Shown], ...]
    seed: int
    load: str | None
    tokens: "Fit | None" = None

    def field(self, name: str | None) -> FieldCard | None:
        """The field of a name; None where there is none."""
        return next((one for one in self.fields if one.name == name), None)

    def as_data(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        from quilate.data.card.plain import plain

        return plain(self)

    def markdown(self, lang: str | None = None) -> str:
        """The card as Markdown, with the metadata block of Hugging Face's dataset cards; `lang` is
        ``en`` or ``es``, None asks the environment."""
        from quilate.data.card.markdown import markdown

        return markdown(self, lang)

    def html(self, lang: str | None = None) -> str:
        """The card as one HTML page that needs neither network nor script."""
        from quilate.reports.data_card import page_of

        return page_of(self, lang=lang)

    def write(self, path: str | Path, lang: str | None = None) -> Path:
        """Write the card to `path`, as Markdown where that ends in ``.md``, as HTML in ``.html``.
        The file is there whole or not at all. Raises StoreError where it cannot be written, and
        ConfigurationError for a name with another ending."""
        from quilate.reports.pages import write_whole

        path = Path(path)
        check_ending(path)
        is_markdown = path.suffix.casefold() in _MARKDOWN
        return write_whole(path, self.markdown(lang) if is_markdown else self.html(lang))
