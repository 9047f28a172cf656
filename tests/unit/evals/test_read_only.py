"""A store that only may be read: a colleague's folder, a mounted artifact, an archive."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from quilate.errors import StoreError
from quilate.evals import Suite, evaluate, open_run, resume
from quilate.evals.database import FILE, connect, reading
from quilate.evals.store import list_runs
from quilate.evaluators import Sample
from quilate.registry import evaluator
from quilate.reports.comparison import compare

SUITE = Suite(
    "echo",
    [Sample(str(n), f"q{n}", (f"q{n}",)) for n in range(6)],
    {"app": str},
    [evaluator("exact_match")],
)


@pytest.fixture
def store():
    """A store that everybody may read, with two runs; root's own test folders nobody may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        for _ in range(2):
            evaluate(SUITE, store=folder / "runs")
        yield folder / "runs"
    finally:
        shutil.rmtree(folder)


@contextmanager
def only_read(store):
    """Without the rights to write there, which root has whatever the modes say."""
    everything = [store, *store.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_runs_are_listed_opened_and_compared(store):
    a, b = (record.id for record in list_runs(store))
    compare(a, b, store=store).summary()  # loads what it needs while that may be read
    with only_read(store):
        assert [record.id for record in list_runs(store)] == [a, b]
        assert open_run(a, store=store).items[0].output.text == "q0"
        assert compare(a, b, store=store).outcome == "pass"


def test_what_another_process_has_just_written_is_read_too(store):
    with sqlite3.connect(store / FILE) as writer:
        writer.execute("UPDATE runs SET reason = 'noted'")
        writer.commit()
        assert (store / f"{FILE}-wal").stat().st_size
        with only_read(store):
            assert open_run("latest", store=store).reason == "noted"
        writer.rollback()
    writer.close()


_WRITER = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("SELECT count(*) FROM runs").fetchall()
print("there", flush=True)
for statement in sys.stdin:
    store.execute(statement).fetchall()
    print("done", flush=True)
store.close()
"""


@contextmanager
def writer(store):
    """Another process that has the store open and does what it is told."""
    command = [sys.executable, "-c", _WRITER, str(store / FILE)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        process.stdout.readline()

        def tell(statement):
            process.stdin.write(f"{statement}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        yield tell


_CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
_REASON = text("SELECT max(reason) FROM runs")


def test_a_store_that_is_open_is_read_beside_a_writer_that_comes_and_goes(store):
    def noted(engine):
        with only_read(store), reading(engine) as connection:
            return connection.execute(_REASON).scalar()

    with only_read(store):
        before = connect(store)
    with writer(store) as tell:
        tell("UPDATE runs SET reason = 'one'")
        assert noted(before) == "one"
        tell(_CHECKPOINT)
        with only_read(store):
            during = connect(store)
        tell("UPDATE runs SET reason = 'two'")
        assert noted(before) == noted(during) == "two"
    assert not (store / f"{FILE}-wal").exists()
    assert noted(before) == noted(during) == "two"
    with only_read(store):
        assert [record.finished for record in list_runs(store)] == [6, 6]


def test_a_file_that_changes_while_it_is_read_is_not_said_to_be_damaged(store):
    with writer(store) as tell:
        tell("UPDATE runs SET reason = hex(randomblob(200000))")
    said = pytest.raises(StoreError, match="another process may be writing")
    with said as told, ExitStack() as stack:
        with only_read(store):
            connection = stack.enter_context(reading(connect(store)))
            connection.execute(text("SELECT status FROM runs")).all()
        with writer(store) as tell:
            tell("UPDATE runs SET reason = ''")
            tell("VACUUM")
            tell(_CHECKPOINT)
        connection.execute(_REASON).scalar()
    assert "damaged" not in str(told.value)
    assert "Try again. Copy its whole folder" in str(told.value)


def test_commits_that_cannot_be_read_are_told_with_the_way_out(store):
    writer = sqlite3.connect(store / FILE)
    writer.execute("UPDATE runs SET reason = 'noted'")
    writer.commit()
    copy = store.parent / "copy"
    copy.mkdir()
    for name in (FILE, f"{FILE}-wal"):  # as a copy of a killed run's folder, without its memory
        shutil.copy(store / name, copy / name)
    writer.close()
    with only_read(copy), pytest.raises(StoreError, match="Copy its whole folder") as told:
        open_run("latest", store=copy)
    assert str(copy / FILE) in str(told.value)


def test_to_write_there_is_an_error_that_names_the_folder(store):
    run = open_run("latest", store=store).id
    with only_read(store), pytest.raises(StoreError, match="Make the file and its folder writable"):
        resume(run, SUITE, store=store)
