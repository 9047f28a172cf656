"""A cleaning pipeline at ten thousand, a hundred thousand and a million rows, and on a cluster.

    python -m benchmarks.pipeline_scale [--quick] [--engines]

Rows are built from the docstrings of the standard library, in English, with some Spanish, personal
data and repetition put in. Each run is a process of its own, from the file to the Lance table, and
the figures are medians over the runs of a size:

`rows_per_s`: by the wall clock, from the start of Python to the end, so the start counts;
`start_s` of it is what goes before the first row (imports, models).
`rows_per_cpu_s`: by the processors' time of all processes, which other work on the machine
disturbs less.
`rss_mb`: the most memory of all processes together, sampled every tenth of a second, as the sum
of their proportional set sizes (PSS: a page that n processes share counts a nth in each, and
none twice), with the pages of mapped files; `own_mb` is what is no file's.
`identical_on_ray`: the same pipeline on two local Ray nodes gives the same rows, counts and
quarantine.

With ``--engines``, the row steps alone are run by the process pool, by Daft and by Polars, the two
in environments of their own: the same function over the same batches, from JSON Lines to Parquet.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._measure import Watched
from benchmarks._side_venv import side_python

SIZES = ((10_000, 5), (100_000, 3), (1_000_000, 1))
QUICK = ((2_000, 1), (20_000, 1))
"""Rows, and how often they are run."""
STEPS: list[Any] = [
    "repair_text",
    "whitespace",
    {"language": {"languages": ["es", "en"]}},
    {"gopher_quality": {"min_words": 20}},
    "mask_pii",
    "exact_duplicates",
    {"split": {"shares": {"train": 0.9, "test": 0.1}}},
]
SPANISH = (
    "El faro se ve desde la costa cuando cae la noche y los barcos vuelven al puerto.",
    "La biblioteca abre a las nueve de la mañana y cierra a las ocho de la tarde.",
    "Llámame al 612 345 678 o escribe a ana.lopez@ejemplo.es antes del lunes, por favor.",
)


def rows(count: int) -> Iterator[dict[str, str]]:
    """Deterministic rows of about 400 characters."""
    sentences = _sentences()
    state = 1
    for number in range(count):
        said = []
        for _ in range(6):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            said.append(sentences[(state >> 33) % len(sentences)])
        if number % 10 == 0:
            said = [SPANISH[(number // 10 + at) % 3] for at in range(5)] + [f"Nota {number}."]
        if number % 50 == 1:
            said = said[:1]
        yield {"id": str(number), "text": " ".join(said)}


def _sentences() -> list[str]:
    import pydoc

    found = []
    for name in ("json", "pathlib", "random", "statistics", "string", "subprocess", "tempfile"):
        text = pydoc.plain(pydoc.render_doc(__import__(name)))
        # Addresses are other ones in every process.
        parts = (one for one in text.split(".") if " at 0x" not in one)
        found += [" ".join(one.split()) for one in parts if 40 < len(one) < 160]
    return [one + "." for one in dict.fromkeys(found)]


def write(count: int, file: Path) -> None:
    """The rows as JSON Lines."""
    with file.open("w") as stream:
        for row in rows(count):
            stream.write(json.dumps(row) + "\n")


def one_size(file: Path, store: Path, engine: str, since: float) -> dict[str, Any]:
    """Run the pipeline in this process, which was started at `since`; its figures."""
    from quilate.data import pipeline, run_pipeline

    made = pipeline("scale", str(file), STEPS)
    start = time.time() - since
    done = run_pipeline(made, store=store, engine=engine)
    seconds = time.time() - since
    rows = done.manifest["sources"][0]["rows"]
    told = done.quarantine.read_bytes()
    return {
        "rows": rows,
        "kept": done.manifest["rows"],
        "start_s": round(start, 2),
        "seconds": round(seconds, 2),
        "rows_per_s": round(rows / seconds),
        "rows_per_cpu_s": round(rows / processor_seconds()),
        "result": [done.manifest["digest"], hashlib.sha256(told).hexdigest()],
        "steps": done.manifest["steps"],
    }


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def on_ray(file: Path, store: Path, since: float) -> dict[str, Any]:
    """Run the pipeline on two nodes of this machine."""
    import ray
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    cluster.add_node(**small)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        return one_size(file, store, "ray", since)
    finally:
        ray.shutdown()
        cluster.shutdown()


def apart(python: str | Path, *words: str) -> dict[str, Any]:
    """A module in a process of its own: what it prints, and its memory."""
    environment = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_WAIT_POLICY": "passive"}
    with Watched() as watched:
        done = subprocess.run(
            [python, "-m", *words],
            env={**os.environ, **environment, "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    memory = {"rss_mb": watched.all_mb, "own_mb": watched.all_own_mb, "largest_mb": watched.one_mb}
    return {**told, **{name: round(value) for name, value in memory.items()}}


def run(file: Path, store: Path, engine: str) -> dict[str, Any]:
    """The pipeline in a process of its own, from nothing."""
    shutil.rmtree(store, ignore_errors=True)
    words = (str(file), str(store), engine, str(time.time()))
    return apart(sys.executable, "benchmarks.pipeline_scale", "--one", *words)


def medians(runs: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, float]:
    """The median of each figure."""
    return {name: round(median(one[name] for one in runs), 2) for name in names}


FIGURES = ("rows_per_s", "rows_per_cpu_s", "start_s", "seconds", "rss_mb", "own_mb", "largest_mb")


def measure(folder: Path, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Every size here, the smallest on Ray too."""
    found: dict[int, dict[str, float]] = {}
    for size, times in sizes:
        file = folder / f"{size}.jsonl"
        write(size, file)
        runs = [run(file, folder / "store", "processes") for _ in range(times)]
        found[size] = medians(runs, FIGURES)
        print(size, f"rows, {times} runs:", found[size], file=sys.stderr)
        if size == sizes[0][0]:
            ray = run(file, folder / "ray", "ray")
            same = all(ray[key] == runs[0][key] for key in ("result", "steps"))
        file.unlink()
    first, last = found[sizes[0][0]], found[sizes[-1][0]]
    per_row = (last["own_mb"] - first["own_mb"]) * 2**20 / (sizes[-1][0] - sizes[0][0])
    return {
        **{name: {size: one[name] for size, one in found.items()} for name in FIGURES},
        "rows_per_s_ratio": round(last["rows_per_s"] / first["rows_per_s"], 3),
        "rss_ratio": round(last["rss_mb"] / first["rss_mb"], 3),
        "own_bytes_per_row": round(per_row),
        "identical_on_ray": same,
    }


