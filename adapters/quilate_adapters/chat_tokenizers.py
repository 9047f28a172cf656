"""The tokenizer and chat template inside a GGUF file, by llama.cpp, which loads no weights for it.

What `quilate.tuning.lint` wants of a tokenizer; no torch is needed.
"""

import ctypes
import os
import weakref
from functools import cached_property
from pathlib import Path
from typing import Any

from quilate.errors import ModelFileError
from quilate.tuning.templates import ChatTemplate
from quilate_adapters.llamacpp.native import last_errors, library, tokenize
from quilate_adapters.llamacpp.packaged import locate


class GgufChatTokenizer:
    """A GGUF file's own tokenizer, its chat template and the tokens that end an answer; its memory
    is freed with it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._lib = library()
        self._model = _load_vocabulary(self._lib, path)
        weakref.finalize(self, self._lib.llama_model_free, self._model)
        self._vocab = self._lib.llama_model_get_vocab(self._model)
        if self._lib.llama_vocab_type(self._vocab) == self._lib.LLAMA_VOCAB_TYPE_NONE:
            # llama.cpp ends the process when asked to tokenise without one.
            raise ModelFileError(
                "This model has no tokenizer.", where=str(path), remedy="Give a text model."
            )

    def encode(self, text: str) -> list[int]:
        """The ids of a rendered text: control tokens are read out of it, none is added."""
        return tokenize(self._vocab, text, special=True)

    @cached_property
    def stop_tokens(self) -> frozenset[int]:
        """The ids at which generation ends (end of turn, end of text)."""
        count = self._lib.llama_vocab_n_tokens(self._vocab)
        return frozenset(
            token for token in range(count) if self._lib.llama_vocab_is_eog(self._vocab, token)
        )

    @cached_property
    def template(self) -> ChatTemplate:
        """The chat template in the file."""
        source = self._lib.llama_model_chat_template(self._model, None)
        return ChatTemplate(
            source.decode("utf-8", "replace") if source else None,
            self._text(self._lib.llama_vocab_bos(self._vocab)),
            self._text(self._lib.llama_vocab_eos(self._vocab)),
        )

    def _text(self, token: int) -> str:
        if token < 0:
            return ""
        buffer = ctypes.create_string_buffer(256)
        size = self._lib.llama_token_to_piece(self._vocab, token, buffer, 256, 0, True)
        return buffer.raw[: max(size, 0)].decode("utf-8", "replace")


def gguf(name: str | Path) -> GgufChatTokenizer:
    """The tokenizer of a GGUF file, or of a packaged model by its name.

    Raises `MissingDependency` without llama-cpp-python, and `ModelFileError` for a file that is not
    there, is no GGUF, or has no tokenizer.
    """
    return GgufChatTokenizer(locate(str(name)), f"gguf/{Path(name).name}")


def _load_vocabulary(lib: Any, path: Path) -> Any:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelFileError(
                "This is not a GGUF file.", where=str(path), remedy="Give a model in GGUF format."
            )
    params = lib.llama_model_default_params()
    params.vocab_only = True
    last_errors.clear()
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelFileError(
            f"llama.cpp cannot read its vocabulary: {' '.join(last_errors) or 'no reason given'}.",
            where=str(path),
            remedy="Update llama-cpp-python if the model is newer; otherwise get it again.",
        )
    return model
