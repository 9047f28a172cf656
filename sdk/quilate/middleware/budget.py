"""Hard limits of money, tokens and seconds, shared by all the calls of a run."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from quilate.errors import BudgetExceeded, ConfigurationError, DeadlineExceeded, ModelError
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.deadlines import without_time
from quilate.middleware.values import bill as bill_of
from quilate.models import (
    Cost,
    Event,
    Finished,
    Likelihood,
    Model,
    Request,
    Response,
    TokenCount,
    Usage,
    reply,
)

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls have cost: US dollars, tokens (input and output), and how many there were."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.usd + other.usd, self.tokens + other.tokens, self.calls + other.calls)


class _Waiting(NamedTuple):
    """A call that waits for its reservation; the answer comes from the thread of another."""

    model_name: str
    request: Request
    loop: asyncio.AbstractEventLoop
    answer: "Future[Spent | BudgetExceeded]"


class Budget:
    """A ledger of what a run may spend; None is no limit.

    A call reserves what it may cost before it begins, and settles what it did cost when it ends.
    It reserves as much as the dearest call so far, and at least its own ``max_tokens``. It begins
    when the sum of what is spent, what calls under way have reserved and its own reservation is
    within the limits; when it is not, it waits for calls under way to settle, and when there are
    none left, `BudgetExceeded` is raised. Calls begin in the order in which they came. The very
    first call goes alone, so that the price of one is known before many are under way. So the limit
    can be passed only by as much as calls under way together turn out dearer than what each had
    reserved; the next one is refused. A failed call settles as what its error says that its replies
    cost; where it says nothing, as free. A stream that its reader leaves is taken to have cost what
    it had reserved, and a token an event at the least: what it did cost nobody tells.

    `seconds` is wall-clock time from when the budget is made; calls under way then are cancelled.
    Where money is limited and a call comes back with an unknown price, its answer is kept and
    every later call is refused, unless `allow_unknown`: then it counts what is known of it.
    `spent` is what an earlier part of the run already spent. For any number of event loops and
    threads.

    >>> Budget(usd=5.0).spent
    Spent(usd=0.0, tokens=0, calls=0)
    """

    def __init__(
        self,
        usd: float | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
        *,
        allow_unknown: bool = False,
        spent: Spent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, limit in (("usd", usd), ("tokens", tokens), ("seconds", seconds)):
            if limit is not None and not limit >= 0:
                raise ConfigurationError(f"A budget of {name}={limit} is not a limit.")
        self.usd, self.tokens, self.seconds = usd, tokens, seconds
        self.spent = spent or Spent()
        self._allow_unknown, self._clock = allow_unknown, clock
        self._started = clock()
        self._reserved, self._dearest = Spent(), Spent()
        self._unpriced: str | None = None
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()

    def seconds_left(self) -> float | None:
        """Seconds until the end of the budget's time, 0 after it; None without a limit."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - (self._clock() - self._started))

    async def reserve(self, model_name: str, request: Request) -> Spent:
        """Wait until a call may begin, and return its reservation, which must be settled.

        Raises `BudgetExceeded` when it may not, and `DeadlineExceeded` when one of the request's
        deadlines passes before.
        """
        with self._lock:
            reserved = None if self._queue else self._begin(model_name, request)
            if reserved is not None:
                return reserved
            waiting = _Waiting(model_name, request, asyncio.get_running_loop(), Future())
            self._queue.append(waiting)
            self._admit()
        try:
            await self._wait(waiting)
        except BaseException:
            with self._lock:
                answer = None if waiting.answer.cancel() else waiting.answer.result()
                if isinstance(answer, Spent):
                    self._release(answer)
                self._admit()  # those behind it may fit now
            raise
        answer = waiting.answer.result()
        if isinstance(answer, BudgetExceeded):
            raise answer
        return answer

    def settle(
        self, reserved: Spent, model_name: str, outcome: Response | ModelError | Spent | None
    ) -> None:
        """Enter what a call cost, or is taken to have cost (None: nothing), in place of what it had
        reserved."""
        with self._lock:
            self._release(reserved)
            if isinstance(outcome, Spent):
                self.spent += outcome
            elif outcome is not None and outcome.usage is not None:
                self._enter(model_name, outcome.usage, outcome.cost or Cost())
            self._admit()

    def check(self) -> None:
        """Raise `BudgetExceeded` when no call may begin any more, whatever it would cost."""
        if self.seconds_left() == 0.0:
            raise self.out_of_time()
        if self._unpriced is not None:
            raise BudgetExceeded(
                f"The price of {self._unpriced} is not known, so the limit of {self.usd:g} USD "
                "cannot be held.",
                remedy="Limit tokens instead, or allow calls of unknown price.",
            )

    def check_unbilled(self, model_name: str, request: Request) -> None:
        """Raise `BudgetExceeded` when not even one call more may begin, for those that cost nothing
        themselves: nobody needs their answers then."""
        with self._lock:
            self.check()
            wanted = self._reservation(request)
            if not self._fits(self.spent + wanted):
                raise self._used_up(model_name, wanted)

    def out_of_time(self) -> BudgetExceeded:
        """The error that the budget's seconds are over."""
        return BudgetExceeded(
            f"The {self.seconds:g} seconds that the run may take are over. It has spent "
            f"{self._so_far()}.",
            remedy="Finished work is kept: raise the limit and resume the run.",
        )

    @property
    def _price_is_known(self) -> bool:
        return self._dearest.calls > 0 or (self.usd is None and self.tokens is None)

    def _reservation(self, request: Request) -> Spent:
        tokens = max(self._dearest.tokens, request.sampling.max_tokens or 0)
        return Spent(self._dearest.usd, tokens, calls=1)

    def _fits(self, total: Spent) -> bool:
        return (self.usd is None or total.usd <= self.usd) and (
            self.tokens is None or total.tokens <= self.tokens
        )

    def _used_up(self, model_name: str, wanted: Spent) -> BudgetExceeded:
        usd = "" if self.usd is None else f"{self.usd:g} USD"
        tokens = "" if self.tokens is None else f"{self.tokens} tokens"
        return BudgetExceeded(
            f"The budget of {' and '.join(filter(None, (usd, tokens)))} does not hold another call "
            f"of {model_name}, which may take {wanted.usd:.4f} USD and {wanted.tokens} tokens. The "
            f"run has spent {self._so_far()}.",
            remedy="Finished work is kept: raise the limit and resume the run.",
        )

    def _enter(self, model_name: str, usage: Usage, cost: Cost) -> None:
        unknown = cost.basis == "unknown" or cost.usd is None
        if unknown and self.usd is not None and not self._allow_unknown:
            self._unpriced = model_name
        spent = Spent(cost.usd or 0.0, usage.total_tokens, calls=1)
        self.spent += spent
        self._dearest = Spent(
            max(self._dearest.usd, spent.usd), max(self._dearest.tokens, spent.tokens), calls=1
        )

    async def _wait(self, waiting: _Waiting) -> None:
        """Until there is an answer; raises when time is over, the call's own or the budget's."""
        request, left = waiting.request, self.seconds_left()
        limits = (request.deadline, request.first_event_deadline)
        deadline = min((limit for limit in limits if limit is not None), default=None)
        waits = [seconds for seconds in (left, deadline) if seconds is not None]
        answer = asyncio.wrap_future(waiting.answer)
        await asyncio.wait((answer,), timeout=min(waits, default=None))
        if waiting.answer.done():
            return
        if deadline is None or (left is not None and left <= deadline):
            raise self.out_of_time()
        raise DeadlineExceeded(
            f"Within {deadline:g} seconds the budget had no room beside the calls under way.",
            where=waiting.model_name,
            remedy="Give it a longer deadline, or the budget more.",
        )

    def _so_far(self) -> str:
        return (
            f"{self.spent.usd:.4f} USD and {self.spent.tokens} tokens in {self.spent.calls} calls"
        )

    # What follows is called with the lock held.

    def _begin(self, model_name: str, request: Request) -> Spent | None:
        """Reserve for a call; None when it has to wait for others to settle."""
        self.check()
        wanted = self._reservation(request)
        alone = self._reserved.calls == 0
        if self._fits(self.spent + self._reserved + wanted) and (alone or self._price_is_known):
            self._reserved += wanted
            return wanted
        if alone:
            raise self._used_up(model_name, wanted)
        return None

    def _release(self, reserved: Spent) -> None:
        self._reserved = Spent(
            self._reserved.usd - reserved.usd,
            self._reserved.tokens - reserved.tokens,
            self._reserved.calls - reserved.calls,
        )
        if self._reserved.calls == 0:
            self._reserved = Spent()  # no rounding errors are left over

    def _admit(self) -> None:
        """Answer those at the head of the queue who may begin, or never will."""
        while self._queue:
            waiting = self._queue[0]
            if not (waiting.answer.cancelled() or waiting.loop.is_closed()):
                answer: Spent | BudgetExceeded | None
                try:
                    answer = self._begin(waiting.model_name, waiting.request)
                except BudgetExceeded as error:
                    answer = error
                if answer is None:
                    return
                waiting.answer.set_result(answer)
            self._queue.popleft()


