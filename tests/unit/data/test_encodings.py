"""Files of text that are not UTF-8, as spreadsheets write them, and files that are empty."""

import json
from pathlib import Path

import pytest

from quilate.data import pipeline, run_pipeline
from quilate.data.files import read_rows
from quilate.data.pipeline import load_pipeline
from quilate.errors import ConfigurationError, DataError
from quilate.reports.pipelines import closing_lines, step_table

LINES = "id;text\n1;El año pasado; por fin\n2;Mañana\n3;Ya está\n"


@pytest.fixture
def run(tmp_path):
    def running(content, name="a.csv", **options):
        (tmp_path / name).write_bytes(content)
        made = pipeline("a", [{"path": name, **options}], [], folder=tmp_path)
        return run_pipeline(made, store=tmp_path / ".quilate", workers=1)

    return running


def test_rows_that_are_all_rejected_are_told_by_the_commonest_reason(run, tmp_path):
    with pytest.raises(DataError, match="3 were rejected, 2 of them for: not UTF-8") as caught:
        run(LINES.encode("latin-1"))
    assert "iconv" in caught.value.remedy and "encoding: latin-1" in caught.value.remedy
    file = Path(caught.value.remedy.rpartition(" ")[2])
    raw = [json.loads(line)["raw"] for line in file.read_text("utf-8").splitlines()]
    assert raw == ["1;El a�o pasado; por fin", "2;Ma�ana", "3;Ya est�"]


def test_what_was_rejected_in_reading_is_told_by_its_reason(run):
    done = run(b"id,text\n1,Hola\n2,Ma\xf1ana\n")
    (source,) = done.manifest["sources"]
    assert source["reasons"] == {"not UTF-8": 1}
    (*_, hint) = closing_lines(done, "es")
    assert hint.startswith("1 fila no es UTF-8") and "encoding: latin-1" in hint
    assert "no es UTF-8 1" in str(next(iter(step_table(done.manifest, "es").columns[-1].cells)))


@pytest.mark.parametrize(
    ("name", "written", "encoding"),
    [
        ("a.csv", "utf-8-sig", None),
        ("a.csv", "latin-1", "latin-1"),
        ("a.csv", "utf-16", None),
        ("a.csv", "utf-16-le", "utf-16-le"),
        ("a.jsonl", "cp1252", "cp1252"),
        ("a.jsonl", "utf-16", None),
        ("a.json", "utf-16", None),
        ("a.json", "latin-1", "latin-1"),
    ],
)
def test_an_encoding_is_given_or_marked(run, name, written, encoding):
    texts = {
        "a.csv": "año;text\n2024;¿Mañana?\n",
        "a.jsonl": '{"año": "2024", "text": "¿Mañana?"}\n',
        "a.json": '[{"año": "2024", "text": "¿Mañana?"}]',
    }
    done = run(texts[name].encode(written), name, encoding=encoding)
    (row,) = done.dataset.rows()
    assert (row["año"], row["text"]) == ("2024", "¿Mañana?")


def test_an_encoding_is_part_of_what_is_cached(run):
    cyrillic = run("id,text\n1,ñ\n".encode("latin-1"), encoding="cp1251")
    assert [row["text"] for row in cyrillic.dataset.rows()] == ["с"]
    spanish = run("id,text\n1,ñ\n".encode("latin-1"), encoding="latin-1")
    assert [row["text"] for row in spanish.dataset.rows()] == ["ñ"]


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.csv", b"a\xf1o,text\n1,b\n", {}, "The header is not UTF-8"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), {}, "The header is not UTF-8"),
        ("a.csv", b"a,b\n1,\x81\n", {"encoding": "cp1252"}, "The file is not cp1252"),
        ("a.jsonl", b'{"a": "\x81"}\n', {"encoding": "cp1252"}, "The file is not cp1252"),
        ("a.json", b'["\xf1"]', {}, "The file is not utf-8"),
        ("a.csv", b"", {}, "The file is empty"),
        ("a.json", b"", {}, "The file is empty"),
        ("a.jsonl", b"", {}, "The source is empty"),
        ("a.csv", b"a,b\n", {}, "The source is empty"),
        ("a.parquet", b"", {"encoding": "latin-1"}, "An `encoding` is for files"),
    ],
)
def test_what_cannot_be_read_is_one_error(run, name, content, options, message):
    with pytest.raises(DataError, match=message) as caught:
        run(content, name, **options)
    assert name in caught.value.where and caught.value.remedy


def test_an_encoding_that_there_is_not(tmp_path):
    (tmp_path / "p.yaml").write_text("name: a\nsource: [{path: a.csv, encoding: latin-11}]\n")
    with pytest.raises(ConfigurationError, match=r"p.yaml:2: .*no encoding 'latin-11'"):
        load_pipeline(tmp_path / "p.yaml")


def test_rows_of_other_encodings_without_a_pipeline(tmp_path):
    (tmp_path / "a.tsv").write_bytes("id\ttext\n1\tñ\n".encode("utf-16"))
    assert list(read_rows(tmp_path / "a.tsv")) == [{"id": "1", "text": "ñ"}]
