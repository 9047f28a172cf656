"""Finding a secret in a text, also where it is spelled so that a search would miss it."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator

SHORTEST = 4
"""Letters and digits that a secret must have to be told from chance."""
_DISGUISED = 6  # and to be looked for in other spellings than its own
_DIGITS = re.compile(r"\d")
_OTHERS = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"^[ \t]{0,8}\d{1,3}[.):][ \t]", re.MULTILINE)
# Digits and signs for letters, and letters of other alphabets that look like Latin ones.
_LOOKALIKES = str.maketrans(
    {
        **dict(zip("430157892@$!|€+", "aeoistbgzasiiet", strict=True)),
        **dict(zip("аеорсухіјѕвкмнт", "aeopcyxijsbkmht", strict=True)),
        **dict(zip("αορυικντχε", "aopyikvtxe", strict=True)),
        "l": "i",
        "q": "g",
    }
)
_ROT13 = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/]{8,}")
_HEX_GAPS = re.compile(r"\\x|0x|[\s:,-]+")


def letters(text: str) -> str:
    """The letters and digits of `text` alone, small and without accents.

    >>> letters("C-a-l-é n d u l a")
    'calendula'
    """
    parts = unicodedata.normalize("NFKD", text).casefold()
    return _OTHERS.sub("", parts)


def usable(secret: object) -> bool:
    """Whether a secret is a text long enough to be looked for."""
    return isinstance(secret, str) and len(letters(secret)) >= SHORTEST


def spelled(text: str, secret: str) -> str | None:
    """How `secret` stands in `text`; None where it does not.

    As it is (case aside), with other marks or spaces between its letters, from its last letter to
    its first, with digits, signs or other alphabets' letters for its own, in ROT13, in base64 or
    in hexadecimal. A secret of fewer than six letters and digits is looked for as it is alone, as
    a whole word; one of fewer than four raises ValueError. Time is linear in the text.

    >>> spelled("It is n-e-m-e-r-g-e-n", "Nemergen"), spelled("Arzretra!", "Nemergen")
    ('with other marks or spaces', 'in ROT13')
    >>> spelled("It is n3m3rg3n", "Nemergen"), spelled("Nothing.", "Nemergen")
    ('in look-alike characters', None)
    """
    if not usable(secret):
        raise ValueError(f"a secret needs {SHORTEST} letters or digits")
    plain = _folded(secret)
    if len(letters(secret)) < _DISGUISED:
        whole = re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", _folded(text))
        return "as it is" if whole else None
    if plain in _folded(text):
        return "as it is"
    return next((how for how, found in _DISGUISES.items() if found(text, secret)), None)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _spaced(text: str, secret: str) -> bool:
    said, sought = letters(text), letters(secret)
    # "1. c  2. o  3. b …": numbers between the letters are not the secret's own.
    numbered = not _DIGITS.search(sought) and sought in _DIGITS.sub("", said)
    return sought in said or numbered or sought in letters(_NUMBERED.sub("", text))


def _reversed(text: str, secret: str) -> bool:
    return letters(secret)[::-1] in letters(text)


def _lookalike(text: str, secret: str) -> bool:
    def form(one: str) -> str:
        decomposed = unicodedata.normalize("NFKD", one).casefold()
        return letters(decomposed.translate(_LOOKALIKES))

    return form(secret) in form(text)


def _rot13(text: str, secret: str) -> bool:
    sought, said = letters(secret), letters(text)
    # A model may turn é as it turns e, or leave it as it is.
    for turned in (sought.translate(_ROT13), letters(_folded(secret).translate(_ROT13))):
        if turned != sought and turned in said:
            return True
    return False


def _base64(text: str, secret: str) -> bool:
    compact = "".join(text.split()).replace("-", "+").replace("_", "/")
    if any(core in compact for core in _cores(secret)):
        return True
    sought = letters(secret)
    return any(sought in letters(decoded) for decoded in _decoded(text))


def _cores(secret: str) -> Iterator[str]:
    """What every base64 text that holds the secret has in it: its encoding at each of the three
    places at which it may begin, without the characters that depend on what stands around it."""
    for form in dict.fromkeys((secret, secret.lower(), secret.upper())):
        raw = form.encode()
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + raw).decode()
            core = encoded[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]
            if len(core) >= _DISGUISED:
                yield core


def _decoded(text: str) -> Iterator[str]:
    """What the runs of base64 in a text say, from each of the places at which they may begin."""
    for run in _BASE64_RUN.findall(text.replace("-", "+").replace("_", "/")):
        for start in range(4):
            whole = run[start : start + (len(run) - start) // 4 * 4]
            rest = run[start + len(whole) :]
            padded = whole + (rest + "=" * (4 - len(rest)) if len(rest) > 1 else "")
            try:
                yield base64.b64decode(padded).decode("utf-8", "ignore")
            except binascii.Error:
                continue


def _hexadecimal(text: str, secret: str) -> bool:
    compact = _HEX_GAPS.sub("", text).lower()
    forms = (secret, secret.lower(), secret.upper())
    return any(form.encode().hex() in compact for form in forms)


_DISGUISES: dict[str, Callable[[str, str], bool]] = {
    "with other marks or spaces": _spaced,
    "reversed": _reversed,
    "in look-alike characters": _lookalike,
    "in ROT13": _rot13,
    "in base64": _base64,
    "in hexadecimal": _hexadecimal,
}
