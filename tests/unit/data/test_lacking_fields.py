"""A field that a step is to read: rows without it are counted, and where no row has it, it is an
error, whatever the shards."""

import json

import pytest

from quilate.data import pipeline, run_pipeline
from quilate.errors import DataError
from quilate.reports.pipelines import step_table
from quilate.testing import ScriptedModel

QUESTION = "How many steps does the keeper of the lighthouse climb in a week?"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "eval.jsonl").write_text(json.dumps({"id": "q", "input": QUESTION}) + "\n")

    def running(rows, *steps, shard_rows=1):
        lines = [json.dumps({"id": str(at), **row}) + "\n" for at, row in enumerate(rows)]
        (tmp_path / "rows.jsonl").write_text("".join(lines))
        made = pipeline("a", "rows.jsonl", steps, folder=tmp_path, shard_rows=shard_rows)
        return run_pipeline(made, store=tmp_path / ".quilate", workers=1)

    return running


@pytest.mark.parametrize("shard_rows", [1, 2, 100])
def test_rows_without_the_field_are_counted_whatever_the_shards(run, shard_rows):
    rows = [{"title": "A"}, {"title": "B"}, {"text": QUESTION}, {"text": None}]
    done = run(rows, {"decontaminate": {"against": "eval.jsonl"}}, shard_rows=shard_rows)
    (step,) = done.manifest["steps"]
    assert (step["rows_in"], step["dropped"], step["changed"]) == (4, 1, 0)
    assert step["reasons"]["lacking"] == {"no field 'text'": 2}
    (*_, cells) = step_table(done.manifest, "en").columns[-1].cells
    assert "no field 'text' 2" in str(cells)


@pytest.mark.parametrize(
    "step",
    [
        {"decontaminate": {"against": "eval.jsonl", "field": ["text", "txet"]}},
        {"mask_pii": {"field": ["text", "txet"]}},
        {"exact_duplicates": {"field": "txet"}},
        {"near_duplicates": {"field": ["text", "txet"]}},
        {"semantic_duplicates": {"field": "txet"}},
        {"augment": {"model": "scripted", "field": "txet"}},
        {"repair_text": {"field": ["text", "txet"]}},
        {"language": {"field": "txet"}},
        {"whitespace": {"field": ["text", "txet"]}},
        {"boilerplate": {"field": ["text", "txet"]}},
        {"length": {"field": "txet", "min": 1}},
        {"gopher_quality": {"field": "txet"}},
        {"gopher_repetition": {"field": "txet"}},
        {"c4_quality": {"field": "txet"}},
        {"fineweb_quality": {"field": "txet"}},
        {"image_captions": {"image": "txet"}},
        {"image_captions": {"image": "text", "caption": "txet"}},
        {"near_duplicate_images": {"image": "txet"}},
        {"toxicity": {"field": "txet", "words": ["malo"]}},
    ],
    ids=lambda step: next(iter(step)),
)
def test_a_field_that_no_row_has_is_an_error(run, monkeypatch, step):
    monkeypatch.setattr("quilate.registry.model", lambda name, **_: ScriptedModel("x"))
    rows = [{"text": "Uno"}, {"text": "Dos", "title": "T"}]
    with pytest.raises(DataError, match="No row has the field 'txet'") as caught:
        run(rows, step)
    assert next(iter(step)) in caught.value.what and "'text'" in caught.value.remedy
    with pytest.raises(DataError, match="'txet'"):  # from the cache too
        run(rows, step)


def test_fields_are_told_as_they_were_before_the_step(run):
    with pytest.raises(DataError, match="'txet'") as caught:
        run(
            [{"body": "Uno"}],
            {"fields": {"rename": {"body": "text"}}},
            {"length": {"field": "txet", "min": 9}},
            {"fields": {"drop": ["title"]}},
        )
    assert "'text'" in caught.value.remedy


@pytest.mark.parametrize(
    "options", [{"label": "txet"}, {"field": "txet"}, {"probabilities": "txet"}]
)
def test_labels_are_not_judged_by_a_field_that_no_row_has(run, options):
    rows = [{"text": f"Fila {at}", "label": "ab"[at % 2]} for at in range(20)]
    with pytest.raises(DataError, match="'txet'"):
        run(rows, {"label_quality": options}, shard_rows=20)


def test_no_rows_lack_nothing(run):
    done = run([{"text": "a"}], {"length": {"min": 20}}, {"mask_pii": {"field": "txet"}})
    assert done.manifest["rows"] == 0
