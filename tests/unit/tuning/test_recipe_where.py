"""Some of a source's rows: those of one split, and not those to be tested on."""

import json

import pytest
from typer.testing import CliRunner

from quilate.cli.app import app
from quilate.data import pipeline, run_pipeline
from quilate.errors import ConfigurationError, DataError
from quilate.tuning.loading import load_examples, load_recipe

ROWS = [{"id": str(n), "input": f"{n} + 1?", "output": f"{n + 1}", "odd": n % 2 == 1}
        for n in range(40)]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "{\n")
    return tmp_path


def examples(folder, data):
    file = folder / "r.yaml"
    file.write_text(f"name: x\nbase: smollm2-135m-instruct\ndata: {json.dumps(data)}\n")
    return load_examples(load_recipe(file), folder / "store")


def test_a_dataset_in_splits_is_not_taken_whole(folder):
    pytest.importorskip("lance")
    steps = [{"split": {"shares": {"train": 0.5, "test": 0.5}}}]
    made = pipeline("qa", "rows.jsonl", steps, folder=folder)
    done = run_pipeline(made, store=folder / "store", workers=1)
    split = {row["id"]: row["split"] for row in done.dataset.rows()}
    with pytest.raises(ConfigurationError, match=r"in splits.*where: \{split: train\}"):
        examples(folder, {"train": "dataset:qa"})
    found = examples(folder, {
        "train": {"path": "dataset:qa", "where": {"split": "train"}},
        "heldout": {"path": "dataset:qa", "where": {"split": ["test"]}},
    })  # fmt: skip
    assert {one.id for one in found.train} == {id for id in split if split[id] == "train"}
    assert {one.id for one in found.heldout} == {id for id in split if split[id] == "test"}


def test_rows_of_a_file_are_chosen_by_value_and_keep_their_places(folder):
    found = examples(folder, {"train": {"path": "rows.jsonl", "where": {"odd": True}}})
    ids = {one.id for one in (*found.train, *found.heldout)}
    assert ids == {str(n) for n in range(1, 40, 2)}
    assert [one.where for one in found.rejected] == ["rows.jsonl:41"]


def test_a_value_that_no_row_has_is_one_error(folder):
    with pytest.raises(DataError, match=r"odd: False, True"):
        examples(folder, {"train": {"path": "rows.jsonl", "where": {"odd": "yes"}}})


def test_the_name_of_a_dataset_alone_is_told_how_to_be_written(folder, monkeypatch):
    pytest.importorskip("lance")
    steps = [{"whitespace": {"field": "input"}}]
    made = pipeline("qa", "rows.jsonl", steps, folder=folder)
    run_pipeline(made, store=folder / "store", workers=1)
    words = ["tune", "export", "qa", str(folder / "o.jsonl"), "--store", str(folder / "store")]
    done = CliRunner().invoke(app, words)
    assert "Write dataset:qa" in str(done.exception)
    words[2] = "dataset:qa"
    assert CliRunner().invoke(app, words).exit_code == 0
