import asyncio
import multiprocessing
import os
import random
import threading
from dataclasses import replace

import pytest

from quilate.errors import (
    DeadlineExceeded,
    ModelError,
    Overloaded,
    RateLimited,
    ServerError,
)
from quilate.middleware.quota import Quota, quota
from quilate.middleware.retry import Retrying
from quilate.middleware.standard import standard
from quilate.middleware.throttle import Throttled
from quilate.middleware.window import Window
from quilate.models import Finished, RateLimit, TextDelta, Usage, ask, reply
from quilate.testing import ScriptedModel


class Server:
    """Takes `limit(now)` calls at once and refuses the others."""

    def __init__(self, loop, limit, seconds=0.2):
        self.loop, self.limit, self.random = loop, limit, random.Random(1)
        self.seconds, self.in_flight = seconds, 0
        self.answered, self.refused = [], 0

    async def __call__(self, request):
        await asyncio.sleep(0.001)
        if self.in_flight >= self.limit(self.loop.time()):
            self.refused += 1
            raise RateLimited("too many")
        self.in_flight += 1
        try:
            await asyncio.sleep(self.seconds * self.random.uniform(0.8, 1.2))
        finally:
            self.in_flight -= 1
        self.answered.append(self.loop.time())
        return "ok"


async def busy(model, loop, until, tasks=128):
    """Ask as fast as possible; how many requests failed."""
    failed = 0

    async def work():
        nonlocal failed
        while loop.time() < until:
            try:
                await model.generate(ask("?"))
            except ModelError:
                failed += 1

    await asyncio.gather(*(work() for _ in range(tasks)))
    return failed


class Standing(Window):
    """A window that does not grow."""

    def grow(self, round):
        pass


def throttled(script, loop, **options):
    return Throttled(ScriptedModel(script), quota=Quota(loop.time), **options)


def named(script, name):
    """A scripted model that belongs to a quota."""
    model = ScriptedModel(script)
    model.info = replace(model.info, quota=name)
    return model


