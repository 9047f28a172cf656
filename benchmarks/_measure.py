"""CPU, disk and peak memory of a piece of work, in this process or in others; the standard library
alone, so that both sides of a comparison can use it."""

import gc
import os
import threading
import time
from contextlib import suppress
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


class Watched:
    """Samples the memory of this process's children and theirs under ``with``, every tenth of a
    second, and keeps the most that was seen.

    Memory is proportional (PSS): a page that n processes share counts a nth in each, so the sum
    over processes counts every page once. Pages of files that are mapped are in it; the kernel can
    take those back.
    """

    def __init__(self, interval: float = 0.1) -> None:
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.all_mb = self.all_own_mb = self.one_mb = 0.0
        """The most of all processes together, of that what is no file's, and of one process."""

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            found = [figures for pid in _descendants() if (figures := _proportional(pid))]
            self.all_mb = max(self.all_mb, sum(one["Pss"] for one in found))
            own = sum(one["Pss_Anon"] + one["Pss_Shmem"] for one in found)
            self.all_own_mb = max(self.all_own_mb, own)
            self.one_mb = max([self.one_mb, *(one["Pss"] for one in found)])


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                status = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(status[1])
    found = [os.getpid()]
    for above in found:
        found += [pid for pid, parent in parents.items() if parent == above]
    return found[1:]


def _proportional(pid: int) -> dict[str, float]:
    """The lines of a process's smaps_rollup in MB; none when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name: int(rest.split()[0]) / 1024 for name, rest in (one.split(":") for one in lines)}
