"""Embeddings by a local GGUF model.

**A text's vector does not depend on its company.** The shape of a batch changes what a quantised
model computes, so each text is decoded by itself, and whole, whatever it is embedded together with.
"""

import asyncio
import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quilate.errors import ConfigurationError, ModelError
from quilate.providers.lengths import check_lengths
from quilate.retrievers import EmbedderInfo
from quilate_adapters.llamacpp.engine import Check, usable_cpus
from quilate_adapters.llamacpp.gguf import inspect
from quilate_adapters.llamacpp.native import last_errors, library, load_model, tokenize, version_of
from quilate_adapters.llamacpp.packaged import locate
from quilate_adapters.llamacpp.worker import Worker, share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pooling = Literal["mean", "cls", "last"]

DEFAULT_CONTEXT = 2048
_POOLINGS = {"mean": 1, "cls": 2, "last": 3}


def embedder(
    name: str,
    *,
    n_ctx: int | None = None,
    pooling: Pooling | None = None,
    query_prefix: str = "",
    document_prefix: str = "",
    n_threads: int | None = None,
) -> "LlamaCppEmbedder":
    """An embedder in this process: a packaged model by its name, or a GGUF file by its path.

    `n_ctx` is the longest text in tokens (default: what the model was trained for, at most 2048).
    `pooling` says how the tokens' vectors become one (default: as the file says; a chat model's
    says nothing). The prefixes are what the model wants before queries and documents (``"query: "``
    for E5). Nothing is loaded yet. Raises `ModelFileError` when there is no such file, and
    `ConfigurationError` for settings that make no sense.

    >>> embedder("smollm2-135m-instruct", pooling="max")
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: llamacpp: The pooling 'max' is not known...
    """
    if pooling is not None and pooling not in _POOLINGS:
        raise ConfigurationError(
            f"The pooling '{pooling}' is not known.",
            where="llamacpp",
            remedy=f"Take one of {', '.join(_POOLINGS)}, or leave it out.",
        )
    path = locate(name)
    if n_ctx is None:
        n_ctx = min(DEFAULT_CONTEXT, inspect(path).context_length or DEFAULT_CONTEXT)
    settings = EmbeddingSettings(n_ctx, pooling)
    if n_threads is not None:
        settings = replace(settings, n_threads=n_threads)
    return LlamaCppEmbedder(path, name, settings, query_prefix, document_prefix)


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """How a model is opened for embedding; texts of at most `n_ctx` tokens."""

    n_ctx: int
    pooling: Pooling | None = None
    n_threads: int = field(default_factory=lambda: min(8, usable_cpus()))

    def __post_init__(self) -> None:
        for name in ("n_ctx", "n_threads"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(
                    f"{name} is {value!r}, but must be a whole number of at least 1.",
                    where="llamacpp",
                    remedy=f"Leave {name} out for the default.",
                )


class EmbeddingEngine:
    """A model in memory that gives one vector a text. Not thread-safe: see `worker`."""

    def __init__(self, path: Path, settings: EmbeddingSettings) -> None:
        self.lib = library()
        self._model = load_model(path)
        self._context = self._open(path, settings)
        self._vocab = self.lib.llama_model_get_vocab(self._model)
        self.dimension: int = self.lib.llama_model_n_embd_out(self._model)
        self._batch = self.lib.llama_batch_init(settings.n_ctx, 0, 1)

    def _open(self, path: Path, settings: EmbeddingSettings) -> Any:
        lib = self.lib
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = settings.n_ctx
        params.n_seq_max = 1
        params.embeddings = True
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.n_threads = params.n_threads_batch = settings.n_threads
        params.no_perf = True
        if settings.pooling is not None:
            params.pooling_type = _POOLINGS[settings.pooling]
        context = lib.llama_init_from_model(self._model, params)
        if not context:
            lib.llama_model_free(self._model)
            raise ModelError(
                f"llama.cpp cannot open a context of {settings.n_ctx} tokens: "
                f"{' '.join(last_errors) or 'not enough memory?'}",
                where=str(path),
                provider="llamacpp",
                remedy="Choose a smaller n_ctx.",
            )
        if lib.llama_pooling_type(context) not in _POOLINGS.values():
            lib.llama_free(context)
            lib.llama_model_free(self._model)
            raise ConfigurationError(
                "This model's file does not say how to make one vector of a text.",
                where=str(path),
                remedy='Say it: pooling="mean" (or cls, last), or take a model made for embedding.',
            )
        return context

    def close(self) -> None:
        """Free the native memory; the engine cannot be used any more."""
        self.lib.llama_batch_free(self._batch)
        self.lib.llama_free(self._context)
        self.lib.llama_model_free(self._model)

    def tokenize(self, text: str) -> list[int]:
        """The tokens of `text`, with those that the model wants around it."""
        return tokenize(self._vocab, text, begin=True)

    def embed(self, tokens: Sequence[int]) -> "NDArray[np.float32]":
        """The vector of a text's tokens, of length 1 (0 for a text without tokens)."""
        import numpy as np

        if not tokens:
            return np.zeros(self.dimension, dtype=np.float32)
        memory = self.lib.llama_get_memory(self._context)
        if memory:
            self.lib.llama_memory_clear(memory, True)
        batch = self._batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i] = token, i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = 1
        code = self.lib.llama_decode(self._context, batch)
        pointer = self.lib.llama_get_embeddings_seq(self._context, 0) if code == 0 else None
        if not pointer:
            raise ModelError(
                f"llama.cpp failed to embed (code {code}): {' '.join(last_errors)}",
                provider="llamacpp",
                remedy="Choose a smaller n_ctx if memory is short.",
            )
        vector = np.ctypeslib.as_array(
            ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (self.dimension,)
        ).astype(np.float64)
        unit: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit


