"""Which tokens of a byte-level vocabulary are no whole characters."""

from collections.abc import Iterable
from functools import cache

from quilate.data.tokens.tokenizer import BYTES, TEXT


def kind_of(piece: bytes) -> int:
    """`BYTES` for a piece that cuts a character, else `TEXT`.

    >>> kind_of("ñ".encode()), kind_of("ñ".encode()[:1])
    (0, 2)
    """
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        return BYTES
    return TEXT


@cache
def _bytes_by_letter() -> dict[str, int]:
    """How byte-level vocabularies write bytes: a printable Latin-1 byte as its own character, each
    other one as the next free character from U+0100 on (Radford et al. 2019, GPT-2)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = (byte for byte in range(256) if byte not in set(shown))
    letters = {chr(byte): byte for byte in shown}
    return letters | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}


def from_letters(token: str) -> bytes | None:
    """The bytes that a byte-level vocabulary writes as `token`; None where it is not so written.

    >>> from_letters("Ġsí").decode(errors="replace"), from_letters("日")
    (' s�', None)
    """
    letters = _bytes_by_letter()
    values: Iterable[int | None] = (letters.get(letter) for letter in token)
    known = [value for value in values if value is not None]
    return bytes(known) if len(known) == len(token) else None
