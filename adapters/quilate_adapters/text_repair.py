"""The step ``repair_text``: texts that were decoded or escaped wrongly, made right by ftfy."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from quilate.data.cleaning.options import set_texts
from quilate.data.cleaning.within import change_texts
from quilate.data.steps import Row, Verdict
from quilate.registry import require

REPAIRS = ("surrogates", "entities", "mojibake", "control characters", "normal form")
"""What is repaired unless said otherwise, in the order in which it is done."""

MORE_REPAIRS = ("ligatures", "width", "quotes")
"""What is repaired only when asked for, because right texts have it too: ``ﬁ``, fullwidth letters,
curly quotes."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,24};")
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RepairText:
    r"""Repairs texts with ftfy (Speer 2019, doi:10.5281/zenodo.2591652): halves of characters
    (lone surrogates), HTML entities, mojibake, control characters, and letters in pieces (to
    Unicode's normal form C).

    `field` is one or several; texts inside lists and objects, such as messages, are repaired too.
    `repairs` are those of `REPAIRS`, or chosen among these and `MORE_REPAIRS`. Entities are left
    alone in code between backticks and where the text holds a ``<``, which may be HTML itself. A
    row's reasons are the repairs that changed something.

    >>> step = RepairText()
    >>> (verdict,) = step.apply([{"id": "1", "text": "MÃºsica &amp; espaÃ±ol"}])
    >>> verdict.fields["text"], verdict.reasons
    ('Música & español', ('entities', 'mojibake'))
    >>> list(step.apply([{"id": "1", "text": "¿Música? ¡Sí! 👩‍🔬 “x”"}]))
    [None]
    """

    field: str | Sequence[str] = "text"
    repairs: str | Sequence[str] = REPAIRS
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        set_texts(self, "repair_text", "field")
        set_texts(self, "repair_text", "repairs", (*REPAIRS, *MORE_REPAIRS))

    def reads(self) -> Sequence[str]:
        """The fields that are repaired."""
        return self.field

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """A change for each row with something to repair. Raises `MissingDependency` without
        ftfy."""
        return [change_texts(row, self.field, self._repaired) for row in rows]

    def _repaired(self, text: str) -> tuple[str, list[str]]:
        if text.isascii() and "&" not in text and text.isprintable():
            return text, []
        why: list[str] = []
        for name, repair in _repairs().items():
            if name in self.repairs:
                after = repair(text)
                if after != text:
                    text, why = after, [*why, name]
        return text, why


@cache
def _repairs() -> dict[str, Callable[[str], str]]:
    ftfy = require("ftfy", extra="data")
    fixes = require("ftfy.fixes", extra="data", package="ftfy")
    nothing_else: dict[str, Any] = {
        "unescape_html": False,
        "remove_terminal_escapes": False,
        "fix_latin_ligatures": False,
        "fix_character_width": False,
        "uncurl_quotes": False,
        "fix_line_breaks": False,
        "fix_surrogates": False,
        "remove_control_chars": False,
        "normalization": None,
        "explain": False,
    }
    config = ftfy.TextFixerConfig(**nothing_else)

    def entities(text: str) -> str:
        if "<" in text or _ENTITY.search(text) is None:
            return text
        parts = _CODE.split(text)
        return "".join(
            part if at % 2 else fixes.unescape_html(part) for at, part in enumerate(parts)
        )

    return {
        "surrogates": lambda text: fixes.fix_surrogates(text) if _SURROGATE.search(text) else text,
        "entities": entities,
        "mojibake": lambda text: text if text.isascii() else ftfy.fix_text(text, config),
        "control characters": lambda text: fixes.remove_control_chars(
            fixes.remove_terminal_escapes(text)
        ),
        "ligatures": fixes.fix_latin_ligatures,
        "width": fixes.fix_character_width,
        "quotes": fixes.uncurl_quotes,
        "normal form": lambda text: unicodedata.normalize("NFC", text),
    }
