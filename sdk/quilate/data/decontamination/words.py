"""A text as the words that are compared: letters and digits, without case, accents or punctuation.

The words of a text are cut from the text itself and folded one by one, so that the place of each
is known. Where a script puts no spaces between words (Chinese, Japanese, Thai, …) every character
counts as one.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

_SPACELESS = (
    "\u0e00-\u0e2f\u0e32\u0e33\u0e40-\u0e46"  # Thai
    "\u0e80-\u0eaf\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"  # Lao
    "\u1000-\u102a\u1780-\u17b3"  # Burmese, Khmer
    "\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?:[.,]|$))")
_ACCENTS = re.compile("[\u0300-\u036f]")
_MANY_FOLDED = 1 << 18
# Characters that show nothing (Unicode's Default_Ignorable_Code_Point), besides those of format.
_IGNORABLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff"
)
# Letters that look like Latin ones in small or in capitals, as casefolded letters. Every word is
# mapped, so that words of one script stay equal to themselves. After the "confusables" of Unicode
# Technical Standard 39, but for those that look alike in some typefaces only.
_ALIKE = str.maketrans(
    "авеһнѕіјкԛморстухԁԝ" + "αβεικηνορτυχω" + "ɑɡıɩօոհսց",
    "abehhsijkqmopctyxdw" + "abeiknvoptuxw" + "agiionhug",
)


@cache
def word_pattern() -> re.Pattern[str]:
    """One word: a number with its separators, a character of a script without spaces, or letters
    with their marks, joined by apostrophes and by a hyphen at a line's end. What is invisible
    stands within words."""
    marks = _characters("Mn", "Mc", "Me", "Cf") + _IGNORABLE
    letter = rf"[^\W_\d{_SPACELESS}]"
    letters = rf"{letter}(?:[^\W_{_SPACELESS}]|[{marks}])*"
    joined = rf"{letters}(?:(?:['’ʼ＇]|[-‐]\r?\n[ \t]*){letters})*"
    digits = rf"\d(?:[{marks}]*\d)*"
    return re.compile(rf"{digits}(?:[.,]{digits})*|[{_SPACELESS}][{marks}]*|{joined}")


def _characters(*categories: str) -> str:
    """The characters of these categories, as they stand between brackets of a pattern."""
    return "".join(
        re.escape(chr(code))
        for code in range(0x10000)
        if unicodedata.category(chr(code)) in categories
    )


@cache
def _invisible() -> re.Pattern[str]:
    return re.compile(f"[{_characters('Cf')}{_IGNORABLE}]")


def fold(word: str) -> str:
    r"""A word as it is compared.

    Compatibility forms are unified (NFKC), case is folded, and accents of Latin, Greek and
    Cyrillic letters are dropped, as careless copies drop them; vowel signs of other scripts stay.
    Characters that show nothing (zero-width ones, soft hyphens) are dropped, and Cyrillic, Greek
    and Armenian letters that look like Latin ones become those. Separators of thousands are
    dropped, and a decimal comma is a point.

    >>> fold("Él"), fold("Ｊanet’s"), fold("80,000"), fold("80.000"), fold("1,5")
    ('el', 'janets', '80000', '80000', '1.5')
    >>> fold("mu\u200bro"), fold("p\u0430n"), fold("ПАН") == fold("пан")
    ('muro', 'pan', True)
    """
    word = _invisible().sub("", word)
    if not word:
        return ""
    if word[0].isdecimal():
        plain = unicodedata.normalize("NFKC", word)
        whole = _THOUSANDS.sub("", plain) if _is_grouped(plain) else plain
        return whole.replace(",", ".")
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", word)).casefold()
    composed = unicodedata.normalize("NFKC", bare).translate(_ALIKE)
    if composed.isalnum():
        return composed
    return "".join(
        one for one in composed if one.isalnum() or unicodedata.category(one) in ("Mn", "Mc")
    )


def _is_grouped(number: str) -> bool:
    first, *rest = re.split("[.,]", number)
    return len(first) <= 3 and bool(rest) and len(rest[0]) == 3 and first != "0"


_folded: dict[str, str] = {}


def folded(word: str) -> str:
    """`fold`, remembered."""
    found = _folded.get(word)
    if found is None:
        if len(_folded) >= _MANY_FOLDED:
            _folded.clear()
        found = _folded[word] = fold(word)
    return found


def words_of(text: str) -> list[str]:
    r"""The folded words of a text.

    >>> words_of("¿Cuántos PATOS pone\nJanet’s 1,200-egg duck?  日本")
    ['cuantos', 'patos', 'pone', 'janets', '1200', 'egg', 'duck', '日', '本']
    """
    return [word for word in map(folded, word_pattern().findall(text)) if word]


def normal_text(text: str) -> str:
    r"""The words of a text with one space between them: what two texts have in common that are the
    same but for case, accents, punctuation and white space.

    >>> normal_text("¡Hola,\n  MUNDO!")
    'hola mundo'
    """
    return " ".join(words_of(text))


def is_number(word: str) -> bool:
    """Whether a folded word is a number."""
    return word[:1].isdecimal()


def numbers_of(text: str) -> list[str]:
    """The numbers of a text, in order, with the thousands joined: also those after a space.

    >>> numbers_of("$80 000 and 1,5 of $80,000")
    ['80000', '1.5', '80000']
    """
    joined = _GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    return [word for word in words_of(joined) if is_number(word)]


def pieces_of(value: Any) -> Iterator[str]:
    """The texts in a field's value, in order: itself, or those in its lists and mappings.

    >>> list(pieces_of([{"role": "user", "content": "Hola"}]))
    ['user', 'Hola']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from pieces_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from pieces_of(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
