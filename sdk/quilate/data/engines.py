"""Where the work on shards is done: here, in several processes, or on a cluster.

An engine is found by name in the entry-point group ``quilate.engines``. It needs to do one thing:
call a function on each item, give the answers in order, and not run far ahead of who reads them.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Engine(Protocol):
    """Does work on shards."""

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """The function's answers, in the order of the items. Function and items are picklable, and
        what they read and write lies where every worker sees it."""
        ...


def processes(workers: int | None = None) -> "Processes":
    """As many processes of this machine as it has processors, or `workers`."""
    return Processes(workers or usable_processors())


def usable_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Processes:
    """Worker processes on this machine; a single item, or a single worker, is done in this one.

    >>> list(Processes(1).map(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """The answers in order; at most two items a worker are under way."""
        waiting = deque(items)
        if self._workers == 1 or len(waiting) <= 1:
            for item in waiting:
                yield function(item)
            return
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        # A forked child would share the locks of this process's threads as they were just then.
        context = multiprocessing.get_context("spawn")
        workers = min(self._workers, len(waiting))
        pool = ProcessPoolExecutor(workers, mp_context=context)
        running: deque[Future[Answer]] = deque()
        try:
            while waiting or running:
                while waiting and len(running) < 2 * workers:
                    running.append(pool.submit(function, waiting.popleft()))
                yield running.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
