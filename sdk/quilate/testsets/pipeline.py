"""One task from its prompt to its outcome, and many of them at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from quilate.errors import (
    BudgetExceeded,
    ContentRefused,
    ContextLengthExceeded,
    MalformedReply,
    ModelError,
)
from quilate.middleware.budget import Budget, Budgeted
from quilate.middleware.calls import Stored
from quilate.middleware.remembering import Remembering
from quilate.models import Model
from quilate.testsets import wording
from quilate.testsets.checking import Checker
from quilate.testsets.dedup import Duplicates
from quilate.testsets.drafting import draft, draft_request
from quilate.testsets.journal import Journal
from quilate.testsets.values import Draft, Outcome, Reason, Rejection, Task

SAME_AGAIN = "Give the command again: what was answered is kept."
GIVE_UP = 10
"""Failed calls of the drafting model, or of the checker, with which the work stops if none went
well."""


def layered(journal: Journal, budget: Budget | None) -> Callable[[Model], Model]:
    """What is put around each model: budget, then journal."""

    def wrap(model: Model) -> Model:
        paid = model if budget is None else Budgeted(model, budget)
        stored = Stored(paid, journal, role="cache")
        return Remembering(stored, journal.failure, journal.fail)

    return wrap


@dataclass(slots=True)
class Pipeline:
    """Drafts and checks tasks. It stops for good at a limit (`stopped`), and raises when the model,
    or the checker, has failed `GIVE_UP` times and never done its work."""

    model: Model
    checker: Checker
    seen: Duplicates
    seed: int = 0
    temperature: float = 0.7
    stopped: str | None = None
    _asked: dict[str, list[str]] = field(default_factory=dict)
    _failed: Counter[bool] = field(default_factory=Counter)
    _went_well: set[bool] = field(default_factory=set)

    async def work(self, task: Task) -> Outcome | None:
        """What becomes of a task; None when a limit was reached before that is known."""
        if self.stopped is not None:
            return None
        try:
            outcome = await self._worked(task)
        except BudgetExceeded as error:
            self.stopped = f"{error.what} Raise the limit. {SAME_AGAIN}"
            return None
        return outcome

    def note(self, outcome: Outcome) -> None:
        """Remember a drafted question, so that the next round asks for another."""
        if outcome.draft is not None and outcome.draft.question:
            self._asked.setdefault(outcome.task.key, []).append(outcome.draft.question[:400])

    async def _worked(self, task: Task) -> Outcome:
        avoid = self._asked.get(task.key, [])
        try:
            request = draft_request(
                task, self.model, avoid, seed=self.seed, temperature=self.temperature
            )
            drafted = await draft(task, self.model, request)
        except ModelError as error:
            rejection, again = self._failure(error, checking=False)
            return Outcome(task, rejection=rejection, again=again)
        self._went_well.add(False)
        flaw = wording.first_flaw(drafted) or await self._duplicate(drafted)
        if flaw is not None:
            return Outcome(task, drafted, rejection=flaw)
        try:
            found = await self.checker.check(drafted)
        except ModelError as error:
            rejection, again = self._failure(error, checking=True)
            return Outcome(task, drafted, rejection=rejection, again=again)
        self._went_well.add(True)
        if isinstance(found, Rejection):
            return Outcome(task, drafted, rejection=found)
        return Outcome(task, drafted, checked=found)

    async def _duplicate(self, drafted: Draft) -> Rejection | None:
        answers = (drafted.answer,) if drafted.answer else ()
        same = await self.seen.find(drafted.question, answers, drafted.task.language)
        return Rejection("duplicate", f"It repeats {same}.") if same is not None else None

    def _failure(self, error: ModelError, *, checking: bool) -> tuple[Rejection, bool]:
        """How a failed call rejects a draft, and whether it may go better another time.

        Raises what no further task would get past: a missing key, an unknown model, a request that
        is not taken; and the last of too many failures.
        """
        self._failed[checking] += 1
        if checking not in self._went_well and self._failed[checking] >= GIVE_UP:
            model = self.checker.model if checking else self.model
            raise _gives_nothing(model, self._failed[checking], error, checking=checking)
        reasons: dict[type[ModelError], Reason] = {
            MalformedReply: "checker_malformed" if checking else "malformed",
            ContentRefused: "refused",
            ContextLengthExceeded: "too_long",
        }
        for kind, reason in reasons.items():
            if isinstance(error, kind):
                return Rejection(reason, error.what[:500]), False
        if error.retryable:
            return Rejection("failed", str(error)[:500]), True
        raise error


def _gives_nothing(model: Model, tasks: int, last: ModelError, *, checking: bool) -> ModelError:
    done = "checked no draft" if checking else "gave no valid draft"
    remedy = "Choose a model that follows a JSON schema."
    if last.retryable and not isinstance(last, MalformedReply):  # the network's, or the server's
        remedy = last.remedy or "Wait until the model can be reached."
    return type(last)(
        f"The model {done}: {tasks} tries, and each one failed. The last time: {last.what}",
        where=model.info.name,
        provider=model.info.provider,
        remedy=f"{remedy} {SAME_AGAIN}",
    )


async def together(
    tasks: Sequence[Task], work: Callable[[Task], Awaitable[Outcome | None]], most: int
) -> list[Outcome | None]:
    """Every task's outcome, in the order of the tasks, at most so many at once. The first error
    stops the others."""
    found: list[Outcome | None] = [None] * len(tasks)
    left = iter(enumerate(tasks))

    async def worker() -> None:
        for at, task in left:
            found[at] = await work(task)

    workers = [asyncio.create_task(worker()) for _ in range(min(most, len(tasks)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        if workers:
            await asyncio.wait(workers)
    return found
