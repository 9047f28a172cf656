"""Where sentences end, in Spanish and English, by one linear pass of rules.

A full stop ends a sentence unless it belongs to an abbreviation (``Sr.``, ``e.g.``), an initial
(``J. Borges``) or a list number (``1. First``), and whatever follows does not go on in lower case.
A line break ends one too, unless the next line goes on in lower case: then the line was wrapped.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

# The look-behind makes every run of marks be tried once, and possessive repeats never give back:
# a megabyte of dots costs one pass.
_ENDS = re.compile(
    r"""(?P<blank>\n[^\S\n]*+\n\s*+)                                 # a blank line
      | (?P<line>\n\s*+)                                             # a line break
      | (?<![.!?…])(?P<marks>[.!?…]++)[)\]"'»”’*_]*+(?=\s)           # Western marks
      | (?P<wide>[。！？]++[」』”]*+)                                  # Chinese and Japanese marks
    """,
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*+$")
_NEXT = re.compile(r"\s*+[(\[\"'«“‘¿¡*_]*+")

# After these a name or a further word follows, so their stop ends nothing.
_TITLES = """
sr sra srta sres sras dr dra dres d dª prof profa ing lic arq gral cnel tte mons fr sto sta
avda av ud uds vd vds ee mr mrs ms mx st sgt col gen rev hon jr e.g i.e p.ej p.e v.gr cf vs
viz al ej aprox máx mín ca approx esp incl
"""
# After these it depends: a number makes it an abbreviation ("núm. 5", "no. 5").
_BEFORE_NUMBERS = """
no núm num nro n nº fig figs pág págs pag p pp vol vols art arts sec secc cap ch eq ec tel
ref ene feb mar abr jun jul ago sept sep oct nov dic jan apr aug dec
"""
_NEVER_LAST = frozenset(_TITLES.split())
_NOT_BEFORE_NUMBERS = frozenset(_BEFORE_NUMBERS.split())


def sentences(text: str) -> list[Span]:
    """The sentences of `text` as (start, end) offsets, white space between them left out.

    >>> text = "El Sr. Paz llegó a las 3.15. ¿Y la Dra. Gil? No vino…"
    >>> [text[start:end] for start, end in sentences(text)]
    ['El Sr. Paz llegó a las 3.15.', '¿Y la Dra. Gil?', 'No vino…']
    """
    return [(start, end) for start, end, _ in sentences_with_breaks(text)]


def sentences_with_breaks(text: str) -> Iterator[tuple[int, int, str]]:
    """Like `sentences`, each with what parts it from the one before: ``paragraph``, ``line`` or
    ``sentence``."""
    start, kind = 0, "paragraph"
    for match in _ENDS.finditer(text):
        found = _kind(text, match)
        if found is None:
            continue
        span = _trim(text, start, match.end())
        if span:
            yield *span, kind
            kind = found
        else:  # only white space lay between two breaks: the stronger one counts
            kind = min(kind, found, key=("paragraph", "line", "sentence").index)
        start = match.end()
    span = _trim(text, start, len(text))
    if span:
        yield *span, kind


def _kind(text: str, match: re.Match[str]) -> str | None:
    """What the match breaks, or None when it breaks nothing."""
    if match["blank"]:
        return "paragraph"
    after = _next_letter(text, match.end())
    if match["line"]:
        return None if after.islower() else "line"
    if match["wide"]:
        return "sentence"
    if after.islower() or (match["marks"] == "." and _abbreviated(text, match.start(), after)):
        return None
    return "sentence"


def _next_letter(text: str, at: int) -> str:
    """The first character after white space and opening marks."""
    found = _NEXT.match(text, at)
    end = found.end() if found else at
    return text[end : end + 1]


def _abbreviated(text: str, stop: int, after: str) -> bool:
    """Whether the full stop at `stop` belongs to the word before it."""
    found = _LAST_WORD.search(text, max(0, stop - 16), stop)
    if found is None:
        return False
    word = found[0]
    folded = word.casefold()
    if word.isdigit():  # "1. First" opens a line; "in 1990. Then" does not
        return not text[text.rfind("\n", 0, stop) + 1 : found.start()].strip()
    if len(word) == 1 and word.isupper():
        return True
    if folded in _NEVER_LAST or (folded in _NOT_BEFORE_NUMBERS and after.isdigit()):
        return True
    if folded in {"a", "d"} and text.startswith((" C.", "C."), stop + 1):  # 44 a. C.
        return True
    return "." in word and word.isupper()  # U.S. Army


def _trim(text: str, start: int, end: int) -> Span | None:
    """The span without white space at its ends; None when nothing is left."""
    inner = text[start:end]
    left = len(inner) - len(inner.lstrip())
    right = len(inner.rstrip())
    return (start + left, start + right) if left < right else None
