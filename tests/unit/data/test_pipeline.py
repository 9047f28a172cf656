"""Pipelines: what they keep, and that nothing is done twice or lost."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from quilate.data import Add, Change, Drop, Verdicts, open_dataset, pipeline, run_pipeline
from quilate.data.pipeline import load_pipeline
from quilate.errors import ConfigurationError, DataError

CALLS: list[str] = []


@dataclass(frozen=True, slots=True)
class Shout:
    """Counts what it is asked."""

    suffix: str = "!"
    version: ClassVar[int] = 1

    def apply(self, rows):
        for row in rows:
            CALLS.append(row["id"])
            yield Change({"text": row["text"].upper() + self.suffix}, ("shouted",))


@dataclass(frozen=True, slots=True)
class DropLonger:
    """Drops what is longer than the mean."""

    version: ClassVar[int] = 1

    def sketch(self, rows):
        return {"length": np.array([len(row["text"]) for row in rows], dtype=np.int64)}

    def decide(self, sketches, rows):
        lengths = np.concatenate([sketch["length"] for sketch in sketches])
        assert len(lengths) == len(rows)
        long = lengths > lengths.mean()
        details = {int(at): rows.take([at])[0]["id"] for at in np.flatnonzero(long)}
        dropped = np.where(long, 0, -1).astype(np.int16)
        return Verdicts(dropped, ("longer",), details, {"length": lengths})


def twice(row):
    return Add(({**row, "id": row["id"] + "+"},), "copy") if row["text"] == "b" else None


def short(row):
    return "empty" if not row["text"] else True


def run(tmp_path: Path, rows, steps, **options):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = pipeline("test", "a.jsonl", steps, folder=tmp_path, **options)
    return run_pipeline(made, store=tmp_path / ".quilate", workers=1)


def texts(*some):
    return [{"id": str(n), "text": text} for n, text in enumerate(some)]


def quarantine(done):
    return [json.loads(line) for line in done.quarantine.read_text().splitlines()]


def test_every_row_is_kept_or_in_the_quarantine(tmp_path):
    done = run(tmp_path, texts("a", "", "b", "ccccc"), [short, twice, Shout(), DropLonger()])
    assert [(row["id"], row["text"], row["length"]) for row in done.dataset.rows()] == [
        ("0", "A!", 2),
        ("2", "B!", 2),
        ("2+", "B!", 2),
    ]
    assert [
        (row["step"], row["reason"], row["detail"], row["row"]["text"]) for row in quarantine(done)
    ] == [
        ("short", "empty", "", ""),
        ("DropLonger", "longer", "3", "CCCCC!"),
    ]
    told = [
        (step["rows_in"], step["changed"], step["dropped"], step["added"], step["rows_out"])
        for step in done.manifest["steps"]
    ]
    assert told == [(4, 0, 1, 0, 3), (3, 0, 0, 1, 4), (4, 4, 0, 0, 4), (4, 3, 1, 0, 3)]
    assert done.manifest["rows"] == len(done.dataset) == 3
    assert done.manifest["quarantined"] == 2


def test_what_is_done_is_not_done_again(tmp_path):
    CALLS.clear()
    first = run(tmp_path, texts("a", "b", "c", "d"), [Shout()], shard_rows=2)
    assert CALLS == ["0", "1", "2", "3"]
    again = run(tmp_path, texts("a", "b", "c", "d"), [Shout()], shard_rows=2)
    assert (again.new, again.dataset.version) == (False, first.dataset.version)
    # Another row in the second shard: the first is not looked at again.
    changed = run(tmp_path, texts("a", "b", "c", "x"), [Shout()], shard_rows=2)
    assert CALLS[4:] == ["2", "3"]
    assert (changed.new, changed.dataset.version) == (True, first.dataset.version + 1)
    # A step behind it: it is done alone.
    run(tmp_path, texts("a", "b", "c", "x"), [Shout(), DropLonger()], shard_rows=2)
    assert len(CALLS) == 6
    # Another option: everything is done anew.
    run(tmp_path, texts("a", "b", "c", "x"), [Shout("?")], shard_rows=2)
    assert len(CALLS) == 10


def test_versions_and_tags(tmp_path):
    store = tmp_path / ".quilate"
    first = run(tmp_path, texts("a"), [])
    second = run(tmp_path, texts("a", "b"), [])
    from quilate.data import dataset_store

    datasets = dataset_store(store)
    datasets.tag("test", "released", first.dataset.version)
    assert len(open_dataset("test", store)) == 2
    assert len(open_dataset("test@released", store)) == 1
    assert len(open_dataset(f"dataset:test@{first.dataset.version}", store)) == 1
    assert [one.tags for one in datasets.versions("test")] == [("released",), ()]
    assert open_dataset("test", store).manifest == second.manifest
    datasets.tag("test", "released")
    assert len(open_dataset("test@released", store)) == 2
    with pytest.raises(DataError, match="no version or tag 'other'"):
        open_dataset("test@other", store)
    with pytest.raises(DataError, match="Did you mean 'test'"):
        open_dataset("tset", store)
    with pytest.raises(DataError, match="no tag"):
        datasets.tag("test", "1")


def test_the_content_decides_the_digest(tmp_path):
    one = run(tmp_path, texts("a", "b"), [])
    (tmp_path / "other").mkdir()
    other = run(tmp_path / "other", texts("a", "b"), [lambda row: True], shard_rows=1)
    assert one.manifest["digest"] != ""
    assert [row for row in other.dataset.rows()] == [row for row in one.dataset.rows()]


def test_mixed_schemas_are_kept_without_loss(tmp_path):
    rows = [
        {"id": "1", "x": 1, "y": 1, "z": {"a": 1}, "tags": ["a"]},
        {"id": "2", "x": "uno", "y": 2.5, "z": {"b": [None]}, "tags": []},
        {"id": "3", "x": [1, "2"], "w": True},
    ]
    done = run(tmp_path, rows, [])
    assert list(done.dataset.rows()) == rows
    kinds = {name: about["kind"] for name, about in done.manifest["fields"].items()}
    assert kinds == {
        "id": "text",
        "x": "json",
        "y": "json",
        "z": "json",
        "tags": "texts",
        "w": "bool",
    }
    assert done.manifest["fields"]["w"]["filled"] == 1


def test_ids_that_stand_twice_are_told_apart(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"id": "1", "text": "hola"}\n')
    made = pipeline("test", ["a.jsonl", "b.jsonl"], [], folder=tmp_path)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    assert [(row["id"], row.get("source_id")) for row in done.dataset.rows()] == [
        ("1", None),
        ("b.jsonl:1", "1"),
    ]
    assert [source["renamed"] for source in done.manifest["sources"]] == [0, 1]


def test_a_dataset_is_a_source(tmp_path):
    run(tmp_path, texts("a", "b"), [])
    made = pipeline("next", "dataset:test", [Shout()], folder=tmp_path)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    assert [row["text"] for row in done.dataset.rows()] == ["A!", "B!"]
    assert done.manifest["sources"][0]["path"] == "dataset:test@1"


def test_a_step_that_fails_says_where_and_keeps_what_was_done(tmp_path):
    CALLS.clear()

    def broken(row):
        return 1 / (row["id"] != "3") > 0

    with pytest.raises(DataError, match="row 3: The step 'broken' failed: ZeroDivisionError"):
        run(tmp_path, texts("a", "b", "c", "d"), [Shout(), broken], shard_rows=2)
    run(tmp_path, texts("a", "b", "c", "d"), [Shout(), short], shard_rows=2)
    assert len(CALLS) == 4


def test_sources_without_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text("nonsense\n")
    made = pipeline("test", "a.jsonl", [], folder=tmp_path)
    with pytest.raises(DataError, match="hold no rows"):
        run_pipeline(made, store=tmp_path / ".quilate", workers=1)


def test_pipeline_files_that_are_wrong(tmp_path):
    file = tmp_path / "p.yaml"

    def load(text):
        file.write_text(text)
        return load_pipeline(file)

    with pytest.raises(ConfigurationError, match=r"p.yaml:4: There is no step named 'lenght'"):
        load("name: a\nsource: a.jsonl\nsteps:\n  - lenght: {min: 3}\n")
    with pytest.raises(ConfigurationError, match=r"p.yaml:3: Unknown key 'stps'. Did you mean"):
        load("name: a\nsource: a.jsonl\nstps: []\n")
    with pytest.raises(ConfigurationError, match=r"has no option 'minimum'"):
        load("name: a\nsource: a.jsonl\nsteps:\n  - length: {minimum: 3}\n")
    with pytest.raises(ConfigurationError, match="name"):
        load("source: a.jsonl\n")
    with pytest.raises(ConfigurationError, match="folder, not a pipeline"):
        load_pipeline(tmp_path)


def test_a_pattern_that_matches_nothing(tmp_path):
    made = pipeline("test", "*.jsonl", [], folder=tmp_path)
    with pytest.raises(DataError, match="No file matches"):
        run_pipeline(made, store=tmp_path / ".quilate", workers=1)


def test_two_at_once_do_not_write_one_version(tmp_path):
    from quilate.data.pipeline import _alone

    (tmp_path / ".quilate" / "data").mkdir(parents=True)
    with (
        _alone(tmp_path / ".quilate" / "data" / ".test.lock"),
        pytest.raises(DataError, match="Another process is running"),
    ):
        run(tmp_path, texts("a"), [])


def test_a_step_of_another_length_is_told(tmp_path):
    @dataclass(frozen=True, slots=True)
    class Lazy:
        version: ClassVar[int] = 1

        def apply(self, rows):
            return [None]

    with pytest.raises(DataError, match="gave 1 verdicts on 2 rows"):
        run(tmp_path, texts("a", "b"), [Lazy()])


def test_fields_can_be_taken_away(tmp_path):
    done = run(
        tmp_path, [{"id": "1", "a": 1, "b": None}], [lambda row: Change({"a": None}, ("x",))]
    )
    assert done.manifest["fields"].keys() == {"id", "b"}


def test_a_function_may_return_the_row(tmp_path):
    def trimmed(row):
        return {**row, "text": row["text"].strip()}

    done = run(
        tmp_path,
        texts(" a ", "b"),
        [trimmed, lambda row: Drop("b") if row["text"] == "b" else None],
    )
    assert [row["text"] for row in done.dataset.rows()] == ["a"]
    assert done.manifest["steps"][0]["changed"] == 1


def test_processes_give_the_same_as_one(tmp_path):
    steps = [{"length": {"min": 2}}, "exact_duplicates"]
    rows = texts(*["hola", "a", "hola", "adiós"] * 5)
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = pipeline("test", "a.jsonl", steps, folder=tmp_path, shard_rows=3)
    one = run_pipeline(made, store=tmp_path / "one", workers=1)
    two = run_pipeline(made, store=tmp_path / "two", workers=2)
    assert one.manifest["digest"] == two.manifest["digest"]
    assert one.manifest["steps"] == two.manifest["steps"]
    assert list(one.dataset.rows()) == list(two.dataset.rows())


def test_fifty_megabytes_in_one_row(tmp_path):
    done = run(tmp_path, [{"id": "1", "text": "hola " * 10_000_000}, *texts("a")[0:0]], [short])
    assert len(next(iter(done.dataset.rows()))["text"]) == 50_000_000


def test_halves_of_files_that_killed_runs_left_are_swept(tmp_path):
    import os

    run(tmp_path, texts("a"), [])
    cache = tmp_path / ".quilate" / "data" / ".cache"
    old, fresh = (cache / "steps" / f".{name}.json.1.part" for name in ("old", "fresh"))
    old.parent.mkdir(exist_ok=True)
    old.write_text("{")
    fresh.write_text("{")
    os.utime(old, (0, 0))
    run(tmp_path, texts("b"), [])
    assert (old.exists(), fresh.exists()) == (False, True)


def test_examples_of_the_report_hold_no_personal_data(tmp_path):
    long = "x " * 200
    rows = texts("Soy ana@ejemplo.es, DNI 12345678Z. " + long, "ana@ejemplo.es")
    done = run(tmp_path, rows, [lambda row: row["text"].startswith("Soy"), Shout()])
    told = json.dumps(done.manifest)
    assert "ejemplo.es" not in told.lower()
    assert "12345678" not in told
    assert "[email]" in told
    # The quarantine is data, and holds the row as it was.
    assert quarantine(done)[0]["row"]["text"] == "ana@ejemplo.es"


@pytest.mark.parametrize("name", ["mis notas", "-a", "", "a/b"])
def test_a_name_that_is_none_is_told_in_words(tmp_path, name):
    file = tmp_path / "p.yaml"
    file.write_text(f"source: a.jsonl\nname: {json.dumps(name)}\n")
    with pytest.raises(ConfigurationError, match=rf"p.yaml:2: .*'{name}' is no name") as caught:
        load_pipeline(file)
    assert "letters, digits" in str(caught.value) and "\\w" not in str(caught.value)
