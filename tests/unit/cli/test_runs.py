"""`run`, `resume`, `runs`, `report`: what they print, write and exit with."""

import json
import shlex
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from tests.unit.cli.conftest import SUITE, assert_one_paragraph, environment


def test_a_run_prints_its_table_and_writes_its_reports(process, folder):
    done = process("run", "suite.yaml", "--html", "out/report.html", "--junit", "out/report.xml")
    assert done.code == 0, done.err
    assert "exact_match" in done.out
    assert "plain" in done.out
    assert "HTML report: " in done.err
    page = (folder / "out/report.html").read_text(encoding="utf-8")
    assert "¿Capital de Chile?" in page
    assert ElementTree.parse(folder / "out/report.xml").getroot().tag.startswith("testsuite")


def test_json_names_the_run_and_its_figures(cli):
    data = cli("run", "suite.yaml", "--json").data
    assert data["status"] == "finished"
    assert (data["finished"], data["planned"]) == (4, 4)
    cells = {(cell["metric"], cell["target"]): cell for cell in data["cells"]}
    assert cells["exact_match", "plain"]["estimate"]["value"] == 0.5
    assert cells["exact_match", "app"]["estimate"]["value"] == 0.0

    listed = cli("runs", "--json").data
    assert [record["id"] for record in listed] == [data["run"]]
    again = cli("report", data["run"][:-2], "--json").data
    assert again["cells"] == data["cells"]


def test_runs_lists_the_newest_first(cli):
    first, second = (cli("run", "suite.yaml", "--json").data["run"] for _ in range(2))
    assert [record["id"] for record in cli("runs", "--json").data] == [second, first]
    table = cli("runs").out
    assert table.index(second) < table.index(first)
    assert "4/4" in table


def test_latest_is_the_newest_run_that_is_no_gate(cli):
    first, second = (cli("run", "suite.yaml", "--json").data["run"] for _ in range(2))
    gate = cli("gate", "suite.yaml", "--margin", "0.5", "--json").data["run"]
    replay = cli("run", "suite.yaml", "--replay", "latest~1", "--json").data["run"]
    kinds = {record["id"]: record["kind"] for record in cli("runs", "--json").data}
    assert kinds == {replay: "replay", gate: "gate", second: "run", first: "run"}
    assert f"A replay of {first}" in " ".join(cli("report", replay).out.split())

    for name, meant in (("latest", replay), ("latest~1", second), ("latest~2", first)):
        assert cli("report", name, "--json").data["run"] == meant
    assert cli("report", gate, "--json").data["run"] == gate
    assert_one_paragraph(cli("report", "latest~3"), "'latest~3'", "counts no gates", "4 runs")
    compared = cli("compare", "latest~2", "latest~1", "--json").data
    assert (compared["a"], compared["b"]) == (first, second)


def test_the_list_of_runs_is_whole_at_80_columns_in_both_languages(cli, folder):
    (folder / "suite.yaml").write_text(SUITE.replace("capitals", "a-name-of-a-suite-" * 4))
    cli("run", "suite.yaml")
    gate = cli("gate", "suite.yaml", "--margin", "0.5", "--json").data["run"]
    for lang, kind, status in (("en", "gate", "not worse"), ("es", "puerta", "no empeora")):
        for columns in ("80", "120"):
            said = cli("runs", "--lang", lang, COLUMNS=columns).out
            assert gate in said
            assert "…" not in said
        assert kind in said
        assert status in said
    assert "ejecuciones" in cli("runs", "--lang", "es", "--store", "none").out


def test_an_unknown_run_is_answered_with_a_few(cli):
    made = [cli("run", "suite.yaml", "--json").data["run"] for _ in range(5)]
    mistyped = made[1][:-1] + "_"
    for wanted in (mistyped, mistyped[-4:]):
        assert_one_paragraph(done := cli("report", wanted), "5 runs", made[1], "quilate runs")
    for wanted in ("nonsense", mistyped):
        done = cli("report", wanted)
        assert sum(run in done.err for run in made) <= 3


def test_reports_speak_spanish(cli, folder):
    cli("run", "suite.yaml")
    done = cli("report", "--lang", "es", "--html", "informe.html")
    assert done.code == 0, done.err
    assert done.err.startswith("Informe HTML: ")
    assert 'lang="es"' in (folder / "informe.html").read_text(encoding="utf-8")
    assert done.out != cli("report", "--lang", "en").out


def test_limit_and_model_take_the_place_of_the_files(cli):
    data = cli("run", "suite.yaml", "--limit", "1", "--model", "scripted/Santiago", "--json").data
    assert data["samples"] == 1
    done = cli("run", "suite.yaml", "--model", "scripted/Santiago", "--json").data
    plain = next(cell for cell in done["cells"] if cell["target"] == "plain")
    assert plain["estimate"]["value"] == 0.5


def test_failed_items_exit_with_3(cli, folder):
    (folder / "app.py").write_text("def answer(question):\n    raise ValueError('no')\n")
    done = cli("run", "suite.yaml")
    assert done.code == 3
    assert "ValueError" in done.out
    assert cli("report").code == 3
    assert "Every answer of app failed: ValueError: no" in " ".join(done.out.split())


