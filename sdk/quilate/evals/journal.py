"""The writing side of the run store: one run's items and model calls, each durable at once.

One thread talks to the database. Whoever waits to be committed while it is busy with a commit is
in the next one (group commit), so that a fast run pays for few disk flushes and a slow one for
one each.
"""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import UpdateBase

from quilate.codec import from_json, to_data, to_json
from quilate.errors import ConfigurationError, MalformedReply, StoreError
from quilate.evals import commands, tables
from quilate.evals.database import reading, reported, store_error
from quilate.evals.plan import Plan
from quilate.evals.results import Item, RunStatus
from quilate.evals.store import find_run
from quilate.evals.tables import (
    ItemBody,
    column_json,
    dump,
    key_bytes,
    pack,
    read_json,
    safe_json,
    unpack,
)
from quilate.evaluators import Metric
from quilate.middleware.calls import call_source, request_json
from quilate.middleware.cassette import redacted
from quilate.models import Request, Response

OK, TRANSIENT, PERMANENT = range(3)
"""Outcomes of an item: finished, failed in a way worth trying again, failed for good."""


class _Job(NamedTuple):
    """One statement, and who waits for it: nobody, or a future of a loop."""

    statement: UpdateBase | Select[Any]
    row: Mapping[str, Any]
    loop: asyncio.AbstractEventLoop | None = None
    future: "asyncio.Future[Any] | None" = None


class Writer:
    """The thread that holds the connection. After one failed commit it takes no more work, so
    that a run stops at the first thing that could not be kept."""

    def __init__(self, engine: Engine, *, then: str = "") -> None:
        self._engine, self._then = engine, then
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._broken: StoreError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="quilate-journal", daemon=True)
        self._thread.start()

    async def run(self, statement: UpdateBase | Select[Any], row: Mapping[str, Any]) -> Any:
        """Returns when the statement is committed; a Select returns its first row or None."""
        self._refuse()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._jobs.put(_Job(statement, row, loop, future))
        return await future

    def post(self, statement: UpdateBase, row: Mapping[str, Any]) -> None:
        """Commit soon, with nobody waiting."""
        self._jobs.put(_Job(statement, row))

    def close(self) -> None:
        """Commit what was handed in, and stop. Raises `StoreError` if anything was not kept."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()
        if self._broken is not None:
            raise self._broken

    def _refuse(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise StoreError("The run has ended; it takes no more calls or items.")

    def _serve(self) -> None:
        try:
            with self._engine.connect() as connection:
                while self._commit(connection, self._batch()):
                    pass
        except Exception as error:
            self._break(error)
            while self._answer(self._batch(), {}):
                pass

    def _batch(self) -> "list[_Job | None]":
        jobs = [self._jobs.get()]
        while not self._jobs.empty():
            jobs.append(self._jobs.get())
        return jobs

    def _commit(self, connection: Connection, batch: "list[_Job | None]") -> bool:
        """One transaction for all writes, then the reads; False when it is time to stop."""
        found: dict[int, Any] = {}
        if self._broken is None:
            try:
                with connection.begin():
                    _write(connection, batch)
                with connection.begin():
                    for place, job in enumerate(batch):
                        if job is not None and isinstance(job.statement, Select):
                            rows = connection.execute(job.statement, job.row)
                            found[place] = rows.one_or_none()
            except Exception as error:  # of any kind: a dead thread would be waited for forever
                self._break(error)
        return self._answer(batch, found)

    def _break(self, error: Exception) -> None:
        self._broken = store_error(error, str(self._engine.url.database), then=self._then)

    def _answer(self, batch: "list[_Job | None]", found: Mapping[int, Any]) -> bool:
        """Wake the waiters, with one call into each of their loops; False at the end of work."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for place, job in enumerate(batch):
            if job is not None and job.loop is not None and job.future is not None:
                by_loop.setdefault(job.loop, []).append((job.future, found.get(place)))
        for loop, waiters in by_loop.items():
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_wake, waiters, self._broken)
        return None not in batch


def _write(connection: Connection, batch: "Sequence[_Job | None]") -> None:
    """Execute the writes, those of one statement together, in the order of first appearance."""
    rows: dict[UpdateBase, list[Mapping[str, Any]]] = {}
    for job in batch:
        if job is not None and isinstance(job.statement, UpdateBase):
            rows.setdefault(job.statement, []).append(job.row)
    for statement, together in rows.items():
        connection.execute(statement, together)


def _wake(waiters: "Sequence[tuple[asyncio.Future[Any], Any]]", error: StoreError | None) -> None:
    for future, result in waiters:
        if future.done():  # the waiter was cancelled
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


_INSERT_CALL = insert(tables.calls)
_INSERT_ITEM = insert(tables.items)
_REPLACE_ITEM = update(tables.items).where(
    tables.items.c.run == bindparam("this_run"), tables.items.c.position == bindparam("place")
)
_UPDATE_RUN = update(tables.runs).where(tables.runs.c.id == bindparam("this_run"))
_SELECT_RESPONSE = select(tables.calls.c.response).where(
    tables.calls.c.run == bindparam("this_run"), tables.calls.c.key == bindparam("this_key")
)


