"""The calls that a provider counts together: how many are in flight, and which of them wait."""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf, isfinite

from quilate.errors import DeadlineExceeded, Overloaded, RateLimited
from quilate.middleware.window import Window
from quilate.models import RateLimit, Response

MAX_WAIT = 60.0
"""Seconds: a provider that asks to wait longer is not waited for; the calls fail at once, but for
one each `MAX_WAIT` that looks whether the provider still means it."""


class Place:
    """One call's place among those in flight, or in the queue for one; for `Quota` alone."""

    __slots__ = ("begun", "gone", "looks_at", "loop", "number", "probe", "round", "until", "wake")

    def __init__(self, loop: asyncio.AbstractEventLoop, until: float = inf) -> None:
        self.loop, self.until = loop, until
        self.begun = self.gone = self.probe = False
        self.round = self.number = 0
        self.wake: asyncio.Future[None] | None = None
        self.looks_at = inf  # when it looks again of itself


class Quota:
    """The calls that a provider counts together: those in flight, those that wait, and what the
    provider said of its limits. For any number of event loops and threads.

    Places are given in the order in which they were asked for. Nothing begins before the time that
    a ``Retry-After`` named, nor, when a reply's headers say that no requests are left, before they
    are due again. Of a ``Retry-After`` longer than `MAX_WAIT` every call fails at once, but for one
    each `MAX_WAIT`, which goes to the provider; its answer opens the way for all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = Window()
        self.clock = clock
        # Reentrant: a garbage collection inside may end abandoned calls, which leave their places.
        self._lock = threading.RLock()
        self._held: set[Place] = set()
        self._queue: deque[Place] = deque()
        self._soonest = inf  # no call in the queue has an earlier deadline
        self._begun = 0  # calls so far
        self._closed_until = -inf
        self._asked_until = -inf  # later than `_closed_until` when the provider asks for too much
        self._allowed: int | None = None  # calls that may begin until `_allowed_until`
        self._allowed_until = -inf
        self._read = 0  # the number of the call whose headers are the newest

    @property
    def in_flight(self) -> int:
        """How many calls have a place."""
        return len(self._held)

    async def enter(self, deadline: float | None = None, *, where: str | None = None) -> Place:
        """Wait for a place, at most `deadline` seconds; it must be given back with `leave`.

        Raises `DeadlineExceeded` as soon as it is known that the call cannot begin in time, and
        `RateLimited` when the provider wants none for longer than `MAX_WAIT`.
        """
        place = Place(asyncio.get_running_loop())
        with self._lock:
            now = self.clock()
            if not self._queue and self._is_open(now):
                self._begin(place, now)
                return place
            if deadline is not None:
                place.until = now + deadline
                self._soonest = min(self._soonest, place.until)
            self._queue.append(place)
        try:
            await self._wait(place, where)
        except BaseException:
            with self._lock:
                place.gone = True
                self._held.discard(place)
                self._admit(self.clock())
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
                if place.probe:
                    self._closed_until = self._asked_until = -inf
                if isinstance(answer, Response) and answer.rate_limit is not None:
                    self._read_headers(place, answer.rate_limit, answer.usage.total_tokens)
            elif isinstance(error, RateLimited | Overloaded):
                self.window.shrink(place.round, self.in_flight)
                if error.retry_after:
                    self._close(place, error.retry_after)
            self._held.discard(place)
            if self._queue:
                self._admit(self.clock())

    async def _wait(self, place: Place, where: str | None) -> None:
        while True:
            with self._lock:
                now = self.clock()
                self._drop_the_dead()
                self._admit(now)
                if place.begun:
                    return
                self._check(
                    max(self._opens_at(), self._asked_until) - now, place.until - now, where
                )
                # Only the head watches the opening time, to wake no thousands at once. The others
                # look now and then, should the head's loop be gone.
                place.looks_at = min(place.until, now + MAX_WAIT)
                if self._queue[0] is place and self._opens_at() > now:
                    place.looks_at = min(place.looks_at, self._opens_at())
                wake = place.wake = place.loop.create_future()
            await asyncio.wait((wake,), timeout=place.looks_at - now)

    def _check(self, closed: float, left: float, where: str | None) -> None:
        """Raise when the wait for a place is in vain; `closed` is seconds until one is possible."""
        if max(closed, 0.0) >= left:
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

    def _begin(self, place: Place, now: float) -> None:
        self._begun += 1
        self._held.add(place)
        if self._allowed is not None:
            self._allowed -= 1
        if now < self._asked_until:
            place.probe, self._closed_until = True, min(self._asked_until, now + MAX_WAIT)
        place.begun, place.number, place.round = True, self._begun, self.window.round

    def _close(self, place: Place, seconds: float) -> None:
        """Let nothing begin for so long, because the provider said so to the call of `place`."""
        now = self.clock()
        if not isfinite(seconds):
            seconds = MAX_WAIT
        if place.probe:  # its news is the newest
            self._closed_until = self._asked_until = -inf
        self._asked_until = max(self._asked_until, now + seconds)
        self._closed_until = max(self._closed_until, now + min(seconds, MAX_WAIT))

    def _drop_the_dead(self) -> None:
        """Take back the places of calls whose loop was closed under them: nobody else will."""
        if self.in_flight >= self.window.size:
            for place in self._held.copy():
                if place.loop.is_closed():
                    self._held.discard(place)

    def _admit(self, now: float) -> None:
        """Let those at the head of the queue begin who may; wake whom a new opening time concerns:
        the next, and those for whom it is too late."""
        while self._queue:
            head, gone = self._queue[0], _is_gone(self._queue[0])
            if not gone and not self._is_open(now):
                if now < self._opens_at() < head.looks_at:
                    _wake(head)
                break
            self._queue.popleft()
            if not gone:
                self._begin(head, now)
                _wake(head)
        opens_at = max(self._opens_at(), self._asked_until)
        if self._queue and opens_at > now:
            self._dismiss(opens_at, in_vain=opens_at - now > MAX_WAIT)

    def _dismiss(self, opens_at: float, *, in_vain: bool) -> None:
        """Wake those who cannot begin in time; all, when waiting is `in_vain`."""
        if not in_vain and opens_at < self._soonest:
            return
        self._soonest = inf
        for place in tuple(self._queue):
            if in_vain or place.until <= opens_at:
                _wake(place)
            else:
                self._soonest = min(self._soonest, place.until)

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
    return place.gone or place.loop.is_closed()


def _wake(place: Place) -> None:
    """Let a waiting call look again, from whatever thread this is."""
    wake, place.wake = place.wake, None
    if wake is not None and not place.loop.is_closed():
        place.loop.call_soon_threadsafe(_resolve, wake)


def _resolve(wake: "asyncio.Future[None]") -> None:
    if not wake.done():
        wake.set_result(None)


_quotas: dict[str, Quota] = {}
if hasattr(os, "register_at_fork"):
    # The calls of a parent process never end in its child, nor may a lock of its threads.
    os.register_at_fork(after_in_child=_quotas.clear)


def quota(name: str) -> Quota:
    """The process's one `Quota` of that name."""
    return _quotas.get(name) or _quotas.setdefault(name, Quota())
