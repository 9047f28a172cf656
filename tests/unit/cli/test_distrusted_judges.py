"""A judge that people's labels say not to trust decides nothing, unless it is named; then it is
said where the verdict is."""

import subprocess
import sys
from xml.etree import ElementTree

from quilate.evals import open_run
from quilate.tuning.deciding import decide
from quilate.tuning.recipe import DecideSpec
from tests.unit.cli.conftest import assert_one_paragraph, environment
from tests.unit.cli.test_judge import SUITE, prepare, write_labels

NAMED = "rubric is given by a judge that is not to be trusted (kappa 0.00"
NOMBRADA = "rubric la da un juez que no es de fiar (kappa 0,00"
IDLE = "(its judge is not to be trusted, kappa 0.00"


def measured(cli, folder, suite=SUITE):
    """A run whose judge says 4 to everything, which people do not."""
    prepare(folder, 60)
    (folder / "suite.yaml").write_text(suite, encoding="utf-8")
    run = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, run, 25, lambda n: 0.75 if n % 2 else 0.25)
    assert cli("judge", "calibrate").code == 6
    return run


def told(done):
    return " ".join(done.out.split())


def test_in_a_comparison_it_decides_only_when_named_and_the_verdict_says_so(cli, folder):
    run = measured(cli, folder)
    worse = SUITE.replace("scripted/4", "scripted/1")
    (folder / "suite.yaml").write_text(worse, encoding="utf-8")
    cli("run", "suite.yaml")  # by a judge of the same kind, which nobody has measured
    plain = cli("compare", run, "latest", "--junit", "c.xml", "--html", "c.html")
    assert plain.code == 0
    assert "No metric is shown to be worse." in plain.out
    assert f"rubric (app): B is worse {IDLE}" in told(plain)
    assert "so it does not decide)" in told(plain)
    assert IDLE in (folder / "c.html").read_text(encoding="utf-8")
    (skipped,) = ElementTree.parse(folder / "c.xml").iter("skipped")
    assert IDLE in skipped.get("message")

    named = cli("compare", run, "latest", "--metric", "rubric", "--junit", "c.xml", "--html", "c.h")
    assert named.code == 6
    assert f"B is worse: rubric (app); {NAMED}" in told(named)
    assert f"B is worse: rubric (app); {NAMED}" in (folder / "c.h").read_text(encoding="utf-8")
    (failure,) = ElementTree.parse(folder / "c.xml").iter("failure")
    assert "B is worse, by a judge that is not to be trusted (kappa 0.00" in failure.get("message")
    data = cli("compare", run, "latest", "--metric", "rubric", "--json").data
    assert NAMED in data["says"]
    assert [row["distrusted"] for row in data["rows"]] == [True]
    spanish = cli("compare", run, "latest", "--metric", "rubric", "--lang", "es")
    assert f"B es peor: rubric (app); {NOMBRADA}" in told(spanish)
    passed = cli("compare", run, run, "--metric", "rubric")
    assert passed.code == 0 and f"No metric is shown to be worse; {NAMED}" in told(passed)


def test_where_nothing_else_has_bounds_a_comparison_decides_nothing(cli, folder):
    run = measured(cli, folder, SUITE.replace("  - exact_match\n", ""))
    found = cli("compare", run, run)
    assert "Nothing could be decided: every metric with bounds is given by a judge" in told(found)
    assert cli("compare", run, run, "--margin", "0.05").out.count("does not decide") == 1


