"""The runner: works through a plan, keeps every finished item, and can be stopped at any moment.

A fixed pool of workers takes items one by one. An item is the target's answer and its scores; it
is in the journal before the worker takes the next. The model calls inside are journaled too, each
before its answer is handed out, so that an item cut in two is resumed without repeating a call.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import anyio.to_thread
from sqlalchemy import Engine

from quilate.errors import BudgetExceeded, ConfigurationError, QuilateError
from quilate.evals import store as stores
from quilate.evals.database import connect
from quilate.evals.items import current_work, keepable, run_item
from quilate.evals.journal import PERMANENT, Journal, create_run
from quilate.evals.plan import Plan, Work, changes, make_plan, metrics_of
from quilate.evals.provenance import model_record, run_provenance
from quilate.evals.readiness import check_ready, check_recorded
from quilate.evals.results import Item, Run, RunStatus
from quilate.evals.store import Items, list_runs
from quilate.evals.suite import Suite
from quilate.evals.tables import as_kept, read_json
from quilate.evals.targets import Ask, as_target
from quilate.middleware.ambient import layers
from quilate.middleware.base import Wrapper
from quilate.middleware.calls import Replayed, Stored
from quilate.models import FREE, Event, Model, Request, Response, Usage
from quilate.retrievers import Progress

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question
    from quilate.middleware.budget import Budget
    from quilate.middleware.calls import CallStore

__all__ = ["evaluate", "list_runs", "new_run_id", "open_run", "resume"]

STORE = Path(".quilate")

Watch = Callable[[Item], str | None]
"""Sees a finished item; a text that it gives is what was decided, and ends the run. When a run is
resumed it first sees, in the order of the results, the items that are kept."""

# Seconds that cancelled work has to clean up.
_GRACE = 5.0

# When so many samples of every target have met an obstacle and none has got past it, the run stops.
_OBSTRUCTED = 5

# Draws of epoch n ask with Request.epoch n * 65536 + the request's own.
_DRAWS = 1 << 16


def new_run_id(name: str) -> str:
    """An id that sorts by time and says what ran: ``20261122-231805-python-docs-k3f9``."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "run"
    mark = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{slug}-{mark}"


def open_run(run: str = "latest", store: Path = STORE) -> Run:
    """A run from the store: by its id, the beginning or last part of its id, ``latest``, the newest
    that is no gate, or ``latest~1``, the one before it."""
    return stores.open_run(run, store)


async def evaluate(
    suite: Suite,
    *,
    store: Path = STORE,
    run_id: str | None = None,
    replay: str | None = None,
    progress: Progress | None = None,
    watch: Callable[[Plan], Watch] | None = None,
    grouped: bool = False,
    notes: Mapping[str, Any] = MappingProxyType({}),
) -> Run:
    """Run a suite to its end, or until a limit stops it, and return the run.

    `replay` names an earlier run from whose journal every model call is answered. `progress` is
    called with what is finished, what is planned, and the run's id. What `watch` makes of the plan
    sees every finished item, and ends the run by saying what is decided. With `grouped`, the
    samples of one source are done in a row. `notes` are kept in the run's provenance. Raises
    `ConfigurationError` for a suite that cannot be run or replayed, what a model's `check_ready`
    raises, and `StoreError` when the store refuses a write. However it ends, what was finished is
    kept; `resume` goes on.
    """
    name = run_id or new_run_id(suite.name)
    if replay is None:
        check_ready(suite)  # before an index is built
    plan = replace(await _plan(suite, progress), grouped=grouped)
    engine = connect(store, create=True)
    source = None if replay is None else _recording(engine, replay, plan)
    with stores.lease(store, name):
        await anyio.to_thread.run_sync(_create, engine, name, suite, plan, source, notes)
        journal = Journal(engine, name)
        work = _Execution(suite, plan, journal, progress, watch and watch(plan))
        return await _execute(work, store, engine, journal.done())


