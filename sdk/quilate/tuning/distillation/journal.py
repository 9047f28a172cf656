"""What was paid for: every finished call of a distillation, in an SQLite file beside it.

A call is on the disk before its answer is used, so a kill loses none; the same distillation begun
again takes from here what it finds, and asks for the rest.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from quilate.codec import from_data, from_json, to_data, to_json
from quilate.errors import MalformedReply, ModelError, StoreError
from quilate.models import Cost, Request, Response, Usage

T = TypeVar("T")

FORMAT = 1
"""The version of the file's layout, kept in SQLite's ``user_version``."""
_APPLICATION = 0x51644973  # tells our file from another program's database
_TABLES = """
CREATE TABLE responses (key TEXT PRIMARY KEY, model TEXT NOT NULL, response TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE failures (key TEXT PRIMARY KEY, model TEXT NOT NULL, failure TEXT NOT NULL)
    WITHOUT ROWID;
"""


class Journal:
    """A `CallStore` that one process at a time holds; the kernel lets go of it when that dies.

    Raises `StoreError` for a file that is no such journal, that another process holds, that is
    damaged, or that cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._thread = ThreadPoolExecutor(1, "quilate-distillation")
        try:
            self._database = self._thread.submit(self._opened).result()
            self._failures: dict[str, dict[str, Any]] = self._thread.submit(self._failed).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def get(self, key: str) -> Response | None:
        """The response kept under `key`."""
        return await self._do(lambda: self._select(key))

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Keep a response; it is on the disk when this returns. One that is there stays."""
        body = to_json(replace(response, raw=None, rate_limit=None)).decode()
        await self._do(lambda: self._insert("responses", key, model_name, body))

    def failure(self, key: str) -> ModelError | None:
        """The failure for good that is kept under `key`, to be raised again."""
        found = self._failures.get(key)
        if found is None:
            return None
        kinds = {one.kind: one for one in _kinds(ModelError)}
        return kinds.get(found["kind"], MalformedReply)(found["what"])

    async def fail(self, key: str, model_name: str, error: ModelError) -> None:
        """Keep that a call failed for good, and what it cost."""
        row: dict[str, Any] = {"kind": error.kind, "what": error.what}
        if error.usage is not None:
            row |= {"usage": to_data(error.usage), "cost": to_data(error.cost or Cost())}
        self._failures[key] = row
        await self._do(lambda: self._insert("failures", key, model_name, json.dumps(row)))

    async def paid(self) -> list[tuple[str, Usage, Cost]]:
        """The model, usage and cost of every call in the journal that had any."""
        return await self._do(lambda: list(self._paid()))

    def close(self) -> None:
        """Let go of the file."""
        self._thread.submit(self._database.close).result()
        self._thread.shutdown()

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from None

    # What follows runs in the journal's thread.

    def _opened(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            found = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(str(error)) from None
        try:
            found.execute("PRAGMA locking_mode = EXCLUSIVE").close()
            self._prepare(found)
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                found.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error as error:
            found.close()
            raise self._unusable(str(error)) from None
        except BaseException:
            found.close()
            raise
        return found

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Check that the file is ours, or make it so, and lock it."""
        database.execute("BEGIN EXCLUSIVE")
        application = _number(database, "PRAGMA application_id")
        version = _number(database, "PRAGMA user_version")
        tables = _number(database, "SELECT count(*) FROM sqlite_master")
        if (application, version) != (_APPLICATION, FORMAT):
            if application or version or tables:
                raise self._unusable("not a journal of a distillation of this version")
            for statement in filter(str.strip, _TABLES.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(f"PRAGMA user_version = {FORMAT}")
        database.execute("COMMIT")

    def _select(self, key: str) -> Response | None:
        query = "SELECT response FROM responses WHERE key = ?"
        row = self._database.execute(query, (key,)).fetchone()
        return None if row is None else self._response(key, row[0])

    def _response(self, key: str, body: str) -> Response:
        try:
            return from_json(Response, body)
        except ValidationError:
            raise self._unusable(f"the entry {key} does not hold a response") from None

    def _insert(self, table: str, key: str, model_name: str, body: str) -> None:
        # The table's name is ours.
        statement = f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)"  # noqa: S608
        self._database.execute(statement, (key, model_name, body))

    def _failed(self) -> dict[str, dict[str, Any]]:
        rows = self._database.execute("SELECT key, failure FROM failures").fetchall()
        return {key: json.loads(body) for key, body in rows}

    def _paid(self) -> Iterator[tuple[str, Usage, Cost]]:
        for key, model, body in self._database.execute("SELECT * FROM responses"):
            response = self._response(key, body)
            yield model, response.usage, response.cost
        for _, model, body in self._database.execute("SELECT * FROM failures"):
            row = json.loads(body)
            if "usage" in row:
                yield model, from_data(Usage, row["usage"]), from_data(Cost, row["cost"])

    def _unusable(self, why: str) -> StoreError:
        remedies = {
            "locked": "Another process works with it: wait until it ends, or stop it.",
            "full": "Free some space, and begin again: what it holds is not lost.",
            "readonly": "Make it writable, or name another journal.",
            "unable to open": "Name a file in a folder of yours.",
        }
        remedy = next((text for sign, text in remedies.items() if sign in why), None)
        return StoreError(
            f"The journal cannot be used: {why}.",
            where=str(self.path),
            remedy=remedy or "Move it away: what it holds is then asked for again.",
        )


def _number(database: sqlite3.Connection, query: str) -> int:
    return int(database.execute(query).fetchone()[0])


def _kinds(kind: type[ModelError]) -> Iterator[type[ModelError]]:
    yield kind
    for further in kind.__subclasses__():
        yield from _kinds(further)
