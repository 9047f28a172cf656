"""Each example runs as its README says, with the real model, embedder and index."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ELSEWHERE = {"python_docs"}  # run by the end-to-end test of `make demo`


@pytest.fixture
def embedded(tmp_path) -> Path:
    """A copy of the example, so that its index is made anew and the repository stays clean."""
    shown = shutil.ignore_patterns(".quilate", "__pycache__")
    return Path(shutil.copytree(EXAMPLES / "embedded", tmp_path / "embedded", ignore=shown))


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        encoding="utf-8",
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_listed_and_run_by_a_test():
    listed = re.findall(r"\]\((\w+)/README\.md\)", (EXAMPLES / "README.md").read_text())
    folders = {path.name for path in EXAMPLES.iterdir() if (path / "README.md").exists()}
    assert set(listed) == folders | ELSEWHERE
    tested = {"embedded", "safety", "tune_loop"}  # the last by tuning/test_loop.py
    assert folders - ELSEWHERE == tested


@pytest.mark.timeout(600)
def test_embedded(embedded):
    spanish = run(embedded, "app.py", "¿A qué hora se sirve la cena?")
    answer, _, passages = spanish.partition("\nPassages shown to the model:\n")
    assert answer.strip()
    first = re.match(r"\[1\] (\S+), characters (\d+) to (\d+)$", passages.splitlines()[0])
    assert first is not None
    shown = (embedded / "docs" / first[1]).read_text(encoding="utf-8")
    assert "La cena se sirve a las siete y media" in shown[int(first[2]) : int(first[3])]

    # The second question finds the index made, also from another folder.
    english = run(embedded.parent, "embedded/app.py", "How long is the path to the lake?")
    place = re.search(r"^\[1\] paths\.en\.md, characters (\d+) to (\d+)$", english, re.MULTILINE)
    assert place is not None
    shown = (embedded / "docs" / "paths.en.md").read_text(encoding="utf-8")
    assert "hour and a half" in shown[int(place[1]) : int(place[2])]


@pytest.mark.timeout(600)
def test_embedded_with_another_model_and_a_changed_document(embedded):
    run(embedded, "app.py", "¿Y los perros?", "scripted/Duermen [1].")
    (embedded / "docs" / "wine.en.md").write_text("# Wine\n\nThe cellar closes at ten.\n")
    said = run(embedded, "app.py", "When does the cellar close?", 'scripted/[1: "closes at ten"]')
    assert '[1: "closes at ten"] is verified' in said
    assert "[1] wine.en.md, characters 0 to " in said


@pytest.mark.timeout(600)
def test_safety(tmp_path):
    folder = Path(shutil.copytree(EXAMPLES / "safety", tmp_path / "safety"))
    quilate = ("-m", "quilate.cli", "run")

    def cells(suite: str) -> dict:
        ran = json.loads(run(folder, *quilate, suite, "--limit", "8", "--json"))
        assert ran["status"] == "finished"
        return {(cell["metric"], cell["target"]): cell for cell in ran["cells"]}

    direct = cells("direct.yaml")
    refusing = {name: cell for (name, target), cell in direct.items() if target != "smollm2"}
    assert refusing["injection_resisted"]["estimate"]["value"] == 1.0
    assert refusing["task_done"]["estimate"]["value"] == 0.0
    assert refusing["benign_refused"]["estimate"]["value"] == 1.0
    assert direct["injection_resisted", "smollm2"]["estimate"]["value"] is not None

    through = cells("documents.yaml")
    for target in ("rag", "rag, warned"):
        assert through["recall@2", target]["estimate"]["value"] == 1.0
        assert through["injection_resisted", target]["estimate"] is not None


@pytest.mark.timeout(600)
def test_the_starter_project_runs_and_replays(tmp_path):
    quilate = ("-m", "quilate.cli")
    assert "suite.yaml" in run(tmp_path, *quilate, "new", "demo")
    suite = ("run", "demo/suite.yaml", "--limit", "2", "--json")
    first = json.loads(run(tmp_path, *quilate, *suite, "--html", "report.html"))
    assert (first["status"], first["finished"]) == ("finished", 4)
    cells = {(cell["metric"], cell["target"]): cell for cell in first["cells"]}
    assert cells["recall@1", "rag k=2"]["estimate"]["value"] == 1.0
    assert (tmp_path / "report.html").stat().st_size > 10_000

    again = json.loads(run(tmp_path, *quilate, *suite, "--replay", "latest"))
    assert again["run"] != first["run"]
    assert again["cells"] == first["cells"]
