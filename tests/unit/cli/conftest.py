import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from quilate.cli import main

SUITE = """\
name: capitals
model: scripted/Lima
samples: {files: [questions.jsonl]}
targets:
  plain: {closed_book: {}}
  app: {python: app.py:answer}
evaluators: [exact_match]
"""
APP = "def answer(question):\n    return question.upper()\n"
QUESTIONS = [
    {"id": "1", "input": "Capital of Peru?", "references": ["Lima"]},
    {"id": "2", "input": "¿Capital de Chile?", "references": ["Santiago"], "language": "es"},
]


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self):
        return json.loads(self.out)


Cli = Callable[..., Done]


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: English, 80 columns, and UTF-8 whatever the machine's locale."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONUTF8": "1", "COLUMNS": "80", "LANG": "C.UTF-8", **more}


@pytest.fixture
def folder(tmp_path) -> Path:
    """A project with a suite that needs no model."""
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    lines = (json.dumps(question, ensure_ascii=False) + "\n" for question in QUESTIONS)
    (tmp_path / "questions.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def process(folder) -> Cli:
    """Runs the command in the project, as a process of its own."""

    def run(*words: str, **env: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "quilate.cli", *words],
            cwd=folder,
            env=environment(**env),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def cli(folder, monkeypatch, capsys) -> Cli:
    """Runs the command in the project, in this process."""

    def run(*words: str, **env: str) -> Done:
        with monkeypatch.context() as patched:
            keys = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
            for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE", *keys):
                patched.delenv(name, raising=False)
            for name, value in environment(**env).items():
                patched.setenv(name, value)
            patched.chdir(folder)
            patched.setattr(sys, "argv", ["quilate", *words])
            forget_suite_modules()
            capsys.readouterr()
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
            printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return run


def forget_suite_modules() -> None:
    """A new process would read a suite's Python files anew."""
    for name in [name for name in sys.modules if name.startswith("quilate_suite_")]:
        del sys.modules[name]


def assert_one_paragraph(done: Done, *said: str) -> None:
    """An error as the manual promises it: one paragraph on stderr, and 1."""
    assert done.code == 1, done
    _, found, paragraph = f"\n{done.err}".partition("\nerror: ")
    assert found
    assert paragraph.count("\n") == 1  # its own end: nothing follows, and no traceback
    for words in said:
        assert words in paragraph
