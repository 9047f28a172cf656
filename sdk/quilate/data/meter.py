"""How many rows of its shard a slow step has done, told to who watches the run.

Only what is done in the watcher's own process is told: the engine always keeps that one busy too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

Progress = Callable[[int, int, str], None]
_watcher: ContextVar[Progress | None] = ContextVar("quilate.data.meter", default=None)


@contextmanager
def watched(progress: Progress | None) -> Iterator[None]:
    """Let steps inside tell `progress` of their rows: done, of how many, and what."""
    token = _watcher.set(progress)
    try:
        yield
    finally:
        _watcher.reset(token)


def meter(step: str, rows: int) -> Callable[[], None]:
    """What a step calls after each of so many rows; from any thread.

    >>> with watched(lambda done, total, what: print(what, done, total)):
    ...     row_done = meter("augment", 2)
    >>> row_done()
    augment (rows) 1 2
    """
    progress, numbers = _watcher.get(), count(1)

    def row_done() -> None:
        if progress is not None:
            progress(next(numbers), rows, f"{step} (rows)")

    return row_done
