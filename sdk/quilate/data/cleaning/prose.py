"""The prose of a text: what is left of it without code and addresses."""

import re

REACH = 20_000
"""Characters at the beginning of a text that are looked at."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")


def prose_of(text: str, reach: int = REACH) -> str:
    """The first `reach` characters without code and addresses, for what asks which language it is;
    empty when no letter is left.

    >>> prose_of("Mira `x = 1` en https://ejemplo.es ya"), prose_of("1902 😀")
    ('Mira   en   ya', '')
    """
    prose = _CODE.sub(" ", text[:reach])
    return prose if _LETTER.search(prose) else ""
