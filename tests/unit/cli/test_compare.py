"""`quilate compare`: pairs, figures, words, and what it refuses."""

import functools
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from quilate.cli.comparing import compare_runs
from quilate.errors import ConfigurationError
from quilate.evals.provenance import code_digest
from quilate.evals.results import Failure
from quilate.evaluators import Score
from quilate.testing import ScriptedModel
from tests.unit.cli.conftest import APP, SUITE, assert_one_paragraph, environment
from tests.unit.reports.sample_runs import make_run


def answering(word):
    return lambda question: word


def wrapped(function):
    @functools.wraps(function)
    def wrapper(question):
        return function(question)

    return wrapper


@pytest.fixture(scope="module")
def runs():
    """Two runs of one target each over the same 60 samples, the second much better."""
    a = make_run(60, targets=("one",), hostile=False)
    both = make_run(60, targets=("one", "two", "three"), hostile=False, seed=3)
    items = [replace(item, target="other") for item in both.items if item.target == "three"]
    b = replace(both, id="b", targets=("other",), items=items, planned=60)
    return a, b


def test_one_target_each_is_a_pair_whatever_the_names(runs):
    found = compare_runs(*runs)
    rows = {row.metric: row for row in found.rows}
    row = rows["exact_match"]
    assert (row.target_a, row.target_b) == ("one", "other")
    assert row.comparison.difference.value == pytest.approx(row.b - row.a)
    assert row.b > row.a
    assert row.comparison.verdict == "a better"  # the first of the comparison is B
    assert row.comparison.n == 54  # unanswerable samples have no exact match
    assert row.p >= row.comparison.p_value
    assert rows["abstention"].detectable > 0


def test_swapped_runs_swap_the_signs(runs):
    forth = {row.metric: row for row in compare_runs(*runs).rows}
    back = {row.metric: row for row in compare_runs(*reversed(runs)).rows}
    assert forth["token_f1"].comparison.difference.value == pytest.approx(
        -back["token_f1"].comparison.difference.value
    )


def test_p_values_are_adjusted_over_the_metrics_asked_for(runs):
    every = {row.metric: row for row in compare_runs(*runs).rows}
    alone = compare_runs(*runs, metrics=["exact_match"]).rows
    assert [row.metric for row in alone] == ["exact_match"]
    assert alone[0].p == alone[0].comparison.p_value
    assert every["exact_match"].p > alone[0].p


def test_several_targets_are_paired_by_name():
    a = make_run(30, targets=("x", "y"))
    b = make_run(30, targets=("y", "z"), seed=1)
    assert {(row.target_a, row.target_b) for row in compare_runs(a, b).rows} == {("y", "y")}
    with pytest.raises(ConfigurationError, match="no target in common"):
        compare_runs(a, make_run(30, targets=("v", "w")))


def test_samples_whose_question_changed_are_left_out(runs):
    a, b = runs
    first, *rest = b.samples
    changed = {first: replace(b.samples[first], input="another question")}
    found = compare_runs(a, replace(b, samples={**changed, **{k: b.samples[k] for k in rest}}))
    assert found.shared_samples == 59
    assert any("1 samples of A" in line for line in found.skipped)
    others = {f"{key}'": replace(sample, id=f"{key}'") for key, sample in b.samples.items()}
    with pytest.raises(ConfigurationError, match="no samples in common"):
        compare_runs(a, replace(b, samples=others))


def test_failures_and_too_few_pairs_are_said(runs):
    a, b = runs
    failed = [replace(item, scores=(), failure=Failure("timeout", "late")) for item in b.items]
    one = [replace(failed[0], scores=(Score.of("mrr", 1.0),), failure=None), *failed[1:]]
    found = compare_runs(a, replace(b, items=one, status="stopped"))
    assert found.rows == ()
    assert "exact_match (one): 0 scored pairs, too few" in found.skipped
    assert any("B is not finished" in line for line in found.skipped)


def test_the_command_says_figures_and_what_differs(cli, folder):
    path = folder / "suite.yaml"
    path.write_text(SUITE.replace("  app: {python: app.py:answer}\n", ""), encoding="utf-8")
    a = cli("run", "suite.yaml", "--json").data["run"]
    b = cli("run", "suite.yaml", "--model", "scripted/Santiago", "--json").data["run"]
    data = cli("compare", a, b, "--json").data
    (row,) = data["rows"]
    assert (row["a"], row["b"], row["difference"], row["n"]) == (0.5, 0.5, 0.0, 2)
    assert row["better"] is None
    settings = {one["setting"]: (one["a"], one["b"]) for one in data["differences"]}
    assert settings["targets.plain.model.model"] == ("scripted/Lima", "scripted/Santiago")

    done = cli("compare", a, b)
    assert done.code == 0
    assert "no significant difference; too few pairs to see any" in done.out
    assert "What differs between the runs" in done.out
    assert "sin diferencia significativa" in cli("compare", a, b, "--lang", "es").out
    assert "all 2 pairs are equal" in cli("compare", a, a).out
    assert_one_paragraph(cli("compare", a, b, "--metric", "exact_mach"), "exact_match")


def test_the_code_of_functions_is_compared_and_hinders_no_resume(cli, folder):
    stopped = SUITE.replace("  plain: {closed_book: {}}\n", "") + "concurrency: 1\n"
    (folder / "suite.yaml").write_text(stopped, encoding="utf-8")
    a = cli("run", "suite.yaml", "--json").data["run"]
    (folder / "app.py").write_text("# The same code.\n" + APP)
    same = cli("run", "suite.yaml", "--json").data["run"]
    (folder / "app.py").write_text(APP.replace("upper", "lower"))
    b = cli("run", "suite.yaml", "--json").data["run"]
    assert "No difference is recorded" in cli("compare", a, same).out
    (difference,) = cli("compare", a, b, "--json").data["differences"]
    assert difference["setting"] == "code.app"
    assert cli("resume", a).code == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda question: "yes", lambda question: "no"),
        (lambda question: question.upper(), lambda question: question.lower()),
        (lambda question, k=3: question * k, lambda question, k=4: question * k),
        (lambda question, *, k=3: question * k, lambda question, *, k=4: question * k),
        (lambda question: (lambda: 1)(), lambda question: (lambda: 2)()),
        (answering("yes"), answering("no")),
        (wrapped(answering("yes")), wrapped(answering("no"))),
        (answering(lambda: "yes"), answering(lambda: "no")),
    ],
)
def test_what_another_code_is(one, other):
    assert code_digest(one) != code_digest(other)


def test_what_is_no_other_code():
    one, other = (
        (lambda question: question in {"a", "b"}),
        (lambda question: question in {"a", "b"}),
    )
    assert code_digest(one) == code_digest(other)
    assert code_digest(answering(object())) == code_digest(answering(object()))
    assert code_digest(str.upper) is None
    assert code_digest(ScriptedModel("hola")) is None
    assert code_digest(ScriptedModel("hola").generate) is not None


def test_a_digest_is_the_same_in_every_process(folder):
    path = folder / "digest.py"
    path.write_text(
        "from quilate.evals.provenance import code_digest\n"
        "print(code_digest(lambda q, at=object(): q in {'a', 'b', 'c', 'd'}))\n"
    )
    said = {
        subprocess.run(
            [sys.executable, path], env=environment(PYTHONHASHSEED=seed), capture_output=True,
            text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(said) == 1


def test_runs_with_no_samples_in_common_are_an_error(cli, folder):
    a = cli("run", "suite.yaml", "--json").data["run"]
    question = {"id": "9", "input": "Capital of Cuba?", "references": ["Havana"]}
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    b = cli("run", "suite.yaml", "--json").data["run"]
    assert_one_paragraph(cli("compare", a, b), "no samples in common")