class Budgeted(Wrapper):
    """A model whose calls are paid from a `Budget`; raises `BudgetExceeded`.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> model = Budgeted(ScriptedModel("uno dos"), Budget(tokens=5))
    >>> sync.run(model.generate(ask("?"))).usage.total_tokens, model.budget.spent.tokens
    (3, 3)
    >>> sync.run(model.generate(ask("?")))
    Traceback (most recent call last):
    quilate.errors.BudgetExceeded: The budget of 5 tokens does not hold another call ...
    """

    def __init__(self, inner: Model, budget: Budget) -> None:
        super().__init__(inner)
        self.budget = budget

    async def generate(self, request: Request) -> Response:
        """Answer once, when the budget allows it."""
        return await self._paid(request, self.inner.generate, lambda response: response)

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """The provider's own decisions, when the budget allows them."""
        inner = super().decide

        def bill(decided: "list[Decision]") -> Response:
            usage, cost = bill_of(decided)
            return reply("", usage=usage, cost=cost)

        return await self._paid(request, lambda request: inner(request, questions), bill)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, as long as the budget lasts."""
        self.budget.check_unbilled(self.info.name, context)
        with self._in_time():
            return await super().loglikelihood(context, continuations)

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count a request's input tokens, as long as the budget lasts."""
        self.budget.check_unbilled(self.info.name, request)
        with self._in_time():
            return await super().count_tokens(request)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, when the budget allows it; settled by the last event."""
        name = self.info.name
        outcome: Response | ModelError | None = None
        reserved, request = await self._reserve(request)
        events, seen = self.inner.stream(request), 0
        try:
            while True:
                with self._in_time():
                    event = await anext(events, None)
                if event is None:
                    return
                seen += 1
                if isinstance(event, Finished):
                    outcome = event.response
                yield event
        except ModelError as error:
            outcome = error
            raise
        finally:
            left = Spent(reserved.usd, max(reserved.tokens, seen), calls=1) if seen else None
            self.budget.settle(reserved, name, outcome or left)
            await close_stream(events)

    async def _paid(
        self,
        request: Request,
        call: Callable[[Request], Awaitable[T]],
        bill: Callable[[T], Response],
    ) -> T:
        outcome: Response | ModelError | None = None
        reserved, request = await self._reserve(request)
        try:
            with self._in_time():
                answer = await call(request)
            outcome = bill(answer)
            return answer
        except ModelError as error:
            outcome = error
            raise
        finally:
            self.budget.settle(reserved, self.info.name, outcome)

    async def _reserve(self, request: Request) -> tuple[Spent, Request]:
        """A reservation, and the request with what is left of its deadlines."""
        now = asyncio.get_running_loop().time
        began = now()
        reserved = await self.budget.reserve(self.info.name, request)
        return reserved, without_time(request, now() - began)

    def _in_time(self) -> AbstractContextManager[None]:
        left = self.budget.seconds_left()
        return nullcontext() if left is None else self._cancelled_after(left)

    @contextmanager
    def _cancelled_after(self, seconds: float) -> Iterator[None]:
        import anyio

        with anyio.move_on_after(seconds) as scope:
            yield
        if scope.cancelled_caught:
            raise self.budget.out_of_time()
