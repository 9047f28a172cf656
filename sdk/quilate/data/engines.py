"""Where the work on shards is done: here, in several processes, or on a cluster.

An engine is found by name in the entry-point group ``quilate.engines``. It needs to do one thing:
call a function on each item, give the answers in order, and not run far ahead of who reads them.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import length_hint
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

_MANY = 1000  # items, where nobody knows how many there are
_WORTH = 1.5  # seconds of work for which another process is started, which takes about one
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
    """As many processes of this machine as it has processors, or `workers`; this is one of them."""
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


def _do(function: Callable[[Item], Answer], item: Item, future: "Future[Answer]") -> None:
    """Do it here; an error comes in its turn."""
    try:
        future.set_result(function(item))
    except Exception as error:
        future.set_exception(error)


class Processes:
    """Works in this process and in `workers` - 1 more on this machine. These start once items done
    here have shown that there is work for them, and end with `close`.

    >>> list(Processes(1).map(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """The answers in order; at most four items a worker are begun and not handed on."""
        left = iter(items)
        for item in left:
            if self._pool is not None and _crosses(function, item):
                left = chain((item,), left)
                break
            began = time.monotonic()
            answer = function(item)
            rest = length_hint(left, _MANY) * (time.monotonic() - began)
            yield answer
            if rest >= _WORTH and self._workers > 1 and _crosses(function, item):
                break
        else:
            return
        yield from self._mended(function, left)

    def _mended(self, function: Callable[[Item], Answer], left: Iterator[Item]) -> Iterator[Answer]:
        """Work shared with the other processes; it goes on here where they fail."""
        from concurrent.futures.process import BrokenProcessPool

        running: deque[tuple[Item, Future[Answer]]] = deque()
        try:
            yield from self._shared(function, left, running)
        except BrokenProcessPool:
            _log.warning(
                "Worker processes cannot start or were ended; the work goes on in this one. A "
                'script that is run must guard what it does by: if __name__ == "__main__":'
            )
            self._workers = 1
            self.close()
            for item, future in running:
                done = future.done() and not future.cancelled() and future.exception() is None
                yield future.result() if done else function(item)
            yield from map(function, left)
        finally:
            for _, future in running:
                future.cancel()

    def _shared(
        self,
        function: Callable[[Item], Answer],
        left: Iterator[Item],
        running: "deque[tuple[Item, Future[Answer]]]",
    ) -> Iterator[Answer]:
        """`running` holds what was begun, until its answer is handed on. The other processes are
        kept busy first; this one does what they have no room for."""
        from concurrent.futures import Future

        pool, others = self._started(), self._workers - 1
        for item in left:
            running.append((item, Future()))
            if sum(not future.done() for _, future in running) <= 2 * others:
                running[-1] = (item, pool.submit(function, item))
            else:
                _do(function, item, running[-1][1])
            while len(running) >= 4 * self._workers or (running and running[0][1].done()):
                yield running[0][1].result()
                running.popleft()
        while running:
            yield running[0][1].result()
            running.popleft()

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
            self._pool = ProcessPoolExecutor(self._workers - 1, mp_context=context)
        return self._pool
