"""Characters as numbers that can be hashed: what is part of a word, and what stands between words.

Letters, digits and combining marks make words. The characters of scripts without spaces between
words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) and emoji are words of their own. Everything
else (punctuation, spaces, other symbols, control characters) stands between words.
"""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BETWEEN, WORD, ALONE = 0, 1, 2
"""The kinds of characters: between words, part of a word, a word of its own."""

_TABLED = 0x20000  # the planes above hold ideographs only, and at their end nothing that is shown
_IDEOGRAPHS_END = 0x40000
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),  # ideographs
    (0xF900, 0xFAFF),
)


def mixed(numbers: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """Numbers whose every bit depends on every bit of the given ones (the finaliser of SplitMix64:
    Steele, Lea & Flood 2014); in place.

    >>> mixed(np.array([1, 2], dtype=np.uint64)).tolist()
    [6238072747940578789, 15839785061582574730]
    """
    numbers ^= numbers >> np.uint64(30)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def plain(text: str) -> str:
    """A text in the form in which characters are compared: NFKC, and case folded where that takes
    more than `values` does by itself.

    >>> plain("Straße ﬁn"), plain("Plain ASCII")
    ('strasse fin', 'Plain ASCII')
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def codes_of(text: str) -> "NDArray[np.unsignedinteger[Any]]":
    """The code points of a text, in as few bytes as they need."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def values(codes: "NDArray[np.unsignedinteger[Any]]") -> "NDArray[np.uint64]":
    """A random-looking number for each code point, the same for either case of an ASCII letter; 0
    for those between words."""
    table = _tables()[0]
    found: NDArray[np.uint64]
    if codes.dtype == np.uint8:
        found = table[codes]
        return found
    found = table[np.minimum(codes, np.uint32(_TABLED - 1))]
    high = codes >= _TABLED
    if high.any():
        ideographs = np.where(codes[high] < _IDEOGRAPHS_END, codes[high], 0).astype(np.uint64)
        found[high] = mixed(ideographs) * (ideographs > 0)
    return found


def alone(codes: "NDArray[np.unsignedinteger[Any]]") -> "NDArray[np.bool_]":
    """Which code points are words of their own."""
    kinds = _tables()[1][np.minimum(codes, np.uint32(_TABLED - 1))]
    own: NDArray[np.bool_] = kinds == ALONE
    own |= (codes >= _TABLED) & (codes < _IDEOGRAPHS_END)
    return own


@cache
def _tables() -> "tuple[NDArray[np.uint64], NDArray[np.uint8]]":
    """For each code point below `_TABLED` its value and its kind."""
    kinds = np.frombuffer(bytes(_kind(chr(code)) for code in range(_TABLED)), np.uint8).copy()
    for first, last in _WITHOUT_SPACES:
        block = kinds[first : last + 1]
        block[block == WORD] = ALONE
    folded = np.arange(_TABLED, dtype=np.uint64)
    folded[ord("A") : ord("Z") + 1] += np.uint64(32)
    return mixed(folded) * (kinds != BETWEEN), kinds


def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if category[0] in "LNM":
        return WORD
    return ALONE if category == "So" and character > "\u2000" else BETWEEN
