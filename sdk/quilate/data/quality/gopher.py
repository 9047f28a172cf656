"""The rules of Gopher: Rae et al., Scaling Language Models: Methods, Analysis & Insights from
Training Gopher, 2021 (arXiv:2112.11446), appendix A.1.1 with table A1."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import field as option_of
from typing import Any, ClassVar

from quilate.data.cleaning.options import check_count, check_number, check_text, set_texts, wrong
from quilate.data.cleaning.within import text_within
from quilate.data.quality.words import Grams, count_words, lines_of, repeated, share
from quilate.data.steps import Drop, Row, Verdict

_BULLETS = ("•", "-", "*", "‣", "▪", "●", "·", "–")
_ELLIPSES = ("...", "…")
_PARAGRAPHS = re.compile(r"\n{2,}")
_STOP_WORDS_EN = "the be to of and that have with"
# As common in Spanish as those eight are in English.
_STOP_WORDS_ES = "el la de que y en los del se las por un con una"
STOP_WORDS = (*_STOP_WORDS_EN.split(), *_STOP_WORDS_ES.split())
"""The paper's eight English words, and the commonest Spanish ones."""


@dataclass(frozen=True, slots=True)
class GopherQuality:
    """Gopher's quality filter: drops what is not prose, by the paper's thresholds.

    Kept are texts of 50 to 100,000 words, of 3 to 10 characters in the mean; with at most 0.1 of
    ``#``, and of ellipses, a word; at most 90 % of lines that begin with a bullet, and 30 % that
    end in an ellipsis; at least 80 % of words with a letter; and at least two different
    `stop_words`. Words are parted at white space, and measured without the signs around them (the
    paper does not say how it does this); lines are those that are not blank.

    >>> row = {"id": "1", "text": "### " * 60}
    >>> list(GopherQuality().apply([row]))
    [Drop(reason='too few words', detail='0')]
    """

    field: str = "text"
    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 3.0
    max_mean_word_length: float = 10.0
    max_symbols_per_word: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_alphabetic_words: float = 0.8
    min_stop_words: int = 2
    stop_words: str | Sequence[str] = STOP_WORDS
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_text("gopher_quality", "field", self.field)
        set_texts(self, "gopher_quality", "stop_words")
        object.__setattr__(self, "stop_words", tuple(word.lower() for word in self.stop_words))
        for one in fields(self)[1:-1]:
            check_number("gopher_quality", one.name, getattr(self, one.name))

    def reads(self) -> Sequence[str]:
        """The field that is judged."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Each row that a rule is against is dropped for the first such rule."""
        asked = frozenset(self.stop_words)
        return [self._verdict(text_within(row, self.field), asked) for row in rows]

    def _verdict(self, text: str, asked: frozenset[str]) -> Verdict:
        count = count_words(text, asked)
        if count.words < self.min_words:
            return Drop("too few words", str(count.words))
        if count.words > self.max_words:
            return Drop("too many words", str(count.words))
        mean = share(count.characters, count.words)
        if not self.min_mean_word_length <= mean <= self.max_mean_word_length:
            short = mean < self.min_mean_word_length
            return Drop("words too short" if short else "words too long", f"{mean:.2f}")
        return self._of_symbols(text, count.words) or self._of_words(
            share(count.alphabetic, count.pieces), len(count.found)
        )

    def _of_symbols(self, text: str, words: int) -> Drop | None:
        ellipses = sum(text.count(mark) for mark in _ELLIPSES)
        for reason, symbols in (("hash signs", text.count("#")), ("ellipses", ellipses)):
            ratio = share(symbols, words)
            if ratio > self.max_symbols_per_word:
                return Drop(f"too many {reason}", f"{ratio:.3f} a word")
        lines = lines_of(text)
        bullets = share(sum(line.lstrip().startswith(_BULLETS) for line in lines), len(lines))
        if bullets > self.max_bullet_lines:
            return Drop("lines with bullets", f"{bullets:.3f}")
        open_ends = share(sum(line.rstrip().endswith(_ELLIPSES) for line in lines), len(lines))
        if open_ends > self.max_ellipsis_lines:
            return Drop("lines ending in ellipses", f"{open_ends:.3f}")
        return None

    def _of_words(self, alphabetic: float, stop_words: int) -> Drop | None:
        if alphabetic < self.min_alphabetic_words:
            return Drop("words without letters", f"{alphabetic:.3f} with letters")
        if stop_words < self.min_stop_words:
            return Drop("too few stop words", str(stop_words))
        return None


