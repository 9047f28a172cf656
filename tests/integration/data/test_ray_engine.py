"""The same pipeline on a cluster of two nodes (on this machine) gives the same rows."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("ray", reason="the extra ray is not installed")

SCRIPT = """\
import os, sys
import ray
from ray.cluster_utils import Cluster
from quilate.data import pipeline, run_pipeline

if __name__ == "__main__":
    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    cluster.add_node(**small)
    ray.init(address=cluster.address, log_to_driver=False)
    assert sum(node["Alive"] for node in ray.nodes()) == 2
    steps = [{"whitespace": {}}, {"length": {"min": 3}}, "exact_duplicates",
             {"split": {"shares": {"train": 0.8, "test": 0.2}}}]
    made = pipeline("same", "a.jsonl", steps, shard_rows=40)
    ours = run_pipeline(made, store="here", workers=1)
    theirs = run_pipeline(made, store="there", engine="ray")
    assert list(ours.dataset.rows()) == list(theirs.dataset.rows())
    assert ours.manifest["steps"] == theirs.manifest["steps"]
    assert ours.quarantine.read_text() == theirs.quarantine.read_text()
    print(len(theirs.dataset), ours.manifest["digest"] == theirs.manifest["digest"])
    ray.shutdown()
    cluster.shutdown()
"""


def test_two_nodes_give_the_same_rows(tmp_path):
    rows = [{"id": str(n), "text": f" fila  {n % 300} " if n % 7 else "x"} for n in range(400)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "run.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["272", "True"]