async def resume(
    run_id: str,
    suite: Suite | None = None,
    *,
    store: Path = STORE,
    retry_errors: bool = False,
    progress: Progress | None = None,
    watch: Callable[[Plan], Watch] | None = None,
    grouped: bool = False,
) -> Run:
    """Do what is left of a run: what has no result yet, and failures worth trying again (every
    failure, with `retry_errors`). `watch` sees what is kept, and what is finished from now on.

    Without `suite`, it is read again from the file that the run came from. Raises
    `ConfigurationError`, naming what changed, when it is no longer the suite of the run, or for a
    gate that nothing watches, and `StoreError` when another process is working on the run.
    """
    engine = connect(store)
    row = stores.find_run(engine, run_id)
    if watch is None and "gate" in read_json(row.provenance):
        raise ConfigurationError(
            f"The run {row.name} is a gate, which stops when it is sure.",
            remedy=f"Give the gate's command again, with --resume {row.name}; or, for the whole "
            "suite, begin a run: quilate run",
        )
    suite = suite or _reload(row.name, read_json(row.provenance), store)
    plan = replace(await _plan(suite, progress), grouped=grouped)
    with stores.lease(store, row.name):
        _check_same(engine, row, plan)
        journal = Journal(engine, row.name)
        if list(suite.reducers) != journal.provenance.get("reducers", ["mean"]):
            journal.note(reducers=list(suite.reducers))  # they change the report, and no score
        done = journal.done(retry_errors=retry_errors)
        if len(done) < len(plan) and "replay" not in journal.provenance:
            check_ready(suite)
        work = _Execution(suite, plan, journal, progress, watch and watch(plan))
        if watch is not None:
            work.look_back(stores.open_run(row.name, store).items, done)
        return await _execute(work, store, engine, done)


async def _plan(suite: Suite, progress: Progress | None) -> Plan:
    for resource in suite.resources.values():
        await resource.prepare(progress)
    return await make_plan(suite)


def _recording(engine: Engine, wanted: str, plan: Plan) -> str:
    """The name of the run to be replayed, which has answers of the plan's models."""
    row = stores.find_run(engine, wanted)
    called = read_json(row.provenance).get("models", {})
    fingerprint = as_kept(plan.fingerprint)
    check_recorded(row.name, read_json(row.fingerprint), called, fingerprint)
    return str(row.name)


def _create(
    engine: Engine,
    name: str,
    suite: Suite,
    plan: Plan,
    replay: str | None,
    notes: Mapping[str, Any],
) -> None:
    provenance = {**run_provenance(suite, plan, replay), **notes}
    metrics = metrics_of(suite)
    create_run(engine, name, plan, suite=suite.name, metrics=metrics, provenance=provenance)


def _reload(name: str, provenance: Mapping[str, Any], store: Path) -> Suite:
    from quilate.evals.suite_file import load_suite

    suite = provenance.get("suite", {})
    if "path" not in suite or suite["path"] is None:
        raise ConfigurationError(
            f"The run {name} did not come from a suite file.",
            remedy="Resume it from Python: quilate.resume(run, suite).",
        )
    replay = provenance.get("replay") is not None
    return load_suite(suite["path"], store=store, replay=replay, **suite.get("overrides", {}))


def _check_same(engine: Engine, row: Any, plan: Plan) -> None:
    """Refuse to mix the results of two suites in one run."""
    found = changes(read_json(row.fingerprint), as_kept(plan.fingerprint))
    if not found:
        return
    if found[0].startswith("samples:"):
        old = stores.read_samples(engine, row.id)
        new = {sample.id: sample for sample in plan.samples}
        differ = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        named = ", ".join(differ[:5]) + (", …" if len(differ) > 5 else "")
        found[0] = f"samples: {len(differ)} differ ({named})" if differ else "samples: their order"
    raise ConfigurationError(
        f"The suite is not what it was when the run {row.name} began: {'; '.join(found)}.",
        remedy="Undo the change to resume, or begin a new run: quilate run",
    )


