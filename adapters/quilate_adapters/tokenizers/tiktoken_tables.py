"""tiktoken's encodings, from the tables on this machine: none is ever downloaded."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from quilate.data.tokens.tokenizer import TEXT
from quilate.errors import ConfigurationError, UnknownName
from quilate.registry import nearest, require
from quilate_adapters.tokenizers.bytes_of_tokens import kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_lock = threading.Lock()


class TiktokenTokenizer:
    """An encoding of tiktoken."""

    around = 0

    def __init__(self, encoding: Any, name: str) -> None:
        import numpy as np

        self.name = name
        self._encoding = encoding
        self.kinds: NDArray[np.uint8] = np.full(encoding.n_vocab, TEXT, np.uint8)
        for token in range(encoding.n_vocab):
            try:
                self.kinds[token] = kind_of(encoding.decode_single_token_bytes(token))
            except KeyError:  # ids between the text tokens and the control tokens may be unused
                continue

    def encode(self, texts: Sequence[str]) -> "list[NDArray[np.int32]]":
        """The ids of each text."""
        import numpy as np

        return [np.asarray(self._encoding.encode_ordinary(text), np.int32) for text in texts]


def open_encoding(name: str) -> TiktokenTokenizer:
    """An encoding by its name, or that of a model, from tiktoken's cache on this machine.

    Raises `MissingDependency` without tiktoken, `UnknownName` for what it does not know, and
    `ConfigurationError` where its table is not cached.
    """
    package = require("tiktoken", extra="tokens")
    known = package.list_encoding_names()
    if name not in known:
        try:
            name = package.encoding_name_for_model(name)
        except KeyError:
            raise UnknownName(
                f"tiktoken has no encoding or model '{name}'.", remedy=nearest(name, known)
            ) from None
    with _offline(name):
        return TiktokenTokenizer(package.get_encoding(name), f"tiktoken/{name}")


@contextmanager
def _offline(name: str) -> Iterator[None]:
    """While open, tiktoken reads no table over the network for this thread. It would, of itself,
    both for a table that is not cached and for one whose hash is wrong."""
    loading = require("tiktoken.load", extra="tokens", package="tiktoken")
    mine = threading.get_ident()
    with _lock:
        before = loading.read_file

        def read(place: str) -> bytes:
            if threading.get_ident() == mine and "://" in place:
                raise _not_cached(name, place)
            found: bytes = before(place)
            return found

        loading.read_file = read
        try:
            yield
        finally:
            loading.read_file = before


def _not_cached(name: str, address: str) -> ConfigurationError:
    return ConfigurationError(
        f"tiktoken's table for {name} is not on this machine, and Quilate downloads nothing.",
        where=address,
        remedy="Where there is a network, run once: TIKTOKEN_CACHE_DIR=FOLDER python -c "
        f"\"import tiktoken; tiktoken.get_encoding('{name}')\"; then set TIKTOKEN_CACHE_DIR to "
        "that folder, or to a copy of it.",
    )
