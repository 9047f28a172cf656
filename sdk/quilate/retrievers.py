"""The Retriever, Index, Embedder and Reranker protocols and their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Where = Mapping[str, Any]
"""A filter over passage metadata: each key equals the value, or is one of a list of values."""


@dataclass(frozen=True, slots=True)
class Document:
    """A source text before it is cut. `text` is what every offset counts characters in."""

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: ``document.text[start:end] == text``, offsets in characters."""

    id: str
    text: str
    document_id: str = ""
    start: int = 0
    end: int = 0
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage, best first. `score` is the retriever's own scale (higher is better);
    `ranks` says at which place (from 1) each part of a hybrid retriever had it."""

    passage: Passage
    score: float
    ranks: Mapping[str, int] = field(default_factory=dict)


class Retriever(Protocol):
    """Finds passages for a query."""

    async def retrieve(self, query: str, *, k: int, where: Where | None = None) -> list[Hit]:
        """At most `k` hits, best first, ties broken by passage id."""
        ...


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, in passages."""

    added: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Which index this is. `version` changes with every write and is named in every run."""

    name: str
    version: str
    passages: int
    embedder: str
    dimension: int
    mode: str


class Index(Retriever, Protocol):
    """A Retriever over a collection that can be brought up to date."""

    async def info(self) -> IndexInfo:
        """Which index this is now."""
        ...

    async def sync(
        self, passages: Sequence[Passage], *, progress: "Progress | None" = None
    ) -> SyncReport:
        """Make the index hold exactly `passages`: only what changed is embedded; what is no
        longer there is deleted. Interrupted, it leaves an index that the next sync completes."""
        ...

    async def delete(self, where: Where) -> int:
        """Delete the passages that match; returns how many."""
        ...


class Progress(Protocol):
    """Called with what is done and the whole, in the same unit, as work goes on."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell how far it is."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """Who an embedder is. Vectors of different identities must never share an index."""

    name: str
    identity: str
    dimension: int
    max_tokens: int | None = None


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def info(self) -> EmbedderInfo:
        """Who this is."""
        ...

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["query", "document"]
    ) -> "NDArray[np.float32]":
        """Array of shape (len(texts), dimension), rows of length 1."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` as this embedder cuts it."""
        ...


@dataclass(frozen=True, slots=True)
class RerankerInfo:
    """Who a reranker is. `identity` differs wherever scores could; `max_tokens` is the longest
    query and passage together, where it is known."""

    name: str
    identity: str
    max_tokens: int | None = None


class Reranker(Protocol):
    """Scores how well passages answer a query, each read together with it."""

    @property
    def info(self) -> RerankerInfo:
        """Who this is."""
        ...

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, on the reranker's own scale: higher is
        better. Raises `ModelError`; never cuts a passage short without being told to."""
        ...
