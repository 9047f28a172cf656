"""`quilate gate` and the pytest plugin."""

import subprocess
import sys
from xml.etree import ElementTree

from tests.unit.cli.conftest import APP, assert_one_paragraph, environment

MANY = "".join(f'{{"id": "{n}", "input": "Q{n}", "references": ["q{n}"]}}\n' for n in range(120))
SUITE = """\
name: capitals
samples: {files: [questions.jsonl]}
targets:
  app: {python: app.py:answer}
evaluators: [exact_match]
"""
WORSE = "def answer(question):\n    return question if int(question[1:]) % 3 else 'no'\n"


def prepare(folder):
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    (folder / "questions.jsonl").write_text(MANY, encoding="utf-8")


def said(done):
    """What a command printed, its lines put together; none is wider than 80 columns."""
    assert max(map(len, done.out.splitlines())) <= 80
    return " ".join(done.out.split())


def test_pass_and_fail_have_their_words_and_codes(cli, folder):
    prepare(folder)
    nothing = cli("gate", "suite.yaml")
    assert_one_paragraph(nothing, "no finished run", "quilate run")
    assert cli("run", "suite.yaml").code == 0
    passed = cli("gate", "suite.yaml", "--margin", "0.05")
    assert passed.code == 0
    assert said(passed).startswith(
        "PASSED: no metric is worse by more than 5% of its range, on this suite's samples."
    )
    (folder / "app.py").write_text(WORSE, encoding="utf-8")
    failed = cli("gate", "suite.yaml", "--lang", "es")
    assert failed.code == 6
    assert failed.out.startswith("NO SUPERADA: exact_match empeora más del 2 % de su rango.")
    data = cli("gate", "suite.yaml", "--json", "--junit", "gate.xml").data
    root = ElementTree.parse(folder / "gate.xml").getroot()
    assert root.find("testsuite").get("failures") == "1"
    assert root.find(".//testcase").get("name") == "exact_match"
    assert data["verdict"] == "worse"
    assert data["used"] < data["available"] == 120
    assert data["checks"][0]["difference"] < -0.1


def test_a_small_margin_is_told_as_it_was_given_and_notes_are_spanish(cli, folder):
    prepare(folder)
    assert cli("run", "suite.yaml").code == 0
    more = MANY + '{"id": "new", "input": "Q1", "references": ["q1"]}\n'
    (folder / "questions.jsonl").write_text(more, encoding="utf-8")
    found = cli("gate", "suite.yaml", "--margin", "0.005", "--lang", "es")
    assert said(found).startswith(
        "SUPERADA: ninguna métrica empeora más del 0,5 % de su rango, en las muestras de este"
    )
    assert "1 muestra no está en la ejecución de referencia" in said(found)
    assert_one_paragraph(cli("gate", "suite.yaml", "--level", "0.5"), "The level is 0.5")


def test_a_decided_gate_is_reported_as_such_and_a_stopped_one_goes_on_as_a_gate(cli, folder):
    prepare(folder)
    assert cli("run", "suite.yaml").code == 0
    decided = cli("gate", "suite.yaml", "--margin", "0.05", "--json").data["run"]
    shown = cli("report", decided)
    assert shown.code == 0
    assert "This is a gate, which asked no more than it took to know: not worse." in said(shown)
    assert "resume" not in shown.out + shown.err
    (folder / "suite.yaml").write_text(SUITE + "limits: {seconds: 0.000001}\n", encoding="utf-8")
    stopped = cli("gate", "suite.yaml", "--margin", "0.05")
    assert stopped.code == 7
    run = cli("runs", "--json").data[0]
    assert (run["kind"], run["status"]) == ("gate", "stopped")
    assert f"To go on, give the same command with --resume {run['id']}" in said(stopped)
    shown = cli("report", run["id"])
    assert shown.code == 4
    assert "quilate resume" not in shown.out + shown.err
    assert f"Go on with: the gate's command, with --resume {run['id']}" in shown.err


def test_an_undecided_gate_says_what_would_decide_it(cli, folder):
    prepare(folder)
    cli("run", "suite.yaml")
    found = cli("gate", "suite.yaml", "--generalize")
    assert found.code == 7
    assert "UNDECIDED" in found.out
    assert "120 of 120 samples were looked at" in said(found)
    assert "add samples" in said(found)


