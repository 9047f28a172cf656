"""CPU, disk and peak memory of a piece of work in this process; the standard library alone, so
that both sides of a comparison can use it."""

import gc
import os
import time
from pathlib import Path
from types import TracebackType


class Measured:
    """Measures the block under ``with``: `figures` has ``cpu_ms`` and ``bytes`` for each sample,
    and ``rss_mb``, by how much the peak resident set grew."""

    def __init__(self, folder: str, count: int) -> None:
        self._folder, self._count = Path(folder), count
        self.figures: dict[str, float] = {}

    def __enter__(self) -> "Measured":
        gc.collect()
        self._rss, self._cpu, self._wall = _resident_mb(), time.process_time(), time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        cpu, wall = time.process_time() - self._cpu, time.monotonic() - self._wall
        peak = _peak_mb()
        files = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        self.figures = {
            "cpu_ms": cpu / self._count * 1000,
            "wall_ms": wall / self._count * 1000,
            "bytes": files / self._count,
            "rss_mb": peak - self._rss,
        }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _peak_mb() -> float:
    """The status file's, because getrusage's still holds the peak of the process which started
    this one."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