def test_a_gate_passes_it_over_unless_it_is_named_and_the_verdict_says_so(cli, folder):
    measured(cli, folder)
    plain = cli("gate", "suite.yaml", "--margin", "0.1", "--json").data
    assert [check["metric"] for check in plain["checks"]] == ["exact_match"]
    assert plain["skipped"] == ["rubric: its judge is not to be trusted, so it is not watched"]
    assert "do not trust" in plain["judges"][0]
    spanish = cli("gate", "suite.yaml", "--margin", "0.1", "--lang", "es")
    assert "rubric: su juez no es de fiar, así que no se vigila" in told(spanish)

    words = ("gate", "suite.yaml", "--margin", "0.1", "--metric", "rubric")
    named = cli(*words, "--junit", "gate.xml")
    assert named.code == 0
    assert told(named).startswith("PASSED: no metric is worse by more than 10% of its range, on")
    assert f"samples; {NAMED}" in told(named)
    case = ElementTree.parse(folder / "gate.xml").find(".//testcase/system-out")
    assert NAMED in case.text
    assert NAMED in cli(*words, "--json").data["says"]
    assert NOMBRADA in told(cli(*words, "--lang", "es"))


def test_a_gate_of_nothing_else_is_refused(cli, folder):
    measured(cli, folder, SUITE.replace("  - exact_match\n", ""))
    assert_one_paragraph(
        cli("gate", "suite.yaml"), "the judge of 'rubric' is not to be trusted", "--metric rubric"
    )


def test_a_tuned_model_ships_by_it_only_when_the_recipe_names_it(cli, folder):
    suite = SUITE.replace("  - exact_match\n", "") + "  - exact_match\n"
    tuned = open_run(measured(cli, folder, suite), store=folder / ".quilate")
    worse = suite.replace("scripted/4", "scripted/1")
    (folder / "suite.yaml").write_text(worse, encoding="utf-8")
    base = open_run(cli("run", "suite.yaml", "--json").data["run"], store=folder / ".quilate")
    assert next(iter(tuned.metrics)) == "rubric"
    unnamed = decide(DecideSpec(suite="suite.yaml"), (base, tuned))
    assert (unnamed.ruling, unnamed.reasons) == ("do not ship", ("judge not trusted",))
    named = decide(DecideSpec(suite="suite.yaml", metric="rubric"), (base, tuned))
    assert (named.ruling, named.reasons) == ("ship", ("better",))


def test_a_test_that_passes_by_it_warns(cli, folder):
    measured(cli, folder)
    test = (
        "def test_gate(quilate):\n    quilate.assert_not_worse('suite.yaml', margin=0.1{metrics})\n"
    )

    def out(metrics):
        (folder / "test_it.py").write_text(test.format(metrics=metrics), encoding="utf-8")
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
        done = subprocess.run(
            words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert "not to be trusted" not in out("")
    assert NAMED in out(", metrics=['rubric']")


def test_few_labels_or_of_one_kind_speak_against_no_judge(cli, folder):
    """A judge that is right on all answers of a good system is watched as an unmeasured one is."""
    prepare(folder, 60)
    baseline = cli("run", "suite.yaml", "--json").data["run"]
    worse = SUITE.replace("scripted/4", "scripted/1")
    for count, value in ((25, lambda n: 0.75), (12, lambda n: 0.75 if n % 2 else 0.25)):
        write_labels(folder, baseline, count, value)
        assert cli("judge", "calibrate").code == 6
        gate = cli("gate", "suite.yaml", "--margin", "0.1", "--json").data
        assert "rubric" in {check["metric"] for check in gate["checks"]}
    (folder / "suite.yaml").write_text(worse, encoding="utf-8")
    later = cli("run", "suite.yaml", "--json").data["run"]
    assert cli("compare", baseline, later).code == 6


def test_what_a_gate_leaves_out_for_its_judge_stands_in_the_verdict(cli, folder):
    measured(cli, folder)
    english = told(cli("gate", "suite.yaml", "--margin", "0.1"))
    assert "Not watched, for people's labels speak against its judge: rubric." in english
    spanish = told(cli("gate", "suite.yaml", "--margin", "0.1", "--lang", "es"))
    assert (
        "Sin vigilar, pues las etiquetas de las personas hablan contra su juez: rubric" in spanish
    )
