"""From prompts to examples: the teacher is asked, its answers are filtered, the good ones kept."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quilate import registry, sync
from quilate.codec import digest
from quilate.errors import (
    BudgetExceeded,
    ConfigurationError,
    ContentRefused,
    ModelError,
)
from quilate.evaluators import Output
from quilate.middleware.ambient import layers
from quilate.models import Model, Request, Response, Sampling
from quilate.retrievers import Progress
from quilate.tuning.distillation import summary
from quilate.tuning.distillation.calls import CallLimit, budget_of, calls_in, layered
from quilate.tuning.distillation.choosing import chosen, completion_of, twins
from quilate.tuning.distillation.filtering import (
    FATAL,
    STOPPING,
    Check,
    assess,
    believed,
    checks_of,
    rank_of,
)
from quilate.tuning.distillation.journal import Journal
from quilate.tuning.distillation.prompts import Prompt, tasks_of
from quilate.tuning.distillation.trust import calibrations_of
from quilate.tuning.distillation.values import Candidate, Distilled, Keep, Rejected, Task
from quilate.tuning.examples import AnyExample
from quilate.tuning.sources.values import Skipped

GIVE_UP = 10
"""Failed calls of the teacher with which the work stops if none went well."""
_MOST_CANDIDATES = 1 << 16
_STOPPED = "stopped"  # of a candidate that a limit kept from being asked for


async def adistill(
    prompts: Iterable[Prompt],
    *,
    teacher: str | Model,
    journal: str | Path,
    filters: Sequence[Any] = (),
    candidates: int = 4,
    keep: Keep = "best",
    rank_by: str | None = None,
    system: str | None = None,
    hint: str | None = None,
    temperature: float | None = 0.8,
    answer_tokens: int | None = None,
    seed: int = 0,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    max_calls: int | None = None,
    concurrency: int = 8,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> Distilled:
    """Let a teacher answer `prompts`, and keep the answers that pass the `filters`.

    Each prompt is answered `candidates` times. `filters` are `Filter`s, evaluators, their names, or
    functions; they are asked in their order, up to the first that rejects, so give the cheap ones
    first. An answer that is cut at its token limit, or has no text, is rejected. ``keep="best"``
    keeps the candidate with the highest scores (under `rank_by`, where it is given; of equals, the
    answer that most candidates give), ``"all"`` all that pass, and ``"pairs"`` the best against the
    worst, as preferences. `system` is a system turn for prompts that have none, and learned with;
    `hint` is shown to the teacher alone.

    Judges are measured where the run `store` keeps a calibration of them: one that people's labels
    speak against does not filter unless its `Filter` says so. Models in filters join the limits and
    the journal when they are made by `quilate.model`.

    Every answer is in the `journal` before it is used. The same call goes on with what a stop, a
    limit or a kill left, and pays nothing twice; the same seed, journal and settings give the same
    result. `max_usd`, `max_tokens` and `max_calls` are limits of all goes together; at one, the
    work ends with what is finished (`Distilled.stopped`). A prompt that fails is counted.

    Raises `ConfigurationError` for settings that cannot be, `DataError` without a prompt to ask,
    `ModelError` where no call can succeed or the first 10 all fail, and `StoreError`.
    """
    teaching = registry.model(teacher)
    _check_settings(candidates, concurrency, keep, temperature)
    tasks, skipped = tasks_of(prompts, instruction=system, hint=hint)
    every = checks_of(filters, [task.sample for task in tasks])
    measured, unread = await calibrations_of(
        [check.evaluator for check in every], None if store is None else Path(store)
    )
    checks, notes = believed(every, measured)
    _check_rank(rank_by, checks)
    draws = _Draws(teaching, candidates, temperature, answer_tokens, seed)
    with _opened(journal) as kept:
        paid = await kept.paid()
        budget, limit = budget_of(max_usd, max_tokens, paid), CallLimit(max_calls, calls_in(paid))
        work = _Distilling(tasks, checks, draws, concurrency, rank_by, progress)
        with layers(layered(kept, budget, limit)):
            await work.run()
        return work.result(keep, skipped, await kept.paid(), (*notes, *unread, *draws.notes(every)))


distill = sync.blocking(adistill)
"""`adistill`, for sync code: blocks until it is done."""


@contextmanager
def _opened(path: str | Path) -> Iterator[Journal]:
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()


def _check_settings(
    candidates: int, concurrency: int, keep: str, temperature: float | None
) -> None:
    if not 1 <= candidates <= _MOST_CANDIDATES or concurrency < 1:
        raise ConfigurationError(
            f"candidates is {candidates}, concurrency {concurrency}.",
            remedy="Both are whole numbers, 1 or more.",
        )
    if keep not in ("best", "all", "pairs"):
        raise ConfigurationError(f"keep is {keep!r}.", remedy="It is best, all or pairs.")
    if candidates > 1 and temperature == 0:
        raise ConfigurationError(
            f"At temperature 0 all {candidates} candidates are the same.",
            remedy="Ask for one candidate, or give a temperature such as 0.8.",
        )
    if keep == "pairs" and candidates < 2:
        raise ConfigurationError(
            "A pair needs two candidates.", remedy="Give candidates=2 or more."
        )


def _check_rank(rank_by: str | None, checks: Sequence[Check]) -> None:
    known = [bar.metric.name for check in checks for bar in check.bars]
    if rank_by is not None and rank_by not in known:
        raise ConfigurationError(
            f"No filter gives the metric '{rank_by}' to rank by.",
            remedy=registry.nearest(rank_by, known),
        )


@dataclass(slots=True)
class _Draws:
    """How the teacher is asked."""

    model: Model
    count: int
    temperature: float | None
    tokens: int | None
    seed: int

    def request(self, task: Task, number: int) -> Request:
        """The request for one candidate. Its number and the seed are in its `epoch` too, so that
        the journal tells draws apart for a model that takes no seed."""
        has = self.model.info.capabilities.has
        drawn = int(digest(str(self.seed), str(number))[:8], 16) >> 1
        sampling = Sampling(
            temperature=self.temperature if has("temperature") else None,
            seed=drawn if has("seed") else None,
            max_tokens=self.tokens,
        )
        epoch = self.seed * _MOST_CANDIDATES + number
        return Request(task.asked, sampling=sampling, tools=task.tools, epoch=epoch)

    def source(self, task: Task) -> dict[str, Any]:
        """Where an example came from."""
        info = self.model.info
        found: dict[str, Any] = {
            "kind": "distillation",
            "prompt": task.id,
            "teacher": info.name,
            "teacher_identity": info.identity,
            "candidates": self.count,
            "seed": self.seed,
        }
        if info.capabilities.has("temperature") and self.temperature is not None:
            found["temperature"] = self.temperature
        if task.asked != task.prompt:
            found["hinted"] = True
        return found

    def notes(self, checks: Sequence[Check]) -> Iterator[str]:
        """What is to be said of the teacher, and of judges that are the same model."""
        info = self.model.info
        if self.temperature is not None and not info.capabilities.has("temperature"):
            yield f"{info.name} takes no temperature: it was asked without."
        for check in checks:
            judge = getattr(getattr(check.evaluator, "model", None), "info", None)
            if check.judged and getattr(judge, "identity", None) == info.identity:
                yield f"{check.name} is judged by the teacher: judges favour their own words."


@dataclass(slots=True)
class _Distilling:
    """One go at a distillation."""

    tasks: Sequence[Task]
    checks: Sequence[Check]
    draws: _Draws
    concurrency: int
    rank_by: str | None
    progress: Progress | None
    stopped: str | None = None
    _found: dict[int, list[Candidate]] = field(default_factory=dict)
    _failed: int = 0
    _went_well: bool = False
    _gate: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._gate = asyncio.Semaphore(self.concurrency)

    async def run(self) -> None:
        """Work on every prompt, or until a limit is reached."""
        left = iter(enumerate(self.tasks))

        async def worker() -> None:
            for place, task in left:
                if self.stopped is not None:
                    return
                await self._work(place, task)

        workers = [
            asyncio.create_task(worker()) for _ in range(min(self.concurrency, len(self.tasks)))
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for one in workers:
                one.cancel()
            await asyncio.wait(workers)

    async def _work(self, place: int, task: Task) -> None:
        answers = await _all([self._ask(task, number) for number in range(self.draws.count)])
        if any(one.reason == _STOPPED for one in answers):
            return
        first = twins([completion_of(one) if one.accepted else None for one in answers])
        looked = [
            self._look(task, replace(one, twin=twin))
            for one, twin in zip(answers, first, strict=True)
        ]
        try:
            candidates = await _all(looked)
        except BudgetExceeded as error:
            self.stopped = self.stopped or _why(error)
            return
        self._found[place] = [
            one if one.twin is None else _as_twin(one, candidates[one.twin]) for one in candidates
        ]
        if self.progress is not None:
            self.progress(len(self._found), len(self.tasks), "prompts")

    async def _ask(self, task: Task, number: int) -> Candidate:
        """One answer of the teacher."""
        try:
            async with self._gate:
                response = await self.draws.model.generate(self.draws.request(task, number))
        except BudgetExceeded as error:
            self.stopped = self.stopped or _why(error)
            return Candidate(number, None, _STOPPED)
        except FATAL:
            raise
        except ModelError as error:
            self._fails(error)
            kind = "refused" if isinstance(error, ContentRefused) else "failed"
            return Candidate(number, None, kind, f"{error.kind}: {error.what}"[:300])
        self._went_well = True
        return _answer(number, response)

    async def _look(self, task: Task, one: Candidate) -> Candidate:
        """A candidate with what the filters say of it; a twin is not looked at again."""
        if one.reason is not None or one.response is None or one.twin is not None:
            return one
        response = one.response
        output = Output(response.text, usage=response.usage, cost=response.cost)
        async with self._gate:
            found = await assess(self.checks, task.sample, output)
        return replace(
            one,
            reason=None if found.by is None else f"{found.by}:{found.why}",
            detail=found.detail,
            passed=found.passed,
            scores=found.scores,
            rank=rank_of(self.checks, found.scores, self.rank_by),
        )

    def _fails(self, error: ModelError) -> None:
        """Count a failed call; raises the last of too many."""
        self._failed += 1
        if not self._went_well and self._failed >= GIVE_UP:
            raise type(error)(
                f"The teacher gave no answer: {self._failed} calls, and each one failed. The last "
                f"time: {error.what}",
                where=self.draws.model.info.name,
                provider=self.draws.model.info.provider,
                remedy=error.remedy or "Look whether the model can be reached, and begin again.",
            )

    def result(
        self, keep: Keep, skipped: Sequence[Skipped], paid: Sequence[Any], notes: Sequence[str]
    ) -> Distilled:
        """What came of it, in the order of the prompts."""
        finished = [(self.tasks[place], self._found[place]) for place in sorted(self._found)]
        examples: list[AnyExample] = []
        unanswered = []
        for task, candidates in finished:
            examples += chosen(task, candidates, keep, self.draws.source(task))
            if not any(one.accepted for one in candidates):
                unanswered.append(task.id)
        usage, cost, by_model = summary.bill(paid)
        return Distilled(
            examples=tuple(examples),
            prompts=len(self.tasks),
            candidates=self.draws.count,
            acceptance=summary.acceptance(finished),
            answered=summary.answered(finished),
            agreement=summary.mean_agreement(finished),
            reasons=summary.reasons(finished),
            filters=summary.tallies(finished, self.checks),
            duplicates=sum(one.twin is not None for _, found in finished for one in found),
            rejected=tuple(_rejected(finished)),
            skipped=tuple(skipped),
            unanswered=tuple(unanswered),
            unfinished=len(self.tasks) - len(finished),
            stopped=self.stopped,
            usage=usage,
            cost=cost,
            by_model=by_model,
            notes=tuple(notes),
        )


async def _all(work: Sequence[Any]) -> list[Candidate]:
    """Everything that was begun, finished: what is paid for is to be kept. Then the first error."""
    found = await asyncio.gather(*work, return_exceptions=True)
    errors = [one for one in found if isinstance(one, BaseException)]
    if errors:
        raise next((one for one in errors if not isinstance(one, STOPPING)), errors[0])
    return [one for one in found if isinstance(one, Candidate)]


def _as_twin(one: Candidate, first: Candidate) -> Candidate:
    """A candidate that repeats another, with what was found of that."""
    return replace(first, number=one.number, response=one.response, twin=one.twin)


def _answer(number: int, response: Response) -> Candidate:
    """A candidate, rejected where its answer is cut off, blocked or empty."""
    if response.finish_reason == "length":
        return Candidate(number, response, "truncated", "it was cut at its token limit")
    if response.finish_reason == "content_filter":
        return Candidate(number, response, "refused", "the provider's filter cut it")
    if not response.text.strip() and not response.tool_calls:
        return Candidate(number, response, "empty", "it has no text")
    return Candidate(number, response)


def _rejected(finished: summary.Finished) -> Iterator[Rejected]:
    for task, candidates in finished:
        for one in candidates:
            if one.reason is not None and one.twin is None:
                yield Rejected(task.id, one.number, one.reason, one.detail, one.text)


def _why(error: BudgetExceeded) -> str:
    return f"{error.what} Raise the limit and begin again: what was answered is kept."
