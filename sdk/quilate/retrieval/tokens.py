"""Counting tokens without a tokenizer."""

import re
from collections.abc import Callable

CountTokens = Callable[[str], int]
"""Gives the number of tokens of a text; the tokens of a part are never more than of the whole."""

# Scripts from U+2E80 on (Chinese, Japanese, Korean, emoji) take a token or more a character.
_PIECES = re.compile(r"[^\W\u2e80-\U0010ffff]{1,4}|\S")


def estimate_tokens(text: str) -> int:
    """An estimate of the tokens of `text`: one for every four letters begun of a word, one for
    every other visible character.

    It needs no model, so chunks and prompts come out the same on every machine. It is an estimate:
    against the tokenizer of SmolLM2 it is about 15 % too low on Spanish prose and 15 to 45 % too
    high on English, code between; where a limit is hard, pass the tokenizer's own counter.

    >>> estimate_tokens("¿Quién fundó Bogotá?")
    8
    """
    return len(_PIECES.findall(text))
