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
from quilate.models import Event, Request, Response, TextDelta
from quilate.testing.contract.base import LONG, Kit, answer, asking, streamed


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
            call = asyncio.create_task(opened.generate(asking(opened, LONG, max_tokens=1500)))
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return await opened.generate(asking(opened, max_tokens=4))

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
        asked = [asking(opened, "word " * n, max_tokens=4) for n in (1, 20, 40)]

        async def together() -> list[Response]:
            return await asyncio.gather(*(opened.generate(request) for request in asked))

        alone = [answer(opened, request).usage.input_tokens for request in asked]
        assert [response.usage.input_tokens for response in asyncio.run(together())] == alone

    def test_concurrent_streams_do_not_mix(self, opened: Ambient) -> None:
        async def read(request: Request) -> list[Event]:
            return [event async for event in opened.stream(request)]

        async def together() -> list[list[Event]]:
            asked = [asking(opened, "word " * n, max_tokens=8) for n in (1, 20)]
            return await asyncio.gather(*map(read, asked))

        for *deltas, last in asyncio.run(together()):
            text = "".join(d.text for d in deltas if isinstance(d, TextDelta))
            assert text == last.response.text  # type: ignore[union-attr]

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
