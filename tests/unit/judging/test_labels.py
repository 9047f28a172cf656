import errno
import os
import subprocess
import sys

import pytest

from quilate.errors import DataError, StoreError
from quilate.judging.labels import Label, append_label, labels_path, paired, read_labels


def label(sample="q1", value=1.0, labeller="ana", **more):
    fields = {"target": "rag", "epoch": 0, "metric": "groundedness", "label": "supported", **more}
    return Label("r1", sample=sample, value=value, labeller=labeller, **fields)


def test_a_label_given_again_takes_the_place_of_the_first(tmp_path):
    path = labels_path(tmp_path, "r1")
    append_label(path, label(value=0.0, label="unsupported"))
    append_label(path, label("q2"))
    kept = append_label(path, label(note="¿seguro?\nsí"))
    read = read_labels(path)
    assert [(one.sample, one.value) for one in read] == [("q1", 1.0), ("q2", 1.0)]
    assert read[0] == kept
    assert kept.at.startswith("20")
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3


def test_two_labellers_stand_side_by_side(tmp_path):
    path = labels_path(tmp_path, "r1")
    for who, value in (("ana", 1.0), ("luis", 0.5)):
        append_label(path, label(labeller=who, value=value))
    ((_, both),) = paired(read_labels(path)).items()
    assert {who: one.value for who, one in both.items()} == {"ana": 1.0, "luis": 0.5}


def test_a_line_cut_short_is_left_out_and_swallows_nothing(tmp_path):
    path = labels_path(tmp_path, "r1")
    append_label(path, label())
    with path.open("ab") as file:
        file.write(b'{"run": "r1", "tar')
    assert [one.sample for one in read_labels(path)] == ["q1"]
    append_label(path, label("q2"))
    assert [one.sample for one in read_labels(path)] == ["q1", "q2"]
    path.write_bytes(path.read_bytes().rstrip(b"\n"))  # a person's editor may leave it out
    append_label(path, label("q3"))
    assert [one.sample for one in read_labels(path)] == ["q1", "q2", "q3"]


def test_a_line_cut_short_within_a_character_is_left_out(tmp_path):
    path = labels_path(tmp_path, "r1")
    append_label(path, label())
    with path.open("ab") as file:
        file.write('{"run": "r1", "label": "sí'.encode()[:-1])
    assert [one.sample for one in read_labels(path)] == ["q1"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "[" * 100_000])
def test_a_value_that_is_no_number_is_named_by_its_line(tmp_path, value):
    path = labels_path(tmp_path, "r1")
    append_label(path, label())
    line = path.read_text(encoding="utf-8")
    assert '"value":1.0' in line
    path.write_text(line + line.replace('"value":1.0', f'"value":{value}') + line, encoding="utf-8")
    with pytest.raises(DataError, match=r"r1\.jsonl:2"):
        read_labels(path)


def test_what_is_no_label_is_named_by_its_line(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"run": "r1"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.jsonl:1"):
        read_labels(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "none.jsonl")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "labels").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be kept"):
        append_label(labels_path(tmp_path, "r1"), label())


def test_a_label_that_the_disk_takes_in_part_is_not_told_as_kept(tmp_path, monkeypatch):
    """A full disk takes what fits, and complains at the next write alone."""
    path = labels_path(tmp_path, "r1")
    append_label(path, label())
    write, taken = os.write, []

    def full(file, data):
        if taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(write(file, bytes(data)[:20]))
        return taken[0]

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="No space left"):
        append_label(path, label("q2"))
    monkeypatch.undo()
    assert [one.sample for one in read_labels(path)] == ["q1"]
    append_label(path, label("q3"))
    assert [one.sample for one in read_labels(path)] == ["q1", "q3"]


WRITER = """
import sys
from pathlib import Path
from quilate.judging.labels import Label, append_label
for n in range(60):
    who = sys.argv[2]
    fields = ("r1", "rag", f"{who}{n}", 0, "m", "yes", 1.0, who)
    append_label(Path(sys.argv[1]), Label(*fields, note="x" * 3000))
"""


def test_several_processes_at_once_lose_nothing(tmp_path):
    path = labels_path(tmp_path, "r1")
    words = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*words, who]) for who in ("ana", "luis", "eva")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert len(read_labels(path)) == 180
