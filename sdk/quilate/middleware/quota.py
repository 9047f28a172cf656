"""The calls that a provider counts together: how many are in flight, and which of them wait."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable

from quilate.errors import DeadlineExceeded, Overloaded, RateLimited
from quilate.middleware.window import Window
from quilate.models import RateLimit, Response

MAX_WAIT = 60.0
"""Seconds: a provider that asks to wait longer is not waited for; the calls fail at once."""


class Place:
    """One call's place among those in flight, or in the queue for one; for `Quota` alone."""

    __slots__ = ("begun", "gone", "loop", "number", "round", "wake")

    def __init__(self) -> None:
        self.begun = self.gone = False
        self.round = self.number = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.wake: asyncio.Future[None] | None = None


class Quota:
    """The calls that a provider counts together: those in flight, those that wait, and what the
    provider said of its limits. For any number of event loops and threads.

    Places are given in the order in which they were asked for. Nothing begins before the time that
    a ``Retry-After`` named, nor, when a reply's headers say that no requests are left, before they
    are due again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = Window()
        self.in_flight = 0
        self.clock = clock
        self._lock = threading.Lock()
        self._queue: deque[Place] = deque()
        self._begun = 0  # calls so far
        self._closed_until = self._told_until = float("-inf")
        self._allowed: int | None = None  # calls that may begin until `_allowed_until`
        self._allowed_until = float("-inf")
        self._read = 0  # the number of the call whose headers are the newest

    async def enter(self, deadline: float | None = None, *, where: str | None = None) -> Place:
        """Wait for a place, at most `deadline` seconds; it must be given back with `leave`.

        Raises `DeadlineExceeded` as soon as it is known that the call cannot begin in time, and
        `RateLimited` when the provider wants none for longer than `MAX_WAIT`.
        """
        place = Place()
        with self._lock:
            if not self._queue and self._is_open(self.clock()):
                self._begin(place)
                return place
            place.loop = asyncio.get_running_loop()
            self._queue.append(place)
        try:
            await self._wait(place, deadline, where)
        except BaseException:
            with self._lock:
                place.gone = True
                if place.begun:
                    self._end()
            raise
        return place

    def leave(
        self, place: Place, answer: object = None, error: BaseException | None = None
    ) -> None:
        """Give a place back, with what came of the call."""
        with self._lock:
            if answer is not None:
                if self.in_flight >= self.window.size:
                    self.window.grow(place.round)
                if isinstance(answer, Response) and answer.rate_limit is not None:
                    self._read_headers(place, answer.rate_limit, answer.usage.total_tokens)
            elif isinstance(error, RateLimited | Overloaded):
                self.window.shrink(place.round, self.in_flight)
                if error.retry_after:
                    self._closed_until = max(self._closed_until, self.clock() + error.retry_after)
            self._end()

    async def _wait(self, place: Place, deadline: float | None, where: str | None) -> None:
        began, loop = self.clock(), asyncio.get_running_loop()
        while True:
            with self._lock:
                now = self.clock()
                self._admit(now)
                if place.begun:
                    return
                closed = self._opens_at() - now
                left = None if deadline is None else deadline - (now - began)
                self._check(closed, left, where)
                place.wake = loop.create_future()
            waits = [seconds for seconds in (left, closed) if seconds is not None and seconds > 0]
            await asyncio.wait((place.wake,), timeout=min(waits, default=None))

    def _check(self, closed: float, left: float | None, where: str | None) -> None:
        """Raise when the wait for a place is in vain; `closed` is seconds until one is possible."""
        if left is not None and max(closed, 0.0) >= left:
            # With `retry_after`, the retry layer too sees that another try would come too late.
            raise DeadlineExceeded(
                f"The provider's limits let the call begin in {closed:.1f} s, after its deadline."
                if closed > 0
                else "No place was free before the call's deadline: the provider takes "
                f"{self.window.size} calls at once.",
                where=where,
                remedy="Give it a longer deadline, or send fewer calls at once.",
                retry_after=closed if closed > 0 else None,
            )
        if closed > MAX_WAIT:
            raise RateLimited(
                f"The provider wants no calls for {closed:.0f} s.",
                where=where,
                remedy="Wait, or use another provider meanwhile (quilate.route).",
                retry_after=closed,
            )

    # What follows is called with the lock held.

    def _opens_at(self) -> float:
        if self._allowed is not None and self._allowed <= 0:
            return max(self._closed_until, self._allowed_until)
        return self._closed_until

    def _is_open(self, now: float) -> bool:
        if self._allowed is not None and now >= self._allowed_until:
            self._allowed = None
        return self.in_flight < self.window.size and now >= self._opens_at()

    def _begin(self, place: Place) -> None:
        self._begun += 1
        self.in_flight += 1
        if self._allowed is not None:
            self._allowed -= 1
        place.begun, place.number, place.round = True, self._begun, self.window.round

    def _end(self) -> None:
        self.in_flight -= 1
        if self._queue:
            self._admit(self.clock())

    def _admit(self, now: float) -> None:
        """Let those at the head of the queue begin who may, and tell the others how long."""
        while self._queue:
            if not _is_gone(self._queue[0]):
                if not self._is_open(now):
                    break
                self._begin(self._queue[0])
                _wake(self._queue[0])
            self._queue.popleft()
        opens_at = self._opens_at()
        if self._queue and opens_at > max(now, self._told_until):
            self._told_until = opens_at
            for place in self._queue:
                _wake(place)

    def _read_headers(self, place: Place, limit: RateLimit, used: int) -> None:
        """Take from a reply's headers how many calls may begin until the limit is whole again;
        `used` is what this call took in tokens."""
        if place.number < self._read:
            return
        self._read, self._allowed = place.number, None
        if limit.tokens is not None and limit.tokens < used:
            self._allow(0, limit.tokens_reset)  # another call like this one would not fit
        elif limit.requests is not None:
            # Calls that began after this one are not yet counted in its reply.
            self._allow(limit.requests - (self._begun - place.number), limit.requests_reset)

    def _allow(self, calls: int, seconds: float | None) -> None:
        if seconds:
            self._allowed, self._allowed_until = calls, self.clock() + min(seconds, MAX_WAIT)


def _is_gone(place: Place) -> bool:
    """Whether nobody waits any more: it was cancelled, or its loop was closed under it."""
    return place.gone or (place.loop is not None and place.loop.is_closed())


def _wake(place: Place) -> None:
    """Let a waiting call look again, from whatever thread this is."""
    if place.wake is not None and place.loop is not None and not place.loop.is_closed():
        place.loop.call_soon_threadsafe(_resolve, place.wake)


def _resolve(wake: "asyncio.Future[None]") -> None:
    if not wake.done():
        wake.set_result(None)


_quotas: dict[str, Quota] = {}


def quota(name: str) -> Quota:
    """The process's one `Quota` of that name."""
    return _quotas.get(name) or _quotas.setdefault(name, Quota())
