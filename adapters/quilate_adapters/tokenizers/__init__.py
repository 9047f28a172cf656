"""Tokenizers for the measurements of `quilate.data.tokens`: tiktoken's, Hugging Face's, GGUFs'."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quilate.data.tokens.tokenizer import Tokenizer


def tiktoken(name: str) -> "Tokenizer":
    """An encoding of tiktoken (``cl100k_base``) or that of a model (``gpt-4o``)."""
    from quilate_adapters.tokenizers.tiktoken_tables import open_encoding

    return open_encoding(name)


def hf(path: str) -> "Tokenizer":
    """A ``tokenizer.json`` of Hugging Face, or the folder that holds it."""
    from quilate_adapters.tokenizers.tokenizer_json import open_file

    return open_file(path)


def gguf(name: str) -> "Tokenizer":
    """The tokenizer inside a GGUF file: a path, or a packaged model's name."""
    from quilate_adapters.tokenizers.gguf_vocabulary import open_model

    return open_model(name)
