"""The Embedder over OpenAI's embeddings endpoint, and every server that speaks it."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from quilate.errors import ConfigurationError, InvalidRequest
from quilate.providers import malformed, patiently
from quilate.retrievers import EmbedderInfo
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.faults import reading
from quilate_adapters.openai.opening import endpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_MAX_TOKENS = 8192
# A call takes 2048 texts and 300,000 tokens; a token has at least one byte.
_MAX_TEXTS, _MAX_BATCH_BYTES = 256, 300_000
_MAX_REPLY = 256 * 2**20


def embedder(
    name: str = "text-embedding-3-small",
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    dimensions: int | None = None,
    max_tokens: int | None = None,
    query_prefix: str = "",
    document_prefix: str = "",
) -> "OpenAIEmbedder":
    """The embedder `name` of OpenAI, or of the compatible server at `base_url`; keys as `model`'s.

    `dimensions` shortens the vectors of OpenAI's third generation, and says how many a model has
    that is not OpenAI's: it is checked against the reply. The prefixes go before queries and
    documents for models trained with them (E5: ``query: ``, ``passage: ``). `max_tokens` is only
    told to those who cut documents; a text that the model cannot take whole is the server's error.

    >>> embedder().info.dimension
    1536
    """
    return OpenAIEmbedder(
        Connection(endpoint(name, base_url, api_key), max_bytes=_MAX_REPLY),
        dimensions,
        max_tokens,
        {"query": query_prefix, "document": document_prefix},
    )


class OpenAIEmbedder:
    """Unit vectors from an embeddings endpoint. A text that is too long is a
    `ContextLengthExceeded` of OpenAI's and of llama.cpp's server, never cut off."""

    def __init__(
        self,
        wire: Connection,
        dimensions: int | None,
        max_tokens: int | None,
        prefixes: dict[str, str],
    ) -> None:
        at, self._wire, self._prefixes = wire.at, wire, prefixes
        known = _DIMENSIONS.get(at.name) if wire.official else None
        self._shortens = wire.official and dimensions is not None
        if known and dimensions and at.name.endswith("ada-002") and dimensions != known:
            raise ConfigurationError(
                f"{at.name} has {known} dimensions, and they cannot be shortened.", where=at.where
            )
        dimension = dimensions or known
        if dimension is None or dimension < 1:
            raise ConfigurationError(
                f"How many dimensions the vectors of '{at.name}' have is not known.",
                where=at.where,
                remedy="Say so: dimensions=….",
            )
        self.info = EmbedderInfo(
            f"{at.provider}/{at.name}",
            ":".join([at.identity, str(dimension), *_named(prefixes)]),
            dimension,
            max_tokens or (_MAX_TOKENS if wire.official else None),
        )

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["query", "document"]
    ) -> "NDArray[np.float32]":
        """Array of shape (len(texts), dimension), rows of length 1."""
        import numpy as np

        vectors = np.empty((len(texts), self.info.dimension), dtype=np.float32)
        whole = [self._prefixes[kind] + text for text in texts]
        for i, text in enumerate(texts):
            if not text:
                raise InvalidRequest(
                    f"Text {i} (counted from 0) is empty.",
                    where=self._wire.at.where,
                    provider=self._wire.at.provider,
                    remedy="Leave it out: an empty text has no vector.",
                )
        for some in _batches(whole):
            vectors[some] = await patiently(self._wire.at, partial(self._some, whole[some]))
        return vectors

    def count_tokens(self, text: str) -> int:
        """An estimate: the tokenizer is the server's."""
        from quilate.retrieval.tokens import estimate_tokens

        return estimate_tokens(self._prefixes["document"] + text)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._wire.aclose()

    async def _some(self, texts: list[str]) -> Any:
        import numpy as np

        official = self._wire.official
        body: dict[str, Any] = {
            "model": self._wire.at.name,
            "input": texts,
            "encoding_format": "base64" if official else "float",
        }
        if self._shortens:
            body["dimensions"] = self.info.dimension
        reply = await self._wire.post("/embeddings", body)
        with reading(self._wire.at, reply.headers):
            data = reply.body["data"]
            found = {int(entry["index"]): _vector(entry["embedding"]) for entry in data}
            rows = np.stack([found[i] for i in range(len(texts))])
        if rows.shape[1] != self.info.dimension:
            raise ConfigurationError(
                f"The vectors have {rows.shape[1]} dimensions, not {self.info.dimension}.",
                where=self._wire.at.where,
                remedy=f"Open the embedder with dimensions={rows.shape[1]}.",
            )
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
            raise malformed(self._wire.at, "A vector of the reply has no direction.")
        return rows / lengths


def _named(prefixes: Mapping[str, str]) -> Iterator[str]:
    return (f"{kind}={prefix}" for kind, prefix in prefixes.items() if prefix)


def _vector(found: Any) -> Any:
    import numpy as np

    if isinstance(found, str):
        return np.frombuffer(base64.b64decode(found), dtype="<f4")
    return np.asarray(found, dtype=np.float32).reshape(-1)


def _batches(texts: Sequence[str]) -> Iterator[slice]:
    """Neighbours that one call takes."""
    start, size = 0, 0
    for i, text in enumerate(texts):
        more = len(text.encode("utf-8", "replace"))
        if i > start and (size + more > _MAX_BATCH_BYTES or i - start >= _MAX_TEXTS):
            yield slice(start, i)
            start, size = i, 0
        size += more
    if start < len(texts):
        yield slice(start, len(texts))
