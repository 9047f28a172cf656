"""`quilate tune distill`, `collect`, `export` and `lint` as somebody new meets them; no model."""

import json

import pytest
from typer.testing import CliRunner

from quilate.cli.app import app
from quilate.errors import DataError


def tune(*words):
    return CliRunner().invoke(app, ["tune", *map(str, words)])


def lines(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_a_distillation_from_which_nothing_comes_says_why_and_fails(tmp_path):
    asked = lines(tmp_path / "q.jsonl", [{"id": "1", "input": "Capital of France?"}])
    out = tmp_path / "answers.jsonl"
    common = ("distill", asked, out, "--filter", "refusal", "--store", tmp_path / "s")
    refused = tune(*common, "--teacher", "scripted/I can't help with that.")
    assert refused.exit_code == 3
    told = " ".join(refused.output.split())
    assert "4 of 4 answers were left out as refusal:below (over_refusal is 1)" in told
    assert "was not written" in told
    assert not out.exists()
    answered = tune(*common, "--teacher", "scripted/Paris is the capital.")
    assert answered.exit_code == 0
    assert len(out.read_text().splitlines()) == 1


SAID = [
    {"prompt": "Hi", "response": "Hello!", "thumb": "up"},
    {"prompt": "Hi", "response": "What?", "rating": 1},
    {"prompt": "Ho", "response": "Yes?", "rating": 3},
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
]


def test_feedback_of_two_kinds_goes_to_two_files_and_nothing_is_lost_unsaid(tmp_path):
    source = lines(tmp_path / "f.jsonl", SAID)
    source.write_text(source.read_text() + "no json\n")
    out, pairs = tmp_path / "judged.jsonl", tmp_path / "judged.preference.jsonl"
    common = ("collect", source, out, "--what", "feedback", "--good-from", 4, "--bad-to", 2)
    told = json.loads(tune(*common, "--json").stdout)
    assert (told["rows"], told["format"]) == (3, "kto")
    assert told["skipped"] == {"neutral": 1, "not JSON": 1}
    assert [(one["file"], one["rows"]) for one in told["files"]] == [(str(out), 2), (str(pairs), 1)]
    assert "Hello!" in json.loads(pairs.read_text())["chosen"][0]["content"]
    said = tune(*common).output
    assert f"{pairs}: 1 (preference)" in " ".join(said.split())


def test_errors_name_options_and_no_arguments_of_python(tmp_path):
    ratings = lines(tmp_path / "f.jsonl", SAID[1:2])
    common = ("collect", ratings, tmp_path / "o.jsonl", "--what", "feedback")
    assert "Give --good-from 4, and --bad-to 2" in " ".join(tune(*common).exception.remedy.split())
    turned = tune(*common, "--good-from", 2, "--bad-to", 4).exception
    assert "--bad-to is 4 and --good-from 2" in str(turned)
    odd = lines(tmp_path / "odd.jsonl", [{"q": "Hi", "response": "Ho", "thumb": "up"}])
    columns = ("collect", odd, tmp_path / "o.jsonl", "--what", "feedback")
    assert "--field prompt=COLUMN" in str(tune(*columns).exception)
    assert tune(*columns, "--field", "prompt=q").exit_code == 0
    for command in (("export", odd, tmp_path / "x.jsonl"), ("show", odd)):
        told = str(tune(*command).exception)
        assert "fields: {prompt: COLUMN}" in told
        assert "fields=" not in told


def test_no_command_writes_over_what_it_reads(tmp_path):
    rows = lines(tmp_path / "t.jsonl", [{"id": "1", "input": "Hi", "output": "Ho"}])
    judged = lines(tmp_path / "f.jsonl", SAID)
    before = rows.read_bytes(), judged.read_bytes()
    for words in (
        ("export", rows, rows, "--format", "openai"),
        ("export", judged, rows, "--against", rows),
        ("distill", rows, rows, "--teacher", "scripted/x"),
        ("collect", judged, judged, "--what", "feedback", "--good-from", 4),
    ):
        assert "is one that is read" in str(tune(*words).exception)
    assert (rows.read_bytes(), judged.read_bytes()) == before


@pytest.mark.parametrize(
    "row", [{"id": "q", "question": "Who keeps it?"}, {"problem": "Who keeps it?", "answer": "A"}]
)
def test_evaluation_files_of_others_are_checked_against_by_their_usual_column(tmp_path, row):
    rows = [{"id": "1", "input": "Who keeps it?", "output": "A"},
            {"id": "2", "input": "Where?", "output": "There"}]  # fmt: skip
    train, held = lines(tmp_path / "t.jsonl", rows), lines(tmp_path / "e.jsonl", [row])
    out = tmp_path / "out.jsonl"
    done = tune("export", train, out, "--against", held)
    assert done.exit_code == 0, done.exception
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["2"]


def test_an_evaluation_file_without_questions_is_an_error(tmp_path):
    train = lines(tmp_path / "t.jsonl", [{"id": "1", "input": "Hi", "output": "Ho"}])
    held = lines(tmp_path / "e.jsonl", [{"id": "q", "note": "x"}])
    assert isinstance(tune("export", train, tmp_path / "o", "--against", held).exception, DataError)


def test_a_suite_file_that_is_wrong_is_not_read_as_another_kind(tmp_path):
    train = lines(tmp_path / "t.jsonl", [{"id": "1", "input": "Hi", "output": "Ho"}])
    held = lines(tmp_path / "e.jsonl", [{"id": "q", "input": "a b"}, {"id": "q", "input": "c d"}])
    told = tune("export", train, tmp_path / "o.jsonl", "--against", held).exception
    assert "stands twice" in str(told)
