"""The thread that owns an engine, shared by all models opened on the same file and settings.

One engine decodes one thing at a time; its queue is a single thread's, so callers on any event
loop can wait for it, and none of them is blocked.
"""

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from quilate_adapters.llamacpp.engine import Check, Engine, Settings

T = TypeVar("T")


class _Stopped(Exception):
    """Nobody waits for this work any more."""


class Worker:
    """A thread with an engine, which it opens at its first work."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path, self._settings = path, settings
        self._engine: Engine | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llamacpp")

    async def run(self, work: Callable[[Engine, Check], T]) -> T:
        """Do `work` in the thread. Cancelled, it stops before its next decode (of at most
        `n_batch` tokens), or never starts."""
        stop = threading.Event()

        def check() -> None:
            if stop.is_set():
                raise _Stopped

        def job() -> T:
            check()
            if self._engine is None:
                self._engine = Engine(self._path, self._settings)
            return work(self._engine, check)

        future = self._thread.submit(job)
        try:
            return await asyncio.wrap_future(future)
        finally:
            stop.set()

    def close(self) -> None:
        """Finish the work at hand, drop what waits, and free the native memory."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._engine is not None:
            self._engine.close()
            self._engine = None


_Key = tuple[Path, int, int, Settings]
_lock = threading.Lock()
_shared: dict[_Key, tuple[Worker, int]] = {}


def share(owner: Any, path: Path, settings: Settings) -> tuple[Worker, Callable[[], Any]]:
    """The worker for this file and these settings, and what gives it back. Given back by all
    owners (by the call, when an owner is collected, or at exit), it closes."""
    state = path.stat()
    key = (path, state.st_size, state.st_mtime_ns, settings)
    with _lock:
        worker, owners = _shared.get(key) or (Worker(path, settings), 0)
        _shared[key] = (worker, owners + 1)
    return worker, weakref.finalize(owner, _give_back, key)


def _give_back(key: _Key) -> None:
    with _lock:
        worker, owners = _shared[key]
        if owners > 1:
            _shared[key] = (worker, owners - 1)
            return
        del _shared[key]
    worker.close()
