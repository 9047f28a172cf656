"""The thread that owns an engine, shared by all models opened on the same file and settings.

One engine decodes one thing at a time; its queue is a single thread's, so callers on any event
loop can wait for it, and none of them is blocked.
"""

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from quilate_adapters.llamacpp.engine import Check


class Closable(Protocol):
    """An engine: something that holds native memory."""

    def close(self) -> None:
        """Free it."""
        ...


E = TypeVar("E", bound=Closable)
S = TypeVar("S")
T = TypeVar("T")


class _Stopped(Exception):
    """Nobody waits for this work any more."""


class Worker(Generic[E]):
    """A thread with an engine, which it opens at its first work."""

    def __init__(self, make: Callable[[], E]) -> None:
        self._make = make
        self._engine: E | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llamacpp")

    async def run(self, work: Callable[[E, Check], T]) -> T:
        """Do `work` in the thread. Cancelled, it stops before its next decode (of at most
        `n_batch` tokens), or never starts."""
        stop = threading.Event()

        def check() -> None:
            if stop.is_set():
                raise _Stopped

        def job() -> T:
            check()
            return work(self._open(), check)

        future = self._thread.submit(job)
        try:
            return await asyncio.wrap_future(future)
        finally:
            stop.set()

    def call(self, work: Callable[[E], T]) -> T:
        """Do `work` in the thread and wait for it."""
        return self._thread.submit(lambda: work(self._open())).result()

    def _open(self) -> E:
        if self._engine is None:
            self._engine = self._make()
        return self._engine

    def close(self) -> None:
        """Finish the work at hand, drop what waits, and free the native memory."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._engine is not None:
            self._engine.close()
            self._engine = None


_Key = tuple[Path, int, int, Any, Any]
_lock = threading.Lock()
_shared: dict[_Key, tuple[Worker[Any], int]] = {}


def share(
    owner: Any, path: Path, settings: S, engine: Callable[[Path, S], E]
) -> tuple[Worker[E], Callable[[], Any]]:
    """The worker with an `engine` of this file and these settings, and what gives it back. Given
    back by all owners (by the call, when an owner is collected, or at exit), it closes."""
    state = path.stat()
    key = (path, state.st_size, state.st_mtime_ns, settings, engine)
    with _lock:
        worker, owners = _shared.get(key) or (Worker(partial(engine, path, settings)), 0)
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
