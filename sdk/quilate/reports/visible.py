"""Text of models, documents and servers, made safe to print."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t\u200c\u200d"


def visible(text: str) -> str:
    r"""The text with U+FFFD for every character that could drive a terminal or reorder its line:
    control and format characters but line breaks, tabs and the joiners that emoji and some
    scripts are written with. Spaces of every width stay.

    >>> visible("\x1b[31mrojo\u202e 1\u202f200\n")
    '�[31mrojo� 1\u202f200\n'
    """
    return "".join(
        c if c.isprintable() or c in _KEPT or unicodedata.category(c) == "Zs" else "\ufffd"
        for c in text
    )