class LlamaCppEmbedder:
    """Unit vectors of a local model. A text that is too long is an error: nothing is cut off."""

    def __init__(
        self,
        path: Path,
        name: str,
        settings: EmbeddingSettings,
        query_prefix: str = "",
        document_prefix: str = "",
    ) -> None:
        self._path, self._name, self._settings = path, name, settings
        self._prefixes = {"query": query_prefix, "document": document_prefix}
        self._opening = threading.Lock()
        self._opened: tuple[Worker[EmbeddingEngine], Callable[[], Any]] | None = None

    @property
    def info(self) -> EmbedderInfo:
        """Who this is. The first time, reads and hashes the file (0.2 s for 100 MB)."""
        file = inspect(self._path)
        settings = self._settings
        architecture = file.metadata.get("general.architecture")
        width = file.metadata.get(f"{architecture}.embedding_length", 0)
        return EmbedderInfo(
            f"llamacpp/{self._name}",
            f"llamacpp:{file.sha256}:pooling={settings.pooling}:prefixes={self._prefixes}"
            f":llama-cpp-python={version_of('llama-cpp-python')}",
            int(file.metadata.get(f"{architecture}.embedding_length_out", width)),
            settings.n_ctx,
        )

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["query", "document"]
    ) -> "NDArray[np.float32]":
        """Array of shape (len(texts), dimension), rows of length 1. Raises
        `ContextLengthExceeded` with the index and tokens of a text that is too long. Cancelled,
        it stops before its next text."""
        import numpy as np

        prefix = self._prefixes[kind]

        def work(engine: EmbeddingEngine, check: Check) -> "NDArray[np.float32]":
            rows = [engine.tokenize(prefix + text) for text in texts]
            check_lengths(
                [len(row) for row in rows],
                self._settings.n_ctx,
                what="Text",
                where=f"embedder llamacpp/{self._name}",
                remedy="Cut the documents into smaller chunks, or open the embedder with a larger "
                "n_ctx if the model was trained for it.",
            )
            vectors = np.empty((len(rows), engine.dimension), dtype=np.float32)
            for i, row in enumerate(rows):
                check()
                vectors[i] = engine.embed(row)
            return vectors

        worker = await asyncio.to_thread(self._worker)
        return await worker.run(work)

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` as a document, with its prefix and those that the model adds."""
        written = self._prefixes["document"] + text
        return self._worker().call(lambda engine: len(engine.tokenize(written)))

    async def aclose(self) -> None:
        """Free the native memory, once no other embedder uses it. A later call loads it again."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            await asyncio.to_thread(opened[1])

    def _worker(self) -> Worker[EmbeddingEngine]:
        with self._opening:
            if self._opened is None:
                file = inspect(self._path)
                self._opened = share(self, file.path, self._settings, EmbeddingEngine)
            return self._opened[0]
