"""Reducers: their names, what they are refused for, and a suite's way from file to report."""

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from quilate.errors import ConfigurationError
from quilate.evals import evaluate, load_suite, open_run, resume
from quilate.evals.reducers import GRADED, LOWER, parse, reducers_of
from quilate.evals.suite import Suite
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.reports.summary import summarize

SUITE = """\
name: tries
model: scripted/Lima
samples:
  files: [questions.jsonl]
targets:
  plain: {closed_book: {}}
evaluators:
  - exact_match
epochs: 3
reducers: [mean, pass@2, pass^2, majority@3, best@3]
"""


@dataclass(frozen=True)
class Marks:
    """A mark from the answer: whether it is 1, and its number."""

    name: str = "marks"
    metrics: tuple[Metric, ...] = (Metric("right"), Metric("grade", bounds=(0.0, 9.0)))
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        return [Score.of("right", output.text == "1"), Score.of("grade", float(output.text))]


def suite(answers: dict[str, list[str]], **fields) -> Suite:
    """Samples whose epochs give these answers, in turn."""
    turns = {question: itertools.cycle(texts) for question, texts in answers.items()}
    return Suite(
        "tries",
        [Sample(question, question) for question in answers],
        {"target": lambda question: next(turns[question])},
        [Marks()],
        **{"epochs": 3, "concurrency": 1} | fields,
    )


def load(folder: Path, text: str):
    rows = [{"id": str(n), "input": f"{n}?", "references": ["Lima"]} for n in range(4)]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path)


@pytest.mark.parametrize("name", ["mean", "pass@1", "pass^2", "majority@3", "best@10"])
def test_names_are_read_and_written(name):
    assert str(parse(name)) == name


@pytest.mark.parametrize(
    "name", ["", "median", "pass@", "pass@0", "pass@-1", "pass@1.5", "pass2", "mean@2", "best@2 "]
)
def test_other_names_are_refused(name):
    with pytest.raises(ConfigurationError, match="no reducer") as caught:
        parse(name, where="suite.yaml:4")
    assert caught.value.where == "suite.yaml:4"
    assert "`pass@2`" in caught.value.remedy


@pytest.mark.parametrize("names", [[], "mean", ["mean", "mean"], ["pass@4"]])
def test_a_suite_built_in_python_is_checked_too(names, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        evaluate(suite({"a": ["1"]}, reducers=names), store=tmp_path)
    assert caught.value.where == "tries"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("pass^2", "pass^4", ["suite.yaml:10", "needs 4 tries", "`epochs` is 3", "`epochs: 4`"]),
        ("epochs: 3", "epochs: 1", ["suite.yaml:10", "pass@2", "`epochs` is 1"]),
        ("best@3", "best", ["suite.yaml:10", "no reducer 'best'"]),
        ("best@3", "mean", ["suite.yaml:10", "'mean' stands twice"]),
        ("[mean, pass@2, pass^2, majority@3, best@3]", "[]", ["suite.yaml:10", "not a list"]),
        ("[mean, pass@2, pass^2, majority@3, best@3]", "mean", ["suite.yaml:10", "reducers"]),
    ],
)
def test_bad_reducers_name_the_line_and_the_remedy(old, new, says, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SUITE.replace(old, new))
    assert [part for part in says if part not in str(caught.value)] == []


def test_a_list_of_lines_names_the_line_of_the_entry(tmp_path):
    head = SUITE.partition("reducers:")[0]
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, head + "reducers:\n  - mean\n  - pass@7\n")
    assert "suite.yaml:12" in str(caught.value)


def test_which_metrics_a_reducer_fits():
    binary, graded, lower = Metric("m"), Metric("g"), Metric("l", higher_is_better=False)
    assert parse("pass@2").inapplicable(binary, [0.0, 1.0]) is None
    assert parse("pass@2").inapplicable(graded, [0.0, 0.5]) == GRADED
    assert parse("majority@2").inapplicable(graded, [0.5]) == GRADED
    assert parse("pass^2").inapplicable(lower, [0.0, 1.0]) == LOWER
    assert parse("majority@3").inapplicable(lower, [0.0, 1.0]) is None
    for name in ("mean", "best@2"):
        assert parse(name).inapplicable(graded, [0.5]) is None


def test_the_figures_of_a_sample():
    values = {"a": [1.0, 1.0, 0.0], "b": [0.0, 0.0, 0.0], "c": [1.0], "d": [1.0, 0.0]}
    assert parse("mean").reduce(values) == {"a": 2 / 3, "b": 0.0, "c": 1.0, "d": 0.5}
    assert parse("pass@2").reduce(values) == {"a": 1.0, "b": 0.0, "d": 1.0}
    assert parse("pass^2").reduce(values) == pytest.approx({"a": 1 / 3, "b": 0.0, "d": 0.0})
    assert parse("majority@3").reduce(values) == {"a": 1.0, "b": 0.0}
    grades = {"a": [1.0, 3.0], "b": [2.0, 2.0]}
    assert parse("best@2").reduce(grades) == {"a": 3.0, "b": 2.0}
    assert parse("best@2").reduce(grades, higher_is_better=False) == {"a": 1.0, "b": 2.0}


def test_a_run_keeps_raw_scores_and_its_reducers(tmp_path):
    reducers = ["mean", "pass@2", "pass^2", "best@3"]
    answers = {"a": ["1", "1", "0"], "b": ["0", "0", "0"], "c": ["1", "1", "1"]}
    run = evaluate(suite(answers, reducers=reducers), store=tmp_path)
    assert [item.scores[0].value for item in run.items] == [1, 1, 0, 0, 0, 0, 1, 1, 1]
    again = open_run(run.id, store=tmp_path)
    assert [str(one) for one in reducers_of(again)] == reducers
    figures = {
        name: summarize(again).cells[name, "target"].estimate.value
        for name in ("right", "right pass@2", "right pass^2", "right best@3")
    }
    assert figures == pytest.approx(
        {"right": 5 / 9, "right pass@2": 2 / 3, "right pass^2": 4 / 9, "right best@3": 2 / 3}
    )


def test_a_run_without_reducers_says_nothing_of_them(tmp_path):
    run = evaluate(suite({"a": ["1"]}), store=tmp_path)
    assert "reducers" not in run.provenance
    assert [metric.name for metric in summarize(run).metrics] == ["right", "grade"]


def test_a_run_resumed_with_other_reducers_reports_those(tmp_path):
    first = suite({"a": ["1"], "b": ["0"]}, reducers=["mean"])
    run = evaluate(first, store=tmp_path)
    changed = replace(first, reducers=["pass^3"])
    resumed = resume(run.id, changed, store=tmp_path)
    assert summarize(resumed).metrics[0].name == "right pass^3"
    assert [item.scores for item in resumed.items] == [item.scores for item in run.items]


def test_a_suite_file_runs_and_is_reported(tmp_path):
    loaded = load(tmp_path, SUITE)
    assert loaded.reducers == ("mean", "pass@2", "pass^2", "majority@3", "best@3")
    run = evaluate(loaded, store=tmp_path / "store")
    said = run.summary()
    for name in ("exact_match ", "exact_match pass@2", "exact_match pass^2", "majority@3"):
        assert name in said
