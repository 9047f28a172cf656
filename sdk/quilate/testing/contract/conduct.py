# ruff: noqa: S101, D102  # tests are named by what they show
"""How a model behaves: deadlines, cancellation, loops, concurrent calls, and its errors."""

import asyncio
import pickle
import traceback
from dataclasses import replace

import pytest

from quilate.errors import DeadlineExceeded, InvalidRequest, ModelError
from quilate.messages import File, Message, user
from quilate.middleware.ambient import Ambient
from quilate.models import Event, Model, Request, Response, TextDelta
from quilate.testing.contract.base import LONG, Kit, answer, asking, has, streamed

DIFFERENT = (
    "Name three colours of the rainbow.",
    "What is the capital of France? Say it in one short sentence, please.",
    "Write a line about the sea, and then another one about the moon and all the stars above it.",
)


class ConductTests(Kit):
    """A model keeps its time, stops when told, and fails in a known way."""

    def test_a_deadline_ends_the_call(self, opened: Ambient, is_language_model: bool) -> None:
        if not is_language_model:
            pytest.skip("it answers at once")
        late = replace(asking(opened, LONG, max_tokens=400), deadline=0.02)
        with pytest.raises(DeadlineExceeded) as raised:
            answer(opened, late)
        assert raised.value.provider == opened.info.provider
        with pytest.raises(DeadlineExceeded):
            streamed(opened, late)
        assert answer(opened, asking(opened, max_tokens=4)).text

    def test_a_deadline_for_the_first_event(self, opened: Ambient, is_language_model: bool) -> None:
        if not is_language_model:
            pytest.skip("it answers at once")
        words = " ".join(f"word {n}" for n in range(300))  # to read takes time
        late = replace(asking(opened, words, max_tokens=4), first_event_deadline=0.001)
        with pytest.raises(DeadlineExceeded):
            streamed(opened, late)

    def test_a_cancelled_call_stops(self, opened: Ambient, is_language_model: bool) -> None:
        if not is_language_model:
            pytest.skip("it answers at once")

        async def cancelled() -> Response:
            short = asking(opened, max_tokens=4)
            for _ in range(2):  # what the model keeps running on this loop is started, and known
                await opened.generate(short)
            known = asyncio.all_tasks()
            call = asyncio.create_task(opened.generate(asking(opened, LONG, max_tokens=1500)))
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            left = asyncio.all_tasks() - known
            response = await opened.generate(short)
            still = [task for task in left if not task.done()]
            assert not still, "the cancelled call goes on behind the caller's back"
            return response

        assert asyncio.run(cancelled()).text

    def test_it_works_on_several_loops(self, opened: Ambient) -> None:
        request = asking(opened, max_tokens=4)

        async def ask_here() -> Response:
            try:
                return await opened.generate(request)
            finally:
                await opened.aclose()

        answers = [asyncio.run(ask_here()), asyncio.run(ask_here()), answer(opened, request)]
        assert all(response.text for response in answers)

    def test_concurrent_calls_do_not_mix(self, opened: Ambient) -> None:
        asked = [asking(opened, question, max_tokens=12) for question in DIFFERENT]

        async def together() -> list[Response]:
            return await asyncio.gather(*(opened.generate(request) for request in asked))

        alone = [answer(opened, request) for request in asked]
        _check_own(opened, asyncio.run(together()), alone)

    def test_concurrent_streams_do_not_mix(self, opened: Ambient) -> None:
        asked = [asking(opened, question, max_tokens=12) for question in DIFFERENT]

        async def read(request: Request) -> list[Event]:
            return [event async for event in opened.stream(request)]

        async def together() -> list[list[Event]]:
            return await asyncio.gather(*map(read, asked))

        alone = [answer(opened, request) for request in asked]
        streams = asyncio.run(together())
        for *deltas, last in streams:
            text = "".join(d.text for d in deltas if isinstance(d, TextDelta))
            assert text == last.response.text  # type: ignore[union-attr]
        _check_own(opened, [last.response for *_, last in streams], alone)  # type: ignore[union-attr]

    @pytest.mark.parametrize("messages", [(), (Message("user", ()),)], ids=["none", "empty"])
    def test_nothing_to_answer_is_invalid(
        self, opened: Ambient, messages: tuple[Message, ...]
    ) -> None:
        nothing = replace(asking(opened, user("?")), messages=messages)
        with pytest.raises(InvalidRequest):
            answer(opened, nothing)
        with pytest.raises(InvalidRequest):
            streamed(opened, nothing)

    def test_errors_name_the_provider_and_can_be_pickled(self, opened: Ambient) -> None:
        odd = Message("user", (File(b"\x00", "application/x-none"),))
        with pytest.raises(ModelError) as raised:
            answer(opened, asking(opened, odd))
        error = raised.value
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
        assert type(again) is type(error)
        assert (str(again), again.__dict__) == (str(error), error.__dict__)
        assert error.provider == opened.info.provider
        assert traceback.format_exception(error)


def _check_own(model: Model, together: list[Response], alone: list[Response]) -> None:
    """Each of the answers given together is to its own request. A server that batches may answer
    in other words than when it was alone, but hardly in those that are another request's."""
    tokens = [response.usage.input_tokens for response in together]
    assert tokens == [response.usage.input_tokens for response in alone]
    if not has(model, "temperature"):
        return
    own = [response.text for response in alone]
    for n, response in enumerate(together):
        others = {text for text in own if text and text not in own[n]}
        assert response.text == own[n] or not any(text in response.text for text in others), (
            "the answer is another request's"
        )
