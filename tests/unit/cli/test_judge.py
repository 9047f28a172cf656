"""`quilate judge`: from labels and recorded verdicts to a verdict on the judge."""

import json

from tests.unit.cli.conftest import assert_one_paragraph

SUITE = """\
name: capitals
judge: scripted/4
samples: {files: [questions.jsonl]}
targets:
  app: {python: app.py:answer}
evaluators:
  - exact_match
  - rubric: {criteria: The answer is polite.}
"""


def prepare(folder, count=30):
    rows = [{"id": str(n), "input": f"Q{n}", "references": [f"q{n}"]} for n in range(count)]
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "questions.jsonl").write_text(text, encoding="utf-8")


def write_labels(folder, run, count, value=lambda n: 0.75):
    fields = {"run": run, "target": "app", "epoch": 0, "metric": "rubric", "labeller": "ana"}
    rows = [{**fields, "sample": str(n), "label": "4", "value": value(n)} for n in range(count)]
    path = folder / ".quilate" / "labels" / f"{run}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_labels_of_a_run_measure_its_judge_and_stand_beside_it(cli, folder):
    prepare(folder)
    run = cli("run", "suite.yaml", "--json").data["run"]
    assert_one_paragraph(cli("judge", "calibrate"), "no labels", f"quilate label {run}; or")
    named = cli("judge", "calibrate", "--metric", "rubric")
    assert_one_paragraph(named, f"quilate label {run} --metric rubric; or")
    write_labels(folder, run, 25, lambda n: 0.75 if n % 2 else 0.25)
    done = cli("judge", "calibrate")
    assert done.code == 6  # the judge says 4 to everything
    assert done.out.startswith("DO NOT TRUST the judge rubric (25 labels of 1 person)")
    assert "Kept: " in done.err
    assert "The judge rubric, measured by 25 labels: do not trust" in cli("report").out.replace(
        "\n", " "
    )
    shown = cli("judge", "show", "--json").data
    assert shown["judges"]["rubric"]["n"] == 25
    (corrected,) = shown["corrected"]
    assert corrected["corrected"]["value"] < 0.6 < corrected["raw"]["value"]
    again = cli("run", "suite.yaml")  # another run of the same judge
    assert "measured by 25 labels" in again.out.replace("\n", " ")
    compared = cli("compare", run, "latest", "--metric", "rubric", "--html", "c.html", "--json")
    assert "measured by 25 labels: do not trust" in compared.data["judges"][0]
    assert "measured by 25 labels" in (folder / "c.html").read_text(encoding="utf-8")
    assert "measured by 25 labels" in cli("gate", "suite.yaml", "--baseline", run).out


def test_a_system_that_has_changed_is_not_given_the_mean_that_people_gave_the_old_one(cli, folder):
    """The judge says 4 to everything, so that nothing but labels can tell good from bad."""
    prepare(folder, 60)
    app = "GOOD = 57\n\ndef answer(question):\n    return str(int(question[1:]) < GOOD)\n"
    (folder / "app.py").write_text(app, encoding="utf-8")
    first = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, first, 60, lambda n: float(n < 57))
    cli("judge", "calibrate")
    assert "people would give 0.95" in cli("judge", "show", first).out
    (folder / "app.py").write_text(app.replace("57", "12"), encoding="utf-8")
    second = cli("run", "suite.yaml", "--json").data["run"]
    for shown in (cli("judge", "show").out, cli("report").out):
        told = " ".join(shown.split())
        assert "people would give 0" not in told
        assert "is not known, for fewer than 10 of its answers count as labelled" in told
        assert f"quilate label {second} --metric rubric" in told
    (corrected,) = cli("judge", "show", "--json").data["corrected"]
    assert corrected["corrected"]["value"] is None
    write_labels(folder, second, 20, lambda n: float(n < 4))
    cli("judge", "calibrate")
    told = " ".join(cli("judge", "show").out.split())
    assert "people would give 0.20" in told and "(by 20 labels of this run)" in told
    assert "80 labels" in told  # the judge is measured by all
    assert "people would give 0.95" in cli("judge", "show", first).out


def test_a_calibration_by_fewer_labels_says_what_it_replaces(cli, folder):
    prepare(folder, 60)
    run = cli("run", "suite.yaml", "--json").data["run"]
    path = write_labels(folder, run, 60, lambda n: float(n % 2))
    assert "takes the place" not in cli("judge", "calibrate").err
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "some.jsonl").write_text("".join(lines[:8]), encoding="utf-8")
    words = "judge", "calibrate", "--labels", "some.jsonl", "--run", run
    told = " ".join(cli(*words).err.split())
    assert "by 8 labels takes the place of one by 60" in told
    assert f"quilate judge calibrate --run {run} --metric rubric" in told
    assert "sustituye" not in cli(*words, "--lang", "es").err  # of 8 by 8
    assert cli("judge", "calibrate", "--run", run, "--json").data["n"] == 60


def test_labels_of_several_runs_of_one_judge_are_pooled(cli, folder):
    prepare(folder)
    first = cli("run", "suite.yaml", "--json").data["run"]
    second = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, first, 25)
    write_labels(folder, second, 5, lambda n: 0.25)
    data = cli("judge", "calibrate", "--run", second, "--json").data
    assert (data["n"], data["runs"]) == (30, 2)
    other = SUITE.replace("polite", "short")
    (folder / "suite.yaml").write_text(other, encoding="utf-8")
    third = cli("run", "suite.yaml", "--json").data["run"]  # of another judge
    write_labels(folder, third, 7)
    assert cli("judge", "calibrate", "--run", third, "--json").data["n"] == 7


