"""The run store: one SQLite file holds every run, with its samples, items and model calls.

This is its reading side, and who may work on which run; `journal` is its writing side.
"""

import difflib
import json
import re
import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast, overload

from sqlalchemy import Connection, Engine, Row, func, select

from quilate.codec import from_data, from_json
from quilate.errors import ConfigurationError, StoreError, UnknownName
from quilate.evals.database import FILE, NO_RUNS_REMEDY, connect, reading
from quilate.evals.results import Call, Item, Run, RunKind, RunStatus, kind_of
from quilate.evals.stored import StoredSamples, bare_scores
from quilate.evals.tables import (
    ItemBody,
    calls,
    items,
    key_bytes,
    read_json,
    runs,
    samples,
    split_keys,
    unpack,
)
from quilate.evaluators import Metric, Sample
from quilate.models import Request, Response


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run in a list: `finished` of `planned` items have a result, a failure being one; `reason`
    as in a `Run`."""

    id: str
    name: str
    created: str
    status: RunStatus
    finished: int
    planned: int
    kind: RunKind
    reason: str | None = None


@contextmanager
def lease(store: Path, run: str) -> Iterator[None]:
    """Hold a run: a second process, or a second call in this one, gets a `StoreError`.

    The lock is SQLite's on an empty file, because it works on every system that SQLite does and
    the kernel lets go of it when the process dies, however it dies.
    """
    path = _lock_path(store, run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _no_lock(error, run, path) from None
    try:
        _hold(lock, run, path)
        yield
    finally:
        lock.close()


def _hold(lock: sqlite3.Connection, run: str, path: Path) -> None:
    try:
        lock.execute("PRAGMA journal_mode=MEMORY")  # nothing is written, not even to a full disk
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if "locked" not in str(error):
            raise _no_lock(error, run, path) from None
        raise StoreError(
            f"The run {run} is being worked on by another process.",
            where=str(path),
            remedy="Wait until it has ended, or stop it.",
        ) from None


def _lock_path(store: Path, run: str) -> Path:
    return store / "locks" / f"{run}.lock"


def _no_lock(error: Exception, run: str, path: Path) -> StoreError:
    return StoreError(
        f"Cannot lock the run {run}: {error}.",
        where=str(path),
        remedy="Check that you may write in this folder, and that the disk has space.",
    )


def _is_held(store: Path, run: str) -> bool:
    """Whether some process holds a run. Looks without touching: a store that only may be read
    can be looked at, and nobody who wants the run is turned away meanwhile."""
    path = _lock_path(store, run).absolute()
    try:
        lock = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)
    except sqlite3.Error:
        return False
    try:
        lock.execute("SELECT * FROM sqlite_master")
    except sqlite3.Error as error:
        return "locked" in str(error)
    finally:
        lock.close()
    return False


_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_NEWEST_FIRST = (runs.c.created.desc(), runs.c.id.desc())


def _kind(provenance: str) -> RunKind:
    """What a run is by its provenance's JSON, which is only parsed where it may have the word."""
    may = '"gate"' in provenance or '"replay"' in provenance
    return kind_of(read_json(provenance)) if may else "run"


def find_run(engine: Engine, wanted: str) -> "Row[Any]":
    """The row of one run: by its id, the beginning or the last part of its id; ``latest``, the
    newest that is no gate, or ``latest~1``, the one before it.

    Raises `UnknownName` for none, `ConfigurationError` for several.
    """
    with reading(engine) as connection:
        name = _named(connection, wanted)
        return connection.execute(select(runs).where(runs.c.name == name)).one()


