"""What the measurement of tokenizers found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from quilate.data.tokens.lengths import Lengths

if TYPE_CHECKING:
    from quilate.stats import Estimate

LONG_WORD = 20
"""Characters a word from which a language is taken to be written without spaces."""


@dataclass(frozen=True, slots=True)
class Text:
    """How much text there is: rows, words (between white space), characters (code points) and
    UTF-8 bytes."""

    rows: int = 0
    words: int = 0
    characters: int = 0
    bytes: int = 0

    @property
    def spaced(self) -> bool:
        """Whether its words are words: Chinese, Japanese and Thai have no spaces between them."""
        return self.characters < LONG_WORD * self.words


@dataclass(frozen=True, slots=True)
class Cut:
    """What a window of so many tokens cuts off: of how many rows, and how many tokens."""

    window: int
    rows: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a tokenizer makes of a text: its tokens, without those that are put around each row;
    how many of them are unknown, and bytes that are no character; how many words are one token
    (as after a space)."""

    text: Text
    tokens: int
    whole_words: int
    unknown: int
    byte_tokens: int
    lengths: Lengths
    cuts: tuple[Cut, ...]

    @property
    def per_word(self) -> float | None:
        """Tokens per word ("fertility": Rust et al. 2021, arXiv:2012.15613), signs included."""
        return _ratio(self.tokens, self.text.words)

    @property
    def per_character(self) -> float | None:
        """Tokens per character."""
        return _ratio(self.tokens, self.text.characters)

    @property
    def per_byte(self) -> float | None:
        """Tokens per UTF-8 byte."""
        return _ratio(self.tokens, self.text.bytes)

    @property
    def whole_share(self) -> float | None:
        """Share of the words that are one token."""
        return _ratio(self.whole_words, self.text.words)

    @property
    def unknown_share(self) -> float | None:
        """Share of the tokens that are the mark for what the vocabulary lacks."""
        return _ratio(self.unknown, self.tokens)

    @property
    def byte_share(self) -> float | None:
        """Share of the tokens that are bytes which are no whole character."""
        return _ratio(self.byte_tokens, self.tokens)


@dataclass(frozen=True, slots=True)
class Packing:
    """Rows in windows of so many tokens: `packed` windows are enough (best-fit decreasing, rows
    that are longer being cut), against one a row. `tokens` are those within the windows, and
    `batch_positions` are expected of batches of `batch` rows drawn at random, each padded to its
    longest."""

    window: int
    rows: int
    tokens: int
    packed: int
    batch: int
    batch_positions: float

    @property
    def efficiency(self) -> float | None:
        """Share of the positions of the packed windows that hold a token."""
        return _ratio(self.tokens, self.packed * self.window)

    @property
    def padded_efficiency(self) -> float | None:
        """The same where each row is padded to the window."""
        return _ratio(self.tokens, self.rows * self.window)

    @property
    def batch_efficiency(self) -> float | None:
        """The same where each batch is padded to its longest row."""
        return _ratio(self.tokens, self.batch_positions)

    @property
    def padding_saved(self) -> float | None:
        """Share of the padding of batches that packing saves; below 0 where it costs some."""
        saved = self.batch_positions - self.packed * self.window
        return _ratio(saved, self.batch_positions - self.tokens)


@dataclass(frozen=True, slots=True)
class Parallel:
    """Tokens of texts in `language` over those of the same texts in `reference`: the ratio of the
    sums, with its interval over clusters of pairs. `of` is how many pairs there were; where they
    are more than the estimate's `n`, those are a sample drawn by the hash of their key."""

    language: str
    reference: str
    ratio: "Estimate"
    of: int


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million input tokens: as given, or estimated from the list price of a
    `model` (whose own tokenizer may count otherwise)."""

    usd_per_million: float
    basis: Literal["given", "estimated"]
    model: str | None = None


@dataclass(frozen=True, slots=True)
class TokenizerFit:
    """How one tokenizer fits: over all rows, and by language (most rows first)."""

    name: str
    vocabulary: int
    around: int
    total: Counts
    languages: Mapping[str, Counts]
    packing: tuple[Packing, ...]
    parallel: tuple[Parallel, ...] = ()
    price: Price | None = None

    @property
    def cost(self) -> float | None:
        """US dollars that all rows cost once, as input."""
        if self.price is None:
            return None
        tokens = self.total.tokens + self.around * self.total.text.rows
        return tokens * self.price.usd_per_million / 1e6


@dataclass(frozen=True, slots=True)
class Fit:
    """How tokenizers fit the `field` of some rows; `empty` of the rows had no text there.

    `guessed` is how many rows named no language: theirs was told from the text, and only Spanish
    and English can be. `limited` says that there were more rows than were read.
    """

    field: str
    rows: int
    empty: int
    guessed: int
    limited: bool
    sample: float | None
    windows: tuple[int, ...]
    tokenizers: tuple[TokenizerFit, ...]

    def as_data(self) -> dict[str, Any]:
        """Everything as plain JSON values, the derived figures included."""
        from quilate.data.tokens.plain import plain

        return plain(self)

    def advice(self, lang: str | None = None) -> list[str]:
        """What follows from the figures, one sentence each, in ``en`` or ``es`` (None: as the
        environment says)."""
        from quilate.data.tokens.advice import advice

        return advice(self, lang)

    def table(self, lang: str | None = None, *, width: int = 80) -> str:
        """The figures and the advice as plain text of at most `width` columns."""
        from quilate.data.tokens.terminal import render

        return render(self, lang=lang, width=width)

    def html(self, lang: str | None = None) -> str:
        """A fragment of HTML with charts, tables and advice, for a page with the reports' style."""
        from quilate.data.tokens.html import fragment

        return fragment(self, lang)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
