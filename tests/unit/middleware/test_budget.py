import asyncio
import threading
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilate.errors import (
    BudgetExceeded,
    ConfigurationError,
    DeadlineExceeded,
    MalformedReply,
    ServerError,
)
from quilate.middleware import Stored, ambient, layers
from quilate.middleware.budget import Budget, Budgeted, Spent
from quilate.middleware.cassette import MemoryStore
from quilate.middleware.standard import standard
from quilate.models import Cost, Finished, JsonFormat, Sampling, TextDelta, Usage, ask, reply
from quilate.testing import ScriptedModel


def priced(*prices, basis="exact"):
    """A model whose calls cost these dollars in turn, the last one for ever; 10 tokens each."""
    queue = list(prices)

    async def script(request):
        await asyncio.sleep(0)
        usd = queue.pop(0) if len(queue) > 1 else queue[0]
        return reply("ok", cost=Cost(usd, basis), usage=Usage(4, 6))

    return ScriptedModel(script)


async def together(model, count):
    calls = (model.generate(ask(str(n))) for n in range(count))
    return await asyncio.gather(*calls, return_exceptions=True)


def test_concurrent_calls_cannot_slip_under_the_limit_together():
    model = priced(0.25)
    budget = Budget(usd=1.0)
    results = asyncio.run(together(Budgeted(model, budget), 50))
    assert model.calls == 4
    assert budget.spent == Spent(1.0, 40, 4)
    assert sum(isinstance(result, BudgetExceeded) for result in results) == 46


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 40))
def test_equal_or_falling_prices_never_pass_the_limit(prices, limit):
    budget = Budget(tokens=limit)
    queue = sorted(prices, reverse=True)

    async def script(request):
        tokens = queue.pop(0)
        await asyncio.sleep(0)
        return reply("ok", usage=Usage(0, tokens))

    asyncio.run(together(Budgeted(ScriptedModel(script), budget), len(prices)))
    first_alone = max(prices) if limit < max(prices) else limit
    assert budget.spent.tokens <= first_alone


def test_overshoot_is_what_calls_under_way_cost_more_than_reserved():
    budget = Budget(usd=1.0)
    results = asyncio.run(together(Budgeted(priced(0.1, 0.5), budget), 50))
    # The first shows 0.1, so nine begin at 0.1 each; all turn out to cost 0.5; then no more.
    assert budget.spent.usd == pytest.approx(0.1 + 9 * 0.5)
    assert sum(isinstance(result, BudgetExceeded) for result in results) == 40


def test_max_tokens_is_reserved():
    model = priced(0.0)
    request = ask("?", max_tokens=100)
    with pytest.raises(BudgetExceeded, match=r"may take 0\.0000 USD and 100 tokens"):
        asyncio.run(Budgeted(model, Budget(tokens=99)).generate(request))
    assert model.calls == 0


def test_unknown_price_under_a_money_limit_is_refused_after_one_call():
    model = priced(None, basis="unknown")
    results = asyncio.run(together(Budgeted(model, Budget(usd=5)), 10))
    assert model.calls == 1
    assert results[0].text == "ok"
    assert all("price of scripted/scripted is not known" in str(r) for r in results[1:])


def test_unknown_price_may_be_allowed_and_does_not_matter_without_a_money_limit():
    for budget in (Budget(usd=5, allow_unknown=True), Budget(tokens=1000)):
        results = asyncio.run(together(Budgeted(priced(None, basis="unknown"), budget), 10))
        assert {r.text for r in results} == {"ok"}


def test_free_calls_pass_a_budget_of_zero():
    results = asyncio.run(together(Budgeted(priced(0.0), Budget(usd=0)), 10))
    assert {r.text for r in results} == {"ok"}


def test_a_failed_call_gives_its_reservation_back():
    state = {"fail": True}

    def script(request):
        if state.pop("fail", False):
            raise ServerError("down")
        return reply("ok", usage=Usage(0, 10))

    budget = Budget(tokens=10)
    model = Budgeted(ScriptedModel(script), budget)
    with pytest.raises(ServerError):
        asyncio.run(model.generate(ask("?", max_tokens=10)))
    assert asyncio.run(model.generate(ask("?", max_tokens=10))).text == "ok"
    assert budget.spent == Spent(0.0, 10, 1)


def test_time_is_over_before_a_call_begins():
    now = [0.0]
    model = priced(0.0)
    budgeted = Budgeted(model, Budget(seconds=10, clock=lambda: now[0]))
    assert asyncio.run(budgeted.generate(ask("?"))).text == "ok"
    now[0] = 10.0
    with pytest.raises(BudgetExceeded, match="10 seconds"):
        asyncio.run(budgeted.generate(ask("?")))
    assert model.calls == 1


