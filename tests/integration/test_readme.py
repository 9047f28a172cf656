"""The Python of the README runs as it stands in a clone, in one go and without a key."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_the_readme_runs(tmp_path):
    shutil.copytree(ROOT / "examples/embedded/docs", tmp_path / "examples/embedded/docs")
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    assert len(blocks) == 3
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    env |= {"PYTHONUTF8": "1", "OMP_WAIT_POLICY": "passive"}
    new = [sys.executable, "-m", "quilate.cli", "new", "demo"]
    subprocess.run(new, cwd=tmp_path, env=env, check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("starter  2") == 2
    assert "No errors." in done.stdout
    assert "Every answer" not in done.stdout
    assert (tmp_path / "report.html").exists()
    # The comparison can be pasted after what stands above it, in both languages.
    for name in ("README.md", "README.es.md"):
        words = re.search(r"^quilate (compare .*?) +#", (ROOT / name).read_text(), re.M)
        compare = [sys.executable, "-m", "quilate.cli", *words[1].split()]
        done = subprocess.run(
            compare, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode in (0, 6, 7), done.stderr
        assert "6 samples in common" in done.stdout
