"""Responses kept on disk between runs, in a file of their own that may be deleted at any time."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from quilate.codec import from_json, to_json
from quilate.errors import StoreError
from quilate.models import Request, Response

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

T = TypeVar("T")

FORMAT = 1
"""The version of the file's layout, kept in SQLite's ``user_version``."""


class SqliteCache:
    """A `CallStore` in an SQLite file in WAL mode; processes may share it.

    One thread of its own does all reading and writing, so the event loop never waits for a disk.
    What is put is safe from a killed process; after a power cut the last entries may be missing,
    as a cache may. Prompts are not kept, only answers under their keys. Raises `StoreError` for a
    file that is damaged, locked, not a cache, or on a full disk.

    >>> import tempfile
    >>> from quilate import sync
    >>> cache = SqliteCache(Path(tempfile.mkdtemp()) / "cache.sqlite")
    >>> sync.run(cache.get("key")) is None
    True
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._thread = ThreadPoolExecutor(1, "quilate-cache")
        self._connection: Connection | None = None
        self._table: Table | None = None

    async def get(self, key: str) -> Response | None:
        """The response kept under `key`."""
        return await self._do(lambda: self._select(key))

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Keep a response; an entry that is there already stays."""
        body = to_json(response)
        await self._do(lambda: self._insert(key, model_name, body))

    async def aclose(self) -> None:
        """Close the file; the next call opens it again."""
        await self._do(self._close)

    async def _do(self, work: Callable[[], T]) -> T:
        from sqlalchemy.exc import DBAPIError

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except DBAPIError as error:
            raise self._failed(str(error.orig)) from None

    def _failed(self, why: str) -> StoreError:
        remedy = "Delete the file: it is only a cache, and what it held is asked for again."
        if "locked" in why or "full" in why or "unable to open" in why or "readonly" in why:
            remedy = "Free the file or the disk and try again, or run without the cache."
        return StoreError(f"The cache cannot be used: {why}.", where=str(self.path), remedy=remedy)

    def _select(self, key: str) -> Response | None:
        from pydantic import ValidationError
        from sqlalchemy import select

        connection, table = self._open()
        found = connection.execute(
            select(table.c.response).where(table.c.key == key)
        ).scalar_one_or_none()
        if found is None:
            return None
        try:
            return from_json(Response, found)
        except ValidationError:
            raise self._failed(f"the entry {key} does not hold a response") from None

    def _insert(self, key: str, model_name: str, body: bytes) -> None:
        from sqlalchemy.dialects.sqlite import insert

        connection, table = self._open()
        row = {"key": key, "model": model_name, "response": body.decode()}
        connection.execute(insert(table).values(row).on_conflict_do_nothing())

    def _open(self) -> "tuple[Connection, Table]":
        if self._connection is None or self._table is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._failed(f"unable to open its folder ({error.strerror})") from None
            connection = _engine(self.path).connect()
            try:
                self._table = self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection, self._table

    def _prepare(self, connection: "Connection") -> "Table":
        """Check that the file is ours, or make it so, before another process can."""
        from sqlalchemy import Column, MetaData, String, Table, inspect
        from sqlalchemy.exc import OperationalError

        table = Table(
            "responses",
            MetaData(),
            Column("key", String, primary_key=True),
            Column("model", String, nullable=False),
            Column("response", String, nullable=False),
            sqlite_with_rowid=False,
        )
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found != FORMAT:
            if found or inspect(connection).get_table_names():
                raise self._failed("it is not a cache of this version of Quilate")
            table.create(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
        connection.exec_driver_sql("COMMIT")
        # SQLite does not wait for this lock: a process that opens the file at the same moment may
        # have it, and makes the change. Whatever else is wrong, the next statement tells.
        with contextlib.suppress(OperationalError):
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        return table

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()
            self._connection = None


def _engine(path: Path) -> "Engine":
    from sqlalchemy import URL, create_engine, event

    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        # WAL stays intact without an fsync for each entry; a cache needs no more.
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine
