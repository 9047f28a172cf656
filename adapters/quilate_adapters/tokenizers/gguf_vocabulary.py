"""The tokenizer inside a GGUF file, by llama.cpp, which loads its vocabulary without weights."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quilate.data.tokens.tokenizer import BYTES, UNKNOWN
from quilate_adapters.llamacpp.packaged import locate
from quilate_adapters.llamacpp.vocabulary import Vocabulary
from quilate_adapters.tokenizers.bytes_of_tokens import kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class GgufTokenizer:
    """A GGUF file's own tokenizer; its memory is freed with it. A text is tokenised as in the
    middle of a prompt: control tokens in it are text."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._own = Vocabulary(path)
        self._lib, self._vocab = self._own.lib, self._own.vocab
        marked, plain = (len(self._own.encode("a", begin=begin)) for begin in (True, False))
        self.around = marked - plain
        self.kinds = self._kinds()

    def encode(self, texts: Sequence[str]) -> "list[NDArray[np.int32]]":
        """The ids of each text."""
        return [self._ids(text.encode()) for text in texts]

    def _ids(self, data: bytes) -> "NDArray[np.int32]":
        import numpy as np

        # Normalisation may lengthen a text beyond its bytes; then the number needed comes back,
        # negated.
        count = -(len(data) + 8)
        while count < 0:
            ids = np.empty(-count, np.int32)
            pointer = ids.ctypes.data_as(ctypes.POINTER(self._lib.llama_token))
            count = self._lib.llama_tokenize(
                self._vocab, data, len(data), pointer, ids.size, False, False
            )
        return ids[:count].copy()

    def _kinds(self) -> "NDArray[np.uint8]":
        import numpy as np

        size = self._own.size
        return np.fromiter(map(self._kind, range(size)), np.uint8, count=size)

    def _kind(self, token: int) -> int:
        lib = self._lib
        attributes = lib.llama_vocab_get_attr(self._vocab, token)
        if attributes & lib.LLAMA_TOKEN_ATTR_UNKNOWN:
            return UNKNOWN
        if attributes & lib.LLAMA_TOKEN_ATTR_BYTE:
            return BYTES
        return kind_of(self._piece(token))

    def _piece(self, token: int) -> bytes:
        """The bytes of a token; none for a control token."""
        buffer = ctypes.create_string_buffer(64)
        size = self._lib.llama_token_to_piece(self._vocab, token, buffer, 64, 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = self._lib.llama_token_to_piece(self._vocab, token, buffer, -size, 0, False)
        return buffer.raw[: max(size, 0)]


def open_model(name: str) -> GgufTokenizer:
    """The tokenizer of a GGUF file, or of a packaged model by its name.

    Raises `MissingDependency` without llama-cpp-python, and `ModelFileError` for a file that is not
    there, is no GGUF, or has no tokenizer.
    """
    # A report shows the name: not the folders of who made it.
    return GgufTokenizer(locate(name), f"gguf/{Path(name).name}")
