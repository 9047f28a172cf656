"""A progress bar on stderr, or plain lines where nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from quilate.retrievers import Progress


@contextmanager
def show_progress(*, quiet: bool = False) -> Iterator[Progress | None]:
    """A `Progress` that draws a bar for each kind of work; None when `quiet`."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        tasks = {}

        def progress(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress


def _lines() -> Progress:
    """A line for each tenth of the way that was passed, for logs."""
    told: dict[str, int] = {}

    def progress(done: int, total: int, what: str) -> None:
        tenth = 10 * done // total if total else 10
        if told.get(what) != tenth:
            told[what] = tenth
            sys.stderr.write(f"{what}: {done}/{total}\n")
            sys.stderr.flush()

    return progress
