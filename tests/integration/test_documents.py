import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from quilate.errors import DataError
from quilate.retrievers import Document

pytest.importorskip("pypdfium2")
pytest.importorskip("mammoth")
pytest.importorskip("markdownify")

from quilate_adapters.documents import load_docx, load_html, load_pdf

DATA = Path(os.environ.get("QUILATE_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
PDFS = DATA / "docs_pypdf"
LOADERS: dict[str, Callable[[Path], Document]] = {
    "pdf": load_pdf,
    "docx": load_docx,
    "html": load_html,
}

needs_data = pytest.mark.skipif(
    not (DATA / "docs_manifest.jsonl").is_file(), reason=f"no sample documents in {DATA}"
)


def manifest(*formats: str) -> list[Any]:
    """The sample documents of some formats, or of all, one test parameter each."""
    file = DATA / "docs_manifest.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    rows = [row for row in map(json.loads, lines) if not formats or row["format"] in formats]
    return [pytest.param(row, id=row["id"]) for row in rows]


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def words(text: str) -> set[str]:
    return set(text.split())


@needs_data
@pytest.mark.parametrize("row", manifest("pdf"))
def test_text_of_real_pdfs(row: dict[str, Any]) -> None:
    path = DATA / row["path"]
    if row["encrypted"]:
        with pytest.raises(DataError, match="encrypted and needs a password"):
            load_pdf(path)
    elif "text_chars_pypdf" not in row:  # another library could not read it either
        with pytest.raises(DataError, match=path.name):
            load_pdf(path)
    elif words(row["text_head"]) <= {"Background"}:  # at most the name of a layer
        with pytest.raises(DataError, match="no text layer"):
            load_pdf(path)
    else:
        document = load_pdf(path)
        starts = document.metadata["pages"]
        assert document.id == path.as_posix()
        assert len(starts) == row["pages"]
        assert starts == sorted(starts) and starts[-1] <= len(document.text)
        assert not set(document.text) & {*map(chr, range(9)), "\r", "\ufffe"}


@needs_data
def test_pages_start_where_the_metadata_say() -> None:
    document = load_pdf(PDFS / "004-pdflatex-4-pages" / "pdflatex-4-pages.pdf")
    starts = [*document.metadata["pages"], len(document.text) + 2]
    pages = [document.text[a : b - 2] for a, b in pairwise(starts)]
    assert "\n\n".join(pages) == document.text
    assert [page.split()[-1] for page in pages] == ["1", "2", "3", "4"]  # the page numbers


@needs_data
def test_title_and_accents_of_a_pdf() -> None:
    document = load_pdf(PDFS / "009-pdflatex-geotopo" / "GeoTopo-komprimiert.pdf")
    assert document.title == "Geometrie und Topologie"
    assert "Einführung in die" in document.text


@needs_data
@pytest.mark.parametrize("name", ["pdf", "docx", "html"])
@pytest.mark.parametrize("row", manifest())
def test_no_file_crashes_a_loader(row: dict[str, Any], name: str) -> None:
    path = DATA / row["path"]
    try:
        document = LOADERS[name](path)
    except DataError as error:
        assert error.where == path.as_posix()
        assert error.remedy
    else:
        assert document.text.strip()


@needs_data
def test_truncated_and_mixed_up_files(tmp_path: Path) -> None:
    source = PDFS / "001-trivial" / "minimal-document.pdf"
    cut = written(tmp_path / "cut.pdf", source.read_bytes()[:200])
    with pytest.raises(DataError, match="not PDF, or it is damaged"):
        load_pdf(cut)
    with pytest.raises(DataError, match="not DOCX, or it is damaged"):
        load_docx(written(tmp_path / "pdf.docx", source.read_bytes()))
    with pytest.raises(DataError, match="not an HTML page"):
        load_html(written(tmp_path / "pdf.html", source.read_bytes()))


@pytest.mark.parametrize("name", ["pdf", "docx", "html"])
def test_missing_and_empty_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"nothing.{name}"
    with pytest.raises(DataError, match="cannot be read: No such file"):
        LOADERS[name](path)
    with pytest.raises(DataError, match="is empty"):
        LOADERS[name](written(path, b" \n"))
    with pytest.raises(DataError, match=path.name):
        LOADERS[name](written(path, bytes(range(256)) * 20))


def test_docx_becomes_markdown(tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    made = docx.Document()
    made.add_heading("El acueducto", level=0)
    made.add_paragraph("Una obra de los romanos en Segovia.")
    made.add_heading("Medidas", level=2)
    table = made.add_table(rows=2, cols=2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells),
        ("arcos", "altura", "167", "28 m"),
        strict=True,
    ):
        cell.text = text
    for text in ("granito", "sin argamasa"):
        made.add_paragraph(text, style="List Bullet")
    path = tmp_path / "acueducto.docx"
    made.save(str(path))
    document = load_docx(path)
    assert document.title == "El acueducto"
    lines = document.text.splitlines()
    assert lines[:5] == ["# El acueducto", "", "Una obra de los romanos en Segovia.", "",
                         "## Medidas"]  # fmt: skip
    assert "| 167 | 28 m |" in lines
    assert {"* granito", "* sin argamasa"} <= set(lines)


def test_docx_images_do_not_become_text(tmp_path: Path) -> None:
    path = DATA / "docs_markitdown/packages/markitdown-ocr/tests/ocr_test_data/docx_image_end.docx"
    if not path.is_file():
        pytest.skip(f"no sample documents in {DATA}")
    document = load_docx(path)
    assert "base64" not in document.text and len(document.text) < 200


def test_docx_with_a_password(tmp_path: Path) -> None:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
    with pytest.raises(DataError, match="needs a password"):
        load_docx(written(tmp_path / "secret.docx", head))


PAGE = """<!doctype html><html><head><title> Los  linces </title><style>p {color: red}</style>
<script>alert("no")</script></head><body><nav><a href="/">Inicio</a></nav>
<main><h1>El lince ibérico</h1><p>Vive en <b>Doñana</b>.<script>track()</script></p>
<ul><li>caza_conejos</li></ul></main><footer>© 2024</footer></body></html>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_html_becomes_markdown(tmp_path: Path, encoding: str) -> None:
    page = PAGE.replace("<head>", f'<head><meta charset="{encoding}">')
    document = load_html(written(tmp_path / "lince.html", page.encode(encoding)))
    assert document.title == "Los linces"
    assert document.text == "# El lince ibérico\n\nVive en **Doñana**.\n\n* caza_conejos"


def test_html_without_a_main_part_is_read_whole(tmp_path: Path) -> None:
    page = "<p>uno</p><article>dos</article><article>tres</article>"
    text = load_html(written(tmp_path / "partes.html", page)).text
    assert words(text) == {"uno", "dos", "tres"}


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<html><script>only()</script></html>", "has no text"),
        ("just words", "not an HTML page"),
        ("<div>" * 20_000 + "deep", "damaged"),
    ],
    ids=["script", "text", "deep"],
)
def test_html_that_cannot_be_used(tmp_path: Path, page: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_html(written(tmp_path / "page.html", page))