def test_follows_a_limit_that_moves_with_few_refusals_and_no_failure(run):
    limits = (8, 64, 16)

    async def main(loop):
        server = Server(loop, lambda now: limits[min(2, int(now // 15))])
        model = Retrying(throttled(server, loop), clock=loop.time)
        failed = await busy(model, loop, 45)
        return server, failed

    server, failed = run(main)
    possible = sum(limits) * 15 / (server.seconds + 0.001)
    in_time = [at for at in server.answered if at < 45]
    assert len(in_time) / possible > 0.85
    assert failed == 0
    assert server.refused / len(in_time) < 0.03


@pytest.mark.parametrize("limit", [1, 8, 40])
def test_a_limit_that_stands_is_kept_close_to(run, limit):
    async def main(loop):
        server = Server(loop, lambda now: limit)
        await busy(Retrying(throttled(server, loop), attempts=9, clock=loop.time), loop, 60)
        return sum(at > 20 for at in server.answered) / (limit * 40 / (server.seconds + 0.001))

    assert run(main) > 0.88


def test_grows_only_under_saturation(run):
    async def main(loop):
        model = throttled("ok", loop)
        for _ in range(100):
            await model.generate(ask("?"))
        return model._given.window.size

    assert run(main) == Window().size


def test_one_decrease_a_round_and_half_at_most():
    window = Window()
    for _ in range(92):
        window.grow(round=0)
    window.shrink(round=0, in_flight=100)
    assert window.size == 85
    for in_flight in range(99, 0, -1):  # a whole round is refused
        window.shrink(round=0, in_flight=in_flight)
    assert (window.round, window.size) == (1, 50)


def test_what_is_left_of_a_round_that_was_refused_is_what_the_server_holds():
    window = Window()
    for in_flight in (8, 7, 6):
        window.shrink(round=0, in_flight=in_flight)
    assert window.size == 5


def test_refusals_of_long_ago_are_ignored():
    window = Window()
    for round in range(4):
        window.shrink(round, in_flight=window.size)
    size = window.size
    window.shrink(round=1, in_flight=2)
    assert window.size == size


@pytest.mark.parametrize(("error", "counts"), [(Overloaded, True), (ServerError, False)])
def test_only_refusals_shrink_the_window(run, error, counts):
    async def main(loop):
        def fail(request):
            raise error("no")

        model = throttled(fail, loop)
        with pytest.raises(error):
            await model.generate(ask("?"))
        return model._given

    shared = run(main)
    assert (shared.window.round == 1) == counts
    assert shared.in_flight == 0


def test_first_come_first_served(run):
    async def main(loop):
        order = []

        async def work(request):
            order.append(int(request.messages[0].text))
            await asyncio.sleep(1)
            return "ok"

        model = throttled(work, loop)
        await asyncio.gather(*(model.generate(ask(str(n))) for n in range(60)))
        return order

    assert run(main) == list(range(60))


def test_nothing_of_the_quota_begins_before_retry_after(run):
    async def main(loop):
        begun = []

        def script(request):
            begun.append(loop.time())
            if len(begun) == 1:
                raise RateLimited("slow down", retry_after=30.0)
            return "ok"

        shared = Quota(loop.time)
        first, second = (Throttled(ScriptedModel(script), quota=shared) for _ in range(2))
        with pytest.raises(RateLimited):
            await first.generate(ask("?"))
        await asyncio.gather(*(second.generate(ask("?")) for _ in range(20)))
        return begun

    begun = run(main)
    assert len(begun) == 21
    assert min(begun[1:]) == pytest.approx(30.0)


def test_those_who_already_wait_hear_of_retry_after(run):
    async def main(loop):
        begun = []

        async def script(request):
            begun.append(loop.time())
            await asyncio.sleep(1)
            if len(begun) == 8:
                raise RateLimited("slow down", retry_after=10.0)
            return "ok"

        model = throttled(script, loop)
        calls = [model.generate(ask("?")) for _ in range(16)]
        late = model.generate(replace(ask("?"), deadline=5.0))
        results = await asyncio.gather(*calls, late, return_exceptions=True)
        return begun, results, loop.time()

    begun, results, _ = run(main)
    assert {round(at, 3) for at in begun} == {0.0, 11.0, 12.0}
    assert isinstance(results[-1], DeadlineExceeded)


def test_a_call_that_cannot_begin_in_time_fails_at_once_and_is_not_tried_again(run):
    async def main(loop):
        calls = 0

        def script(request):
            nonlocal calls
            calls += 1
            raise RateLimited("slow down", retry_after=30.0)

        model = Retrying(throttled(script, loop), clock=loop.time)
        with pytest.raises(RateLimited):
            await model.generate(replace(ask("?"), deadline=10.0))
        with pytest.raises(DeadlineExceeded, match=r"begin in 30.0 s"):
            await model.generate(replace(ask("?"), deadline=20.0))
        return calls, loop.time()

    calls, now = run(main)
    assert (calls, now) == (1, pytest.approx(0.0))


def test_a_provider_that_wants_nothing_for_hours_is_not_waited_for(run):
    async def main(loop):
        def script(request):
            raise RateLimited("tomorrow", retry_after=9000.0)

        model = throttled(script, loop)
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                await model.generate(ask("?"))
        return caught.value, loop.time()

    error, now = run(main)
    assert "no calls for 9000 s" in str(error)
    assert (error.retry_after, now) == (9000.0, 0.0)


def test_waiting_for_a_place_counts_towards_both_deadlines(run):
    async def main(loop):
        seen = []

        async def script(request):
            seen.append((request.deadline, request.first_event_deadline))
            await asyncio.sleep(3)
            return "ok"

        model = throttled(script, loop)
        hold = [model.generate(ask("?")) for _ in range(8)]
        late = replace(ask("?"), deadline=10.0, first_event_deadline=5.0)
        too_late = replace(ask("?"), deadline=10.0, first_event_deadline=1.0)
        *_, failed = await asyncio.gather(
            *hold, model.generate(late), model.generate(too_late), return_exceptions=True
        )
        return seen[-1], failed

    seen, failed = run(main)
    assert seen == pytest.approx((7.0, 2.0))
    assert isinstance(failed, DeadlineExceeded)
    assert "takes 8 calls at once" in str(failed)


@pytest.mark.parametrize(
    ("limit", "begun_before"),
    [
        (RateLimit(requests=0, requests_reset=20.0), 1),
        (RateLimit(requests=3, requests_reset=20.0), 4),
        (RateLimit(tokens=5, tokens_reset=20.0), 1),
        (RateLimit(tokens=5000, tokens_reset=20.0), 9),
        (RateLimit(requests=500, requests_reset=20.0), 9),
    ],
)
def test_headers_that_say_what_is_left_are_obeyed(run, limit, begun_before):
    async def main(loop):
        begun = []

        async def script(request):
            begun.append(loop.time())
            said = None if loop.time() >= 20 else limit
            if said is not None and said.requests is not None:
                said = replace(said, requests=max(0, said.requests - len(begun) + 1))
            return reply("ok", usage=Usage(8, 2), rate_limit=said)

        model = throttled(script, loop)
        await model.generate(ask("?"))
        await asyncio.gather(*(model.generate(ask("?")) for _ in range(8)))
        return begun

    begun = run(main)
    assert len(begun) == 9
    assert sum(at < 20 for at in begun) == begun_before


def test_calls_under_way_are_not_yet_counted_in_the_headers_of_an_earlier_one(run):
    async def main(loop):
        begun = []

        async def script(request):
            begun.append(loop.time())
            number = len(begun)
            await asyncio.sleep(number)
            left = RateLimit(requests=8, requests_reset=60.0) if number == 1 else None
            return reply("ok", rate_limit=left)

        model = throttled(script, loop)
        await asyncio.gather(*(model.generate(ask("?")) for _ in range(12)))
        return begun

    assert sum(at < 60 for at in run(main)) == 9  # seven had begun since: one more of the eight


def test_a_stream_holds_its_place_until_it_ends_or_is_dropped(run):
    async def main(loop):
        model = throttled("uno dos", loop)
        shared = model._given
        streams = [model.stream(ask("?")) for _ in range(8)]
        assert [await anext(one) for one in streams] == [TextDelta("uno ")] * 8
        waiting = asyncio.create_task(model.generate(ask("?")))
        await asyncio.sleep(1)
        assert not waiting.done()
        await streams[0].aclose()
        assert (await waiting).text == "uno dos"
        assert isinstance([event async for event in streams[1]][-1], Finished)
        assert shared.in_flight == 6
        for one in streams[2:]:
            await one.aclose()
        return shared.in_flight

    assert run(main) == 0


def test_cancelled_calls_give_their_places_back(run):
    async def main(loop):
        model = throttled(lambda request: asyncio.sleep(5, "ok"), loop)
        tasks = [asyncio.create_task(model.generate(ask("?"))) for _ in range(20)]
        await asyncio.sleep(1)
        for task in tasks[:12]:  # eight under way, and four of those who wait
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return model._given, done, loop.time()

    shared, done, now = run(main)
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) == 12
    assert (shared.in_flight, now) == (0, pytest.approx(6.0))


def test_all_models_of_a_quota_share_their_places_and_others_have_none(run):
    assert quota("a") is quota("a") is not quota("b")

    async def main(loop):
        running = peak = 0

        async def script(request):
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(1)
            running -= 1
            return "ok"

        models = [standard(named(script, "shared-by-two")) for _ in range(2)]
        await asyncio.gather(*(models[n % 2].generate(ask("?")) for n in range(16)))
        limited, peak = peak, 0
        free = standard(ScriptedModel(script))
        await asyncio.gather(*(free.generate(ask("?")) for _ in range(16)))
        return limited, peak

    assert run(main) == (8, 16)


def test_event_loops_in_several_threads_share_their_places():
    lock, running, peak = threading.Lock(), 0, 0

    async def script(request):
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        await asyncio.sleep(0.001)
        with lock:
            running -= 1
        return "ok"

    model = Throttled(ScriptedModel(script), quota=Quota())
    model._given.window = Standing()
    answers = []

    async def many():
        answers.extend(await asyncio.gather(*(model.generate(ask("?")) for _ in range(50))))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == 200
    assert peak <= 8
    assert model._given.in_flight == 0


def test_a_loop_that_is_closed_under_its_calls_blocks_nobody():
    shared = Quota()
    model = Throttled(ScriptedModel(lambda request: asyncio.sleep(9, "ok")), quota=shared)
    dead = asyncio.new_event_loop()
    tasks = [dead.create_task(model.generate(ask("?"))) for _ in range(12)]
    dead.run_until_complete(asyncio.sleep(0))
    assert (shared.in_flight, len(shared._queue)) == (8, 4)
    dead.close()
    alive = Throttled(ScriptedModel("ok"), quota=shared)
    asyncio.run(alive.generate(replace(ask("?"), deadline=60)))
    assert (shared.in_flight, len(shared._queue)) == (0, 0)
    for task in tasks:
        task._log_destroy_pending = False


def test_streams_that_are_dropped_after_their_loop_was_closed_hold_no_place():
    shared = Quota()
    model = Throttled(ScriptedModel("uno dos"), quota=shared)

    async def begin():
        stream = model.stream(ask("?"))
        await anext(stream)
        return stream

    for _ in range(20):
        loop = asyncio.new_event_loop()
        stream = loop.run_until_complete(begin())
        loop.close()
        del stream
    assert shared.in_flight <= 8
    asyncio.run(model.generate(replace(ask("?"), deadline=60)))


def test_those_who_wait_begin_when_what_closed_the_way_was_not_the_last_word(run):
    async def main(loop):
        shared = Quota(loop.time)
        held = [await shared.enter() for _ in range(8)]

        def said(left, seconds):
            return reply("ok", rate_limit=RateLimit(requests=left, requests_reset=seconds))

        waiting = asyncio.create_task(shared.enter())
        await asyncio.sleep(0.01)
        shared.leave(held.pop(0), said(0, 30.0))
        await asyncio.sleep(0.01)
        shared.leave(held.pop(), said(100, 60.0))
        held.append(await waiting)
        while shared.in_flight < shared.window.size:
            held.append(await shared.enter())
        late = [asyncio.create_task(shared.enter()) for _ in range(3)]
        await asyncio.sleep(0.01)
        for place in held:
            shared.leave(place, None, RateLimited("slow down", retry_after=0.5))
        await asyncio.gather(*late)
        return loop.time()

    assert run(main) == pytest.approx(0.53)


def test_the_next_in_the_queue_begins_in_time_when_the_first_is_cancelled(run):
    async def main(loop):
        shared = Quota(loop.time)
        place = await shared.enter()
        shared.leave(place, None, RateLimited("slow down", retry_after=10.0))
        first, second = (asyncio.create_task(shared.enter()) for _ in range(2))
        await asyncio.sleep(1)
        first.cancel()
        await second
        return loop.time()

    assert run(main) == pytest.approx(10.0)


def test_a_refusal_wakes_none_of_those_whom_it_does_not_concern(run):
    async def main(loop):
        woken, wake = 0, loop.call_soon_threadsafe

        def counted(*args, **options):
            nonlocal woken
            woken += 1
            return wake(*args, **options)

        loop.call_soon_threadsafe = counted
        shared = Quota(loop.time)
        held = [await shared.enter() for _ in range(8)]
        patient = [asyncio.create_task(shared.enter(60.0)) for _ in range(500)]
        hasty = asyncio.create_task(shared.enter(2.05))
        await asyncio.sleep(0)
        for place in held:  # each a little later than the one before
            await asyncio.sleep(0.01)
            shared.leave(place, None, RateLimited("slow down", retry_after=2.0))
        with pytest.raises(DeadlineExceeded, match="after its deadline"):
            await hasty
        failed_at = loop.time()
        while shared.in_flight < 4:
            await asyncio.sleep(0.1)
        counted_so_far = woken
        for task in patient:
            task.cancel()
        await asyncio.gather(*patient, return_exceptions=True)
        return counted_so_far, failed_at

    woken, failed_at = run(main)
    assert woken < 30
    assert failed_at < 0.1


def test_one_call_a_minute_sees_whether_a_long_retry_after_still_holds(run):
    async def main(loop):
        begun, refuses = [], True

        async def script(request):
            begun.append(loop.time())
            await asyncio.sleep(1)
            if refuses:
                raise RateLimited("tomorrow", retry_after=3600.0)
            return "ok"

        async def fail(calls):
            asked = [model.generate(ask("?")) for _ in range(calls)]
            errors = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(error) for error in errors} == {RateLimited}

        model = throttled(script, loop)
        await fail(1)
        await asyncio.sleep(59)
        await fail(3)  # not yet
        await asyncio.sleep(5)
        await fail(3)  # one asks the provider, two fail at once
        await asyncio.sleep(65)
        refuses = False
        await model.generate(ask("?"))
        await asyncio.gather(*(model.generate(ask("?")) for _ in range(3)))
        return begun

    begun = run(main)
    assert begun[:4] == [0.0, 65.0, 131.0, 132.0]  # once it answers, nobody waits for more
    assert begun[-1] < 135


def test_a_retry_after_that_is_no_time_at_all_closes_the_way_for_a_minute(run):
    async def main(loop):
        def refuse(request):
            raise RateLimited("never", retry_after=float("inf"))

        shared = Quota(loop.time)
        with pytest.raises(RateLimited):
            await Throttled(ScriptedModel(refuse), quota=shared).generate(ask("?"))
        await Throttled(ScriptedModel("ok"), quota=shared).generate(ask("?"))
        return loop.time()

    assert run(main) == pytest.approx(60.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_child_waits_for_no_call_of_its_parent():
    name = "shared-with-a-child"

    async def main():
        held = [await quota(name).enter() for _ in range(8)]
        child = multiprocessing.get_context("fork").Process(target=answers, args=(name,))
        child.start()
        await asyncio.to_thread(child.join, 60)
        code = child.exitcode
        child.kill()
        for place in held:
            quota(name).leave(place)
        return code

    assert asyncio.run(main()) == 0


def answers(name):
    # A thread has no running loop, as the child's own one inherits its parent's.
    thread = threading.Thread(
        target=lambda: asyncio.run(standard(named("ok", name)).generate(ask("?"))), daemon=True
    )
    thread.start()
    thread.join(30)
    os._exit(int(thread.is_alive()))
