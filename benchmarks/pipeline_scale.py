"""A cleaning pipeline at ten thousand, a hundred thousand and a million rows, and on a cluster.

    python -m benchmarks.pipeline_scale [--quick]

Rows are built from the docstrings of the standard library, in English, with some Spanish, personal
data and repetition put in. Each size runs in a process of its own, from the file to the Lance
table. `rows_per_s` and `rss_mb` (the largest process) are flat when their ratios are near 1.
`identical_on_ray`: the same pipeline on two local Ray nodes gives the same rows, counts and
quarantine. With Daft and Polars in a side environment, the row steps alone are also run by their
engines, in batches, over the same rows: what an engine adds to them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        found += [" ".join(one.split()) for one in text.split(".") if 40 < len(one) < 160]
    return [one + "." for one in dict.fromkeys(found)]


def write(count: int, file: Path) -> None:
    """The rows as JSON Lines."""
    with file.open("w") as stream:
        for row in rows(count):
            stream.write(json.dumps(row) + "\n")


def one_size(file: Path, store: Path, engine: str) -> dict[str, Any]:
    """Run the pipeline; its figures."""
    from quilate.data import pipeline, run_pipeline

    made = pipeline("scale", str(file), STEPS)
    began = time.perf_counter()
    done = run_pipeline(made, store=store, engine=engine)
    seconds = time.perf_counter() - began
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "rows": done.manifest["sources"][0]["rows"],
        "kept": done.manifest["rows"],
        "seconds": round(seconds, 2),
        "rows_per_s": round(done.manifest["sources"][0]["rows"] / seconds),
        "rss_mb": round(peak / 1024),
        "digest": done.manifest["digest"],
        "steps": done.manifest["steps"],
    }


def on_ray(file: Path, store: Path) -> dict[str, Any]:
    """Run the pipeline on two nodes of this machine."""
    import ray
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    cluster.add_node(**small)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        return one_size(file, store, "ray")
    finally:
        ray.shutdown()
        cluster.shutdown()


def apart(*words: str) -> dict[str, Any]:
    """This script in a process of its own, and what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pipeline_scale", *words],
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "OMP_WAIT_POLICY": "passive"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--one", nargs=3, metavar=("FILE", "STORE", "ENGINE"))
    asked = parser.parse_args()
    if asked.one:
        file, store, engine = Path(asked.one[0]), Path(asked.one[1]), asked.one[2]
        print(json.dumps(on_ray(file, store) if engine == "ray" else one_size(file, store, engine)))
        return
    sizes = (2_000, 20_000) if asked.quick else (10_000, 100_000, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), sizes)))


def measure(folder: Path, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Every size here, the smallest on Ray too."""
    found = []
    for size in sizes:
        file = folder / f"{size}.jsonl"
        write(size, file)
        found.append(apart("--one", str(file), str(folder / f"s{size}"), "processes"))
        told = {key: found[-1][key] for key in ("rows", "kept", "seconds", "rows_per_s", "rss_mb")}
        print(told, file=sys.stderr)
    smallest = folder / f"{sizes[0]}.jsonl"
    ray = apart("--one", str(smallest), str(folder / "ray"), "ray")
    here = found[0]
    return {
        "rows_per_s": {one["rows"]: one["rows_per_s"] for one in found},
        "rss_mb": {one["rows"]: one["rss_mb"] for one in found},
        "rows_per_s_ratio": round(found[-1]["rows_per_s"] / found[0]["rows_per_s"], 3),
        "rss_ratio": round(found[-1]["rss_mb"] / found[0]["rss_mb"], 3),
        "identical_on_ray": ray["digest"] == here["digest"] and ray["steps"] == here["steps"],
    }


if __name__ == "__main__":
    main()
