import asyncio

import pytest

from quilate.errors import ConfigurationError, DeadlineExceeded
from quilate.middleware.limit import Limited
from quilate.models import Finished, Request, TextDelta, ask
from quilate.testing import ScriptedModel


class Time:
    """A clock that moves only when something sleeps."""

    def __init__(self):
        self.now = 0.0

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


def test_no_more_than_so_many_at_once_and_in_order():
    running = peak = 0
    order = []

    async def work(request):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        order.append(request.messages[0].text)
        await asyncio.sleep(0)
        running -= 1
        return "ok"

    async def run():
        model = Limited(ScriptedModel(work), concurrency=3)
        await asyncio.gather(*(model.generate(ask(str(n))) for n in range(12)))

    asyncio.run(run())
    assert peak == 3
    assert order == [str(n) for n in range(12)]


def test_calls_of_a_minute_are_spread_evenly():
    time, begun = Time(), []

    def work(request):
        begun.append(time.now)
        return "ok"

    async def run():
        model = Limited(ScriptedModel(work), per_minute=30, sleep=time.sleep, clock=time.clock)
        for _ in range(4):
            await model.generate(ask("?"))

    asyncio.run(run())
    assert begun == [0.0, 2.0, 4.0, 6.0]


def test_a_burst_after_a_pause_then_the_even_rate():
    time, begun = Time(), []

    def work(request):
        begun.append(time.now)
        return "ok"

    async def run():
        model = Limited(
            ScriptedModel(work), per_minute=60, burst=3, sleep=time.sleep, clock=time.clock
        )
        for _ in range(5):
            await model.generate(ask("?"))
        time.now += 100
        for _ in range(4):
            await model.generate(ask("?"))

    asyncio.run(run())
    assert begun == [0.0, 0.0, 0.0, 1.0, 2.0, 102.0, 102.0, 102.0, 103.0]


def test_waiting_counts_towards_the_deadline():
    time, seen = Time(), []

    def work(request):
        seen.append(request.deadline)
        return "ok"

    async def run():
        model = Limited(ScriptedModel(work), per_minute=60, sleep=time.sleep, clock=time.clock)
        for _ in range(2):
            await model.generate(Request(ask("?").messages, deadline=5.0))
        time.now -= 1  # a second behind: the next place is two seconds away
        with pytest.raises(DeadlineExceeded, match=r"begin in 2.0 s, with 1.5 s left"):
            await model.generate(Request(ask("?").messages, deadline=1.5))

    asyncio.run(run())
    assert seen == [5.0, 4.0]


def test_no_place_before_the_deadline():
    async def run():
        hold = asyncio.Event()

        async def work(request):
            await hold.wait()
            return "ok"

        model = Limited(ScriptedModel(work), concurrency=1)
        first = asyncio.create_task(model.generate(ask("?")))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded, match="for a place"):
            await model.generate(Request(ask("?").messages, deadline=0.001))
        hold.set()
        assert (await first).text == "ok"
        assert (await model.generate(ask("?"))).text == "ok"

    asyncio.run(run())


def test_a_stream_holds_its_place_until_it_ends_or_is_dropped():
    async def run():
        model = Limited(ScriptedModel("uno dos"), concurrency=1)
        events = model.stream(ask("?"))
        assert await anext(events) == TextDelta("uno ")
        waiting = asyncio.create_task(model.generate(ask("?")))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        await events.aclose()
        assert (await waiting).text == "uno dos"
        return [event async for event in model.stream(ask("?"))]

    assert isinstance(asyncio.run(run())[-1], Finished)


@pytest.mark.parametrize("limits", [{"concurrency": 0}, {"per_minute": -1}, {"burst": 0}])
def test_limits_must_be_positive(limits):
    with pytest.raises(ConfigurationError, match="positive"):
        Limited(ScriptedModel(), **limits)