def engines(folder: Path, rows_of: int, times: int) -> dict[str, Any]:
    """The row steps by each engine; their runs take turns."""
    file = folder / "rows.jsonl"
    write(rows_of, file)
    pythons: dict[str, str | Path | None] = {"pool": sys.executable}
    for engine in ("daft", "polars"):
        pythons[engine] = side_python(engine, "-e", ".[data]")
    runs: dict[str, list[dict[str, Any]]] = {one: [] for one, python in pythons.items() if python}
    for number in range(times):
        for engine, done in runs.items():
            out = folder / f"{engine}-{number}"
            words = (engine, str(file), str(out))
            told = apart(pythons[engine] or "", "benchmarks._engine_sides", *words)
            done.append({**told, "digest": _digest_of(out)})
            print(engine, done[-1], file=sys.stderr)
    names = ("seconds", "cpu_s", "rss_mb", "own_mb")
    found = {engine: medians(done, names) for engine, done in runs.items()}
    return {
        "rows": rows_of,
        "runs": times,
        **found,
        "ratio_to_pool": {
            engine: round(one["seconds"] / found["pool"]["seconds"], 2)
            for engine, one in found.items()
        },
        "identical": len({one["digest"] for done in runs.values() for one in done}) == 1,
    }


def _digest_of(table: Path) -> str:
    """Of the rows of a Parquet file or folder, in whatever order."""
    import pyarrow.parquet as pq

    rows = sorted(pq.read_table(table).column("row").to_pylist())
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--engines", action="store_true", help="Daft and Polars beside the pool")
    parser.add_argument("--one", nargs=4, metavar=("FILE", "STORE", "ENGINE", "SINCE"))
    asked = parser.parse_args()
    if asked.one:
        file, store, engine, since = asked.one
        doing: Callable[..., dict[str, Any]] = on_ray if engine == "ray" else one_size
        given = () if engine == "ray" else (engine,)
        print(json.dumps(doing(Path(file), Path(store), *given, since=float(since))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.engines:
            told = engines(folder, *((6_000, 1) if asked.quick else (60_000, 3)))
        else:
            told = measure(folder, QUICK if asked.quick else SIZES)
        print(json.dumps(told))


if __name__ == "__main__":
    main()
