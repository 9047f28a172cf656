"""Deadlines of whole calls and of first events."""

import asyncio
from dataclasses import replace

import pytest

from quilate.errors import DeadlineExceeded, MalformedReply
from quilate.middleware.deadlines import Deadlines
from quilate.models import Capabilities, Finished, TextDelta, ask, reply
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


class Hanging(ScriptedModel):
    """A model whose server never answers, with all the methods that a model may have."""

    async def _hang(self, *arguments):
        await asyncio.Event().wait()

    generate = loglikelihood = count_tokens = decide = _hang


CALLS = [
    lambda model, request: model.generate(request),
    lambda model, request: model.loglikelihood(request, ["a"]),
    lambda model, request: model.count_tokens(request),
    lambda model, request: model.decide(request, []),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"deadline": 0.05}, r"whole answer came within 0\.05"),
        ({"first_event_deadline": 0.05}, r"event of the answer came within 0\.05"),
        ({"first_event_deadline": 0.05, "deadline": 60}, r"event of the answer came within 0\.05"),
        ({"first_event_deadline": 60, "deadline": 0.05}, r"whole answer came within 0\.05"),
    ],
)
def test_every_call_that_hangs_ends_in_time_also_without_a_stream(call, limits, what):
    model = Deadlines(Hanging(capabilities=Capabilities()))
    with pytest.raises(DeadlineExceeded, match=what):
        run(call(model, replace(ask("?"), **limits)))


def test_a_stream_without_an_end_is_a_malformed_reply():
    class Endless(ScriptedModel):
        async def stream(self, request):
            yield TextDelta("uno")

    with pytest.raises(MalformedReply, match="without an answer"):
        run(Deadlines(Endless()).generate(replace(ask("?"), first_event_deadline=60)))
