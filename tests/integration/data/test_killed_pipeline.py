"""A pipeline that is killed at any moment goes on, and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PIPELINE = """\
name: killed
source: a.jsonl
shard_rows: 50
steps:
  - steps.py:slow
  - steps.py:Halves
  - steps.py:slow
"""
STEPS = """\
import os, time
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from quilate.data import Change, Verdicts

def slow(row):
    time.sleep(0.001)
    with open(os.environ["LOG"], "a") as log:
        log.write(row["id"] + "\\n")
    return Change({"n": row.get("n", 0) + 1}, ("counted",))

@dataclass(frozen=True, slots=True)
class Halves:
    version: ClassVar[int] = 1
    def sketch(self, rows):
        return {"ids": np.array([int(row["id"]) for row in rows])}
    def decide(self, sketches, rows):
        ids = np.concatenate([one["ids"] for one in sketches])
        return Verdicts((ids % 2 - 1).astype(np.int16) * -1 - 1, ("odd",), {}, {})
"""
RUN = """\
import sys
from quilate.data import run_pipeline
if __name__ == "__main__":
    done = run_pipeline("p.yaml", store=sys.argv[1], workers=int(sys.argv[2]))
    print(done.manifest["digest"], done.new)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rows = ({"id": str(n), "text": f"fila {n}"} for n in range(600))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "run.py").write_text(RUN)
    return tmp_path


def start(project: Path, store: str, workers: int = 1) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "run.py", store, str(workers)],
        cwd=project,
        env={**os.environ, "LOG": str(project / f"{store}.log")},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done_rows(project: Path, store: str) -> int:
    log = project / f"{store}.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again_it_ends_the_same(project, workers):
    whole = start(project, "whole")
    told, _ = whole.communicate(timeout=120)
    digest = told.split()[0]
    planned = done_rows(project, "whole")

    # Killed where the first steps, and then the last ones, are under way.
    for mark in (120, 420, 800):
        process = start(project, "killed", workers)
        while done_rows(project, "killed") < mark and process.poll() is None:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    told, _ = start(project, "killed", workers).communicate(timeout=120)
    assert told.split() == [digest, "True"]
    # Each kill costs the shards that were under way, and no others.
    again = done_rows(project, "killed") - planned
    assert 0 <= again <= 3 * 50 * 2 * workers

    from quilate.data import open_dataset

    kept = list(open_dataset("killed", project / "killed").rows())
    assert kept == list(open_dataset("killed", project / "whole").rows())
    assert len(kept) == 300
    quarantine = project / "killed/data/killed/quarantine/1.jsonl"
    assert len(quarantine.read_text().splitlines()) == 300


def test_two_pipelines_of_one_source_at_once_both_end_right(project):
    (project / "a.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "text": f"fila {n}"}) + "\n" for n in range(20_000))
    )
    for name in ("one", "two"):
        (project / f"{name}.yaml").write_text(f"{{name: {name}, source: a.jsonl, shard_rows: 50}}")
    (project / "run.py").write_text(RUN.replace('"p.yaml"', "sys.argv[3]"))
    processes = [
        subprocess.Popen(
            [sys.executable, "run.py", "s", "1", f"{name}.yaml"],
            cwd=project,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    told = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert told[0] == told[1]