def _named(connection: Connection, wanted: str) -> str:
    """The name of the one run that is meant."""
    newest_first = select(runs.c.name).order_by(*_NEWEST_FIRST)
    known: Sequence[str] = connection.execute(newest_first).scalars().all()
    back = _LATEST.fullmatch(wanted)
    found: Sequence[str]
    if back is not None:
        rows = connection.execute(newest_first.add_columns(runs.c.provenance))
        # A gate looks at as few samples as it needs, so it is not what is meant by default.
        ordinary = (name for name, provenance in rows if _kind(provenance) != "gate")
        place = int(back[1] or 0)
        found = list(islice(ordinary, place, place + 1))
    elif wanted in known:
        found = [wanted]
    else:
        found = [n for n in known if n.startswith(wanted) or n.endswith(f"-{wanted}")]
    if not found:
        counted = "`latest` counts no gates. " if back is not None else ""
        remedy = f"{counted}{_known(wanted, known)}"
        raise UnknownName(f"There is no run '{wanted}'.", remedy=remedy)
    if len(found) > 1:
        named = f"{', '.join(found[:5])}{', …' if len(found) > 5 else ''}"
        raise ConfigurationError(
            f"'{wanted}' could be {len(found)} runs: {named}.", remedy="Write more of the id."
        )
    return found[0]


def _known(wanted: str, known: Sequence[str]) -> str:
    """What to say of a run that is not there: how many there are, and a few that may be meant."""
    if not known:
        return NO_RUNS_REMEDY
    # The last part of an id is what people write; a whole id is near to every other of its suite.
    ends = {name.rpartition("-")[2]: name for name in reversed(known)}
    close = [ends[end] for end in difflib.get_close_matches(wanted, ends)]
    close = close or difflib.get_close_matches(wanted, known)
    few = ", ".join((close or known)[:3])
    count = f"{len(known)} run{'' if len(known) == 1 else 's'}"
    what = "nearest" if close else "newest"
    return f"The store has {count}; the {what}: {few}. All of them: quilate runs"


def _status(store: Path, name: str, written: str) -> RunStatus:
    """A run that says it is running but that nobody holds was killed."""
    if written == "running" and not _is_held(store, name):
        return "stopped"
    return cast(RunStatus, written)


def list_runs(store: Path) -> list[RunRecord]:
    """Every run of a store, newest first; none when there is no store yet."""
    if not (store / FILE).exists():
        return []
    engine = connect(store)
    finished = select(func.count()).where(items.c.run == runs.c.id).scalar_subquery()
    query = select(runs, finished.label("finished")).order_by(*_NEWEST_FIRST)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [
        RunRecord(
            row.name,
            row.suite,
            row.created,
            _status(store, row.name, row.status),
            row.finished,
            row.planned,
            _kind(row.provenance),
            row.reason,
        )
        for row in rows
    ]


def read_samples(engine: Engine, run: int) -> StoredSamples:
    """The samples of a run by id, in the order of its suite."""
    query = select(samples.c.body).where(samples.c.run == run).order_by(samples.c.position)
    with reading(engine) as connection:
        return StoredSamples(connection.execute(query).scalars().all())


def open_run(wanted: str, store: Path, *, samples: Mapping[str, Sample] | None = None) -> Run:
    """A run read from its store. Items are read as they are looked at; `samples` saves reading
    them when the caller has them."""
    engine = connect(store)
    row = find_run(engine, wanted)
    by_id = read_samples(engine, row.id) if samples is None else samples
    targets = tuple(json.loads(row.targets))
    return Run(
        id=row.name,
        name=row.suite,
        created=row.created,
        status=_status(store, row.name, row.status),
        reason=row.reason,
        targets=targets,
        metrics=from_data(dict[str, Metric], json.loads(row.metrics)),
        samples=by_id,
        items=Items(engine, row.id, tuple(by_id), targets, row.epochs),
        planned=row.planned,
        provenance=read_json(row.provenance),
        load_call=_Calls(engine, row.id),
        store=str(store),
    )


