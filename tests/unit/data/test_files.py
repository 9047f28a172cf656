"""Rows from files and folders, and to files."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quilate.data.files import Rejected, read_rows, write_rows
from quilate.errors import DataError

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)
rows = st.lists(
    st.fixed_dictionaries(
        {"text": st.text(st.characters(exclude_categories=["Cs"]))},
        optional={"more": values, "n": st.integers(-(2**60), 2**60) | st.text(max_size=3)},
    ),
    min_size=1,
    max_size=6,
)


def numbered(some):
    return [{"id": f"r{n}", **row} for n, row in enumerate(some)]


def without_nothing(row):
    return {name: value for name, value in row.items() if value is not None}


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".json", ".parquet", ".arrow"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(some=rows)
def test_what_is_written_is_read_again(tmp_path, suffix, some):
    file = tmp_path / f"a{suffix}"
    assert write_rows(numbered(some), file) == len(some)
    # Tables have no difference between a field that is none and one that is not there.
    assert [without_nothing(row) for row in read_rows(file)] == [
        without_nothing(row) for row in numbered(some)
    ]


def test_malformed_lines_are_told_and_the_rest_goes_on(tmp_path):
    file = tmp_path / "a.jsonl"
    deep = b"[" * 100_000
    lines = [
        b'\xef\xbb\xbf{"text": "Hola"}',
        b'{"text": ',
        b'{"text": "\xff"}',
        b'{"text": NaN}',
        b"[1]",
        b"{}",
        b'{"text": "\\ud800"}',
        deep,
        b"",
        b'{"id": 7, "text": "fin"}',
    ]
    file.write_bytes(b"\n".join(lines))
    found = list(read_rows(file))
    assert [row for row in found if not isinstance(row, Rejected)] == [
        {"text": "Hola", "id": "a.jsonl:1"},
        {"text": "fin", "id": "7"},
    ]
    assert [(one.where, one.reason) for one in found if isinstance(one, Rejected)] == [
        ("a.jsonl:2", "not JSON"),
        ("a.jsonl:3", "not UTF-8"),
        ("a.jsonl:4", "not JSON"),
        ("a.jsonl:5", "not an object"),
        ("a.jsonl:6", "empty object"),
        ("a.jsonl:7", "half a character"),
        ("a.jsonl:8", "nested too deeply"),
    ]
    assert all(len(one.raw) <= 2000 for one in found if isinstance(one, Rejected))


def test_compressed_lines_and_one_that_breaks_off(tmp_path):
    file = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b'{"id": "1"}\n' * 50_000)
    file.write_bytes(whole)
    assert sum(1 for _ in read_rows(file)) == 50_000
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read to its end"):
        list(read_rows(file))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_with_any_separator(tmp_path, separator):
    file = tmp_path / "a.csv"
    lines = [f"id{separator}text", f'1{separator}"Hola, Ana; ¿qué tal?"', f"2{separator}", "3"]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert list(read_rows(file)) == [
        {"id": "1", "text": "Hola, Ana; ¿qué tal?"},
        {"id": "2"},
        Rejected("a.csv:4", "another number of fields", "1, and the header has 2", "3"),
    ]


def test_csv_goes_on_behind_what_is_none(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b'id,text\n1,"a"b\n2,se\xf1or\n3,bien\n')
    found = list(read_rows(file))
    assert [getattr(one, "reason", one) for one in found] == [
        "not CSV",
        "not UTF-8",
        {"id": "3", "text": "bien"},
    ]


def test_columns_take_other_names(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "1", "body": "Hola", "text": "old", "x": 1}\n')
    (row,) = read_rows(file, fields={"text": "body", "old": "text", "y": "x"})
    assert row == {"id": "1", "text": "Hola", "old": "old", "y": 1}
    with pytest.raises(DataError, match="column 'text' already"):
        list(read_rows(file, fields={"text": "body"}))
    with pytest.raises(DataError, match="No row has the column 'bdoy'"):
        list(read_rows(file, fields={"body": "bdoy"}))
    (row,) = read_rows(file, fields={"text": "body", "body": "text"})
    assert row == {"id": "1", "text": "Hola", "body": "old", "x": 1}


def test_a_folder_of_images_with_captions(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "a.txt").write_text("Un faro. ")
    assert list(read_rows(tmp_path)) == [
        {"id": "a.png", "image": str(tmp_path / "a.png"), "caption": "Un faro."},
        {"id": "b.jpg", "image": str(tmp_path / "b.jpg")},
    ]
    told = [
        {"file_name": "a.png", "text": "A lighthouse"},
        {"file_name": "../secret.png"},
        {"x": 1},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, told)))
    first, *rest = read_rows(tmp_path)
    assert first["caption"] == "A lighthouse"
    assert [one.reason for one in rest] == ["outside the folder", "no file_name"]


def test_a_folder_of_images_is_written_whole_and_read_again(tmp_path):
    for folder, content in (("one", b"a"), ("two", b"b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "A.png").write_bytes(content)
    rows = [
        {"id": "1", "image": str(tmp_path / "one" / "A.png"), "caption": "Un faro", "text": "x"},
        {"id": "2", "image": str(tmp_path / "two" / "A.png"), "tags": [1, None]},
    ]
    out = tmp_path / "out"
    assert write_rows(rows, out, images=True) == 2
    found = list(read_rows(out))
    assert [Path(row.pop("image")).read_bytes() for row in found] == [b"a", b"b"]
    assert found == [{k: v for k, v in row.items() if k != "image"} for row in rows]
    with pytest.raises(DataError, match="there already"):
        write_rows(rows, out, images=True)
    for wrong in (
        {"id": "3"},
        {"id": "3", "image": str(tmp_path / "none.png")},
        {**rows[0], "id": "3", "file_name": "x"},
    ):
        with pytest.raises(DataError, match=r"row 3.*folder of images"):
            write_rows([rows[0], wrong], tmp_path / "half", images=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["one", "out", "two"]


def test_a_folder_of_documents(tmp_path):
    (tmp_path / "a.md").write_text("# Faros\n\nLuz.")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4 broken")
    (tmp_path / "c.jsonl").write_text('{"text": "fila"}\n')
    (tmp_path / "d.pptx").write_bytes(b"PK")
    for left in ("Thumbs.db", "~$carta.docx", "carta.txt~", ".oculto.pptx"):
        (tmp_path / left).write_bytes(b"")
    found = list(read_rows(tmp_path))
    assert found[0] == {"id": "a.md", "text": "# Faros\n\nLuz.", "title": "Faros"}
    assert (found[1].where, found[1].reason) == ("b.pdf", "unreadable document")
    assert found[2]["text"] == "fila"
    assert (found[3].where, found[3].reason, found[3].detail) == (
        "d.pptx",
        "not a document that can be read",
        ".pptx",
    )
    assert len(found) == 4


def test_paths_that_are_wrong(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        list(read_rows(tmp_path / "nothing.jsonl"))
    (tmp_path / "a.xyz").write_text("?")
    with pytest.raises(DataError, match=r"not read from '\.xyz'"):
        list(read_rows(tmp_path / "a.xyz"))
    (tmp_path / "a.parquet").write_text("this is none")
    with pytest.raises(DataError, match="damaged, or of another format"):
        list(read_rows(tmp_path / "a.parquet"))
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match="nothing that can be read"):
        list(read_rows(tmp_path / "sub"))


def test_a_disk_that_is_full_leaves_no_half_file(tmp_path):
    import resource

    before = tmp_path / "a.jsonl"
    write_rows([{"id": "old"}], before)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        with pytest.raises(DataError, match="cannot be written"):
            write_rows(({"id": str(n), "text": "x" * 100} for n in range(1000)), before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(read_rows(before)) == [{"id": "old"}]
    assert [one.name for one in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_quote_that_is_not_closed_costs_its_own_line(tmp_path):
    file = tmp_path / "a.csv"
    lines = ["id,text", "1,a", '2,"b', *(f"{n},c" for n in range(3, 5000)), '5000,"x\ny"']
    file.write_text("\n".join(lines), encoding="utf-8")
    found = list(read_rows(file))
    rejected = [one for one in found if isinstance(one, Rejected)]
    assert [(one.where, one.reason, one.raw.strip()) for one in rejected] == [
        ("a.csv:3", "not CSV", '2,"b')
    ]
    assert len(found) == 5000
    assert found[-1] == {"id": "5000", "text": "x\ny"}


def test_numbers_that_are_none_are_told(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1e999}\n{"x": 1e308}\n')
    first, second = read_rows(tmp_path / "a.jsonl")
    assert first.reason == "not JSON"
    assert second["x"] == 1e308


def test_an_image_among_documents_is_told(tmp_path):
    (tmp_path / "a.md").write_text("# Faros")
    (tmp_path / "logo.png").write_bytes(b"")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "b.md").write_text("# No")
    found = list(read_rows(tmp_path))
    assert [getattr(one, "reason", None) or one["id"] for one in found] == [
        "a.md",
        "an image among documents",
    ]


def test_long_fields_of_csv_leave_the_limit_of_others_alone(tmp_path):
    import csv

    before = csv.field_size_limit()
    (tmp_path / "a.csv").write_text("id,text\n1," + "x" * 200_000 + "\n")
    (row,) = read_rows(tmp_path / "a.csv")
    assert len(row["text"]) == 200_000
    assert csv.field_size_limit() == before
