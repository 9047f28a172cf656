"""One writer at a time: a lock file that the operating system releases with its process."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quilate.errors import IndexingError

if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> None:
        # Windows locks bytes and forbids others to read them: take one far behind the pid.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def writer_lock(file: Path) -> Iterator[None]:
    """Hold `file` as a lock, without waiting; raises `IndexingError` naming the process that has
    it. A process that dies releases it, so that no stale lock is ever left to remove by hand."""
    descriptor = _locked(file)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(file: Path) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise IndexingError(
            f"The index cannot be written: {error.strerror}.",
            where=str(file.parent),
            remedy="Choose a directory that you may write in.",
        ) from None
    try:
        _acquire(descriptor)
    except (BlockingIOError, PermissionError):
        holder = os.read(descriptor, 32).decode("ascii", "replace") or "unknown"
        os.close(descriptor)
        raise IndexingError(
            f"The index is locked: process {holder} is writing it.",
            where=str(file.parent),
            remedy="Wait until it ends, or stop it, and sync again.",
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