async def _execute(work: "_Execution", store: Path, engine: Engine, done: set[int]) -> Run:
    """Work, and leave the run marked with how that ended."""
    journal = work.journal
    status: RunStatus = "stopped"
    reason: str | None = "It was interrupted."
    cassette = None
    journal.mark("running")
    try:
        cassette = _Cassette.of(engine, store, journal.provenance.get("replay"))
        with layers(_Layers(work.suite, store, journal, cassette)):
            status, reason = await work.run(done)
    except QuilateError as error:
        reason = str(error)
        raise
    finally:
        # These block the loop for a commit: an await here could be cancelled in its turn.
        if cassette is not None:
            cassette.journal.close()
        journal.mark(status, reason)
        journal.close()
    by_id = {sample.id: sample for sample in work.plan.samples}
    return stores.open_run(journal.name, store, samples=by_id)


class _Cassette(NamedTuple):
    """A recorded run to be replayed."""

    run: Run
    journal: Journal

    @classmethod
    def of(cls, engine: Engine, store: Path, name: str | None) -> "_Cassette | None":
        if name is None:
            return None
        return cls(stores.open_run(name, store), Journal(engine, name))

    def requests(self) -> list[Request]:
        """What the current item asked when it was recorded, to say how a missing call differs."""
        work = current_work.get()
        if work is None:
            return []
        item = cast(Items, self.run.items).find(work.target, work.sample.id, work.epoch)
        if item is None:
            return []
        keys = [*item.calls, *(key for keys in item.score_calls.values() for key in keys)]
        return [call.request for call in map(self.run.call, keys) if call is not None]


class _Drawn(Wrapper):
    """Tells the draws of one request in different epochs apart."""

    async def generate(self, request: Request) -> Response:
        """Answer once, with the epoch in the request."""
        return await self.inner.generate(_drawn(request))

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, with the epoch in the request."""
        return self.inner.stream(_drawn(request))

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, with the epoch in the request."""
        return await super().decide(_drawn(request), questions)


def _drawn(request: Request) -> Request:
    work = current_work.get()
    if work is None or work.epoch == 0:
        return request
    return replace(request, epoch=work.epoch * _DRAWS + request.epoch)


class _Layers:
    """What a run puts around every model that is called in it: journal, cache, budget; in a
    replay, the journal around the cassette and no model at all."""

    def __init__(
        self, suite: Suite, store: Path, journal: Journal, cassette: _Cassette | None
    ) -> None:
        self._suite, self._journal, self._cassette = suite, journal, cassette
        self._models: dict[str, Any] = dict(journal.provenance.get("models", {}))
        self._cache = _open_cache(store) if suite.cache and cassette is None else None
        self._budget = _open_budget(suite, journal) if cassette is None else None

    def __call__(self, model: Model) -> Model:
        """The model with its layers; the run's provenance names it from now on."""
        record = model_record(model.info)
        if self._models.get(model.info.name) != record:
            self._models[model.info.name] = record
            self._journal.note(models=dict(self._models))
        if self._cassette is not None:
            inner: Model = Replayed(model, self._cassette.journal, recorded=self._cassette.requests)
        else:
            inner = self._paid(model)
        inner = Stored(inner, self._journal, role="journal")
        return _Drawn(inner) if self._suite.epochs > 1 else inner

    def _paid(self, model: Model) -> Model:
        if self._budget is not None:
            from quilate.middleware.budget import Budgeted

            model = Budgeted(model, self._budget)
        return model if self._cache is None else Stored(model, self._cache, role="cache")


def _open_cache(store: Path) -> "CallStore":
    from quilate.middleware.cache import SqliteCache

    return SqliteCache(store / "cache.sqlite")


