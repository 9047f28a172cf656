# ruff: noqa: S101, D102  # tests are named by what they show
"""Plain answers, whole and streamed, and who gives them."""

import asyncio
import json
from dataclasses import replace
from typing import get_args

import pytest

from quilate.codec import from_json, to_json
from quilate.errors import ModelError, Unsupported
from quilate.messages import Audio, File, Image, Message, Part, Text, assistant, system, user
from quilate.middleware.ambient import Ambient
from quilate.models import FEATURES, CostBasis, FinishReason, Response, TextDelta
from quilate.testing.contract.base import Kit, answer, answer_or_error, asking, has, streamed

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8"
    "ffff3f0005fe02fea735819a0000000049454e44ae426082"
)
PARTS = [("images", Image(PIXEL)), ("audio", Audio(b"RIFF")), ("files", File(b"%PDF-1.4"))]


def _check_usage(response: Response, is_language_model: bool) -> None:
    if is_language_model:
        assert response.usage.input_tokens > 0 and response.usage.output_tokens > 0


class AnswerTests(Kit):
    """A model answers, and streams what it answers."""

    def test_info_names_the_model_and_stays(self, opened: Ambient) -> None:
        info = opened.info
        assert info == opened.info
        assert info.name and info.provider and info.identity
        assert info.name.startswith(f"{info.provider}/")
        assert set(info.capabilities.features) <= FEATURES

    def test_generate(self, opened: Ambient, is_language_model: bool) -> None:
        response = answer(opened, asking(opened))
        assert response.message.role == "assistant"
        assert response.text
        assert response.finish_reason in ("stop", "length")
        _check_usage(response, is_language_model)
        assert response.usage.cached_tokens <= response.usage.input_tokens
        assert response.cost.basis in get_args(CostBasis)
        assert (response.cost.usd is None) == (response.cost.basis == "unknown")
        assert response.timing.total_s >= 0

    def test_a_response_can_be_kept(self, opened: Ambient) -> None:
        response = answer(opened, asking(opened))
        json.dumps(response.raw)
        plain = replace(response, raw=None)
        assert from_json(Response, to_json(plain)) == plain

    def test_deltas_join_to_the_final_response(
        self, opened: Ambient, is_language_model: bool
    ) -> None:
        deltas, response = streamed(opened, asking(opened))
        assert "".join(d.text for d in deltas if isinstance(d, TextDelta)) == response.text
        assert response.finish_reason in get_args(FinishReason)
        _check_usage(response, is_language_model)
        if has(opened, "stream") and response.usage.output_tokens > 8:
            assert len(deltas) > 1, "a model that declares `stream` answers piece by piece"

    def test_stream_and_generate_answer_alike(self, opened: Ambient) -> None:
        _, response = streamed(opened, asking(opened))
        whole = answer(opened, asking(opened))
        assert response.usage.input_tokens == whole.usage.input_tokens
        assert (response.model, response.cost.basis) == (whole.model, whole.cost.basis)
        if has(opened, "temperature"):
            assert response.message == whole.message
            assert response.finish_reason == whole.finish_reason
            assert response.usage.output_tokens == whole.usage.output_tokens

    def test_a_stream_can_be_left(self, opened: Ambient) -> None:
        async def first() -> object:
            events = opened.stream(asking(opened, max_tokens=64))
            event = await anext(events)
            await events.aclose()  # type: ignore[attr-defined]
            return event

        assert isinstance(asyncio.run(first()), TextDelta)
        assert answer(opened, asking(opened)).text

    def test_the_system_message_is_read(self, opened: Ambient, is_language_model: bool) -> None:
        plain = answer(opened, asking(opened, user("Hi"), max_tokens=4))
        told = asking(opened, system("You speak of boats " * 20), user("Hi"), max_tokens=4)
        longer = answer(opened, told)
        assert longer.text
        if is_language_model:
            assert longer.usage.input_tokens >= plain.usage.input_tokens + 20

    def test_a_conversation_is_read(self, opened: Ambient, is_language_model: bool) -> None:
        turns = (user("I am called Ana."), assistant("Hello Ana! " * 10), user("Who am I?"))
        short = answer(opened, asking(opened, turns[-1], max_tokens=4))
        long = answer(opened, asking(opened, *turns, max_tokens=4))
        if is_language_model:
            assert long.usage.input_tokens >= short.usage.input_tokens + 20

    def test_several_text_parts_are_one_text(
        self, opened: Ambient, is_language_model: bool
    ) -> None:
        parted = Message("user", (Text("Name three colours "), Text("of the rainbow.")))
        whole = answer(opened, asking(opened, parted))
        assert whole.text
        if is_language_model:  # a token where they meet, and a line break, make no odds
            plain = answer(opened, asking(opened)).usage.input_tokens
            assert abs(whole.usage.input_tokens - plain) <= 3

    @pytest.mark.parametrize("text", ["¿Dónde está el ñandú?", "日本語 🦤 «à»", "a\u0000b\t\\\"'"])
    def test_any_text_is_taken(self, opened: Ambient, text: str) -> None:
        deltas, response = streamed(opened, asking(opened, text, max_tokens=8))
        assert "".join(d.text for d in deltas if isinstance(d, TextDelta)) == response.text

    def test_a_cache_hint_does_no_harm(self, opened: Ambient) -> None:
        told = asking(opened, system("Be short."), user("Hi"), cache_prefix=1, max_tokens=4)
        assert answer(opened, told).text

    @pytest.mark.parametrize(("name", "part"), PARTS, ids=[name for name, _ in PARTS])
    def test_parts_are_taken_or_refused(
        self, opened: Ambient, is_language_model: bool, name: str, part: Part
    ) -> None:
        request = asking(opened, Message("user", (Text("What is this?"), part)), max_tokens=4)
        if has(opened, name):  # the endpoint's model may still not see, or the file be too poor
            response = answer_or_error(opened, request, ModelError)
            if response is not None and is_language_model:
                plain = answer(opened, asking(opened, "What is this?", max_tokens=4))
                assert response.usage.input_tokens > plain.usage.input_tokens, f"no {name} seen"
            return
        with pytest.raises(Unsupported, match=name):
            answer(opened, request)