class Items(Sequence[Item]):
    """The items of a run in plan order, read a page at a time and not kept."""

    _PAGE = 256

    def __init__(
        self,
        engine: Engine,
        run: int,
        sample_ids: tuple[str, ...],
        targets: tuple[str, ...],
        epochs: int,
    ) -> None:
        self._engine, self._run = engine, run
        self._sample_ids, self._targets, self._epochs = sample_ids, targets, epochs
        query = select(items.c.position).where(items.c.run == run).order_by(items.c.position)
        with reading(engine) as connection:
            self._positions = array("q", connection.execute(query).scalars())
        self._page: tuple[int, list[Item]] = (-1, [])

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        number, offset = divmod(place, self._PAGE)
        held, page = self._page
        if held != number:
            page = self._read(number)
            self._page = (number, page)
        return page[offset]

    def find(self, target: str, sample_id: str, epoch: int) -> Item | None:
        """One item by what it is; None when the run has no result of it."""
        try:
            sample, number = self._sample_ids.index(sample_id), self._targets.index(target)
        except ValueError:
            return None
        position = (sample * len(self._targets) + number) * self._epochs + epoch
        place = bisect_left(self._positions, position)
        there = place < len(self) and self._positions[place] == position
        return self[place] if there and epoch < self._epochs else None

    def of(self, wanted: Collection[tuple[str, str]]) -> list[Item]:
        """The items of some targets on some samples, given as (target, sample id), in plan order
        and read at once."""
        places = {sample: place for place, sample in enumerate(self._sample_ids)}
        positions = [
            (places[sample] * len(self._targets) + self._targets.index(target)) * self._epochs + n
            for target, sample in wanted
            if target in self._targets and sample in places
            for n in range(self._epochs)
        ]
        found: list[Item] = []
        with reading(self._engine) as connection:
            for some in _pages(sorted(positions), self._PAGE):
                query = select(items).where(items.c.run == self._run, items.c.position.in_(some))
                rows = connection.execute(query.order_by(items.c.position))
                found += map(self._item, rows)
        return found

    def without_outputs(self) -> Iterator[Item]:
        """Every item with its bare scores and its failure, and nothing else: many times faster to
        read than whole ones, for who wants figures."""
        query = select(items.c.position, items.c.body).where(items.c.run == self._run)
        query = query.order_by(items.c.position)
        with reading(self._engine) as connection:
            for rows in connection.execute(query).partitions(self._PAGE):
                for position, body in rows:
                    scores, failure = bare_scores(body)
                    yield Item(*self._identity(position), None, scores, failure)

    def _identity(self, position: int) -> tuple[str, str, int]:
        rest, epoch = divmod(position, self._epochs)
        sample, target = divmod(rest, len(self._targets))
        return self._targets[target], self._sample_ids[sample], epoch

    def _read(self, number: int) -> list[Item]:
        wanted = self._positions[number * self._PAGE : (number + 1) * self._PAGE]
        query = select(items).where(
            items.c.run == self._run, items.c.position.between(wanted[0], wanted[-1])
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(items.c.position)).all()
        return [self._item(row) for row in rows]

    def _item(self, row: "Row[Any]") -> Item:
        target, sample_id, epoch = self._identity(row.position)
        body = from_json(ItemBody, unpack(row.body))
        return Item(
            target=target,
            sample_id=sample_id,
            epoch=epoch,
            output=body.output,
            scores=body.scores,
            failure=body.failure,
            calls=split_keys(row.calls),
            score_calls=body.score_calls,
            seconds=row.seconds,
        )


def _pages(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (positions[start : start + size] for start in range(0, len(positions), size))


class _Calls:
    """Reads the model calls of a run by key."""

    def __init__(self, engine: Engine, run: int) -> None:
        self._engine, self._run = engine, run

    def __call__(self, key: str) -> Call | None:
        query = select(calls).where(calls.c.run == self._run, calls.c.key == key_bytes(key))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        request = from_json(Request, unpack(row.request))
        return Call(row.key.hex(), row.model, request, from_json(Response, unpack(row.response)))