def test_the_judge_is_asked_again_when_told(cli, folder):
    prepare(folder)
    run = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, run, 25)
    data = cli("judge", "calibrate", "--run", run, "--again", "10", "--json").data
    assert data["again"]["value"] == 0.0
    assert data["again"]["n"] == 10


def test_the_judge_is_asked_again_of_the_answers_of_its_own_run_alone(cli, folder):
    prepare(folder)
    first = cli("run", "suite.yaml", "--json").data["run"]
    second = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, first, 25)
    write_labels(folder, second, 5)
    data = cli("judge", "calibrate", "--run", second, "--again", "30", "--json").data
    assert (data["n"], data["again"]["n"]) == (30, 5)


def test_another_judge_is_not_asked_in_the_place_of_the_runs(cli, folder):
    prepare(folder)
    run = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, run, 25)
    (folder / "suite.yaml").write_text(SUITE.replace("is polite", "is rude"), encoding="utf-8")
    assert_one_paragraph(cli("judge", "calibrate", "--again", "5"), "no longer the one", "--again")


def test_a_calibration_that_cannot_be_read_is_told_and_the_run_is_reported(cli, folder):
    prepare(folder)
    run = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, run, 25)
    cli("judge", "calibrate")
    (kept,) = (folder / ".quilate" / "calibrations").iterdir()
    kept.write_text("{", encoding="utf-8")
    reported = cli("report")
    assert reported.code == 0
    assert "What is kept of the judge rubric does not count" in reported.out.replace("\n", " ")
    assert kept.name in cli("judge", "show").out
    assert kept.name in cli("judge", "show", "--json").data["unreadable"]["rubric"]


def test_recorded_verdicts_need_no_run(cli, folder):
    rows = [{"judge": "yes", "human": "yes"}, {"judge": "no", "human": "no"}] * 40
    path = folder / "verdicts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = cli("judge", "calibrate", "--labels", "verdicts.jsonl", "--scale", "no=0,yes=1")
    assert done.code == 0
    assert done.out.startswith("TRUST the judge verdicts (80 labels of 1 person)")
    spanish = cli(
        "judge", "calibrate", "--labels", "verdicts.jsonl", "--scale", "no=0,yes=1", "--lang", "es"
    )
    assert spanish.out.startswith("CONFÍA en el juez verdicts (80 etiquetas de 1 persona)")
    wrong = cli("judge", "calibrate", "--labels", "verdicts.jsonl")
    assert_one_paragraph(wrong, "verdicts.jsonl:1", "--scale")
    assert_one_paragraph(cli("judge", "calibrate", "--labels", "none.jsonl"), "cannot be read")
    bad = cli("judge", "calibrate", "--labels", "verdicts.jsonl", "--scale", "no,yes")
    assert_one_paragraph(bad, "--scale bad=0,ok=0.5,good=1")
    again = cli("judge", "calibrate", "--labels", "verdicts.jsonl", "--again", "3")
    assert_one_paragraph(again, "--again", "no judge to ask")


def test_a_file_that_breaks_a_reader_is_named(cli, folder):
    (folder / "deep.jsonl").write_text("[" * 100_000, encoding="utf-8")
    assert_one_paragraph(cli("judge", "calibrate", "--labels", "deep.jsonl"), "deep.jsonl:1")


def test_labels_that_count_for_nothing_are_told(cli, folder):
    prepare(folder)
    run = cli("run", "suite.yaml", "--json").data["run"]
    write_labels(folder, run, 35)  # of 30 answers
    done = cli("judge", "calibrate")
    assert "5 labelled answers have no score of rubric" in done.err
    assert_one_paragraph(cli("judge", "calibrate", "--scale", "a=0,b=1"), "--scale", "already")


def test_what_is_said_of_a_judge_fits_the_terminal_and_speaks_spanish(cli, folder):
    prepare(folder)
    run = cli("run", "suite.yaml", "--json").data["run"]
    told = cli("judge", "show", "--lang", "es").out.replace("\n    ", " ")
    assert f"El juez rubric no está medido. Etiqueta respuestas: quilate label {run}" in told
    write_labels(folder, run, 25)
    for lang in ("en", "es"):
        done = cli("judge", "calibrate", "--lang", lang)
        shown = cli("judge", "show", "--lang", lang).out
        assert max(map(len, (done.out + shown).splitlines())) <= 80
    assert "Guardado: " in done.err


PAIRS = """\
name: pairs
judge: scripted/A
samples: {files: [questions.jsonl]}
targets:
  app: {python: app.py:answer}
evaluators:
  - pairwise: {votes: 1, name: duel}
"""


def test_a_judge_of_pairs_that_chooses_a_place_is_told_wherever_it_counts(cli, folder):
    prepare(folder, 12)
    (folder / "app.py").write_text("def answer(question):\n    return 'other'\n", encoding="utf-8")
    (folder / "suite.yaml").write_text(PAIRS, encoding="utf-8")
    said = "The judge duel_pairwise_win chooses a place and not an answer: 12 of 12 verdicts"
    assert said in " ".join(cli("run", "suite.yaml").out.split())
    assert said in " ".join(cli("gate", "suite.yaml", "--margin", "0.3").out.split())
    assert cli("run", "suite.yaml").code == 0
    assert said in " ".join(cli("compare", "latest~1", "latest").out.split())
    spanish = cli("compare", "latest~1", "latest", "--lang", "es").out
    assert "elige un lugar y no una respuesta: 12 de 12" in " ".join(spanish.split())
    few = PAIRS.replace("jsonl]", "jsonl], limit: 4")
    (folder / "suite.yaml").write_text(few, encoding="utf-8")
    assert "chooses a place" not in cli("run", "suite.yaml").out