def create_run(
    engine: Engine,
    name: str,
    plan: Plan,
    *,
    suite: str,
    metrics: Mapping[str, Metric],
    provenance: Mapping[str, Any],
) -> None:
    """Write a new run with its samples. Raises `ConfigurationError` when the id is taken."""
    row = {
        "name": name,
        "suite": suite,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
        "planned": len(plan),
        "epochs": plan.epochs,
        "targets": json.dumps(plan.targets),
        "metrics": json.dumps(to_data(dict(metrics), dict[str, Metric])),
        "fingerprint": column_json(plan.fingerprint),
        "provenance": column_json(provenance),
    }
    with reported(str(engine.url.database)), engine.begin() as connection:
        try:
            run = connection.execute(
                insert(tables.runs).returning(tables.runs.c.id), row
            ).scalar_one()
        except IntegrityError:
            raise ConfigurationError(
                f"There is a run '{name}' already.",
                remedy=f"Choose another id, or go on with it: {_resume(engine, name)}",
            ) from None
        bodies = (
            {"run": run, "position": place, "body": pack(to_json(sample))}
            for place, sample in enumerate(plan.samples)
        )
        while chunk := list(islice(bodies, 1000)):
            connection.execute(insert(tables.samples), chunk)


def _resume(engine: Engine, name: str) -> str:
    return commands.resume(name, Path(str(engine.url.database)).parent)


class Journal:
    """One run open for writing: a `CallStore` of its model calls, and the keeper of its items.

    What `put` and `record` were given is on disk when they return. Raises `StoreError` from
    every method once the database has refused a write; `put` raises `MalformedReply`, and `record`
    ValueError, for what JSON cannot hold.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        row = find_run(engine, name)
        self.name: str = row.name
        self.provenance: dict[str, Any] = read_json(row.provenance)
        self.fingerprint: dict[str, Any] = read_json(row.fingerprint)
        self._engine, self._run = engine, int(row.id)
        with reading(engine) as connection:
            keys = select(tables.calls.c.key).where(tables.calls.c.run == self._run)
            self._keys = set(connection.execute(keys).scalars())
            done = select(tables.items.c.position, tables.items.c.outcome)
            done = done.where(tables.items.c.run == self._run)
            self._outcomes: dict[int, int] = {
                place: outcome for place, outcome in connection.execute(done)
            }
        onward = f"Then go on with: {_resume(engine, name)}"
        if "gate" in self.provenance:  # which `quilate resume` would run to the suite's end
            onward = f"Then give the gate's command again, with: --resume {name}"
        self._writer = Writer(engine, then=onward)

    def done(self, *, retry_errors: bool = False) -> set[int]:
        """Positions that need no more work: finished ones, and failures that trying again would
        not mend (unless `retry_errors`)."""
        kept = {OK} if retry_errors else {OK, PERMANENT}
        return {place for place, outcome in self._outcomes.items() if outcome in kept}

    def __len__(self) -> int:
        return len(self._outcomes)

    async def get(self, key: str) -> Response | None:
        """The journaled response under `key`."""
        short = key_bytes(key)
        if short not in self._keys:
            return None
        row = await self._writer.run(_SELECT_RESPONSE, {"this_run": self._run, "this_key": short})
        return from_json(Response, unpack(row.response)) if row else None

    def paid_responses(self) -> Iterator[tuple[str, Response]]:
        """The model's name and the response of every call so far that a model itself answered, to
        add up what they cost."""
        query = select(tables.calls.c.model, tables.calls.c.response)
        query = query.where(tables.calls.c.run == self._run, tables.calls.c.paid == 1)
        with reading(self._engine) as connection:
            for model, body in connection.execute(query):
                yield model, from_json(Response, unpack(body))

    async def put(self, key: str, model_name: str, request: Request, response: Response) -> None:
        """Keep a finished model call, without the secrets that its `extra` may hold."""
        short = key_bytes(key)
        if short in self._keys:
            await self.get(key)  # which waits until the first put is on disk
            return
        if request.extra:
            body = to_json(replace(request, extra=redacted(to_data(dict(request.extra)))))
        else:
            body = request_json(request)
        try:
            kept = to_json(response)
            if b"null" in kept:  # no field of a sound response is: so has a NaN been written
                kept = safe_json(response)
        except ValueError as error:
            raise MalformedReply(
                f"The answer of {model_name} cannot be kept as JSON: {error}."
            ) from None
        row = {
            "run": self._run,
            "key": short,
            "model": model_name,
            "request": pack(body),
            "response": pack(kept),
            "paid": int(call_source(request) == "live"),
        }
        self._keys.add(short)
        await self._writer.run(_INSERT_CALL, row)

    async def record(self, position: int, item: Item, outcome: int) -> None:
        """Keep a finished item; one that was tried again takes its old place."""
        row = {
            "run": self._run,
            "position": position,
            "outcome": outcome,
            "seconds": round(item.seconds, 6),
            "calls": b"".join(map(key_bytes, item.calls)),
            "body": dump(ItemBody(item.output, item.scores, item.failure, item.score_calls)),
        }
        again = position in self._outcomes
        if again:
            row |= {"this_run": row.pop("run"), "place": row.pop("position")}
        await self._writer.run(_REPLACE_ITEM if again else _INSERT_ITEM, row)
        self._outcomes[position] = outcome

    def note(self, **provenance: Any) -> None:
        """Add to the run's provenance; written with the next commit."""
        self.provenance |= provenance
        text = column_json(self.provenance)
        self._writer.post(_UPDATE_RUN.values(provenance=text), {"this_run": self._run})

    def mark(self, status: RunStatus, reason: str | None = None) -> None:
        """Set the run's status; written with the next commit."""
        values = {"status": status, "reason": reason}
        self._writer.post(_UPDATE_RUN.values(values), {"this_run": self._run})

    def close(self) -> None:
        """Commit what was handed in and let go of the database."""
        self._writer.close()
