"""Evaluators of a user's own: functions and classes, in Python and beside a suite file."""

import numpy as np
import pytest

import quilate as q
from quilate import sync
from quilate.errors import ConfigurationError
from quilate.evals import load_suite
from quilate.evaluators import Metric, Output, Sample, Score

SUITE = """\
name: own
samples: {files: [questions.jsonl]}
targets:
  app: {python: app.py:answer}
evaluators:
  - checks.py:polite
  - checks.py:Brief: {words: 2}
  - checks.py:Brief: {name: curt, words: 1}
  - checks.py:READY
"""
CHECKS = '''\
from dataclasses import dataclass

from quilate.evaluators import Metric, Score


async def polite(sample, output):
    """Greets.

    More of it.
    """
    return "hola" in output.text


@dataclass(frozen=True)
class Brief:
    words: int = 30
    name: str = "brief"
    metrics: tuple = (Metric("brief"),)
    needs: frozenset = frozenset()

    async def evaluate(self, sample, output):
        return [Score.of(self.metrics[0].name, len(output.text.split()) <= self.words)]


READY = Brief(5, "ready", (Metric("brief_enough"),))
TEXT = 3


def one(output):
    return 1
'''


def project(folder):
    (folder / "checks.py").write_text(CHECKS, encoding="utf-8")
    (folder / "app.py").write_text("def answer(question):\n    return 'hola, dos'\n")
    (folder / "questions.jsonl").write_text('{"id": "1", "input": "?"}\n', encoding="utf-8")
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    return folder / "suite.yaml"


def scores_of(run):
    (item,) = run.items
    return {score.metric: score.value for score in item.scores}


def test_functions_classes_and_values_of_a_file_are_evaluators(tmp_path):
    suite = load_suite(project(tmp_path))
    assert suite.evaluators[0].metrics[0].description == "Greets."
    run = q.evaluate(suite, store=tmp_path / "store")
    assert scores_of(run) == {"polite": 1.0, "brief": 1.0, "curt": 0.0, "brief_enough": 1.0}
    code = run.provenance["evaluator_code"]
    assert sorted(code) == ["0 polite", "1 brief", "2 curt", "3 ready"]
    assert code["1 brief"] == code["2 curt"] != code["0 polite"]
    assert run.provenance["evaluators"]["1 brief"][0]["class"] == "checks.Brief"
    assert run.provenance["evaluators"]["0 polite"][0]["function"] == {"function": "checks.polite"}


def test_a_suite_in_another_folder_has_the_same_evaluators(tmp_path):
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        suite = load_suite(project(tmp_path / name))
        runs.append(q.evaluate(suite, store=tmp_path / "store"))
    found = q.compare(*runs)
    assert not found.remeasured
    assert [one.setting for one in found.differences] == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("checks.py:polit", "has no 'polit'. Did you mean 'polite'?"),
        ("check.py:polite", "check.py is not there"),
        ("checks.py:TEXT", "The evaluator 'int' evaluates nothing."),
        ("checks.py:one", "does not take a sample and an output"),
        ("checks.py:polite: {words: 3}", "has no option 'words'"),
        ("checks.py:Brief: {word: 3}", "has no option 'word'. Did you mean 'words'?"),
    ],
)
def test_what_is_no_evaluator_is_told_with_its_line(tmp_path, entry, said):
    path = project(tmp_path)
    path.write_text(SUITE.partition("  - checks")[0] + f"  - {entry}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_suite(path)
    assert said in str(refused.value)
    assert "suite.yaml:6" in str(refused.value)


def test_what_a_function_may_give():
    def given(value):
        def measure(sample, output):
            return value

        evaluator = q.evaluator(measure)
        (score,) = sync.run(evaluator.evaluate(Sample("1", "?"), Output("text")))
        return score

    assert [given(value).value for value in (True, 0, 0.25, np.float32(0.5), np.True_)] == [
        *(1.0, 0.0, 0.25, 0.5, 1.0)
    ]
    assert given(None).status == "unscored"
    why = given(Score.unscored("whatever", "there is nothing to greet"))
    assert (why.metric, why.reason) == ("measure", "there is nothing to greet")
    for wrong, error in ((1.5, ValueError), (float("nan"), ValueError), ("good", TypeError)):
        with pytest.raises(error, match="measure gave"):
            given(wrong)


def test_what_is_no_evaluator_in_python_is_told(tmp_path):
    def polite(sample, output):
        return True

    for wrong in (polite, Score):
        suite = q.Suite("s", [Sample("1", "?")], {"t": str}, [wrong])
        with pytest.raises(ConfigurationError, match=r"is no evaluator.*quilate.evaluator"):
            q.evaluate(suite, store=tmp_path)
    with pytest.raises(ConfigurationError, match="'Score' evaluates nothing"):
        q.evaluator(Score)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0.5, "'wrong' gave a float; return a list of Scores"),
        (Score.of("wrong", 1), "'wrong' gave a Score; return a list of Scores"),
        ([Score.of("rong", 1)], "0 scores of it, and one of 'rong', which it does not declare"),
    ],
)
def test_what_an_evaluator_gives_by_mistake_is_told_in_its_name(tmp_path, given, said):
    class Wrong:
        name = "wrong"
        metrics = (Metric("wrong"),)
        needs: frozenset[str] = frozenset()

        def evaluate(self, sample, output):
            return given

    suite = q.Suite("s", [Sample("1", "?")], {"t": str}, [Wrong()])
    scores = q.evaluate(suite, store=tmp_path).items[0].scores
    score = next(one for one in scores if one.metric == "wrong")
    assert score.status == "error"
    assert said in score.reason


def test_an_evaluate_that_is_not_async_will_do(tmp_path):
    class Sure:
        name = "sure"
        metrics = (Metric("sure"),)
        needs: frozenset[str] = frozenset()

        def evaluate(self, sample, output):
            return [Score.of("sure", 1)]

    suite = q.Suite("s", [Sample("1", "?")], {"t": str}, [Sure()])
    assert scores_of(q.evaluate(suite, store=tmp_path)) == {"sure": 1.0}
