import asyncio
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilate.errors import DeadlineExceeded, InvalidRequest, ReplayMiss, ServerError
from quilate.middleware import (
    CallNote,
    Replayed,
    Stored,
    call_key,
    call_scope,
    collect,
    request_json,
)
from quilate.middleware.cassette import MemoryStore
from quilate.models import Finished, Request, TextDelta, ask, reply
from quilate.testing import ScriptedModel


class CountingStore(MemoryStore):
    """Remembers what it was given, and suspends, as a store on disk does."""

    def __init__(self):
        super().__init__()
        self.puts = []

    async def get(self, key):
        await asyncio.sleep(0)
        return await super().get(key)

    async def put(self, key, model_name, request, response):
        await asyncio.sleep(0)
        self.puts.append((key, model_name, request, response))
        await super().put(key, model_name, request, response)


def test_two_models_never_share_an_entry():
    store = MemoryStore()
    one, two = ScriptedModel("one", name="m"), ScriptedModel("two", name="m")
    assert one.info.name == two.info.name

    async def both():
        request = ask("same")
        return [(await Stored(m, store).generate(request)).text for m in (one, two, one, two)]

    assert asyncio.run(both()) == ["one", "two", "one", "two"]
    assert (one.calls, two.calls) == (1, 1)


def test_key_ignores_the_deadline_and_nothing_else():
    base = ask("hola", temperature=0.5)
    assert call_key("m", base) == call_key("m", replace(base, deadline=3.0))
    others = [
        replace(base, epoch=1),
        replace(base, logprobs=0),
        replace(base, extra={"reasoning": "high"}),
        replace(base, sampling=replace(base.sampling, seed=0)),
        ask("hola ", temperature=0.5),
    ]
    keys = {call_key("m", request) for request in [base, *others]}
    keys |= {call_key("n", base), call_key("m", base, "scope")}
    assert len(keys) == len(others) + 3


@given(st.text(), st.text(), st.text(), st.text())
def test_identity_and_scope_cannot_run_into_each_other(identity, scope, identity2, scope2):
    same = call_key(identity, ask("x"), scope) == call_key(identity2, ask("x"), scope2)
    assert same == ((identity, scope) == (identity2, scope2))


def test_a_request_that_is_not_json_says_so():
    with pytest.raises(InvalidRequest, match="extra"):
        request_json(replace(ask("x"), extra={"hook": object()}))


def test_concurrent_identical_calls_are_one_call():
    started = 0

    async def slow(request):
        nonlocal started
        started += 1
        await asyncio.sleep(0.01)
        return reply("once")

    async def run():
        model = Stored(ScriptedModel(slow), CountingStore())
        return await asyncio.gather(*(model.generate(ask("same")) for _ in range(20)))

    assert {r.text for r in asyncio.run(run())} == {"once"}
    assert started == 1


def test_those_who_wait_are_handed_the_answer_and_do_not_look_for_it():
    looked = 0

    class Looking(CountingStore):
        async def get(self, key):
            nonlocal looked
            looked += 1
            return await super().get(key)

    async def run():
        model = Stored(ScriptedModel("once"), Looking(), role="journal")
        with collect() as notes:
            await asyncio.gather(*(model.generate(ask("same")) for _ in range(300)))
        return sorted(note.source for note in notes)

    assert asyncio.run(run()) == ["journal"] * 299 + ["live"]
    assert looked == 1


def test_waiting_for_the_same_call_counts_towards_the_deadlines(run):
    seen = []

    async def down(request):
        seen.append(request.deadline)
        await asyncio.sleep(3)
        raise ServerError("down")

    async def work(loop):
        model = Stored(ScriptedModel(down), MemoryStore())
        calls = [
            asyncio.create_task(model.generate(request))
            for request in (
                ask("same"),
                replace(ask("same"), deadline=0.2),
                replace(ask("same"), deadline=9.0, first_event_deadline=0.5),
                replace(ask("same"), deadline=8.0),
            )
        ]
        ended = []
        for call in calls[1:3]:
            with pytest.raises(DeadlineExceeded, match="under way already"):
                await call
            ended.append(loop.time())
        await asyncio.gather(*calls, return_exceptions=True)
        return ended

    assert run(work) == pytest.approx([0.2, 0.5])
    assert seen == [None, pytest.approx(5.0)]