def test_calls_under_way_are_cancelled_when_time_is_over(run):
    cancelled = []

    async def forever(request):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def work(loop):
        budget = Budget(seconds=3, clock=loop.time)
        with pytest.raises(BudgetExceeded, match="over"):
            await Budgeted(ScriptedModel(forever), budget).generate(ask("?"))
        assert loop.time() == pytest.approx(3)

    run(work)
    assert cancelled == [True]


def test_those_who_wait_for_a_reservation_give_up_when_time_is_over(run):
    async def forever(request):
        await asyncio.Event().wait()

    async def work(loop):
        budget = Budget(tokens=9, seconds=3, clock=loop.time)
        return await together(Budgeted(ScriptedModel(forever), budget), 3)

    results = run(work)
    assert len(results) == 3
    assert all(isinstance(result, BudgetExceeded) for result in results)


def test_waiting_for_a_reservation_counts_towards_the_deadlines(run):
    seen = []

    async def slow(request):
        seen.append(request.deadline)
        await asyncio.sleep(3)
        return reply("ok", usage=Usage(0, 10))

    async def work(loop):
        # The first call goes alone, so that the others wait for it to settle.
        model = Budgeted(ScriptedModel(slow), Budget(tokens=100))
        calls = [
            asyncio.create_task(model.generate(request))
            for request in (
                ask("1"),
                replace(ask("2"), deadline=0.3),
                replace(ask("3"), deadline=9.0, first_event_deadline=0.5),
                replace(ask("4"), deadline=8.0),
            )
        ]
        ended = []
        for call in calls[1:3]:
            with pytest.raises(DeadlineExceeded, match="no room"):
                await call
            ended.append(loop.time())
        assert [(await call).text for call in (calls[0], calls[3])] == ["ok", "ok"]
        return ended

    assert run(work) == pytest.approx([0.3, 0.5])
    assert seen == [None, pytest.approx(5.0)]


def test_a_sync_call_in_a_thread_and_an_async_one_share_a_budget():
    budget = Budget(tokens=1000)

    async def run():
        entered, go = asyncio.Event(), asyncio.Event()

        async def script(request):
            if request.messages[0].text == "first":
                entered.set()
                await go.wait()
            return "a b"

        model = ambient(ScriptedModel(script))
        with layers(lambda inner: Budgeted(inner, budget)):
            first = asyncio.create_task(model.generate(ask("first")))
            await entered.wait()
            second = asyncio.create_task(asyncio.to_thread(model.ask, "second"))
            while not budget._queue:
                await asyncio.sleep(0.001)
            go.set()
            await first
            return (await asyncio.wait_for(second, 60)).text

    assert asyncio.run(run()) == "a b"
    assert budget.spent.calls == 2


