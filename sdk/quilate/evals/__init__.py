"""Evaluation: suites, the runner, its journal, and the runs it leaves.

>>> from quilate.evaluators import Sample
>>> suite = Suite("echo", [Sample("1", "hola", ("hola",))], {"echo": str.upper}, [])
>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     evaluate(suite, store=folder).items[0].output.text
'HOLA'
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.evals.results import Call, Failure, Item, Run
from quilate.evals.suite import Limits, Resource, Suite

if TYPE_CHECKING:
    from quilate.retrievers import Progress

__all__ = [
    "Call",
    "Failure",
    "Item",
    "Limits",
    "Resource",
    "Run",
    "Suite",
    "aevaluate",
    "aresume",
    "evaluate",
    "load_suite",
    "open_run",
    "resume",
]

DEFAULT_STORE = Path(".quilate")


def load_suite(
    path: str | Path,
    *,
    model: str | None = None,
    judge: str | None = None,
    limit: int | None = None,
    store: str | Path = DEFAULT_STORE,
    replay: bool = False,
) -> Suite:
    """Read a suite from a YAML file; see `quilate.evals.suite_file.load_suite`."""
    from quilate.evals.suite_file import load_suite as load

    return load(path, model=model, judge=judge, limit=limit, store=store, replay=replay)


async def aevaluate(
    suite: Suite,
    *,
    store: str | Path = DEFAULT_STORE,
    replay: str | None = None,
    progress: "Progress | None" = None,
) -> Run:
    """Run a suite and return the run; every finished item is kept in `store` at once.

    `replay` names an earlier run from whose journal every model call is answered. Stopped by a
    limit, Ctrl-C or a full disk, the run keeps what is finished, and `resume` goes on from there.
    """
    from quilate.evals import runner

    return await runner.evaluate(suite, store=Path(store), replay=replay, progress=progress)


async def aresume(
    run: str,
    suite: Suite | None = None,
    *,
    store: str | Path = DEFAULT_STORE,
    retry_errors: bool = False,
    progress: "Progress | None" = None,
) -> Run:
    """Finish a run that was stopped. `suite` may be left out when it came from a file.

    Failures that may pass (a rate limit, a connection) are tried again; all of them with
    `retry_errors`.
    """
    from quilate.evals import runner

    return await runner.resume(
        run, suite, store=Path(store), retry_errors=retry_errors, progress=progress
    )


def evaluate(suite: Suite, **options: Any) -> Run:
    """`aevaluate` for sync code; also works in a notebook."""
    from quilate.sync import run

    return run(aevaluate(suite, **options))


def resume(run_id: str, suite: Suite | None = None, **options: Any) -> Run:
    """`aresume` for sync code."""
    from quilate.sync import run

    return run(aresume(run_id, suite, **options))


def open_run(run: str = "latest", *, store: str | Path = DEFAULT_STORE) -> Run:
    """A run read from the store: by its id, the beginning or last part of its id, ``latest``, the
    newest that is no gate, or ``latest~1``, the one before it."""
    from quilate.evals.runner import open_run as read

    return read(run, store=Path(store))
