"""The step ``whitespace``: one kind of space, one kind of line end, no stray ones."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from quilate.data.cleaning.options import check_count, set_texts
from quilate.data.cleaning.within import change_texts
from quilate.data.steps import Row, Verdict

# Of Unicode's category Zs all but the plain space, and the marks of other line ends.
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LINE_ENDS = re.compile("\r\n|[\r\u0085\u2028\u2029\u000b\u000c]")
# Zero-width space, word joiner, soft hyphen. The joiners stay: emoji, Persian and Hindi need them.
_INVISIBLE = re.compile("[\u200b\u2060\u00ad\ufeff]")
_RUN = re.compile(r"(?<=\S)[ \t]{2,}")
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_CODE_INDENT = ("    ", "\t")


@dataclass(frozen=True, slots=True)
class Whitespace:
    r"""Makes white space regular. Line ends become ``\n``; other spaces of Unicode become plain
    ones, and invisible marks go; spaces at ends of lines go; runs of spaces become one; more than
    `blank_lines` empty lines in a row become so many; the text's own ends are bare.

    Indentation stays, and so do runs of spaces in code: between fences and in indented lines.
    `field` is one or several; texts inside lists and objects are changed too.

    >>> row = {"id": "1", "text": "Uno  y\u00a0dos \r\n\n\n\n    x  = 1"}
    >>> (verdict,) = Whitespace().apply([row])
    >>> verdict.fields["text"]
    'Uno y dos\n\n    x  = 1'
    >>> verdict.reasons
    ('line ends', 'unusual spaces', 'trailing spaces', 'runs of spaces', 'blank lines')
    """

    field: str | Sequence[str] = "text"
    blank_lines: int = 1
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        set_texts(self, "whitespace", "field")
        check_count("whitespace", "blank_lines", self.blank_lines)

    def reads(self) -> Sequence[str]:
        """The fields that are cleaned."""
        return self.field

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """A change for each row whose white space is not regular."""
        return [change_texts(row, self.field, self._regular) for row in rows]

    def _regular(self, text: str) -> tuple[str, list[str]]:
        why: list[str] = []

        def step(after: str, reason: str) -> str:
            if after != text:
                why.append(reason)
            return after

        text = step(_LINE_ENDS.sub("\n", text), "line ends")
        text = step(_INVISIBLE.sub("", text), "invisible marks")
        text = step(_SPACES.sub(" ", text), "unusual spaces")
        lines = text.split("\n")
        # Line by line: a pattern for spaces at ends of lines takes squared time on long runs.
        text = step("\n".join(line.rstrip(" \t") for line in lines), "trailing spaces")
        text = step(_bare_ends(text), "spaces at the ends")
        text = step(_without_runs(text), "runs of spaces")
        text = step(self._fewer_blank_lines(text), "blank lines")
        return text, why

    def _fewer_blank_lines(self, text: str) -> str:
        if "\n" * (self.blank_lines + 2) not in text:
            return text
        kept, blank = [], 0
        for line in text.split("\n"):
            blank = 0 if line else blank + 1
            if blank <= self.blank_lines:
                kept.append(line)
        return "\n".join(kept)


def _bare_ends(text: str) -> str:
    """Without what is blank around; the first line keeps its indentation, which code may need."""
    bare = text.rstrip().lstrip("\n")
    return bare.lstrip() if "\n" not in bare else bare


def _without_runs(text: str) -> str:
    if "  " not in text and "\t" not in text:
        return text
    made, in_code = [], False
    for line in text.split("\n"):
        if _FENCE.match(line):
            in_code = not in_code
        plain = in_code or line.startswith(_CODE_INDENT)
        made.append(line if plain else _RUN.sub(" ", line))
    return "\n".join(made)
