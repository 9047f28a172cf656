"""Other projects in environments of their own, so that their dependencies never meet ours."""

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(".quilate") / "bench"


def side_python(package: str, *more: str) -> Path | None:
    """The Python of an environment that holds `package` alone (and `more` of pip's arguments); made
    at the first call. None, with the reason on stderr, where it cannot be installed."""
    folder = FOLDER / f"venv-{package}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return python
    sys.stderr.write(f"Installing {package} into {folder} (once) …\n")
    venv.create(folder, with_pip=True, clear=True)
    command = [python, "-m", "pip", "install", "--quiet", package, *more]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.stderr.write(f"{package} cannot be installed here: {result.stderr[-400:]}\n")
        return None
    done.touch()
    return python
