"""Where the work on shards is done: here, in several processes, or on a cluster.

An engine is found by name in the entry-point group ``quilate.engines``. It needs to do one thing:
call a function on each item, give the answers in order, and not run far ahead of who reads them.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

_log = logging.getLogger("quilate.data")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Engine(Protocol):
    """Does work on shards."""

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """The function's answers, in the order of the items. Function and items are picklable, and
        what they read and write lies where every worker sees it."""
        ...

    def close(self) -> None:
        """Let go of what the engine holds; it is not used after that."""
        ...


def processes(workers: int | None = None) -> "Processes":
    """As many processes of this machine as it has processors, or `workers`."""
    return Processes(workers or usable_processors())


def usable_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _crosses(function: object, item: object) -> bool:
    """Whether work can go to another process: functions that a script or a notebook defines within
    itself cannot."""
    import sys
    from multiprocessing.reduction import ForkingPickler

    main = sys.modules.get("__main__")
    if main is not None and str(getattr(main, "__file__", "")).startswith("<"):
        return False
    try:
        ForkingPickler.dumps((function, item))
    except Exception:
        return False
    return True


class Processes:
    """Worker processes on this machine; a single item, or a single worker, is done in this one.
    They start with the first work, and end with `close`.

    >>> list(Processes(1).map(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """The answers in order; at most two items a worker are under way."""
        waiting = deque(items)
        if self._workers == 1 or len(waiting) <= 1 or not _crosses(function, waiting[0]):
            for item in waiting:
                yield function(item)
            return
        from concurrent.futures.process import BrokenProcessPool

        pool = self._started()
        running: deque[tuple[Item, Future[Answer]]] = deque()
        try:
            while waiting or running:
                while waiting and len(running) < 2 * self._workers:
                    running.append((waiting[0], pool.submit(function, waiting[0])))
                    waiting.popleft()
                item, future = running[0]
                answer = future.result()
                running.popleft()
                yield answer
        except BrokenProcessPool:
            _log.warning(
                "Worker processes cannot start or were ended; the work goes on in this one. A "
                'script that is run must guard what it does by: if __name__ == "__main__":'
            )
            self._workers = 1
            left = [item for item, _ in running] + list(waiting)
            running.clear()
            for item in left:
                yield function(item)
        finally:
            for _, future in running:
                future.cancel()

    def close(self) -> None:
        """End the processes; what they have not begun is not done."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _started(self) -> "ProcessPoolExecutor":
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        if self._pool is None:
            # A forked child would share the locks of this process's threads as they were just then.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
        return self._pool
