import asyncio
import gc
import weakref

import quilate as q
from quilate import registry, sync
from quilate.middleware import Retrying, Stored, ambient, call_scope, collect, layers
from quilate.middleware.cassette import MemoryStore
from quilate.models import Finished, ask
from quilate.testing import ScriptedModel


def journal(store):
    return layers(lambda inner: Stored(inner, store, role="journal"))


def test_a_model_made_by_name_is_ambient():
    model = registry.model("scripted/hola")
    assert ambient(model) is model
    assert model.info.name == "scripted/hola"
    assert sync.run(model.generate(ask("?"))).text == "hola"


def test_without_a_run_calls_go_straight_on():
    with collect() as notes:
        assert sync.run(q.model("scripted/hola").generate(ask("?"))).text == "hola"
    assert notes == []


def test_a_sync_plain_function_inside_a_run_is_journaled():
    def target(question):
        return sync.run(q.model("scripted/hola").generate(ask(question))).text

    async def run():
        with journal(MemoryStore()), call_scope("f|1|0"), collect() as notes:
            text = await asyncio.to_thread(target, "¿qué?")
        return text, notes

    text, notes = sync.run(run())
    assert text == "hola"
    assert [note.source for note in notes] == ["live"]


def test_a_sync_stream_inside_a_run_is_journaled():
    def target():
        model = q.model("scripted/uno dos")
        return [event for event in sync.iterate(model.stream(ask("?")))]

    async def run():
        with journal(MemoryStore()), collect() as notes:
            events = await asyncio.to_thread(target)
        return events, notes

    events, notes = sync.run(run())
    assert isinstance(events[-1], Finished)
    assert [note.source for note in notes] == ["live"]


def test_streams_go_through_the_layers_and_leave_no_trace_between_events():
    store, model = MemoryStore(), ambient(ScriptedModel("uno dos"))
    other = ambient(ScriptedModel("otro"))

    async def run():
        with journal(store), collect() as notes:
            async for _ in model.stream(ask("?")):
                await other.generate(ask("between events"))
        return [note.source for note in notes]

    # Two words and Finished: three calls between, of which the second and third are repeats.
    assert asyncio.run(run()) == ["live", "journal", "live", "journal"]


def test_ambient_inside_ambient_is_journaled_once():
    inner = ScriptedModel("x")
    nested = ambient(Retrying(ambient(inner)))

    async def run():
        with journal(MemoryStore()), collect() as notes:
            await asyncio.wait_for(nested.generate(ask("?")), 5)
            _ = [event async for event in nested.stream(ask("?"))]
        return [note.source for note in notes]

    assert asyncio.run(run()) == ["live", "journal"]
    assert inner.calls == 1


def test_each_model_is_wrapped_once_and_let_go():
    wrapped = []

    def wrap(inner):
        wrapped.append(inner)
        return Stored(inner, MemoryStore())

    async def run():
        model = ambient(ScriptedModel("x"))
        with layers(wrap):
            for n in range(3):
                await model.generate(ask(str(n)))
            count, inner = len(wrapped), weakref.ref(model.inner)
            wrapped.clear()
            del model
            gc.collect()
            return count, inner()

    assert asyncio.run(run()) == (1, None)


def test_concurrent_runs_do_not_see_each_other():
    model = ambient(ScriptedModel("x"))

    async def one(store, scope):
        with journal(store), call_scope(scope), collect() as notes:
            await asyncio.sleep(0)
            await model.generate(ask("?"))
        return notes

    async def run():
        return await asyncio.gather(one(MemoryStore(), "a"), one(MemoryStore(), "b"))

    first, second = asyncio.run(run())
    assert [n.source for n in first + second] == ["live", "live"]
    assert first[0].key != second[0].key