def test_the_plugin_gates_in_a_test(folder, cli):
    prepare(folder)
    cli("run", "suite.yaml")
    (folder / "test_gate.py").write_text(
        "def test_no_regression(quilate):\n"
        "    quilate.assert_not_worse('suite.yaml', margin=0.05)\n",
        encoding="utf-8",
    )

    def pytest_in_folder():
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_gate.py"]
        done = subprocess.run(
            words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    assert (folder / "app.py").read_text(encoding="utf-8") == APP
    code, said = pytest_in_folder()
    assert code == 0, said
    (folder / "app.py").write_text(WORSE, encoding="utf-8")
    code, said = pytest_in_folder()
    assert code == 1
    assert "FAILED: exact_match worse by more than 5% of its range." in said
    assert "samples were needed" in said


def test_the_plugin_without_a_baseline_fails_with_one_clear_text(folder):
    prepare(folder)
    (folder / "test_gate.py").write_text(
        "def test_no_regression(quilate):\n    quilate.assert_not_worse('suite.yaml')\n",
        encoding="utf-8",
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_gate.py"]
    done = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "There is no finished run of the suite 'capitals' to compare with." in done.stdout
    assert "--quilate-baseline RUN" in done.stdout
    assert "Traceback" not in done.stdout and "gate.py:" not in done.stdout.split("short test")[0]


def test_a_margin_may_be_in_per_cent(cli, folder):
    prepare(folder)
    cli("run", "suite.yaml")
    data = cli("gate", "suite.yaml", "--margin", "5%", "--json").data
    assert data["margin"] == 0.05
    assert data["checks"][0]["samples"] == data["checks"][0]["n"] == data["used"]
    wrong = cli("gate", "suite.yaml", "--margin", "two")
    assert wrong.code == 2
    assert "write 0.02 or 2%" in wrong.err
    assert_one_paragraph(cli("gate", "suite.yaml", "--margin", "2"), "share of the metric's range")


def test_plan_says_samples_and_money(cli, folder):
    prepare(folder)
    before = cli("plan", "suite.yaml", "--effect", "0.03")
    assert before.code == 0
    assert "exact_match: 4,363 samples" in said(before)
    assert "The suite has 120: 4,243 too few for exact_match." in said(before)
    far = said(cli("plan", "suite.yaml", "--effect", "0.001"))
    reach = "Out of reach for exact_match: the suite's 120 samples show a difference of about 0.2."
    assert reach in far and "too few" not in far
    assert "Fuera de alcance para exact_match" in said(
        cli("plan", "suite.yaml", "--effect", "0.001", "--lang", "es")
    )
    percent = cli("plan", "suite.yaml", "--effect", "0.03", "--level", "95%", "--power", "80%")
    assert percent.out == before.out
    assert "on the metric's own scale" in cli("plan", "suite.yaml", "--effect", "3%").err
    (folder / "app.py").write_text(WORSE, encoding="utf-8")
    cli("run", "suite.yaml")
    data = cli("plan", "suite.yaml", "--effect", "0.03", "--json").data
    assert data["needed"][0]["basis"] == "one target"
    assert data["price"]["cost"]["usd"] is not None or data["price"]["cost"]["basis"] == "unknown"
    assert_one_paragraph(cli("plan", "suite.yaml", "--effect", "-1"), "effect")


JUDGE = """
WORD = "good"


def inner(text):
    return WORD if len(text) > 3 else "bad"


def judge(request):
    return inner(request.messages[-1].text)


def unused():
    return 1
"""


def test_a_judge_whose_helper_changed_is_another_judge(process, folder):
    """The judge is a function in a module beside the suite, which nobody put on the path."""
    prepare(folder)
    options = "{model: 'function/hj:judge', criteria: Clear, scale: {bad: 0, good: 1}}"
    rubric = f"evaluators:\n  - rubric: {options}\n"
    suite = SUITE.replace("evaluators: [exact_match]\n", rubric)
    (folder / "suite.yaml").write_text(suite.replace("jsonl]", "jsonl], limit: 10"))
    (folder / "hj.py").write_text(JUDGE, encoding="utf-8")
    assert process("run", "suite.yaml").code == 0
    (folder / "hj.py").write_text(JUDGE.replace("return 1", "return 2"), encoding="utf-8")
    assert process("gate", "suite.yaml").code in (0, 7)
    for old, new in (('WORD = "good"', 'WORD = "bad"'), ("> 3", "> 3000")):
        assert old in JUDGE
        (folder / "hj.py").write_text(JUDGE.replace(old, new), encoding="utf-8")
        assert_one_paragraph(process("gate", "suite.yaml"), "rubric", "model")
