import asyncio
import sqlite3
import threading
from dataclasses import replace

import pytest

from quilate import sync
from quilate.errors import StoreError
from quilate.evals import database
from quilate.evals import store as stores
from quilate.evals.journal import OK, TRANSIENT, Journal, create_run
from quilate.evals.plan import Plan, make_plan
from quilate.evals.results import Failure, Item
from quilate.evals.suite import Suite
from quilate.evals.tables import pack, unpack
from quilate.evaluators import Output, Sample
from quilate.middleware import call_key
from quilate.models import Usage, ask, reply


@pytest.fixture
def engine(tmp_path):
    engine = database.connect(tmp_path, create=True)
    create_run(engine, "r", plan_of(6), suite="demo", metrics={}, provenance={})
    return engine


def plan_of(count: int) -> Plan:
    samples = [Sample(str(n), "?") for n in range(count)]
    return sync.run(make_plan(Suite("demo", samples, {"t": str}, [])))


def item(number: int) -> Item:
    return Item("t", str(number), output=Output("ok"))


def test_calls_come_back_and_the_first_answer_stays(engine):
    journal = Journal(engine, "r")
    request, key = ask("¿hola?", max_tokens=3), call_key("m", ask("¿hola?"), "scope")

    async def work():
        assert await journal.get(key) is None
        await journal.put(key, "m", request, reply("uno", usage=Usage(3, 1)))
        await journal.put(key, "m", request, reply("dos"))
        return await journal.get(key)

    assert sync.run(work()) == reply("uno", usage=Usage(3, 1))
    journal.close()
    again = Journal(engine, "r")
    assert sync.run(again.get(key)).text == "uno"
    assert [(model, response.text) for model, response in again.paid_responses()] == [("m", "uno")]
    again.close()


def test_secrets_in_extra_are_not_kept(engine, tmp_path):
    journal = Journal(engine, "r")
    request = replace(ask("hi"), extra={"headers": {"Authorization": "Basic dXNlcjpwYXNz"}})
    key = call_key("m", request)
    sync.run(journal.put(key, "m", request, reply("ok")))
    journal.close()
    kept = stores.open_run("r", tmp_path).call(key).request
    assert kept.extra == {"headers": {"Authorization": "[redacted]"}}


def test_what_is_recorded_is_there_when_record_returns(engine, tmp_path):
    """Seen from another connection while the journal is still open."""
    journal = Journal(engine, "r")

    async def work():
        for number in range(6):
            await journal.record(number, item(number), OK)
            assert len(stores.open_run("r", tmp_path).items) == number + 1

    sync.run(work())
    journal.close()


def test_an_item_that_was_tried_again_takes_its_place(engine, tmp_path):
    journal = Journal(engine, "r")
    failed = Item("t", "3", failure=Failure("rate_limited", "busy", retryable=True))
    sync.run(journal.record(3, failed, TRANSIENT))
    assert journal.done() == set()
    sync.run(journal.record(3, item(3), OK))
    journal.close()
    assert list(stores.open_run("r", tmp_path).items) == [item(3)]
    assert Journal(engine, "r").done() == {3}


def test_waiters_share_commits(engine, monkeypatch):
    """While the thread is held up in one commit, everything that comes waits for the next one."""
    from quilate.evals import journal as module

    batches, gate, write = [], threading.Event(), module._write

    def slow_write(connection, batch):
        batches.append(len(batch))
        if len(batches) == 1:
            assert gate.wait(10)
        write(connection, batch)

    monkeypatch.setattr(module, "_write", slow_write)
    journal = Journal(engine, "r")

    async def work():
        tasks = [asyncio.create_task(journal.record(n, item(n), OK)) for n in range(6)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)

    sync.run(work())
    journal.close()
    assert sum(batches) == 6 + 1 and len(batches) <= 3


def test_after_a_refused_write_nothing_more_is_taken(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "query_only=1"))
    journal = Journal(engine, "r")
    with pytest.raises(StoreError, match=r"readonly.*writable.*quilate resume r"):
        sync.run(journal.record(0, item(0), OK))
    with pytest.raises(StoreError, match="readonly"):
        sync.run(journal.put("00" * 32, "m", ask("?"), reply("!")))
    with pytest.raises(StoreError, match="readonly"):
        journal.close()


def test_a_gate_that_cannot_write_is_not_told_to_resume_as_a_run(engine, monkeypatch):
    asked = {"gate": {"baseline": "r"}}
    create_run(engine, "g", plan_of(6), suite="demo", metrics={}, provenance=asked)
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "query_only=1"))
    journal = Journal(engine, "g")
    with pytest.raises(StoreError, match=r"give the gate's command again, with: --resume g$"):
        sync.run(journal.record(0, item(0), OK))
    with pytest.raises(StoreError, match="readonly"):
        journal.close()


def test_a_closed_journal_says_so(engine):
    journal = Journal(engine, "r")
    journal.close()
    with pytest.raises(StoreError, match="The run has ended"):
        sync.run(journal.record(0, item(0), OK))


def test_waiting_works_from_several_event_loops(engine, tmp_path):
    journal = Journal(engine, "r")
    threads = [
        threading.Thread(target=lambda n=n: asyncio.run(journal.record(n, item(n), OK)))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert len(stores.open_run("r", tmp_path).items) == 6


def test_a_store_locked_by_someone_else_is_named(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_PRAGMAS", ("busy_timeout=1", *database._PRAGMAS[1:]))
    other = sqlite3.connect(tmp_path / stores.FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = Journal(engine, "r")
    with pytest.raises(StoreError, match=r"locked.*Another process keeps it locked"):
        sync.run(journal.record(0, item(0), OK))
    other.close()


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / stores.FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"not a database.*move it away"):
        database.connect(tmp_path)


def test_the_database_of_something_else_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / stores.FILE) as other:
        other.execute("create table runs (distance)")
    before = (tmp_path / stores.FILE).read_bytes()[100:]
    for version in (0, 1):
        other.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(StoreError, match=r"other tables.*choose another --store"):
            database.connect(tmp_path, create=True)
        tables = other.execute("select name from sqlite_master").fetchall()
        assert tables == [("runs",)]
    other.close()
    assert (tmp_path / stores.FILE).read_bytes()[100:] == before


def test_a_value_that_the_database_cannot_take_is_an_error_and_no_wait(engine):
    journal = Journal(engine, "r")
    with pytest.raises(StoreError, match="surrogates"):
        sync.run(journal.put("00" * 32, "model \ud800", ask("?"), reply("!")))
    with pytest.raises(StoreError):
        journal.close()


def test_an_empty_file_is_a_store_without_runs(tmp_path):
    (tmp_path / stores.FILE).touch()
    with pytest.raises(StoreError, match=r"no runs here yet.*quilate run"):
        stores.open_run("latest", tmp_path)


def test_a_newer_store_is_refused(engine, tmp_path):
    with sqlite3.connect(tmp_path / stores.FILE) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreError, match=r"format 99.*pip install --upgrade"):
        database.connect(tmp_path)


@pytest.mark.parametrize("length", [0, 100, 1000, 5000, 100_000])
def test_bodies_of_every_size_come_back(length):
    text = b'{"text":"' + bytes(97 + n * n % 26 for n in range(length)) + b'"}'
    assert unpack(pack(text)) == text and len(pack(text)) <= len(text)
