"""The fault server: HTTP over real sockets that answers, and fails in every known way as told.

`quilate.testing.faults.server` says what it understands. It needs the extra ``testing``.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from quilate.errors import MissingDependency

__all__ = ["FaultServer", "fault_server"]


class FaultServer:
    """A running fault server: its address, and its settings and counters."""

    def __init__(self, address: str, pid: int | None = None) -> None:
        self.address, self.pid = address, pid

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change `limit`, `latency`, `huge_bytes`; ``reset=True`` zeroes the counters. Gives what
        `report` does."""
        return self._call(json.dumps(settings).encode())

    def report(self) -> dict[str, Any]:
        """The settings and counters."""
        return self._call(None)

    def _call(self, data: bytes | None) -> dict[str, Any]:
        asked = urllib.request.Request(f"{self.address}/control", data)  # noqa: S310  # loopback
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            asked, timeout=30
        ) as got:
            found: dict[str, Any] = json.load(got)
        return found


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    """A fault server in a process of its own, while the block runs. Raises `MissingDependency`
    without the extra ``testing``."""
    process = subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-m", f"{__name__}.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address:
            raise MissingDependency("uvicorn and httptools", extra="testing")
        yield FaultServer(address, process.pid)
    finally:
        process.communicate()
