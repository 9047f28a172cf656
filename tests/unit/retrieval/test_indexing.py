from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from quilate import registry, sync
from quilate.errors import ConfigurationError, DataError
from quilate.retrieval import RagIndex, aindex, index, rag
from quilate.retrievers import (
    Document,
    EmbedderInfo,
    Hit,
    IndexInfo,
    Passage,
    Progress,
    SyncReport,
    Where,
)
from quilate.testing import ScriptedModel


class Words:
    """An embedder that only counts, one token a word."""

    info = EmbedderInfo("words", "words", 1, max_tokens=512)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


class Shelf:
    """An index kept in a dictionary of all shelves by path."""

    shelves: ClassVar[dict[Path, dict[str, Passage]]] = {}

    def __init__(self, path: Path, embedder: Any, mode: str) -> None:
        self.path, self.mode, self.embedder = path, mode, embedder
        self.held = self.shelves.setdefault(path, {})

    async def sync(
        self, passages: Sequence[Passage], *, progress: Progress | None = None
    ) -> SyncReport:
        wanted = {passage.id: passage for passage in passages}
        added = wanted.keys() - self.held.keys()
        deleted = self.held.keys() - wanted.keys()
        self.held.clear()
        self.held.update(wanted)
        if progress is not None:
            progress(len(wanted), len(wanted), "passages")
        return SyncReport(len(added), 0, len(deleted), len(wanted) - len(added))

    async def retrieve(self, query: str, *, k: int, where: Where | None = None) -> list[Hit]:
        shared = {
            name: len(set(query.split()) & set(p.text.split())) for name, p in self.held.items()
        }
        best = sorted(shared, key=lambda name: (-shared[name], name))[:k]
        return [Hit(self.held[name], float(shared[name])) for name in best]

    async def info(self) -> IndexInfo:
        return IndexInfo(self.path.name, "1", len(self.held), "words", 1, self.mode)

    async def delete(self, where: Where) -> int:
        gone = [name for name, p in self.held.items() if where.items() <= p.metadata.items()]
        for name in gone:
            del self.held[name]
        return len(gone)


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    factory = registry.factory
    made = {("embedders", "words"): Words, ("indexes", "shelf"): Shelf}
    monkeypatch.setattr(
        registry, "factory", lambda group, name: made.get((group, name)) or factory(group, name)
    )
    monkeypatch.setattr(Shelf, "shelves", {})
    monkeypatch.chdir(tmp_path)


def build(source: Any, **options: Any) -> RagIndex:
    return index(source, store="shelf", embedder="words", **options)


def test_a_directory_is_cut_indexed_and_brought_up_to_date(tmp_path: Path) -> None:
    docs = tmp_path / "mis docs"
    docs.mkdir()
    (docs / "lima.md").write_text("Lima fue fundada.\n\nFue en 1535.", encoding="utf-8")
    (docs / "quito.md").write_text("Quito es antigua.", encoding="utf-8")
    told: list[tuple[int, int, str]] = []
    built = build("mis docs", chunk_tokens=4, progress=lambda *done: told.append(done))
    assert built.report == SyncReport(added=3) and told == [(3, 3, "passages")]
    assert list(Shelf.shelves) == [Path(".quilate/indexes/mis_docs")]
    (hit,) = built.search("Lima fundada.", k=1)
    assert (hit.passage.document_id, hit.passage.text) == ("lima.md", "Lima fue fundada.")

    (docs / "lima.md").write_text(
        "Nuevo párrafo aquí puesto.\n\nLima fue fundada.\n\nFue en 1536.", encoding="utf-8"
    )
    (docs / "quito.md").unlink()
    again = build(docs, chunk_tokens=4)
    assert again.report == SyncReport(added=2, deleted=2, unchanged=1)
    assert {p.document_id for p in Shelf.shelves[Path(".quilate/indexes/mis_docs")].values()} == {
        "lima.md"
    }


def test_documents_mappings_and_passages_are_taken_together() -> None:
    passage = Passage("p", "uno dos tres", metadata={"n": 1})
    built = build(
        [Document("d", "uno dos tres. cuatro cinco"), {"id": "m", "text": "seis"}, passage],
        chunk_tokens=3,
        overlap_tokens=0,
        path="there",
    )
    held = Shelf.shelves[Path("there")]
    assert sorted(p.document_id for p in held.values()) == ["", "d", "d", "m"]
    assert held["p"] is passage
    assert sync.run(built.delete({"n": 1})) == 1
    assert sync.run(built.info()).passages == 3
    assert sync.run(built.provenance()) == sync.run(built.info())


def test_without_chunks_a_document_is_a_passage_with_its_own_identifier() -> None:
    built = build([Document("d", "uno dos. " * 900, "T", {"a": 1})], chunk_tokens=None)
    (hit,) = built.search("uno")
    text = "uno dos. " * 900
    assert hit.passage == Passage("d", text, "d", 0, len(text), "T", {"a": 1})


def test_names_of_indexes_do_not_collide(tmp_path: Path) -> None:
    for place in ("a/docs", "docs", "../elsewhere/docs"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "a.txt").write_text("uno")
        build(tmp_path / place)
    build([Document("d", "uno")])
    names = [path.name for path in Shelf.shelves]
    assert names[:2] == ["a-docs", "docs"] and names[3] == "documents"
    assert names[2].startswith("docs-") and len(names) == 4


def test_bad_input_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("uno")
    build(docs)
    (docs / "b.txt").write_bytes(b"\0\1")
    with pytest.raises(DataError, match=r"b\.txt"):
        build(docs)
    for bad, words in [
        ([Document("d", "a"), Document("d", "b")], "Two documents"),
        ([Passage("p", "a"), Passage("p", "b")], "Two passages"),
        ([{"id": "a", "text": "b"}, {"id": "c"}], "document 2: .*'text' is missing"),
        ([{"id": "a", "text": "\ud800"}], "surrogate"),
        ([], "0 documents"),
    ]:
        with pytest.raises(DataError, match=words):
            build(bad, path=Path(".quilate/indexes/docs"))
    for options in ({"chunk_tokens": 600}, {"chunk_tokens": 8, "overlap_tokens": 8}):
        with pytest.raises(ConfigurationError, match="tokens"):
            build(docs / "a.txt", path=Path(".quilate/indexes/docs"), **options)
    (held,) = Shelf.shelves.values()
    assert list(held) == ["a.txt"]


def test_from_async_code_and_into_a_rag() -> None:
    async def work() -> str:
        built = await aindex(
            [Document("lima", "Lima se fundó en 1535.")], store="shelf", embedder=Words()
        )
        pipeline = rag(built, model=ScriptedModel('En 1535 [1: "en 1535"].'), k=1)
        answer = await pipeline.aask("¿Cuándo se fundó Lima?")
        return answer.citations[0].status

    assert asyncio.run(work()) == "verified"
