"""What was paid for, in an append-only file beside the test set.

Each line is one JSON object: a model's answer under the key of its call, a call that failed for
good, or the digest of a test set that is about to be written. A line that a kill or a power cut
tore is the last one; it is dropped when the file is opened again.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread

from quilate.codec import from_data, from_json, to_data
from quilate.errors import MalformedReply, ModelError, StoreError
from quilate.models import Cost, Request, Response, Usage

FORMAT = 1
_HEAD = b'{"testset": 1}\n'

if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)  # a byte far behind all that is written
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Journal:
    """A `CallStore` in a file of JSON lines, held by one process at a time.

    Raises `StoreError` for a file that is no such journal, that another process holds, or that
    cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._responses: dict[str, str] = {}
        self._failures: dict[str, dict[str, Any]] = {}
        self.written: set[str] = set()
        self._lock = threading.Lock()
        self._file = self._opened()
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    async def get(self, key: str) -> Response | None:
        """The response kept under `key`."""
        found = self._responses.get(key)
        return None if found is None else from_json(Response, found)

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Keep a response; it is on the disk when this returns."""
        if key not in self._responses:
            body = to_data(replace(response, raw=None, rate_limit=None))
            self._responses[key] = json.dumps(body)
            await anyio.to_thread.run_sync(
                self._append, {"call": key, "model": model_name, "response": body}
            )

    def failure(self, key: str) -> ModelError | None:
        """The failure for good that is kept under `key`, to be raised again."""
        found = self._failures.get(key)
        if found is None:
            return None
        kinds = {one.kind: one for one in _kinds(ModelError)}
        return kinds.get(found["kind"], MalformedReply)(found["what"])

    async def fail(self, key: str, model: str, error: ModelError) -> None:
        """Keep that a call of a model failed for good, and what it cost."""
        row = {"failed": key, "model": model, "kind": error.kind, "what": error.what}
        if error.usage is not None:
            row |= {"usage": to_data(error.usage), "cost": to_data(error.cost or Cost())}
        self._failures[key] = row
        await anyio.to_thread.run_sync(self._append, row)

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever entered."""
        return not (self._responses or self._failures or self.written)

    def will_write(self, digest: str) -> None:
        """Note the digest of a test set before it is written."""
        if digest not in self.written:
            self.written.add(digest)
            self._append({"wrote": digest})

    def paid(self) -> Iterator[tuple[Usage, Cost]]:
        """What every call in the journal used and cost."""
        for body in self._responses.values():
            response = from_json(Response, body)
            yield response.usage, response.cost
        for row in self._failures.values():
            if "usage" in row:
                yield from_data(Usage, row["usage"]), from_data(Cost, row["cost"])

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _opened(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise self._unusable(
                f"it cannot be opened ({error.strerror})", "Write to a folder of yours."
            ) from None
        try:
            _acquire(descriptor)
        except OSError:
            os.close(descriptor)
            raise self._unusable(
                "another process is working on this test set", "Wait until it ends, or stop it."
            ) from None
        return descriptor

    def _read(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole == 0:
            if not _HEAD.startswith(data):
                raise self._foreign(1)
            os.ftruncate(self._file, 0)
            self._append({"testset": FORMAT})
            return
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], 1):
            try:
                row = json.loads(line)
                self._enter(row, first=number == 1)
            except (ValueError, LookupError, TypeError, AttributeError):
                raise self._foreign(number) from None
        os.ftruncate(self._file, whole)  # once it is known to be ours

    def _enter(self, row: Any, *, first: bool) -> None:
        if first:
            if row["testset"] != FORMAT:
                raise ValueError(row)
        elif "call" in row:
            self._responses.setdefault(row["call"], json.dumps(row["response"]))
        elif "failed" in row:
            self._failures[row["failed"]] = row
        else:
            self.written.add(row["wrote"])

    def _append(self, row: dict[str, Any]) -> None:
        data = (json.dumps(row, ensure_ascii=True) + "\n").encode()
        try:
            with self._lock:
                self._write(data)
        except OSError as error:
            raise self._unusable(
                f"it cannot be written ({error.strerror})",
                "Make room, and give the same command again: what it holds is not lost.",
            ) from None

    def _write(self, data: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError:  # a full disk takes a part of a line: the next must not be glued to it
            os.ftruncate(self._file, before)
            raise

    def _foreign(self, line: int) -> StoreError:
        error = self._unusable(
            "it is no journal of this version of Quilate",
            "Move it away: what it holds is then asked for again. Or choose another --out.",
        )
        error.where = f"{self.path}:{line}"
        return error

    def _unusable(self, why: str, remedy: str) -> StoreError:
        return StoreError(
            f"The journal cannot be used: {why}.", where=str(self.path), remedy=remedy
        )


def _kinds(kind: type[ModelError]) -> Iterator[type[ModelError]]:
    yield kind
    for further in kind.__subclasses__():
        yield from _kinds(further)
