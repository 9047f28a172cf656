"""What is put around every model of a distillation: limits, then the journal."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from quilate.errors import (
    BudgetExceeded,
    ConfigurationError,
)
from quilate.middleware.base import Wrapper
from quilate.middleware.budget import Budget, Budgeted, Spent
from quilate.middleware.calls import Stored
from quilate.middleware.remembering import Remembering
from quilate.models import FREE, Cost, Event, Model, Request, Response, Usage, reply
from quilate.tuning.distillation.journal import Journal

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question


class CallLimit:
    """How many calls may be made in all, those of earlier goes included; None is no limit."""

    def __init__(self, most: int | None, made: int = 0) -> None:
        if most is not None and most < 0:
            raise ConfigurationError(f"max_calls is {most}.", remedy="Give 0 or more.")
        self.most, self.made = most, made

    def take(self) -> None:
        """Enter a call. Raises `BudgetExceeded` when it would be one too many."""
        if self.most is not None and self.made >= self.most:
            raise BudgetExceeded(
                f"The {self.most} calls that may be made are made.",
                remedy="Raise max_calls and begin again: what was answered is kept.",
            )
        self.made += 1


class Counted(Wrapper):
    """A model whose calls are counted against a limit."""

    def __init__(self, inner: Model, limit: CallLimit) -> None:
        super().__init__(inner)
        self._limit = limit

    async def generate(self, request: Request) -> Response:
        """Answer once, when the limit allows it."""
        self._limit.take()
        return await self.inner.generate(request)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, when the limit allows them."""
        self._limit.take()
        return await super().decide(request, questions)

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, when the limit allows it."""
        self._limit.take()
        return self.inner.stream(request)


def layered(journal: Journal, budget: Budget | None, limit: CallLimit) -> Callable[[Model], Model]:
    """What is put around each model: limits inside, the journal outside, so that what it holds
    costs nothing."""

    def wrap(model: Model) -> Model:
        paid = model if budget is None else Budgeted(model, budget)
        stored = Stored(Counted(paid, limit), journal, role="cache")
        return Remembering(stored, journal.failure, journal.fail)

    return wrap


def budget_of(
    usd: float | None, tokens: int | None, paid: Sequence[tuple[str, Usage, Cost]]
) -> Budget | None:
    """The ledger, with what earlier goes have spent; None without limits."""
    if usd is None and tokens is None:
        return None
    budget = Budget(usd=usd, tokens=tokens)
    for model, usage, cost in paid:
        if (usage, cost) != _NO_CALL:
            budget.settle(Spent(), model, reply("", usage=usage, cost=cost))
    return budget


_NO_CALL = (Usage(), FREE)  # what likelihoods and counts of tokens leave, which bear no bill


def calls_in(paid: Sequence[tuple[str, Usage, Cost]]) -> int:
    """How many calls earlier goes have made."""
    return sum((usage, cost) != _NO_CALL for _, usage, cost in paid)
