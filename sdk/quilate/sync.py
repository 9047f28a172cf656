"""The sync face: coroutines run on one background loop that the package owns.

So the same call works in a script, in a notebook whose own loop is running, and in a thread.
"""

import asyncio
import functools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

from quilate.errors import QuilateError

T = TypeVar("T")
P = ParamSpec("P")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_parents: list[asyncio.AbstractEventLoop] = []


def _leave_to_parent() -> None:
    """In a forked child, where the loop's thread is not: let the next call start another.

    The old loop is kept: to collect it would run the ``finally`` clauses of the parent's calls.
    """
    global _lock, _loop
    if _loop is not None:
        _parents.append(_loop)
    _lock, _loop = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def background_loop() -> asyncio.AbstractEventLoop:
    """The package's loop, started in a daemon thread at the first call."""
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="quilate", daemon=True).start()
        return _loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from sync code; Ctrl-C cancels it and waits until it has stopped.

    >>> async def answer() -> int:
    ...     return 42
    >>> run(answer())
    42
    """
    loop = background_loop()
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        work.close()
        raise QuilateError(
            "A sync call was made from inside Quilate's own loop, which would wait for itself.",
            remedy="Use the async form (await …) in async code.",
        )
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        _wait_stopped(loop)
        raise


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The sync form of an async function, with its arguments and its documentation; called as it
    is without the ``a`` at its beginning.

    >>> async def aanswer(*, times: int = 1) -> int:
    ...     return 42 * times
    >>> answer = blocking(aanswer)
    >>> answer.__name__, answer(times=2)
    ('answer', 84)
    """

    @functools.wraps(function)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    waiting.__name__ = function.__name__.removeprefix("a")
    waiting.__qualname__ = waiting.__name__
    return waiting


def _wait_stopped(loop: asyncio.AbstractEventLoop) -> None:
    """Give cancelled tasks a moment to clean up (close files, commit what is finished)."""

    async def others() -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        if tasks:
            await asyncio.wait(tasks, timeout=10)

    asyncio.run_coroutine_threadsafe(others(), loop).result()


class _Stopped(BaseException):
    """Raised in a thread whose work is not wanted any more; no ``except Exception`` keeps it."""


async def stoppable(work: Callable[[Callable[[], None]], T]) -> T:
    """Run work that takes long in a thread. It calls what it is given now and then, which raises
    once the call here is cancelled (as Ctrl-C does); the call then ends with the work.

    >>> run(stoppable(lambda check: [check() for _ in range(3)]))
    [None, None, None]
    """
    import anyio

    stopping, started, ended = threading.Event(), threading.Event(), threading.Event()

    def check() -> None:
        if stopping.is_set():
            raise _Stopped

    def begin() -> T:
        started.set()
        try:
            return work(check)
        finally:
            ended.set()

    try:
        return await anyio.to_thread.run_sync(begin, abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        stopping.set()
        if started.is_set():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(ended.wait)
        raise


def iterate(source: AsyncIterator[T]) -> Iterator[T]:
    """Iterate an async iterator from sync code."""

    async def step() -> tuple[bool, T | None]:
        try:
            return True, await anext(source)
        except StopAsyncIteration:
            return False, None

    try:
        while True:
            more, value = run(step())
            if not more:
                return
            yield value  # type: ignore[misc]  # `more` says that there is one
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            run(close())
