import asyncio

import pytest

from quilate.errors import (
    AuthenticationError,
    DeadlineExceeded,
    MalformedReply,
    RateLimited,
    ServerError,
)
from quilate.middleware import Retrying
from quilate.models import Cost, Finished, Request, TextDelta, Usage, ask, reply
from quilate.testing import ScriptedModel


class Time:
    """A clock that moves only when something sleeps."""

    def __init__(self):
        self.now, self.sleeps = 0.0, []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


def failing(*errors):
    """A script that raises each error in turn, then answers."""
    queue = list(errors)

    def script(request):
        if queue:
            raise queue.pop(0)
        return "ok"

    return ScriptedModel(script)


def retrying(model, time, **options):
    return Retrying(model, sleep=time.sleep, clock=time.clock, **options)


def test_retries_until_it_works_waiting_up_to_twice_as_long_each_time(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    time, model = Time(), failing(ServerError("1"), ServerError("2"), ServerError("3"))
    assert asyncio.run(retrying(model, time).generate(ask("?"))).text == "ok"
    assert model.calls == 4
    assert time.sleeps == [1.0, 2.0, 4.0]


def test_gives_up_with_the_last_error_and_the_number_of_attempts():
    time, errors = Time(), [ServerError(str(n)) for n in range(9)]
    with pytest.raises(ServerError) as failure:
        asyncio.run(retrying(failing(*errors), time, attempts=3).generate(ask("?")))
    assert failure.value is errors[2]
    assert failure.value.__notes__ == ["Tried 3 times."]


def test_what_cannot_get_better_is_not_tried_again():
    time, model = Time(), failing(AuthenticationError("no key"))
    with pytest.raises(AuthenticationError):
        asyncio.run(retrying(model, time).generate(ask("?")))
    assert (model.calls, time.sleeps) == (1, [])


def test_other_exceptions_pass_untouched():
    time, model = Time(), failing(ServerError("1"), ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        asyncio.run(retrying(model, time).generate(ask("?")))
    assert model.calls == 2


def test_honours_retry_after():
    time = Time()
    model = retrying(failing(RateLimited("slow down", retry_after=17.0)), time)
    assert asyncio.run(model.generate(ask("?"))).text == "ok"
    assert time.sleeps == [17.0]


def test_never_sleeps_past_the_deadline_of_the_request():
    time = Time()
    model = failing(RateLimited("slow down", retry_after=17.0))
    with pytest.raises(RateLimited) as failure:
        asyncio.run(retrying(model, time).generate(Request(ask("?").messages, deadline=10)))
    assert (model.calls, time.sleeps) == (1, [])
    assert "17.0 s, and 10.0 s of the request's deadline" in failure.value.__notes__[0]


def test_refuses_an_absurd_retry_after():
    time, model = Time(), failing(RateLimited("tomorrow", retry_after=86400))
    with pytest.raises(RateLimited) as failure:
        asyncio.run(retrying(model, time).generate(ask("?")))
    assert time.sleeps == []
    assert "86400 s, longer than the 60 s" in failure.value.__notes__[0]


def test_later_attempts_have_what_is_left_of_the_deadline():
    time, seen = Time(), []

    def script(request):
        seen.append(request.deadline)
        time.now += 2
        if len(seen) < 3:
            raise DeadlineExceeded("slow")
        return "ok"

    model = retrying(ScriptedModel(script), time)
    asyncio.run(model.generate(Request(ask("?").messages, deadline=10)))
    assert seen[0] == 10
    assert seen[1] == pytest.approx(8 - time.sleeps[0])
    assert seen[2] == pytest.approx(6 - sum(time.sleeps))


def test_cancelling_a_wait_ends_it():
    async def run():
        model = failing(ServerError("1"))
        waiting = asyncio.Event()

        async def sleep(seconds):
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(Retrying(model, sleep=sleep).generate(ask("?")))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return model.calls

    assert asyncio.run(run()) == 1


class Breaking(ScriptedModel):
    """A stream that breaks before its first event, or after it."""

    def __init__(self, *breaks):
        super().__init__()
        self.breaks = list(breaks)

    async def stream(self, request):
        self.calls += 1
        where = self.breaks.pop(0) if self.breaks else None
        if where == "before":
            raise ServerError("before")
        if where == "empty":
            return
        yield TextDelta("a")
        if where == "after":
            raise ServerError("after")
        yield Finished(reply("a"))


async def read(model):
    return [event async for event in model.stream(ask("?"))]


def test_a_stream_is_tried_again_before_its_first_event():
    time, model = Time(), Breaking("before", "empty")
    assert asyncio.run(read(retrying(model, time))) == [TextDelta("a"), Finished(reply("a"))]
    assert model.calls == 3


def test_a_stream_is_not_tried_again_after_its_first_event():
    time, model = Time(), Breaking("after")
    with pytest.raises(ServerError, match="after"):
        asyncio.run(read(retrying(model, time)))
    assert (model.calls, time.sleeps) == (1, [])


def test_a_stream_that_is_always_empty_is_a_malformed_reply():
    with pytest.raises(MalformedReply, match="without an event"):
        asyncio.run(read(retrying(Breaking(*["empty"] * 4), Time())))


def test_what_failed_tries_cost_is_counted():
    def wasted(tokens, usd):
        error = MalformedReply("no JSON")
        error.usage, error.cost = Usage(tokens, 1), Cost(usd, "estimated")
        return error

    paid = reply("ok", usage=Usage(5, 1), cost=Cost(0.5, "estimated"))
    queue = [wasted(10, 1.0), ServerError("nothing came"), wasted(20, 2.0), None]

    def script(request):
        error = queue.pop(0)
        if error is not None:
            raise error
        return paid

    response = asyncio.run(retrying(ScriptedModel(script), Time()).generate(ask("?")))
    assert response.usage == Usage(35, 3)
    assert response.cost == Cost(3.5, "estimated")

    errors = [wasted(10, 1.0), ServerError("down")]
    with pytest.raises(ServerError) as failure:
        asyncio.run(retrying(failing(*errors), Time(), attempts=2).generate(ask("?")))
    assert (failure.value.usage, failure.value.cost) == (Usage(10, 1), Cost(1.0, "estimated"))


class Timed(ScriptedModel):
    """Streams of which each takes its time until the first event, and after it; then fails."""

    def __init__(self, time, *tries):
        super().__init__()
        self.time, self.tries, self.seen = time, list(tries), []

    async def stream(self, request):
        self.seen.append(request.first_event_deadline)
        before, after, error = self.tries.pop(0)
        self.time.now += before
        if after is None:
            raise error
        yield TextDelta("a")
        self.time.now += after
        if error is not None:
            raise error
        yield Finished(reply("a"))


def generate_in_time(time, model, **options):
    request = Request(ask("?").messages, deadline=100, first_event_deadline=10)
    return asyncio.run(retrying(model, time, **options).generate(request))


def test_what_fails_after_an_event_in_time_is_tried_again_within_the_total_deadline():
    for after in (1, 30):  # before and after the first event's deadline
        time = Time()
        model = Timed(time, (2, after, ServerError("cut")), (3, 1, None))
        assert generate_in_time(time, model).text == "a"
        assert model.seen == [10, pytest.approx(10)]


def test_no_try_begins_when_no_first_event_can_be_in_time():
    time = Time()
    model = Timed(time, (9.9, None, RateLimited("slow down", retry_after=1.0)))
    with pytest.raises(RateLimited):
        generate_in_time(time, model)
    assert time.sleeps == []


def test_tries_without_an_event_share_what_is_left_from_when_it_was_due(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    time = Time()
    cut, silent = ServerError("cut"), ServerError("nothing came")
    model = Timed(time, (1, 50, cut), (4, None, silent), (1, 1, None))
    assert generate_in_time(time, model).text == "a"
    assert model.seen == pytest.approx([10, 10, 4])  # 4 s passed, and a wait of 2


def test_the_total_deadline_holds_all_the_same():
    time = Time()
    model = Timed(time, (1, 98.9, ServerError("cut")))
    with pytest.raises(ServerError):
        generate_in_time(time, model, first_wait=50.0)
    assert len(model.seen) == 1


def test_a_stream_counts_what_failed_tries_cost():
    wasted = MalformedReply("no JSON")
    wasted.usage, wasted.cost = Usage(1000, 10), Cost(0.5, "exact")

    class Billed(Breaking):
        async def stream(self, request):
            if self.breaks:
                raise self.breaks.pop(0)
            yield TextDelta("a")
            if self.after:
                raise self.after
            yield Finished(reply("a", usage=Usage(1, 1), cost=Cost(0.25, "exact")))

    model = Billed(wasted)
    model.after = None
    response = asyncio.run(read(retrying(model, Time())))[-1].response
    assert (response.usage, response.cost) == (Usage(1001, 11), Cost(0.75, "exact"))

    model = Billed(wasted)
    model.after = ServerError("after")
    with pytest.raises(ServerError) as failure:
        asyncio.run(read(retrying(model, Time())))
    assert (failure.value.usage, failure.value.cost) == (wasted.usage, wasted.cost)
