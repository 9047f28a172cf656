"""What a run says when Ctrl-C ends it, and what can be known before it begins."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quilate.errors import ConfigurationError, QuilateError
from quilate.evals import commands
from quilate.evals.store import list_runs


class Interrupted(SystemExit):
    """Ctrl-C in a run: exit code 130. `hint` says how to go on."""

    def __init__(self, hint: str) -> None:
        super().__init__(130)
        self.hint = hint


@contextmanager
def interruptible(
    run: str, store: Path, command: str | None = None, /, **reports: object
) -> Iterator[None]:
    """Turn Ctrl-C inside into `Interrupted`, with the command that goes on with the run: the one
    given, else `quilate resume` with the same reports."""
    try:
        yield
    except KeyboardInterrupt:
        if _is_kept(run, store):
            onward = command or commands.resume(run, store, **reports)
            raise Interrupted(f"What was finished is kept. Go on with: {onward}") from None
        raise Interrupted("The run had not begun; give the same command again.") from None


@contextmanager
def same_goes_on() -> Iterator[None]:
    """Turn Ctrl-C inside into `Interrupted`, for a command that goes on when it is given again."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"What was finished is kept. Go on with: {this_command()}") from None


def this_command() -> str:
    """The command that is running, to paste."""
    return shlex.join(["quilate", *sys.argv[1:]])


def _is_kept(run: str, store: Path) -> bool:
    try:
        return any(record.id == run for record in list_runs(store))
    except QuilateError:
        return False


def check_writable(*reports: Path | None) -> None:
    """Raise `ConfigurationError` for a report that could not be written after the run. Folders
    that are missing are made."""
    for path in filter(None, reports):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error.strerror or str(error)) from None
        if path.is_dir():
            raise _unwritable(path, "It is a folder")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise _unwritable(path, "Permission denied")


def _unwritable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The report cannot be written: {why}.",
        where=str(path),
        remedy="Name a file in a folder that you may write to; nothing was run.",
    )
