"""The tests' fault server (``tests/servers/faults.py``), in a process of its own."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).parents[1] / "tests" / "servers" / "faults.py"


class Server:
    """A running fault server; its OpenAI API is at ``{address}/v1``."""

    def __init__(self, address: str, pid: int) -> None:
        self.address, self.pid = address, pid

    def control(self, **settings: Any) -> dict[str, Any]:
        """Set what is given (see the script), and get all settings and counters."""
        data = json.dumps(settings).encode()
        asked = urllib.request.Request(f"{self.address}/control", data, method="POST")
        with urllib.request.urlopen(asked, timeout=30) as reply:
            counted: dict[str, Any] = json.load(reply)
        return counted


@contextmanager
def fault_server() -> Iterator[Server]:
    """The server, while the block runs."""
    process = subprocess.Popen(
        [sys.executable, str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, f"{_SCRIPT} did not start"
        yield Server(address, process.pid)
    finally:
        process.communicate()