def test_a_run_stopped_by_a_limit_exits_with_4_and_resumes(cli, folder):
    path = folder / "suite.yaml"
    path.write_text(SUITE + "limits: {tokens: 2}\nconcurrency: 1\n")
    done = cli("run", "suite.yaml")
    assert done.code == 4
    run = cli("runs", "--json").data[0]["id"]
    assert done.err.endswith(f"Go on with: quilate resume {run}\n")
    assert done.out.count("quilate resume") == 1
    assert cli("runs", "--json").data[0]["status"] == "stopped"
    assert cli("report").code == 4

    path.write_text(SUITE + "concurrency: 1\n")
    done = cli("resume", "--json")
    assert done.code == 0, done.err
    assert (done.data["finished"], done.data["status"]) == (4, "finished")
    assert "nothing was left" not in done.err
    assert "nothing was left to do" in cli("resume").err


def test_a_replay_makes_no_call_and_gives_equal_figures(cli, folder):
    app = "import quilate as q\nmodel = q.model('scripted/Lima')\n"
    app += "async def answer(question):\n"
    app += "    return (await model.generate(q.ask(question))).text\n"
    (folder / "app.py").write_text(app)
    first = cli("run", "suite.yaml", "--json").data
    again = cli("run", "suite.yaml", "--replay", "latest", "--json").data
    assert again["cells"] == first["cells"]
    assert f"A replay of {first['run']}" in " ".join(cli("report").out.split())

    # Another question is a call that was never recorded.
    (folder / "app.py").write_text(app.replace("q.ask(question)", "q.ask(question + '!')"))
    done = cli("run", "suite.yaml", "--replay", first["run"])
    assert done.code == 3
    assert "ReplayMiss" in done.out


def test_a_replay_with_a_model_that_was_not_recorded_is_one_error_and_no_run(cli):
    run = cli("run", "suite.yaml", "--json").data["run"]
    done = cli("run", "suite.yaml", "--replay", "latest", "--model", "scripted/Santiago")
    assert_one_paragraph(done, run, "scripted/Santiago", "scripted/Lima", "--replay")
    assert [record["id"] for record in cli("runs", "--json").data] == [run]
    # Fewer samples of the same model are all recorded.
    assert cli("run", "suite.yaml", "--replay", "latest", "--limit", "1").code == 0


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "openai/o4-mini", "anthropic/claude-x"])
def test_a_missing_key_is_one_error_before_the_first_sample(cli, folder, model):
    done = cli("run", "suite.yaml", "--model", model)
    assert_one_paragraph(done, model, "no API key", "_API_KEY")
    assert not (folder / ".quilate").exists()
    # A judge's is missed as early.
    (folder / "suite.yaml").write_text(SUITE.replace("[exact_match]", "[groundedness]"))
    done = cli("run", "suite.yaml", "--judge", model)
    assert_one_paragraph(done, model, "no API key")
    # What is asked of nobody needs no key.
    assert cli("plan", "suite.yaml", "--effect", "0.1", "--judge", model).code == 0


def test_a_resumed_run_wants_the_key_for_what_is_left(cli, folder):
    (folder / "app.py").write_text(
        "import asyncio\nasync def answer(q):\n    await asyncio.Event().wait()\n"
    )
    suite = SUITE.replace("  plain: {closed_book: {}}\n", "").replace("exact_match", "groundedness")
    (folder / "suite.yaml").write_text(suite + "limits: {seconds: 0.1}\n")
    judge = ("--judge", "openai/gpt-4o-mini")
    assert cli("run", "suite.yaml", *judge, OPENAI_API_KEY="sk-some-key").code == 4
    assert_one_paragraph(cli("resume"), "no API key")
    (folder / "app.py").write_text("def answer(question):\n    raise ValueError('no')\n")
    assert cli("resume", OPENAI_API_KEY="sk-some-key").code == 3
    assert cli("resume").code == 3  # nothing is left that would need it


def test_ctrl_c_keeps_what_is_finished(cli, folder):
    waiting = "import asyncio, pathlib\n"
    waiting += "async def answer(question):\n"
    waiting += "    if 'Chile' in question and not pathlib.Path('go').exists():\n"
    waiting += "        pathlib.Path('asked').touch()\n"
    waiting += "        await asyncio.Event().wait()\n"
    waiting += "    return question\n"
    (folder / "app.py").write_text(waiting)
    (folder / "suite.yaml").write_text(SUITE.replace("  plain: {closed_book: {}}\n", ""))
    store = ("--store", "my runs")
    child = subprocess.Popen(
        [sys.executable, "-m", "quilate.cli", "run", "suite.yaml", *store, "--html", "out.html"],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    finished = []
    while not ((folder / "asked").exists() and finished == [1]):
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
        listed = cli("runs", *store, "--json")
        if listed.code == 0:  # it may be making the store at this moment
            finished = [record["finished"] for record in listed.data]
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=280)
    assert child.returncode == 130, said
    assert "Traceback" not in said
    assert cli("runs", *store, "--json").data[0]["status"] == "stopped"
    run = cli("runs", *store, "--json").data[0]["id"]
    onward = f"quilate resume {run} --store 'my runs' --html out.html"
    assert said.endswith(f"Go on with: {onward}\n")

    (folder / "go").touch()
    done = cli(*shlex.split(onward)[1:], "--json")
    assert (folder / "out.html").exists()
    assert done.code == 0, done.err
    assert done.data["finished"] == 2


