"""The run store's file: opened to write, or to read where that is all one may, and what its
database complains of."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from quilate.errors import StoreError
from quilate.evals.tables import VERSION, metadata

FILE = "runs.sqlite"

NO_RUNS_REMEDY = (
    "Begin one: quilate run SUITE; or name the folder that holds your runs: --store DIR."
)

# FULL: a commit has reached the disk when it returns, also through a power cut.
_PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL")

_DAMAGED = "malformed"
_REMEDIES = {
    "is full": "Free some space on that disk.",
    "readonly": "Make the file and its folder writable.",
    "locked": "Another process keeps it locked; wait for that process or stop it.",
    "not a database": "It is no run store; move it away or choose another --store.",
    _DAMAGED: "The file is damaged; move it away, or restore it from a backup.",
    "unable to open": "Check that the folder exists and that you may write in it.",
    "disk I/O": "Check the disk, its free space and its quota.",
}
_COPY = "Copy its whole folder to where you may write, and name that: --store DIR."


def store_error(error: Exception, path: str, *, then: str = "") -> StoreError:
    """A database's complaint as a `StoreError`; `then` says how to go on after the remedy."""
    said = str(getattr(error, "orig", error))
    known = (remedy for sign, remedy in _REMEDIES.items() if sign in said)
    remedy = " ".join(filter(None, (next(known, ""), then)))
    return StoreError(f"The run store failed: {said}.", where=path, remedy=remedy or None)


@contextmanager
def reported(path: str, *, then: str = "") -> Iterator[None]:
    """Turn what the database raises inside into a `StoreError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise store_error(error, path, then=then) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read by, whose complaints are a `StoreError`."""
    path = str(engine.url.database)
    with reported(path), engine.connect() as connection:
        apart = isinstance(connection.connection.driver_connection, _ReadOnly)
        try:
            yield connection
        except SQLAlchemyError as error:
            # Who reads what another process writes, and can keep no lock, sees halves of both.
            if apart and any(sign in str(error) for sign in (_DAMAGED, *_DENIED)):
                raise StoreError(
                    "The run store could not be read; another process may be writing it.",
                    where=path,
                    remedy=f"Try again. {_COPY}",
                ) from error
            raise


def connect(store: Path, *, create: bool = False) -> Engine:
    """The engine over a store's file. Raises `StoreError` when it is absent (without `create`),
    no store, or written by a newer version."""
    path = store / FILE
    if not create and not path.exists():
        raise StoreError(
            "There are no runs here.", where=str(store.absolute()), remedy=NO_RUNS_REMEDY
        )
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot make the store: {error.strerror}.", where=str(store)) from None
    opened = partial(_open, path, "mode=rwc") if create else partial(_open_existing, path)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, creator=opened)
    with reading(engine) as connection, connection.begin():
        if create and not _version(connection):
            _create_tables(connection)
        _check(connection, path, create=create)
    return engine


class _ReadOnly(sqlite3.Connection):
    """A connection to a store that may not be written by this process."""


_DENIED = ("unable to open", "readonly")


def _open_existing(path: Path) -> sqlite3.Connection:
    """A connection as usual, which needs to write beside the file also to read; where that is not
    allowed, one that only reads. It is chosen for every connection, for writers come and go: beside
    one its shared memory is read; without one there is none, and nothing to share."""
    try:
        return _open(path, "mode=rw")
    except sqlite3.OperationalError as error:
        if not _denied(error):
            raise
    try:
        return _open(path, "mode=ro", _ReadOnly)
    except sqlite3.OperationalError as error:
        if not _denied(error):
            raise
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:  # commits that are not yet in the file
            raise StoreError(
                f"The run store cannot be opened for reading: {error}.",
                where=str(path),
                remedy=_COPY,
            ) from None
    return _open(path, "mode=ro&immutable=1", _ReadOnly)


def _open(
    path: Path, mode: str, kind: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    made = sqlite3.connect(uri, uri=True, check_same_thread=False, factory=kind)
    try:
        for pragma in (*_PRAGMAS, "user_version"):  # the last reads, and so shows what is wrong
            made.execute(f"PRAGMA {pragma}").close()
    except sqlite3.Error:
        made.close()
        raise
    return made


def _denied(error: sqlite3.Error) -> bool:
    return any(sign in str(error) for sign in _DENIED)


def _version(connection: Connection) -> int:
    """The format of the store, 0 for a file that is none yet."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _check(connection: Connection, path: Path, *, create: bool) -> None:
    """Refuse what is no store, or one of a newer version."""
    version = _version(connection)
    if version > VERSION:
        raise StoreError(
            f"The store has format {version}; this Quilate reads up to {VERSION}.",
            where=str(path),
            remedy="Run: pip install --upgrade quilate",
        )
    if not version and not create:
        raise StoreError(
            "There are no runs here yet.",
            where=str(path.absolute()),
            remedy=NO_RUNS_REMEDY,
        )
    if not _has_our_tables(connection):
        raise StoreError(
            "This database holds other tables than those of a run store.",
            where=str(path),
            remedy="Move it away, or choose another --store.",
        )


def _create_tables(connection: Connection) -> None:
    """Make an empty file a store. Of several processes one does it, and no one sees half of it."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        return  # another process was first, or the file is somebody else's
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def _has_our_tables(connection: Connection) -> bool:
    return all(
        set(connection.exec_driver_sql(f"PRAGMA table_info({table.name})").scalars(1)).issuperset(
            table.columns.keys()
        )
        for table in metadata.sorted_tables
    )
