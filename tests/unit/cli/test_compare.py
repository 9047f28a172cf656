"""`quilate compare`: pairs, figures, words, and what it refuses."""

import functools
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from quilate.errors import ConfigurationError
from quilate.evals.results import Failure
from quilate.evaluators import Score
from quilate.python_code import code_digest
from quilate.reports.comparison import compare
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
    found = compare(*runs)
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
    forth = {row.metric: row for row in compare(*runs).rows}
    back = {row.metric: row for row in compare(*reversed(runs)).rows}
    assert forth["token_f1"].comparison.difference.value == pytest.approx(
        -back["token_f1"].comparison.difference.value
    )


def test_p_values_are_adjusted_over_the_metrics_asked_for(runs):
    every = {row.metric: row for row in compare(*runs).rows}
    alone = compare(*runs, metrics=["exact_match"]).rows
    assert [row.metric for row in alone] == ["exact_match"]
    assert alone[0].p == alone[0].comparison.p_value
    assert every["exact_match"].p > alone[0].p


def test_several_targets_are_paired_by_name():
    a = make_run(30, targets=("x", "y"))
    b = make_run(30, targets=("y", "z"), seed=1)
    assert {(row.target_a, row.target_b) for row in compare(a, b).rows} == {("y", "y")}
    with pytest.raises(ConfigurationError, match="no target in common"):
        compare(a, make_run(30, targets=("v", "w")))


def test_samples_whose_question_changed_are_left_out(runs):
    a, b = runs
    first, *rest = b.samples
    changed = {first: replace(b.samples[first], input="another question")}
    found = compare(a, replace(b, samples={**changed, **{k: b.samples[k] for k in rest}}))
    assert len(found.samples) == 59
    assert [(note.kind, note.run, note.n) for note in found.notes] == [
        ("unequal", "A", 1),
        ("unequal", "B", 1),
    ]
    assert "sin igual en la otra ejecución: 1 muestra de A" in found.summary(lang="es")
    others = {f"{key}'": replace(sample, id=f"{key}'") for key, sample in b.samples.items()}
    with pytest.raises(ConfigurationError, match="no samples in common"):
        compare(a, replace(b, samples=others))


def test_failures_and_too_few_pairs_are_said(runs):
    a, b = runs
    failed = [replace(item, scores=(), failure=Failure("timeout", "late")) for item in b.items]
    one = [replace(failed[0], scores=(Score.of("mrr", 1.0),), failure=None), *failed[1:]]
    found = compare(a, replace(b, items=one, status="stopped", planned=61))
    assert found.rows == ()
    assert ("exact_match", 0) in [(row.metric, row.pairs) for row in found.uncompared]
    assert "B is not finished: 60 of 61 items" in found.summary(lang="en")
    assert found.outcome == "undecided"


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
    assert "no difference shown; too few pairs to show any" in " ".join(done.out.split())
    assert "No metric is shown to be worse." in done.out
    assert "What differs between the runs" in done.out
    assert "sin diferencia demostrada" in cli("compare", a, b, "--lang", "es").out
    assert "all 2 pairs are equal" in cli("compare", a, a).out
    assert_one_paragraph(cli("compare", a, b, "--metric", "exact_mach"), "exact_match")


MANY = """\
name: many
samples: {files: [many.jsonl]}
targets:
  app: {python: app.py:answer}
evaluators: [exact_match]
"""


@pytest.fixture
def many(cli, folder):
    """Ids of runs over 40 questions, of which so many answers are right."""
    rows = [{"id": str(n), "input": f"¿{n}?", "references": ["Lima"]} for n in range(40)]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "many.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "many.yaml").write_text(MANY, encoding="utf-8")

    def run(right):
        code = f"return 'Lima' if int(question.strip('¿?')) < {right} else '<b>Quito</b>'"
        (folder / "app.py").write_text(f"def answer(question):\n    {code}\n", encoding="utf-8")
        return cli("run", "many.yaml", "--json").data["run"]

    return run


def test_exit_codes_are_for_ci(cli, many):
    a, worse = many(30), many(10)
    assert cli("compare", a, a).code == 0
    assert cli("compare", worse, a).code == 0
    done = cli("compare", a, worse)
    assert done.code == 6
    assert "B is worse: exact_match (app)." in done.out
    assert cli("compare", a, worse, "--margin", "0.02").code == 6
    assert cli("compare", a, worse, "--margin", "0.5").code == 7  # 20 of 40: at the margin
    assert cli("compare", a, worse, "--margin", "0.9").code == 0
    assert cli("compare", a, many(28), "--margin", "0.02").code == 7
    assert_one_paragraph(cli("compare", a, worse, "--margin", "7"), "share of the metric's range")
    assert "Exit codes: 0" in " ".join(cli("compare", "--help").out.split())


def test_flips_are_listed_with_both_answers(cli, many):
    a, b = many(30), many(10)
    out = cli("compare", a, b, "--flips", "2").out
    assert "20 now wrong · 0 now right" in out
    assert "▼ 10  1.00 → 0.00  ¿10?" in out
    assert "A: Lima" in out and "B: <b>Quito</b>" in out
    assert "▼ and 18 more" in out
    (row,) = cli("compare", a, b, "--json").data["rows"]
    assert [flip["sample"] for flip in row["flips"]] == [str(n) for n in range(10, 30)]
    assert row["verdict"] == "worse"


def test_reports_are_written_before_the_exit_code_is_given(cli, folder, many):
    a, b = many(30), many(10)
    done = cli("compare", a, b, "--html", "new/c.html", "--junit", "new/c.xml", "--lang", "es")
    assert done.code == 6
    assert 'failures="1"' in (folder / "new" / "c.xml").read_text("utf-8")
    assert "Qué muestra la comparación" in (folder / "new" / "c.html").read_text("utf-8")
    assert "Informe HTML:" in done.err and "JUnit:" in done.err
    assert_one_paragraph(cli("compare", a, b, "--html", "new"), "It is a folder")


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


def test_a_constant_that_a_function_names_is_compared(cli, folder):
    app = "SHARE = 0.6\ndef cut(text):\n    return text[: int(len(text) * SHARE)]\n"
    app += "def answer(question):\n    return cut(question)\n"
    runs = []
    for share in ("0.6", "0.85"):
        (folder / "app.py").write_text(app.replace("0.6", share))
        runs.append(cli("run", "suite.yaml", "--json").data["run"])
    (difference,) = cli("compare", *runs, "--json").data["differences"]
    assert difference["setting"] == "code.app"


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
        "from quilate.python_code import code_digest\n"
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
