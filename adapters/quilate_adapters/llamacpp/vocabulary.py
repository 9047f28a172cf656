"""The vocabulary of a GGUF file, by llama.cpp, which loads no weights for it."""

import os
import weakref
from pathlib import Path

from quilate.errors import ModelFileError
from quilate_adapters.llamacpp.native import last_errors, library, tokenize


class Vocabulary:
    """A GGUF file's tokens; the memory is freed with it. `lib` and `vocab` are for llama.cpp's own
    functions.

    Raises `MissingDependency` without llama-cpp-python, and `ModelFileError` for what is no GGUF
    file, or has no tokenizer.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelFileError(
                    "This is not a GGUF file.",
                    where=str(path),
                    remedy="Give a model in GGUF format.",
                )
        self.lib = library()
        params = self.lib.llama_model_default_params()
        params.vocab_only = True
        last_errors.clear()
        model = self.lib.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            why = " ".join(last_errors) or "no reason given"
            raise ModelFileError(
                f"llama.cpp cannot read its vocabulary: {why}.",
                where=str(path),
                remedy="Update llama-cpp-python if the model is newer; otherwise get it again.",
            )
        weakref.finalize(self, self.lib.llama_model_free, model)
        self.model = model
        self.vocab = self.lib.llama_model_get_vocab(model)
        if self.lib.llama_vocab_type(self.vocab) == self.lib.LLAMA_VOCAB_TYPE_NONE:
            # llama.cpp ends the process when asked to tokenise without one.
            raise ModelFileError(
                "This model has no tokenizer.", where=str(path), remedy="Give a text model."
            )
        self.size = int(self.lib.llama_vocab_n_tokens(self.vocab))

    def encode(self, text: str, special: bool = False, begin: bool = False) -> list[int]:
        """The ids of a text; `special` reads control tokens out of it, `begin` puts those around it
        that the model wants at the ends of a text."""
        return tokenize(self.vocab, text, special=special, begin=begin)

    def text_of(self, token: int) -> str:
        """A control token as templates write it; empty for none (a negative number)."""
        if token < 0:
            return ""
        raw: bytes = self.lib.llama_vocab_get_text(self.vocab, token)
        return raw.decode("utf-8", "replace")

    @property
    def ends(self) -> frozenset[int]:
        """The ids at which generation ends (end of turn, end of text)."""
        tokens = range(self.size)
        return frozenset(t for t in tokens if self.lib.llama_vocab_is_eog(self.vocab, t))
