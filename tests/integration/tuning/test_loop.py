"""The example's loop in a shorter form: trained, converted, certified, evaluated, ruled on.

Needs torch: ``make test`` runs it in an environment of its own, where it must not skip.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EXAMPLE = Path(__file__).parents[3] / "examples" / "tune_loop"

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "QUILATE_TORCH" not in os.environ
        and not all(map(importlib.util.find_spec, ("trl", "peft", "gguf", "llama_cpp"))),
        reason="needs torch, trl, peft, gguf and llama-cpp-python",
    ),
]


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The example with fewer notes, fewer steps and fewer samples."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("loop") / "example"))
    for name, n in (("train.jsonl", 200), ("orders.jsonl", 10), ("general.jsonl", 4)):
        (folder / name).write_text("".join(lines(folder / name)[:n]), encoding="utf-8")
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    recipe["training"] |= {"steps": 20, "learning_rate": 1e-3, "evaluate_every": 10}
    recipe["data"]["heldout"] = 0.05
    recipe["parity"] = {"prompts": 2}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def quilate(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "quilate.cli", *words],
        cwd=project,
        env={**os.environ, "OMP_WAIT_POLICY": "passive", "QUILATE_LANG": "en"},
        capture_output=True,
        text=True,
    )


def test_the_loop_improves_the_model_and_is_not_done_twice(project):
    done = quilate(project, "tune", "loop", "recipe.yaml", "--json")
    assert done.returncode in (0, 6), done.stderr[-3000:]
    told = json.loads(done.stdout)
    folder = project / told["folder"]

    # The task: better, and by much.
    (row,) = [row for row in told["task"]["rows"] if row["metric"] == "json_exact"]
    assert row["b"] - row["a"] >= 0.2
    assert told["parity"]["kl"] < 0.1
    assert told["parity"]["prompts"] == 2
    manifest = json.loads((folder / "training_set.json").read_text())
    assert {one["name"]: one["samples"] for one in manifest["evaluation"]} == {
        "task": 10,
        "task, as asked": 10,
        "regression": 4,
        "regression, as asked": 4,
    }
    page = (folder / "report.html").read_text()
    assert "json_exact" in page
    assert (folder / "report-task.html").exists()

    # Given again, nothing is trained, converted or asked anew.
    before = {
        file: file.stat().st_mtime_ns for file in (folder / "training").rglob("*.safetensors")
    }
    again = quilate(project, "tune", "loop", "recipe.yaml", "--json")
    assert json.loads(again.stdout)["task"] == told["task"]
    assert before == {file: file.stat().st_mtime_ns for file in before}

    # The adapter is used by a string alone.
    adapter = Path(told["adapter"])
    asked = quilate(
        project, "run", "suite.yaml", "--limit", "2", "--json",
        "--model", f"llamacpp/smollm2-135m-instruct+{adapter}",
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr[-2000:]


def test_evaluation_samples_among_the_examples_are_refused(project, tmp_path):
    fresh = shutil.ignore_patterns(".quilate")
    folder = Path(shutil.copytree(project, tmp_path / "example", ignore=fresh))
    sample = json.loads(lines(folder / "orders.jsonl")[0])
    row = {"id": "leak", "input": sample["input"], "output": sample["references"][0]}
    with (folder / "train.jsonl").open("a") as train:
        train.write(json.dumps(row) + "\n")
    refused = quilate(folder, "tune", "loop", "recipe.yaml")
    assert refused.returncode == 1
    assert f"leak holds {sample['id']} of task" in refused.stderr
    assert not list(folder.rglob("*.safetensors"))


def test_ctrl_c_ends_a_training_and_the_same_command_goes_on(project, tmp_path):
    fresh = shutil.ignore_patterns(".quilate")
    folder = Path(shutil.copytree(project, tmp_path / "example", ignore=fresh))
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    recipe["training"] |= {"steps": 4, "evaluate_every": 2, "save_every": 1, "patience": None}
    recipe["lora"] = {"rank": 2, "targets": ["q_proj"]}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    words = [sys.executable, "-m", "quilate.cli", "tune", "train", "recipe.yaml"]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "QUILATE_LANG": "en"}
    child = subprocess.Popen(
        words, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    before = []
    for line in child.stderr:
        before.append(line)
        if line.startswith("train: 2/"):
            child.send_signal(signal.SIGINT)
            break
    _, after = child.communicate(timeout=280)
    assert child.returncode == 130, "".join(before) + after
    assert any("4 steps" in line and "memory" in "".join(before) for line in before)
    assert after.splitlines()[-1].endswith("Go on with: quilate tune train recipe.yaml")
    assert "terminate" not in after
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "train: 1/" not in done.stderr  # it went on from a checkpoint
    assert done.stdout.startswith("4 steps")
