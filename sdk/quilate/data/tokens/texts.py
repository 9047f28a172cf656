"""The text of a row, cut for tokenizers, and its words."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from quilate.data.steps import Row, text_of

Field = str | Callable[[Row], str]
"""Where the text of a row is: a field's name, or a function of the row."""

PIECE = 20_000
"""Characters that a tokenizer is given at once. Longer texts are cut at white space: it keeps
memory flat, and a row of 50 MB from the pathological cases of some tokenizers."""

_SPACE = re.compile(r"\s(?=\S)")
_WORD = re.compile(r"\S+")


def text_in(row: Row, field: Field) -> str:
    """The text of a row. Chat messages give their contents, one a line, without a template; what
    is no text gives its JSON; what is not there, nothing.

    >>> text_in({"messages": [{"role": "user", "content": "Hola"}]}, "messages")
    'Hola'
    """
    if callable(field):
        return readable(field(row))
    value = row.get(field)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        contents = [_content(one) for one in value]
        if contents and None not in contents:
            return readable("\n".join(map(str, contents)))
    return readable(text_of(row, field))


def _content(message: Any) -> str | None:
    """What a chat message says; None for what is none."""
    if not isinstance(message, Mapping) or "role" not in message:
        return None
    content = message.get("content")
    return content if isinstance(content, str) else "" if content is None else None


def readable(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates become question marks.

    >>> readable("a" + chr(0xD800))
    'a?'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """The text in pieces of at most `size` characters, cut before a word's space where there is
    one: a byte-level tokenizer then gives the very tokens of the whole.

    >>> list(pieces("uno dos tres", 8))
    ['uno dos', ' tres']
    """
    start = 0
    while len(text) - start > size:
        end = start + size
        # The last space before the end that a word follows, looked for in the piece's last tenth.
        near = list(_SPACE.finditer(text, max(start + 1, end - size // 10 - 1), end + 1))
        cut = near[-1].start() if near else end
        yield text[start:cut]
        start = cut
    yield text[start:]


def words_in(text: str) -> Iterator[str]:
    """Its words: what stands between white space, without the signs around it. What has no
    letter or digit is none.

    >>> list(words_in("¿Qué dijo? «Sí, 3.5 — e-mail».")), list(words_in("— !"))
    (['Qué', 'dijo', 'Sí', '3.5', 'e-mail'], [])
    """
    for found in _WORD.findall(text):
        word = found if found.isalnum() else _bare(found)
        if word:
            yield word


def _bare(word: str) -> str:
    """The word from its first letter, mark or digit to the last."""
    start, end = 0, len(word)
    while start < end and not _spells(word[start]):
        start += 1
    while start < end and not _spells(word[end - 1]):
        end -= 1
    return word[start:end]


def _spells(letter: str) -> bool:
    # Vowel signs of Indian scripts and loose accents are marks, and no letters.
    return letter.isalnum() or unicodedata.category(letter)[0] == "M"
