"""Putting a question to a judge: at once, or after it has written down its reasons."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import anyio

from quilate.decisions import Decision, Question, decide
from quilate.errors import ConfigurationError, MalformedReply, ModelError
from quilate.messages import Message, Text, user
from quilate.models import FREE, Cost, Model, Request, Sampling, Usage
from quilate_evaluators.judges.prompting import question

T = TypeVar("T")

_AT_ONCE = 8
_LONGEST = 20_000
"""Characters of reasoning that are shown to the judge again."""


class Paid(Protocol):
    """What used tokens and cost money."""

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        ...

    @property
    def cost(self) -> Cost:
        """Its price."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision, the reasoning before it, and what both used and cost together."""

    decision: Decision
    reasoning: str | None
    usage: Usage
    cost: Cost


@dataclass(slots=True)
class Bill:
    """What the calls of one evaluation used and cost together."""

    usage: Usage = Usage()
    cost: Cost = FREE
    calls: int = 0

    def add(self, usage: Usage, cost: Cost) -> None:
        """Add a call. The first is not added to `FREE`: an unknown cost must not look like 0."""
        if (usage, cost) == (Usage(), FREE):
            return
        self.usage += usage
        self.cost = self.cost + cost if self.calls else cost
        self.calls += 1

    def add_error(self, error: ModelError) -> None:
        """Add what useless replies cost, where the provider told it."""
        if error.usage is not None:
            self.add(error.usage, error.cost or Cost())

    def charge(self, error: ModelError) -> None:
        """Let an error that ends the evaluation tell what all its calls cost, its own included."""
        if self.calls:
            error.usage, error.cost = self.usage, self.cost


def bill(paid: Sequence[Paid]) -> tuple[Usage, Cost]:
    """What several calls used and cost together."""
    owed = _owed(paid)
    return owed.usage, owed.cost


@contextmanager
def after(paid: Sequence[Paid]) -> Iterator[None]:
    """A `ModelError` inside tells also what was `paid` before it."""
    try:
        yield
    except ModelError as error:
        owed = _owed(paid)
        owed.add_error(error)
        owed.charge(error)
        raise


def _owed(paid: Sequence[Paid]) -> Bill:
    owed = Bill()
    for one in paid:
        owed.add(one.usage, one.cost)
    return owed


async def judge(
    model: Model,
    messages: tuple[Message, ...],
    asked: Question,
    *,
    votes: int,
    reasoning: bool = False,
    language: str = "en",
) -> Judgement:
    """The decision of `model` on `asked`, the evidence being `messages`.

    With `reasoning` the model first writes freely, in one call, how the evidence bears on the
    question; the decision is then taken with that before it (chain of thought). Raises what the
    model raises, and `MalformedReply` for a reasoning that is empty or longer than 20,000
    characters; the error's usage and cost are those of all calls.
    """
    request = Request(messages)
    if not reasoning:
        decision = await decide(model, request, asked, votes=votes)
        return Judgement(decision, None, decision.usage, decision.cost)
    invited = question("judge_reasoning", language, question=asked.text, labels=list(asked.labels))
    thinking = _ending(messages, invited)
    response = await model.generate(Request(thinking, sampling=_sampling(model)))
    reasons = response.text.strip()
    if not 0 < len(reasons) <= _LONGEST:
        error = MalformedReply(
            f"The judge was asked for its reasons and gave {len(reasons):,} characters.",
            where=model.info.name,
            provider=model.info.provider,
            remedy="Use another judge, or leave `reasoning` out.",
        )
        error.usage, error.cost = response.usage, response.cost
        raise error
    request = Request((*thinking, Message("assistant", (Text(reasons),))))
    with after([response]):
        decision = await decide(model, request, asked, votes=votes)
    return Judgement(decision, reasons, *bill([response, decision]))


def _ending(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The messages with `text` at their end."""
    *before, last = messages
    if last.role != "user":
        return (*messages, user(text))
    return (*before, replace(last, parts=(*last.parts, Text(f"\n\n{text}"))))


def _sampling(model: Model) -> Sampling:
    """The likeliest reasoning, of a page at most, where the model can be told so."""
    takes = model.info.capabilities.has
    room = takes("max_tokens") and not takes("reasoning")
    return Sampling(
        temperature=0.0 if takes("temperature") else None, max_tokens=512 if room else None
    )


async def together(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T | MalformedReply]:
    """The results of jobs, in their order, a few under way at once; a reply that is of no use is a
    result too.

    After any other error no further job begins, those under way come to their end, so that what
    they cost is known, and the first error is raised.
    """
    results: dict[int, T | MalformedReply] = {}
    broken: list[Exception] = []
    left = iter(enumerate(jobs))

    async def work() -> None:
        for place, job in left:
            try:
                results[place] = await job()
            except MalformedReply as error:
                results[place] = error
            except Exception as error:  # raised below, when the others are done
                broken.append(error)
            if broken:
                return

    async with anyio.create_task_group() as group:
        for _ in range(min(_AT_ONCE, len(jobs))):
            group.start_soon(work)
    if broken:
        raise broken[0]
    return [results[place] for place in range(len(jobs))]


def check_votes(evaluator: str, votes: object) -> None:
    """Raise `ConfigurationError` unless `votes` is a whole number above zero."""
    if not isinstance(votes, int) or isinstance(votes, bool) or votes < 1:
        raise ConfigurationError(
            f"`votes` of the evaluator '{evaluator}' is {votes!r}.",
            remedy="Give a whole number above zero, such as 5.",
        )
