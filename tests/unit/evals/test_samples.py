import json

import pytest

from quilate.errors import ConfigurationError, DataError
from quilate.evals.samples import read_samples


def write(path, rows) -> object:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_fields_and_metadata(tmp_path):
    file = write(
        tmp_path / "a.jsonl",
        [{"id": 7, "q": "¿Qué?", "references": "x", "answerable": "false", "topic": "t"}],
    )
    (sample,) = read_samples([file], fields={"input": "q"})
    assert (sample.id, sample.input, sample.references) == ("7", "¿Qué?", ("x",))
    assert sample.answerable is False
    assert sample.metadata == {"topic": "t"}


def test_csv(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('id,input,references\n1,"Hola, ¿qué?",x\n', encoding="utf-8-sig")
    assert read_samples([file])[0].input == "Hola, ¿qué?"


def test_the_draw_is_even_seeded_and_in_order(tmp_path):
    long = write(tmp_path / "l.jsonl", [{"id": f"l{i}", "input": "?"} for i in range(50)])
    short = write(tmp_path / "s.jsonl", [{"id": f"s{i}", "input": "?"} for i in range(3)])
    drawn = [sample.id for sample in read_samples([long, short], limit=20, seed=1)]
    assert len(drawn) == 20
    assert sum(each.startswith("s") for each in drawn) == 3
    assert drawn == [sample.id for sample in read_samples([long, short], limit=20, seed=1)]
    assert drawn != [sample.id for sample in read_samples([long, short], limit=20, seed=2)]
    longs = [int(each[1:]) for each in drawn if each.startswith("l")]
    assert longs == sorted(longs)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ["no samples", "a.jsonl"]),
        (b'{"id": 1, "input": "x"}\n{"id": 2,\n', ["a.jsonl:2", "not JSON"]),
        (b'{"id": 1, "input": "x"}\n' * 2, ["a.jsonl:2", "stands twice", "a.jsonl:1"]),
        (b'{"id": 1, "input": "\xf1"}\n', ["UTF-8", "iconv"]),
        (b'{"id": 1}\n', ["a.jsonl:1", "no 'input'"]),
        (b'{"id": 1, "input": "x", "metadata": {"n": NaN}}\n', ["a.jsonl:1", "NaN"]),
        (b"[" * 100_000 + b"\n", ["a.jsonl:1", "nested too deeply"]),
        (b"[1]\n", ["a.jsonl:1", "list"]),
        (b'{"id": 1, "input": 3}\n', ["a.jsonl:1", "int"]),
        (b'{"id": 1, "input": "x", "gold": [1]}\n', ["gold", "list of texts"]),
        (b'{"id": 1, "input": "x", "answerable": "perhaps"}\n', ["perhaps"]),
    ],
)
def test_bad_files_name_the_place(tmp_path, content, says):
    file = tmp_path / "a.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_samples([file])
    assert all(word in str(caught.value) for word in says), str(caught.value)
    assert "\n" not in str(caught.value)


def test_line_seven(tmp_path):
    lines = [json.dumps({"id": i, "input": "x"}) for i in range(9)]
    lines[6] = lines[6][:-4]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"a\.jsonl:7: "):
        read_samples([file])


def test_missing_file_and_strange_suffix(tmp_path):
    with pytest.raises(DataError, match="not there"):
        read_samples([tmp_path / "none.jsonl"])
    with pytest.raises(DataError, match="JSON Lines"):
        read_samples([tmp_path / "a.parquet"])


def test_unknown_field_in_the_mapping(tmp_path):
    with pytest.raises(ConfigurationError, match="'references'"):
        read_samples([tmp_path / "a.jsonl"], fields={"reference": "x"})
