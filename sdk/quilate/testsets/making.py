"""From passages to a test set, in waves: as many drafts as questions are wanting, checked, and the
same again for those that were rejected."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path

from quilate import registry, sync
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.middleware.ambient import layers
from quilate.middleware.budget import Budget, Spent
from quilate.models import FREE, Cost, Model, Usage, reply
from quilate.retrieval.tokens import estimate_tokens
from quilate.retrievers import Embedder, Progress, Retriever
from quilate.testsets.checking import Checker
from quilate.testsets.corpus import Corpus
from quilate.testsets.dedup import Duplicates
from quilate.testsets.forecast import Forecast, foresee
from quilate.testsets.journal import Journal
from quilate.testsets.pipeline import SAME_AGAIN, Pipeline, layered, together
from quilate.testsets.planning import (
    SHARES,
    Queue,
    checked_shares,
    long_enough,
    ordered,
    quotas,
    taking_turns,
)
from quilate.testsets.sources import Source, passages_of
from quilate.testsets.values import Kind, Outcome, Reason, Rejection, Tally, Task, Testset
from quilate.testsets.writing import beside, check_ours, check_out, lines_of, sample_of, write

_DRAFTS = 5
"""Drafts that a wanted question may take on average before its kind is given up."""
_ANSWERED: tuple[Reason, ...] = ("answers_disagree", "one_passage_suffices")
_SPARE = 10  # drafts beside those, for small test sets


async def amake(
    source: Source,
    out: str | Path,
    *,
    model: str | Model,
    checker: str | Model | None = None,
    n: int = 50,
    kinds: Mapping[str, float] = SHARES,
    languages: Sequence[str] = ("en", "es"),
    embedder: str | Embedder | None = None,
    retriever: Retriever | None = None,
    avoid: Sequence[Sample] = (),
    chunk_tokens: int | None = 256,
    encoding: str = "utf-8",
    temperature: float = 0.7,
    seed: int = 0,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    concurrency: int = 8,
    progress: Progress | None = None,
    announce: Callable[[Forecast], None] | None = None,
) -> Testset:
    """Make a test set of `n` questions from a corpus, and write it to `out` (JSON Lines).

    `source` is a file or folder, documents, or passages, which are taken as they are
    (`sources.read_chunks` reads your own). `kinds` are the shares of ``single``, ``multi`` and
    ``unanswerable``. The `model` drafts; the `checker` (else the same model) answers every question
    from its passages alone. The `embedder` counts tokens, so that passages are those of an index
    of the same embedder, and finds questions that say the same in other words. The `retriever`
    searches for what an unanswerable question asks, beside a search by words. Questions like
    those of `avoid` are not taken.

    `announce` is told what it takes at least, before the first call; what it raises ends the work.
    Every answer is in a journal beside `out` before it is used. The same call goes on with what a
    stop, a limit or a kill left, and pays nothing twice. Rejected drafts are in
    ``OUT.rejected.jsonl``. Raises `DataError` for a corpus without a passage to ask about,
    `ConfigurationError` for options that cannot be and an `out` that would be overwritten,
    `ModelError` when no call can succeed or the first 10 drafts all fail, and `StoreError`.
    """
    if n < 1 or concurrency < 1:
        raise ConfigurationError(
            f"n is {n}, concurrency {concurrency}.", remedy="Both are whole numbers, 1 or more."
        )
    out = Path(out)
    check_out(out)
    chosen = registry.embedder(embedder) if isinstance(embedder, str) else embedder
    corpus = await _corpus(source, chosen, chunk_tokens, encoding)
    wanted = quotas(n, checked_shares(kinds))
    drafter = registry.model(model)
    second = drafter if checker is None else registry.model(checker)
    seen = Duplicates(chosen)
    await seen.add_samples(avoid)
    pipeline = Pipeline(drafter, Checker(second, corpus, retriever, seed), seen, seed, temperature)
    maker = _Making(out, corpus, wanted, pipeline, languages, concurrency, progress)
    maker.check_possible()
    if announce is not None:
        announce(maker.forecast())
    with (
        _journal(out, drafter, second) as journal,
        layers(layered(journal, _budget(max_usd, max_tokens, journal))),
    ):
        return await maker.run(journal)


make = sync.blocking(amake)
"""`amake`, for sync code: blocks until the test set is made."""


@contextmanager
def _journal(out: Path, *models: Model) -> Iterator[Journal]:
    """The journal beside a test set, refused where writing would destroy what is not ours; a new
    one also where the models cannot be called: a refusal leaves none behind."""
    place = beside(out, "journal")
    if not place.exists():
        check_ours(out, None)
        for check in filter(None, (getattr(one, "check_ready", None) for one in models)):
            check()
    journal = Journal(place)
    try:
        check_ours(out, journal)
        yield journal
    finally:
        journal.close()


async def _corpus(
    source: Source, embedder: Embedder | None, chunk_tokens: int | None, encoding: str
) -> Corpus:
    from anyio import to_thread

    count = estimate_tokens if embedder is None else embedder.count_tokens

    def read() -> Corpus:
        return Corpus(
            passages_of(source, chunk_tokens=chunk_tokens, encoding=encoding, count_tokens=count)
        )

    return await to_thread.run_sync(read)


def _budget(usd: float | None, tokens: int | None, journal: Journal) -> Budget | None:
    """The ledger, with what earlier goes at the test set have spent."""
    if usd is None and tokens is None:
        return None
    budget = Budget(usd=usd, tokens=tokens)
    for usage, cost in journal.paid():
        if (usage, cost) != (Usage(), FREE):  # else it shows no call's price
            budget.settle(Spent(), "an earlier call", reply("", usage=usage, cost=cost))
    return budget


@dataclass(slots=True)
class _Making:
    """One go at a test set."""

    out: Path
    corpus: Corpus
    wanted: dict[Kind, int]
    pipeline: Pipeline
    languages: Sequence[str]
    concurrency: int
    progress: Progress | None
    _accepted: list[tuple[Kind, Sample]] = field(default_factory=list)
    _rejected: list[Outcome] = field(default_factory=list)
    _drafted: Counter[str] = field(default_factory=Counter)
    _passed: int = 0
    _tried: int = 0

    def check_possible(self) -> None:
        """Raise `DataError` for a corpus that no question can be made of."""
        order = ordered(self.corpus, self.languages, 0)
        if not order:
            left = ", ".join(f"{count} {why}" for why, count in self._left_out().items())
            raise DataError(
                f"Of {len(self.corpus)} passages none can be asked about: {left}.",
                remedy="Give longer passages, or other --languages.",
            )
        if set(self.wanted) == {"multi"} and not Queue("multi", self.corpus, order).take(1):
            raise DataError(
                f"Questions over two passages need two that are related: of {len(order)} none "
                "shares a rare word with another.",
                remedy="Give more documents, or other kinds: --kinds single,unanswerable.",
            )

    def forecast(self) -> Forecast:
        """What it takes at least."""
        order = ordered(self.corpus, self.languages, self.pipeline.seed)
        return foresee(self.corpus, order, self.wanted, self.pipeline.model, self.pipeline.checker)

    async def run(self, journal: Journal) -> Testset:
        """Work until enough is accepted or nothing is left to try; what is done is written,
        however this ends."""
        order = ordered(self.corpus, self.languages, self.pipeline.seed)
        queues = {kind: Queue(kind, self.corpus, order) for kind in self.wanted}
        self._tell()
        whole = False
        try:
            while self.pipeline.stopped is None and (wave := self._wave(queues)):
                await self._work(wave)
            whole = self.pipeline.stopped is None
        finally:
            # Stopped early, a second go may have got less far than the first.
            if whole or len(self._accepted) >= lines_of(self.out):
                samples = [sample for _, sample in self._accepted]
                write(self.out, samples, self._rejected, journal)
        return self._result(journal)

    def _wave(self, queues: Mapping[Kind, Queue]) -> list[Task]:
        """As many tasks of each kind as it still lacks questions."""
        wave: list[list[Task]] = []
        for kind, queue in queues.items():
            lacking = self.wanted[kind] - sum(kind == one for one, _ in self._accepted)
            left = _DRAFTS * self.wanted[kind] + _SPARE - self._drafted[kind]
            tasks = queue.take(max(0, min(lacking, left)))
            self._drafted[kind] += len(tasks)
            wave.append(tasks)
        return list(taking_turns(wave))  # a limit then leaves some of each

    async def _work(self, wave: Sequence[Task]) -> None:
        """Draft and check a wave, and take what is new in it, in its order."""
        self._passed = 0
        outcomes: list[Outcome | None] = []

        async def work(task: Task) -> Outcome | None:
            outcome = await self.pipeline.work(task)
            outcomes.append(outcome)
            self._tried += 1
            self._passed += outcome is not None and outcome.checked is not None
            self._tell()
            return outcome

        try:
            outcomes = await together(wave, work, self.concurrency)
        finally:  # stopped in the middle, it takes what is finished, in the order of finishing
            for outcome in filter(None, outcomes):
                await self._take(outcome)
            self._passed = 0

    async def _take(self, outcome: Outcome) -> None:
        self.pipeline.note(outcome)
        checked = outcome.checked
        if checked is None:
            self._rejected.append(outcome)
            return
        sample = sample_of(
            checked,
            model=self.pipeline.model.info,
            checker=self.pipeline.checker.model.info,
            seed=self.pipeline.seed,
            temperature=self.pipeline.temperature,
        )
        question, answers = checked.draft.question, sample.references
        language = outcome.task.language
        same = await self.pipeline.seen.find(question, answers, language)
        if same is not None:
            repeated = Rejection("duplicate", f"It repeats {same}.")
            self._rejected.append(Outcome(outcome.task, checked.draft, rejection=repeated))
            return
        await self.pipeline.seen.add(sample.id, question, answers, language)
        self._accepted.append((outcome.task.kind, sample))

    def _tell(self) -> None:
        if self.progress is not None:
            done = len(self._accepted) + self._passed
            self.progress(self._tried, self._drafted.total(), "drafts")
            self.progress(done, sum(self.wanted.values()), "questions")

    def _left_out(self) -> dict[str, int]:
        spoken = Counter(self.corpus.languages)
        left = {f"in {name}": spoken[name] for name in sorted(set(spoken) - set(self.languages))}
        here = [
            passage
            for passage, language in zip(self.corpus.passages, self.corpus.languages, strict=True)
            if language in self.languages
        ]
        left["too short"] = sum(not long_enough(passage) for passage in here)
        left["copies of another"] = sum(
            long_enough(passage) and passage.id in self.corpus.copies for passage in here
        )
        return {why: count for why, count in left.items() if count}

    def _result(self, journal: Journal) -> Testset:
        taken = Counter(kind for kind, _ in self._accepted)
        reasons = Counter(one.rejection.reason for one in self._rejected if one.rejection)
        again = sum(one.again for one in self._rejected)
        lacking = len(self._accepted) < sum(self.wanted.values())
        stopped = self.pipeline.stopped
        if stopped is None and again and lacking:
            stopped = f"{again} calls failed in a way that may pass. {SAME_AGAIN}"
        usage, cost = _paid(journal)
        return Testset(
            samples=tuple(sample for _, sample in self._accepted),
            tallies={
                kind: Tally(count, taken[kind], self._drafted[kind])
                for kind, count in self.wanted.items()
            },
            reasons=dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
            passages=len(self.corpus),
            left_out=self._left_out(),
            out=self.out,
            rejected=beside(self.out, "rejected"),
            usage=usage,
            cost=cost,
            stopped=stopped,
            notes=self._notes(taken, reasons),
        )

    def _notes(self, taken: Counter[Kind], reasons: Counter[Reason]) -> tuple[str, ...]:
        """Why the unanswerable questions that were taken may be answered after all."""
        if not taken["unanswerable"]:
            return ()
        notes = []
        lost = reasons["not_answerable"]
        answered = sum(reasons[one] for one in _ANSWERED) + taken["single"] + taken["multi"]
        if not lost + answered:
            notes.append(
                "Only unanswerable questions were checked, so nothing shows that the second pass "
                "finds an answer where there is one."
            )
        elif lost >= answered:
            notes.append(
                f"The second pass answered {answered} of {answered + lost} questions from the "
                "passages that they were drafted from. Who finds no answers calls every question "
                "unanswerable: do not rely on those that were taken."
            )
        spoken = sorted(set(self.corpus.languages))
        if len(spoken) > 1 and self.pipeline.checker.retriever is None:
            notes.append(
                f"The passages are in {', '.join(spoken)}. A search by words seldom finds what "
                "another language answers; an index does better (--index)."
            )
        return tuple(notes)


def _paid(journal: Journal) -> tuple[Usage, Cost]:
    bills = list(journal.paid())
    return (
        sum((usage for usage, _ in bills), Usage()),
        reduce(add, (cost for _, cost in bills)) if bills else FREE,
    )
