"""Tokenizers by name, through the entry points ``quilate.tokenizers``."""

from typing import cast

from quilate.data.tokens.tokenizer import Tokenizer
from quilate.errors import ConfigurationError


def open_tokenizer(name: str) -> Tokenizer:
    """The tokenizer behind a name such as ``tiktoken/cl100k_base``, ``hf/path/to/tokenizer.json``
    (or its folder) or ``gguf/smollm2-135m-instruct`` (or a path).

    Nothing is downloaded. Raises `UnknownName` for a kind that nobody registered, and what the
    adapter does for a file or table that is missing or damaged.

    >>> open_tokenizer("cl100k_base")
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: 'cl100k_base' is not a tokenizer's name. Write KIND/NAME, ...
    """
    from quilate.registry import factory, names

    kind, slash, rest = name.partition("/")
    if not slash or not rest:
        raise ConfigurationError(
            f"'{name}' is not a tokenizer's name.",
            remedy="Write KIND/NAME, such as gguf/smollm2-135m-instruct. Kinds: "
            + (", ".join(names("tokenizers")) or "none are installed")
            + ".",
        )
    return cast(Tokenizer, factory("tokenizers", kind)(rest))
