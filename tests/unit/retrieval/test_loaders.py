from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from quilate import registry
from quilate.errors import ConfigurationError, DataError
from quilate.retrieval.loaders import load
from quilate.retrievers import Document


def row(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)


def test_a_directory_is_read_in_order_without_what_is_hidden_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("Dos", encoding="utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.MD").write_text("intro\n# Título #\n", encoding="utf-8")
    (tmp_path / "c.jsonl").write_text(
        row(id="x", text="Sep\u2028arado", title="T", metadata={"n": 1}) + "\n\n", encoding="utf-8"
    )
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD.txt").write_text("no")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\0")
    assert load(tmp_path) == [
        Document("a/z.MD", "intro\n# Título #\n", "Título"),
        Document("b.txt", "Dos", "b"),
        Document("x", "Sep\u2028arado", "T", {"n": 1}),
    ]
    assert [d.id for d in load(tmp_path, glob="*.txt")] == ["b.txt"]


def test_offsets_count_in_the_text_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xef\xbb\xbfuno\r\ndos\r\n")
    assert load(file) == [Document("a.txt", "uno\r\ndos\r\n", "a")]
    file.write_bytes("año".encode("utf-16"))
    assert load(file, encoding="utf-16")[0].text == "año"


def test_another_format_comes_through_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loader(path: Path) -> Document:
        return Document(str(path), path.read_text().upper(), title="Uno")

    monkeypatch.setattr(registry, "names", lambda group: [".rtf"])
    monkeypatch.setattr(registry, "factory", lambda group, name: loader)
    (tmp_path / "a.rtf").write_text("hola")
    assert load(tmp_path) == [Document("a.rtf", "HOLA", "Uno")]


def bad(path: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / path).write_bytes(data)
        return folder / path

    return write


@pytest.mark.parametrize(
    ("make", "where", "words"),
    [
        (lambda folder: folder / "no.txt", "no.txt", "no such file or directory"),
        (bad("a.txt", b""), "a.txt", "holds no text"),
        (bad("a.md", b" \n"), "a.md", "holds no text"),
        (bad("a.xyz", b"x"), "a.xyz", "format '.xyz'.*Known: .*\\.jsonl .*\\.txt"),
        (bad("a.txt", b"uno\nGIF8\0\1\2"), "a.txt:2", "NUL.*binary"),
        (bad("a.txt", b"\x89PNG\r\n\x1a\n\0"), "a.txt:1", "Byte 0 is not utf-8.*binary"),
        (bad("a.txt", "uno\naño".encode("cp1252")), "a.txt:2", "Byte 5 .*encoding='cp1252'"),
        (bad("a.txt", "año".encode("utf-16")), "a.txt:1", "encoding='utf-16'"),
        (bad("a.jsonl", b'{"id":"1","text":"a"}\n{"id":'), "a.jsonl:2", "is not JSON"),
        (bad("a.jsonl", b"[1]"), "a.jsonl:1", "not a JSON object"),
        (bad("a.jsonl", b'{"id":"1"}'), "a.jsonl:1", "'text' is missing"),
        (bad("a.jsonl", b'{"id":1,"text":"a"}'), "a.jsonl:1", "'id' is 1, not a string"),
        (bad("a.jsonl", b'{"id":"1","tetx":"a"}'), "a.jsonl:1", "Did you mean 'text'"),
        (bad("a.jsonl", b'{"id":"1","text":"a","metadata":3}'), "a.jsonl:1", "not an object"),
        (bad("a.jsonl", b'{"id":"1","text":"a"}\n' * 2), "", "Two documents.*'1'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_remedy(
    tmp_path: Path, make: Callable[[Path], Path], where: str, words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load(make(tmp_path))
    message = str(caught.value)
    assert where in message and "\n" not in message and caught.value.remedy


def test_a_directory_without_documents_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0 documents.*no file at all.*Looked for .*\.txt"):
        load(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"only \.png"):
        load(tmp_path)


def test_an_unknown_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("uno")
    with pytest.raises(ConfigurationError, match="no encoding named 'utf8000'"):
        load(tmp_path, encoding="utf8000")
