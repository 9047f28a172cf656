"""The tokenizer and chat template inside a GGUF file, by llama.cpp, which loads no weights for it.

What `quilate.tuning.lint` wants of a tokenizer; no torch is needed.
"""

from functools import cached_property
from pathlib import Path

from quilate.tuning.templates import ChatTemplate
from quilate_adapters.llamacpp.packaged import locate
from quilate_adapters.llamacpp.vocabulary import Vocabulary


class GgufChatTokenizer:
    """A GGUF file's own tokenizer, its chat template and the tokens that end an answer; its memory
    is freed with it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._own = Vocabulary(path)

    def encode(self, text: str) -> list[int]:
        """The ids of a rendered text: control tokens are read out of it, none is added."""
        return self._own.encode(text, special=True)

    @cached_property
    def stop_tokens(self) -> frozenset[int]:
        """The ids at which generation ends (end of turn, end of text)."""
        return self._own.ends

    @cached_property
    def template(self) -> ChatTemplate:
        """The chat template in the file."""
        own = self._own
        source = own.lib.llama_model_chat_template(own.model, None)
        return ChatTemplate(
            source.decode("utf-8", "replace") if source else None,
            own.text_of(own.lib.llama_vocab_bos(own.vocab)),
            own.text_of(own.lib.llama_vocab_eos(own.vocab)),
        )


def gguf(name: str | Path) -> GgufChatTokenizer:
    """The tokenizer of a GGUF file, or of a packaged model by its name.

    Raises `MissingDependency` without llama-cpp-python, and `ModelFileError` for a file that is not
    there, is no GGUF, or has no tokenizer.
    """
    return GgufChatTokenizer(locate(str(name)), f"gguf/{Path(name).name}")
