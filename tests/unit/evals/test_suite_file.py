from pathlib import Path

import pytest

from quilate.errors import ConfigurationError, DataError, QuilateError
from quilate.evals import load_suite
from quilate.evals.suite_file import json_schema

GOOD = """\
name: capitals
model: scripted/Lima
samples:
  files: [questions.jsonl]
targets:
  plain: {closed_book: {}}
evaluators:
  - exact_match
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "questions.jsonl").write_text(
        '{"id": "1", "input": "Capital of Peru?", "references": ["Lima"]}\n', encoding="utf-8"
    )
    return tmp_path


def load(folder: Path, text: str, **options):
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path, **options)


def test_a_good_suite(folder):
    suite = load(folder, GOOD)
    assert list(suite.targets) == ["plain"]
    assert suite.samples[0].references == ("Lima",)
    assert suite.evaluators[0].name == "exact_match"
    assert suite.source["name"] == "capitals"


def test_overrides_are_kept_for_resuming(folder):
    suite = load(folder, GOOD, model="scripted/Quito", limit=1)
    assert suite.overrides == {"model": "scripted/Quito", "judge": "scripted/Quito", "limit": 1}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: capitals", "name: [capitals", ["suite.yaml:", "YAML"]),
        ("samples:", "sample:", ["suite.yaml:3", "'sample'", "'samples'"]),
        ("evaluators:", "evaluator:", ["suite.yaml:7", "'evaluator'", "'evaluators'"]),
        ("files:", "file:", ["suite.yaml:4", "'file'", "'files'"]),
        ("closed_book: {}", "closed_bok: {}", ["suite.yaml:6", "'closed_book'"]),
        ("{closed_book: {}}", "{closed_book: {promt: x}}", ["suite.yaml:6", "'prompt'"]),
        ("{closed_book: {}}", "{}", ["suite.yaml:6", "exactly one of"]),
        ("exact_match", "exact_mach", ["'exact_mach'", "'exact_match'", "suite.yaml"]),
        ("scripted/Lima", "scriptd/Lima", ["'scriptd'", "'scripted'"]),
        ("scripted/Lima", "Lima", ["PROVIDER/NAME"]),
        ("model: scripted/Lima\n", "", ["plain", "--model"]),
        ("{closed_book: {}}", "{closed_book: {prompt: no.md}}", ["no.md", "not there"]),
        ("{closed_book: {}}", "{rag: {index: docs}}", ["'docs'", "not defined"]),
        ("{closed_book: {}}", "{python: app.py:answer}", ["app.py", "not there"]),
        ("- exact_match", "- retrieval", ["`gold`", "no sample"]),
        ("- exact_match", "- retrieval: {k: [0]}", ["whole numbers"]),
        ("- exact_match", "- exact_match: {colour: red}", ["exact_match", "colour"]),
        ("name: capitals", "name: capitals\nname: again", ["suite.yaml:2", "twice"]),
        ("samples:", "epochs: 0\nsamples:", ["suite.yaml:3", "epochs"]),
        ("samples:", "limits: {usd: -1}\nsamples:", ["suite.yaml:3", "usd"]),
    ],
)
def test_bad_suites_name_the_place_and_the_remedy(folder, old, new, says):
    assert old in GOOD
    with pytest.raises(ConfigurationError) as caught:
        load(folder, GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert all(word in text for word in says), text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "- a\n", "just text"])
def test_not_a_mapping(folder, text):
    with pytest.raises(ConfigurationError, match="quilate new"):
        load(folder, text)


def test_missing_files(folder):
    with pytest.raises(ConfigurationError, match="no such file"):
        load_suite(folder / "none.yaml")
    with pytest.raises(ConfigurationError, match="folder"):
        load_suite(folder)
    with pytest.raises(DataError, match="not there"):
        load(folder, GOOD.replace("questions.jsonl", "other.jsonl"))


def test_a_template_variable_that_no_one_supplies(folder):
    (folder / "p.md").write_text(
        "---\nlanguage: en\nversion: 1\nvariables: {question: str, mood: str}\n---\n"
        "{{ question }} {{ mood }}\n"
    )
    with pytest.raises(QuilateError, match="mood"):
        load(folder, GOOD.replace("{closed_book: {}}", "{closed_book: {prompt: p.md}}"))


def test_python_targets_and_their_errors(folder):
    (folder / "app.py").write_text("def answer(question):\n    return 'Lima'\n")
    suite = load(folder, GOOD.replace("{closed_book: {}}", "{python: app.py:answer}"))
    assert suite.targets["plain"]("?") == "Lima"
    with pytest.raises(ConfigurationError, match="'answer'"):
        load(folder, GOOD.replace("{closed_book: {}}", "{python: app.py:anser}"))
    (folder / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ConfigurationError, match="ZeroDivisionError"):
        load(folder, GOOD.replace("{closed_book: {}}", "{python: bad.py:answer}"))


def test_the_schema_names_every_key():
    assert {"name", "samples", "targets", "evaluators", "limits"} <= set(
        json_schema()["properties"]
    )