def test_a_changed_suite_is_not_resumed(cli, folder):
    (folder / "suite.yaml").write_text(SUITE + "limits: {tokens: 2}\nconcurrency: 1\n")
    assert cli("run", "suite.yaml").code == 4
    (folder / "suite.yaml").write_text(SUITE + "epochs: 2\n")
    assert_one_paragraph(cli("resume"), "epochs: 1 → 2", "quilate run")


def test_no_runs_and_unknown_runs(cli, folder):
    assert "quilate run" in cli("runs").out
    assert cli("runs", "--json").data == []
    for command in ("report", "resume"):
        assert_one_paragraph(cli(command), str(folder / ".quilate"), "quilate run", "--store")
    cli("run", "suite.yaml")
    assert_one_paragraph(cli("report", "nonsense"), "nonsense")
    assert_one_paragraph(cli("run", "suite.yaml", "--replay", "nonsense"), "nonsense")


def test_errors_name_file_and_line(cli, folder):
    (folder / "suite.yaml").write_text(SUITE + "epoch: 2\n")
    assert_one_paragraph(cli("run", "suite.yaml"), "suite.yaml:8", "'epochs'")
    (folder / "suite.yaml").write_text(SUITE)
    with (folder / "questions.jsonl").open("a") as file:
        file.write('{"id": "3", "input": \n')
    assert_one_paragraph(cli("run", "suite.yaml"), "questions.jsonl:3")
    assert_one_paragraph(cli("run", "none.yaml"), "none.yaml", "quilate new")


def test_a_report_that_cannot_be_written_is_an_error(cli, folder):
    (folder / "taken").write_text("a file, not a folder")
    for option, path in (("--html", "taken/report.html"), ("--junit", ".")):
        done = cli("run", "suite.yaml", option, path)
        assert_one_paragraph(done, path.partition("/")[0], "nothing was run")
    assert cli("runs", "--json").data == []


def test_an_unforeseen_error_is_a_paragraph_and_shows_its_traceback_when_asked(process, folder):
    (folder / "sitecustomize.py").write_text(
        "import quilate.evals as e\ndef broken(*a, **k):\n    raise RuntimeError('boom')\n"
        "e.load_suite = broken\n"
    )
    path = {"PYTHONPATH": str(folder)}
    assert_one_paragraph(process("run", "suite.yaml", **path), "RuntimeError: boom", "defect")
    done = process("run", "suite.yaml", QUILATE_TRACEBACK="1", **path)
    assert done.code == 1
    assert "Traceback" in done.err


def test_a_reader_that_leaves_early_gets_no_traceback(folder):
    schema = [sys.executable, "-m", "quilate.cli", "schema"]
    child = subprocess.Popen(
        schema, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=folder
    )
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    said = child.stderr.read().decode()
    child.stderr.close()
    assert (child.wait(timeout=280), said) == (1, "")


def test_reports_are_written_though_the_reader_of_the_table_leaves(cli, folder):
    cli("run", "suite.yaml")
    report = [sys.executable, "-m", "quilate.cli", "report", "--html", "kept.html"]
    child = subprocess.Popen(report, stdout=subprocess.PIPE, env=environment(), cwd=folder)
    assert child.stdout is not None
    child.stdout.close()
    assert child.wait(timeout=280) == 1
    assert "<html" in (folder / "kept.html").read_text(encoding="utf-8")


def test_the_schema_is_that_of_the_file(cli):
    schema = cli("schema").data
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"name", "samples", "targets", "evaluators"} <= set(schema["required"])


def test_nothing_that_others_wrote_drives_the_terminal(cli, folder):
    hostile = "\x1b[31m[b]x[/b]\x9bJ"
    said = "\ufffd[31m[b]x[/b]\ufffdJ"
    suite = SUITE.replace("name: capitals", f"name: {json.dumps(hostile)}")
    (folder / "suite.yaml").write_text(suite)
    (folder / "app.py").write_text(f"def answer(question):\n    raise ValueError({hostile!r})\n")
    shown = [
        cli("run", "suite.yaml"),
        cli("runs", COLUMNS="120"),
        cli("report"),
        cli("ask", "?", "--model", f"scripted/{hostile}"),
    ]
    failed = cli("report", hostile)
    assert_one_paragraph(failed, said)
    assert all(said in done.out for done in shown)
    assert not any(set("\x1b\x9b") & set(done.out + done.err) for done in (*shown, failed))
