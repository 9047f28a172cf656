"""How long ``import quilate`` and ``quilate --help`` take, beside other evaluation packages.

CPU milliseconds (user and system) of a fresh process; `import_ms` without what a bare interpreter
takes, `help_ms` the whole process. Medians. ``--quick``: fewer runs, no other packages.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks._side_venv import side_python

OTHERS = {
    "pydantic-evals": "pydantic_evals",
    "inspect-ai": "inspect_ai",
    "deepeval": "deepeval",
    "ragas": "ragas",
}


def cpu_ms(command: list[str]) -> float | None:
    """CPU of one process and its children, or None when it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return None if process.returncode else (usage.ru_utime + usage.ru_stime) * 1000


def median_ms(command: list[str], runs: int) -> float | None:
    """The median after one warm-up run, which also writes the byte code."""
    if cpu_ms(command) is None:
        return None
    times = [cpu_ms(command) for _ in range(runs)]
    return statistics.median(time for time in times if time is not None)


def import_ms(python: str, module: str, runs: int) -> float | None:
    """CPU of an import above that of the same interpreter doing nothing."""
    bare = median_ms([python, "-c", "pass"], runs)
    whole = median_ms([python, "-c", f"import {module}"], runs)
    return None if whole is None or bare is None else round(whole - bare, 1)


def main() -> None:
    """Measure, print a table, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    runs = 5 if quick else 15
    command = str(Path(sys.executable).parent / "quilate")
    figures: dict[str, float | None] = {
        "import_ms": import_ms(sys.executable, "quilate", runs),
        "help_ms": median_ms([command, "--help"], runs),
    }
    for package, module in {} if quick else OTHERS.items():
        python = side_python(package)
        name = f"{module}_import_ms"
        figures[name] = import_ms(str(python), module, 5) if python else None
    for name, value in figures.items():
        print(f"{name:28} {'failed' if value is None else f'{value:8.1f}'}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