def test_loops_in_many_threads_cannot_pass_the_limit_together():
    model, budget = priced(0.25), Budget(usd=10.0)
    results = []

    def thread():
        results.extend(asyncio.run(together(Budgeted(model, budget), 20)))

    threads = [threading.Thread(target=thread) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (budget.spent, budget._reserved) == (Spent(10.0, 400, 40), Spent())
    assert sum(isinstance(result, BudgetExceeded) for result in results) == 120


def test_calls_begin_in_order_and_each_is_looked_at_a_few_times():
    looked, order = 0, []

    class Looking(Budget):
        def _begin(self, model_name, request):
            nonlocal looked
            looked += 1
            return super()._begin(model_name, request)

    async def script(request):
        order.append(int(request.messages[0].text))
        await asyncio.sleep(0)
        return reply("ok", usage=Usage(0, 10))

    # A tenth of what is reserved is spent: many settle while many wait.
    model = Budgeted(ScriptedModel(script), Looking(tokens=2000))

    async def run():
        calls = (model.generate(ask(str(n), max_tokens=100)) for n in range(300))
        await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(run())
    assert order == list(range(191))
    assert looked <= 3 * 300


def test_those_who_gave_up_waiting_block_nobody():
    async def run():
        budget = Budget(tokens=100)
        first = await budget.reserve("m", ask("?"))
        budget.settle(first, "m", reply("ok", usage=Usage(0, 10)))
        await budget.reserve("m", ask("?", max_tokens=50))
        big, small = (
            asyncio.create_task(budget.reserve("m", ask("?", max_tokens=tokens)))
            for tokens in (80, 10)
        )
        await asyncio.sleep(0)
        assert len(budget._queue) == 2
        big.cancel()
        return await asyncio.wait_for(small, 60), budget._reserved

    small, reserved = asyncio.run(run())
    assert (small.tokens, reserved.tokens, reserved.calls) == (10, 60, 2)


def test_a_reservation_made_for_a_call_that_was_just_cancelled_is_given_back():
    async def run():
        budget = Budget(tokens=100)
        first = await budget.reserve("m", ask("?"))
        waiting = asyncio.create_task(budget.reserve("m", ask("?")))
        await asyncio.sleep(0)
        budget.settle(first, "m", reply("ok", usage=Usage(0, 10)))
        assert budget._reserved.calls == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return budget._reserved

    assert asyncio.run(run()) == Spent()


def test_a_loop_that_is_closed_under_its_waiting_calls_blocks_nobody():
    budget, dead = Budget(tokens=100), asyncio.new_event_loop()
    first = asyncio.run(budget.reserve("m", ask("?")))
    waiting = dead.create_task(budget.reserve("m", ask("?")))
    dead.run_until_complete(asyncio.sleep(0))
    dead.close()
    budget.settle(first, "m", reply("ok", usage=Usage(0, 10)))
    assert asyncio.run(asyncio.wait_for(budget.reserve("m", ask("?")), 60)).tokens == 10
    waiting.get_coro().close()


def test_streams_are_settled_by_their_last_event():
    budget = Budget(tokens=5)
    model = Budgeted(ScriptedModel("uno dos"), budget)

    async def read():
        return [event async for event in model.stream(ask("?"))]

    events = asyncio.run(read())
    assert events[0] == TextDelta("uno ")
    assert isinstance(events[-1], Finished)
    assert budget.spent.tokens == 3
    with pytest.raises(BudgetExceeded):
        asyncio.run(read())


def test_a_stream_out_of_time_is_stopped_between_its_events():
    class Stuck(ScriptedModel):
        async def stream(self, request):
            yield TextDelta("a")
            await asyncio.Event().wait()

    async def read():
        return [e async for e in Budgeted(Stuck(), Budget(seconds=0.01)).stream(ask("?"))]

    with pytest.raises(BudgetExceeded):
        asyncio.run(read())


def test_cached_answers_cost_nothing():
    budget = Budget(usd=1.0)
    model = Stored(Budgeted(priced(1.0), budget), MemoryStore())
    for _ in range(3):
        assert asyncio.run(model.generate(ask("?"))).text == "ok"
    assert budget.spent.calls == 1


def test_what_was_spent_before_counts():
    budget = Budget(usd=1.0, spent=Spent(usd=2.0))
    with pytest.raises(BudgetExceeded, match=r"spent 2\.0000 USD"):
        asyncio.run(Budgeted(priced(0.1), budget).generate(ask("?")))


@pytest.mark.parametrize("limits", [{"usd": -1.0}, {"seconds": float("nan")}])
def test_a_limit_must_be_one(limits):
    with pytest.raises(ConfigurationError, match="not a limit"):
        Budget(**limits)


@pytest.mark.parametrize("stream", [False, True])
def test_answers_that_are_of_no_use_are_paid_for(stream):
    # A model that never gives the JSON that it was asked for: two paid replies a call.
    model = ScriptedModel(lambda _: reply("no", cost=Cost(0.25, "exact"), usage=Usage(4, 6)))
    budget = Budget(usd=1.0)
    paid = Budgeted(standard(model).inner, budget)
    request = replace(ask("?"), format=JsonFormat({"type": "object"}))

    async def call():
        if not stream:
            return await paid.generate(request)
        return [event async for event in paid.stream(request)]

    ended = []
    for _ in range(4):
        with pytest.raises((MalformedReply, BudgetExceeded)) as raised:
            asyncio.run(call())
        ended.append(raised.type)
    assert ended == [MalformedReply, MalformedReply, BudgetExceeded, BudgetExceeded]
    assert (budget.spent.usd, budget.spent.tokens, model.calls) == (1.0, 40, 4)


def test_a_stream_that_is_left_counts_as_what_it_had_reserved():
    model = ScriptedModel("uno dos tres cuatro cinco")
    budget = Budget(tokens=20)

    async def leave(request):
        async with aclosing(Budgeted(model, budget).stream(request)) as events:
            await anext(events)

    for _ in range(4):
        asyncio.run(leave(replace(ask("?"), sampling=Sampling(max_tokens=5))))
    assert budget.spent == Spent(0.0, 20, 4)
    with pytest.raises(BudgetExceeded):
        asyncio.run(leave(replace(ask("?"), sampling=Sampling(max_tokens=5))))