FORK = """
import asyncio, os, threading
from quilate.middleware import Stored
from quilate.middleware.cassette import MemoryStore
from quilate.models import ask
from quilate.testing import ScriptedModel

under_way, forked, parent = threading.Event(), threading.Event(), os.getpid()

async def script(request):
    if os.getpid() == parent:
        under_way.set()
        await asyncio.to_thread(forked.wait)
    return "hola"

model = Stored(ScriptedModel(script), MemoryStore())
call = lambda: asyncio.run(asyncio.wait_for(model.generate(ask("same")), 60))
thread = threading.Thread(target=call)
thread.start()
under_way.wait()
child = os.fork()
if child == 0:
    os._exit(0 if call().text == "hola" else 1)
_, status = os.waitpid(child, 0)
forked.set()
thread.join()
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_does_not_wait_for_the_calls_of_its_parent():
    ended = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_failure_is_not_kept_and_not_shared():
    attempts = 0

    async def fail_first(request):
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0)
        if attempts == 1:
            raise ServerError("down")
        return "up"

    async def run():
        model = Stored(ScriptedModel(fail_first), CountingStore())
        calls = [model.generate(ask("same")) for _ in range(3)]
        return await asyncio.gather(*calls, return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert isinstance(first, ServerError)
    assert second.text == third.text == "up"
    assert attempts == 2


def test_cancelling_the_first_does_not_cancel_the_second():
    async def run():
        entered, go = asyncio.Event(), asyncio.Event()

        async def wait(request):
            entered.set()
            await go.wait()
            return "done"

        model = Stored(ScriptedModel(wait), CountingStore())
        first = asyncio.create_task(model.generate(ask("same")))
        await entered.wait()
        second = asyncio.create_task(model.generate(ask("same")))
        third = asyncio.create_task(model.generate(ask("same")))
        await asyncio.sleep(0)
        first.cancel()
        third.cancel()
        go.set()
        return await asyncio.gather(first, second, third, return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert isinstance(first, asyncio.CancelledError)
    assert second.text == "done"
    assert isinstance(third, asyncio.CancelledError)


def test_two_event_loops_share_one_flight():
    entered = asyncio.run(_two_loops())
    assert entered == 1


async def _two_loops():
    count = 0
    loop = asyncio.get_running_loop()
    second_waits = asyncio.Event()

    async def wait(request):
        nonlocal count
        count += 1
        await second_waits.wait()
        return "x"

    model = Stored(ScriptedModel(wait), CountingStore())

    async def elsewhere():
        call = asyncio.create_task(model.generate(ask("same")))
        for _ in range(5):
            await asyncio.sleep(0)
        loop.call_soon_threadsafe(second_waits.set)
        return await call

    first = asyncio.create_task(model.generate(ask("same")))
    while not count:
        await asyncio.sleep(0)
    other = await asyncio.to_thread(asyncio.run, elsewhere())
    assert other == await first
    return count


def test_one_store_wrapped_twice_does_not_wait_for_itself():
    store = MemoryStore()
    model = ScriptedModel("x")
    twice = Stored(Stored(model, store), store)
    assert asyncio.run(asyncio.wait_for(twice.generate(ask("?")), 5)).text == "x"


def test_raw_is_returned_but_not_kept():
    store = CountingStore()
    model = Stored(ScriptedModel(lambda r: reply("x", raw={"big": 1})), store)
    first = asyncio.run(model.generate(ask("?")))
    again = asyncio.run(model.generate(ask("?")))
    assert first.raw == {"big": 1}
    assert again == replace(first, raw=None)
    assert store.puts[0][3].raw is None


def test_stream_is_kept_and_comes_back_as_one_delta():
    store = CountingStore()
    inner = ScriptedModel("uno dos tres")
    model = Stored(inner, store)
    kept_before_end = []

    async def read():
        events = []
        async for event in model.stream(ask("?")):
            if isinstance(event, Finished):
                kept_before_end.append(len(store.puts))
            events.append(event)
        return events

    live, kept = asyncio.run(read()), asyncio.run(read())
    assert [e.text for e in live[:-1]] == ["uno ", "dos ", "tres"]
    assert kept == [TextDelta("uno dos tres"), live[-1]]
    assert kept_before_end == [1, 1]
    assert inner.calls == 1
    assert asyncio.run(model.generate(ask("?"))).text == "uno dos tres"
    assert inner.calls == 1


def test_an_abandoned_stream_keeps_nothing_and_stops_its_model():
    store, closed = CountingStore(), []

    class Endless(ScriptedModel):
        async def stream(self, request):
            try:
                while True:
                    yield TextDelta("x")
            finally:
                closed.append(True)

    async def peek():
        events = Stored(Endless(), store).stream(ask("?"))
        await anext(events)
        await events.aclose()
        return list(closed)

    assert asyncio.run(peek()) == [True]
    assert store.puts == []


def test_journal_keys_hold_the_scope_and_cache_keys_do_not():
    journal, cache, inner = CountingStore(), CountingStore(), ScriptedModel("x")
    model = Stored(Stored(inner, cache), journal, role="journal")

    async def in_scope(scope):
        with call_scope(scope), collect() as notes:
            await model.generate(ask("?"))
        return notes

    first, second, again = (asyncio.run(in_scope(s)) for s in ("a|1|0", "a|2|0", "a|1|0"))
    identity = inner.info.identity
    assert first == [CallNote(call_key(identity, ask("?"), "a|1|0"), "live")]
    assert second == [CallNote(call_key(identity, ask("?"), "a|2|0"), "cache")]
    assert again == [CallNote(first[0].key, "journal")]
    assert [put[0] for put in cache.puts] == [call_key(identity, ask("?"))]
    assert inner.calls == 1


def test_stream_notes_its_source_through_the_layers():
    cache, inner = MemoryStore(), ScriptedModel("x")

    async def read(scope):
        model = Stored(Stored(inner, cache), MemoryStore(), role="journal")
        with call_scope(scope), collect() as notes:
            async for _ in model.stream(ask("?")):
                pass
        return [note.source for note in notes]

    assert asyncio.run(read("1")) == ["live"]
    assert asyncio.run(read("2")) == ["cache"]


def test_collect_sees_child_tasks_and_threads_but_not_an_inner_collect():
    model = Stored(ScriptedModel("x"), MemoryStore(), role="journal")

    async def run():
        with collect() as outer:
            await asyncio.gather(*(model.generate(ask(str(n))) for n in range(3)))
            await asyncio.to_thread(lambda: asyncio.run(model.generate(ask("thread"))))
            with collect() as inner:
                await model.generate(ask("inner"))
        return len(outer), len(inner)

    assert asyncio.run(run()) == (4, 1)


def test_request_is_encoded_once_for_all_layers(monkeypatch):
    from quilate.middleware import calls

    encoded = []
    encode = calls._encode
    monkeypatch.setattr(calls, "_encode", lambda request: encoded.append(1) or encode(request))

    class Encoding(MemoryStore):
        async def put(self, key, model_name, request, response):
            assert request_json(request)

    model = Stored(Stored(ScriptedModel("x"), Encoding()), Encoding(), role="journal")
    asyncio.run(model.generate(ask("?")))
    assert encoded == [1]


def test_replay_answers_from_the_store_alone():
    store, inner = MemoryStore(), ScriptedModel("x y")

    async def run():
        with call_scope("t|1|0"):
            live = await Stored(inner, store, role="journal").generate(ask("?"))
            replayed = Replayed(inner.info, store)
            with collect() as notes:
                same = await replayed.generate(ask("?"))
                events = [event async for event in replayed.stream(ask("?"))]
        return live, same, events, notes

    live, same, events, notes = asyncio.run(run())
    assert live == same
    assert events == [TextDelta("x y"), Finished(live)]
    assert [note.source for note in notes] == ["replay", "replay"]
    assert inner.calls == 1


def test_replay_miss_shows_the_difference_to_the_nearest_prompt():
    recorded = [ask("¿Quién fundó Roma?\nResponde breve."), ask("What is a list?")]
    replayed = Replayed(ScriptedModel(), MemoryStore(), recorded=lambda: recorded)
    with pytest.raises(ReplayMiss) as miss, call_scope("rag|7|0"):
        asyncio.run(replayed.generate(ask("¿Quién fundó Cartago?\nResponde breve.")))
    text = str(miss.value)
    assert text.startswith("rag|7|0: ")
    assert "-¿Quién fundó Roma?" in text
    assert "+¿Quién fundó Cartago?" in text
    assert "list" not in text


def test_replay_miss_of_the_same_request_blames_model_or_scope():
    replayed = Replayed(ScriptedModel(), MemoryStore(), recorded=lambda: [ask("?")])
    with pytest.raises(ReplayMiss, match="another model or for another target"):
        asyncio.run(replayed.generate(Request(ask("?").messages, deadline=5)))
