"""How the characters of a file of text are written: in UTF-8, unless it or the user says other."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quilate.errors import DataError

UTF_8 = "utf-8-sig"
REMEDY = (
    "Save it as UTF-8 (in Excel: CSV UTF-8), convert it (iconv -f latin1 -t utf8 OLD > NEW), or "
    "say how it is written: source: [{path: FILE, encoding: latin-1}]."
)
"""What to do with a file that is not UTF-8."""


def encoding_of(path: Path, given: str | None = None) -> str:
    """The encoding that is `given`; else UTF-16 where the file begins with its mark, else UTF-8."""
    if given is not None:
        return given
    with path.open("rb") as stream:
        begins = stream.read(2)
    return "utf-16" if begins in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else UTF_8


def is_encoding(name: str) -> bool:
    """Whether texts can be written so.

    >>> is_encoding("latin-1"), is_encoding("latin-11"), is_encoding("base64")
    (True, False, False)
    """
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


@contextmanager
def decoding(path: Path, encoding: str) -> Iterator[None]:
    """Raises `DataError` for a file that is not written as was said."""
    try:
        yield
    except UnicodeError as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"The file is not {encoding}: {reason}.", where=str(path), remedy=REMEDY
        ) from None
