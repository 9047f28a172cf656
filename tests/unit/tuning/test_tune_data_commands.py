"""`quilate tune distill`, `collect`, `export` and `lint` as somebody new meets them; no model."""

import json

from typer.testing import CliRunner

from quilate.cli.app import app


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