_TOP = {2: 0.20, 3: 0.18, 4: 0.16}
_REPEATED = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


@dataclass(frozen=True, slots=True)
class GopherRepetition:
    r"""Gopher's repetition filter: drops texts that say the same again and again, by the thresholds
    of the paper's table A1.

    At most 30 % of the lines, and of the paragraphs, may be repetitions of earlier ones, with at
    most 20 % of the characters; the commonest 2-, 3- or 4-gram may hold 20, 18 or 16 % of the
    characters (`top_ngrams`: n to share), and n-grams that were there before 15 % (n = 5) to 10 %
    (n = 10; `repeated_ngrams`). The first time is no repetition, and overlaps count once.

    >>> row = {"id": "1", "text": "a new line\n" * 4}
    >>> list(GopherRepetition().apply([row]))
    [Drop(reason='repeated lines', detail='0.750')]
    """

    field: str = "text"
    max_repeated_lines: float = 0.30
    max_repeated_paragraphs: float = 0.30
    max_repeated_line_characters: float = 0.20
    max_repeated_paragraph_characters: float = 0.20
    top_ngrams: Mapping[int, float] = option_of(default_factory=_TOP.copy)
    repeated_ngrams: Mapping[int, float] = option_of(default_factory=_REPEATED.copy)
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_text("gopher_repetition", "field", self.field)
        for one in fields(self)[1:5]:
            check_number("gopher_repetition", one.name, getattr(self, one.name), high=1)
        for option in ("top_ngrams", "repeated_ngrams"):
            object.__setattr__(self, option, _by_n(option, getattr(self, option)))

    def reads(self) -> Sequence[str]:
        """The field that is judged."""
        return (self.field,)

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Each row that repeats too much is dropped for the first rule against it."""
        return [self._verdict(text_within(row, self.field)) for row in rows]

    def _verdict(self, text: str) -> Verdict:
        return self._of_parts(text) or self._of_ngrams(text)

    def _of_parts(self, text: str) -> Drop | None:
        parts = (
            (
                "paragraphs",
                _PARAGRAPHS.split(text.strip()),
                self.max_repeated_paragraphs,
                self.max_repeated_paragraph_characters,
            ),
            ("lines", lines_of(text), self.max_repeated_lines, self.max_repeated_line_characters),
        )
        for name, found, most, most_characters in parts:
            count, characters = repeated(found)
            of_parts, of_text = share(count, len(found)), share(characters, len(text))
            if of_parts > most:
                return Drop(f"repeated {name}", f"{of_parts:.3f}")
            if of_text > most_characters:
                return Drop(f"characters in repeated {name}", f"{of_text:.3f}")
        return None

    def _of_ngrams(self, text: str) -> Drop | None:
        grams = Grams(text)
        for n in sorted({*self.top_ngrams, *self.repeated_ngrams}):
            if not grams.to(n):
                return None
            if n in self.top_ngrams and grams.top_share() > self.top_ngrams[n]:
                return Drop(f"commonest {n}-gram", f"{grams.top_share():.3f}")
            if n in self.repeated_ngrams and grams.repeated_share() > self.repeated_ngrams[n]:
                return Drop(f"repeated {n}-grams", f"{grams.repeated_share():.3f}")
        return None


def _by_n(option: str, value: Any) -> dict[int, float]:
    """The option as n to share; JSON has its n as texts."""
    if not isinstance(value, Mapping):
        wrong("gopher_repetition", option, value, "Write n: share, such as {2: 0.2, 3: 0.18}.")
    made = {}
    for n, most in value.items():
        number = int(n) if isinstance(n, str) and n.isdecimal() else n
        check_count("gopher_repetition", option, number, low=2)
        check_number("gopher_repetition", option, most, high=1)
        made[number] = float(most)
    return made