def _open_budget(suite: Suite, journal: Journal) -> "Budget | None":
    """The run's ledger, with what earlier goes at the run have spent already in it."""
    limits = suite.limits
    if limits.usd is None and limits.tokens is None:
        return None
    from quilate.middleware.budget import Budget, Spent

    budget = Budget(usd=limits.usd, tokens=limits.tokens)
    for model_name, response in journal.paid_responses():
        if (response.usage, response.cost) != (Usage(), FREE):  # else it shows no call's price
            budget.settle(Spent(), model_name, response)
    return budget


class _Execution:
    """One go at a run: its pool of workers, and what they share."""

    def __init__(
        self,
        suite: Suite,
        plan: Plan,
        journal: Journal,
        progress: Progress | None,
        watch: Watch | None,
    ) -> None:
        self.suite, self.plan, self.journal = suite, plan, journal
        self._progress, self._watcher = progress, watch
        self._targets: dict[str, Ask] = {
            name: as_target(name, target) for name, target in suite.targets.items()
        }
        self._finished = 0
        self._over = False
        self._stopped: str | None = None
        self._decided: str | None = None
        self._obstructed: dict[str, set[str]] = {name: set() for name in suite.targets}
        self._passed = False

    def look_back(self, items: Sequence[Item], done: Container[int]) -> None:
        """Show the watch the items that are kept, and not those that are done again."""
        if self._watcher is None:
            return
        position = self.plan.positions()
        for item in items:
            if position[item.target, item.sample_id, item.epoch] in done:
                self._decided = self._watcher(item) or self._decided

    async def run(self, done: set[int]) -> tuple[RunStatus, str | None]:
        """Work until nothing is left or what is watched for is known; returns how it ended, and
        why, or what was decided."""
        self._finished = len(done)
        self._tell()
        if self._decided is None:
            await self._work(done)
        if self._decided is not None:
            return "decided", self._decided
        if self._stopped is not None and self._finished < len(self.plan):
            return "stopped", self._stopped
        return "finished", None

    async def _work(self, done: set[int]) -> None:
        seconds = self.suite.limits.seconds
        try:
            async with asyncio.timeout(seconds) as clock:
                await self._pool(self.plan.work(done))
        except TimeoutError:
            if not clock.expired():
                raise
            self._stopped = f"The limit of {seconds:g} seconds was reached."

    async def _pool(self, work: Iterator[Work]) -> None:
        workers = [asyncio.create_task(self._worker(work)) for _ in range(self.suite.concurrency)]
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._over = True
            for task in workers:
                task.cancel()
            # Not for ever: a target may swallow its cancellation.
            ended, _ = await asyncio.wait(workers, timeout=_GRACE)
        for task in done | ended:
            if not task.cancelled():
                task.result()

    async def _worker(self, work: Iterator[Work]) -> None:
        """Take items until none is left. At a limit nobody takes another, but the items in hand
        go on to their end or their next call, so that no answer that was paid for is lost."""
        for one in work:
            try:
                worked = await run_item(one, self._targets[one.target], self.suite.evaluators)
            except BudgetExceeded as error:
                self._stopped = str(error)
                return
            item = await self._record(one, worked.item, worked.outcome)
            self._watch(one, worked.obstacle)
            if self._watcher is not None and self._decided is None:
                self._decided = self._watcher(item)
            if self._over or self._stopped is not None or self._decided is not None:
                return

    def _watch(self, work: Work, obstacle: BaseException | None) -> None:
        """Stop a run that cannot work as things are, before it has failed at every item."""
        if obstacle is None:
            self._passed = True
        if self._passed or obstacle is None or self._stopped is not None:
            return
        self._obstructed[work.target].add(work.sample.id)
        if min(map(len, self._obstructed.values())) >= _OBSTRUCTED:
            self._stopped = f"No item so far came to its end: {obstacle}"

    async def _record(self, work: Work, item: Item, outcome: int) -> Item:
        """The item as it was kept."""
        try:
            await self.journal.record(work.position, item, outcome)
        except ValueError:
            item = keepable(item)
            await self.journal.record(work.position, item, PERMANENT)
        self._finished += 1
        self._tell()
        return item

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._finished, len(self.plan), self.journal.name)
