"""Deadlines of whole calls and of first events."""

import asyncio
from dataclasses import replace

import pytest

from quilate.errors import DeadlineExceeded
from quilate.middleware.deadlines import Deadlines
from quilate.models import Finished, TextDelta, ask, reply
from quilate.sync import iterate, run
from quilate.testing import ScriptedModel


class Stalling(ScriptedModel):
    """Streams one word, then nothing more, and says whether it was closed."""

    closed = False
    before_first = 0.0

    async def stream(self, request):
        try:
            await asyncio.sleep(self.before_first)
            yield TextDelta("uno")
            await asyncio.sleep(30)
            yield Finished(reply("uno dos"))
        finally:
            self.closed = True


def test_a_stalled_stream_ends_at_the_deadline_and_is_closed():
    inner = Stalling()
    events = iterate(Deadlines(inner).stream(replace(ask("?"), deadline=0.2)))
    assert next(events) == TextDelta("uno")
    with pytest.raises(DeadlineExceeded, match=r"No whole answer came within 0\.2 seconds"):
        next(events)
    assert inner.closed


def test_a_late_first_event_is_too_late_whatever_the_whole_may_take():
    inner = Stalling()
    inner.before_first = 30
    request = replace(ask("?"), first_event_deadline=0.1, deadline=60)
    with pytest.raises(DeadlineExceeded, match=r"No event of the answer came within 0\.1 seconds"):
        list(iterate(Deadlines(inner).stream(request)))
    with pytest.raises(DeadlineExceeded, match="No event"):
        run(Deadlines(inner).generate(request))
    assert inner.closed


def test_the_readers_time_does_not_count():
    events = iterate(Deadlines(ScriptedModel("uno dos")).stream(replace(ask("?"), deadline=0.3)))
    next(events)
    asyncio.run(asyncio.sleep(0.4))
    assert isinstance(list(events)[-1], Finished)


def test_a_timeout_of_the_models_own_is_not_the_deadlines():
    def fails(request):
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        run(Deadlines(ScriptedModel(fails)).generate(replace(ask("?"), deadline=60)))
