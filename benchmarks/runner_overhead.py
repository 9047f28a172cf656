"""What the runner itself costs for each sample: CPU, disk, memory; inspect-ai beside it.

    python -m benchmarks.runner_overhead [--quick]

10,000 samples (2,000 with --quick), a scripted model that answers at once, an exact-match scorer,
and a durable journal on the disk of the working directory. CPU is the process's own, user and
system, of all its threads, over the evaluation call alone; bytes are those of every file in the
store after the run; memory is the growth of the peak resident set from just before the call.
Every repetition is a process of its own, the two sides alternate, and medians are reported.
inspect-ai runs in its own environment, made at first use, with its mock model, its log on the
same disk, and the same samples and concurrency.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._side_venv import FOLDER as BENCH
from benchmarks._side_venv import side_python

HERE = Path(__file__).parent
CONCURRENCY = 100
_FIGURES = {"cpu_ms": "CPU ms a sample", "bytes": "bytes a sample", "rss_mb": "added MB"}


def quilate_side(count: int, folder: str) -> dict[str, float]:
    """One run of ours, measured in this process."""
    from benchmarks._measure import Measured
    from quilate import registry
    from quilate.evals import Suite, evaluate
    from quilate.evals import runner as _loaded  # noqa: F401  # imports are not the run's cost
    from quilate.evaluators import Sample
    from quilate.testing import ScriptedModel

    samples = [
        Sample(f"s{number:05d}", f"What is the capital of country {number}?", (f"City {number}",))
        for number in range(count)
    ]
    model = ScriptedModel(lambda request: f"City {request.messages[0].text[31:-1]}")
    suite = Suite(
        "overhead",
        samples,
        {"scripted": model},
        [registry.evaluator("exact_match")],
        concurrency=CONCURRENCY,
    )
    with Measured(folder, count) as measured:
        run = evaluate(suite, store=folder)
    assert len(run.items) == count and model.calls == count
    assert all(score.value == 1.0 for item in run.items for score in item.scores)
    return measured.figures


def one(python: str, script: list[str], count: int) -> dict[str, float]:
    """One side once, in a process and a folder of its own."""
    BENCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BENCH) as folder:
        command = [python, *script, str(count), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def show(side: str, runs: list[dict[str, float]]) -> None:
    """One line a figure: the median and every repetition."""
    for name, what in _FIGURES.items():
        values = [run[name] for run in runs]
        each = ", ".join(f"{value:.3f}" for value in values)
        print(f"{side:12} {what:18} {statistics.median(values):10.3f}   ({each})", flush=True)


def main() -> None:
    """Measure both sides and print the figures, JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 samples instead of 10,000")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    count = 2_000 if options.quick else 10_000
    python = side_python("inspect-ai")
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(options.repeat):
        ours.append(one(sys.executable, ["-m", "benchmarks._quilate_side"], count))
        if python:
            theirs.append(one(str(python), [str(HERE / "_inspect_side.py")], count))
    show("quilate", ours)
    figures = medians(ours)
    line: dict[str, Any] = {
        "samples": count,
        "cpu_ms_per_sample": round(figures["cpu_ms"], 4),
        "bytes_per_sample": round(figures["bytes"], 1),
        "added_rss_mb": round(figures["rss_mb"], 1),
        "ratio_vs_inspect": None,
    }
    if theirs:
        show("inspect-ai", theirs)
        line["ratio_vs_inspect"] = round(medians(theirs)["cpu_ms"] / figures["cpu_ms"], 1)
        line["inspect"] = {name: round(value, 3) for name, value in medians(theirs).items()}
    else:
        line["reason"] = "inspect-ai cannot be installed here; see above"
    print(json.dumps(line))


if __name__ == "__main__":
    main()
