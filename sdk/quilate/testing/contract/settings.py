# ruff: noqa: S101, D102  # tests are named by what they show
"""Settings: honoured where they are declared, refused where they are not."""

from dataclasses import replace
from typing import Any

import pytest

from quilate.errors import Unsupported
from quilate.middleware.ambient import Ambient
from quilate.middleware.contract import UnsupportedSetting
from quilate.middleware.standard import standard
from quilate.models import Model, Request
from quilate.testing.contract.base import (
    LONG,
    Kit,
    Reconnecting,
    answer,
    asking,
    bare,
    has,
    with_sampling,
)

SETTINGS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "seed": 7,
    "max_tokens": 4,
    "stop": ("@@",),
    "logprobs": 1,
    "reasoning": "low",
}


def _setting(model: Model, name: str) -> Request:
    request = asking(model, max_tokens=4)
    if name in ("logprobs", "reasoning"):
        return replace(request, **{name: SETTINGS[name]})
    return with_sampling(request, **{name: SETTINGS[name]})


class SettingTests(Kit):
    """No setting is ignored without a word."""

    @pytest.mark.parametrize("name", SETTINGS)
    def test_a_setting_is_taken_or_refused(self, opened: Ambient, name: str) -> None:
        request = _setting(opened, name)
        if has(opened, name):
            assert answer(opened, request).finish_reason in ("stop", "length")
            return
        with pytest.raises(Unsupported, match=name):
            answer(opened, request)
        lenient = standard(Reconnecting(bare(opened)), attempts=1, unsupported="warn")
        with pytest.warns(UnsupportedSetting, match=name):
            assert answer(lenient, request).text

    def test_max_tokens_cuts(self, opened: Ambient, is_language_model: bool) -> None:
        if not has(opened, "max_tokens"):
            pytest.skip("max_tokens is not declared")
        response = answer(opened, asking(opened, LONG, max_tokens=5))
        assert response.usage.output_tokens <= 5
        if is_language_model:
            assert response.finish_reason == "length"

    def test_stop_ends_before_the_string(self, opened: Ambient) -> None:
        if not has(opened, "stop"):
            pytest.skip("stop is not declared")
        text = answer(opened, asking(opened)).text
        stop = text[len(text) // 2 :][:4]
        cut = answer(opened, with_sampling(asking(opened), stop=(stop,)))
        assert stop not in cut.text
        if has(opened, "temperature"):
            assert cut.text.rstrip() == text[: text.index(stop)].rstrip()
            assert cut.finish_reason == "stop"

    @pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-4}], ids=["top_k", "top_p"])
    def test_narrowed_draws_are_the_likeliest(
        self, opened: Ambient, narrow: dict[str, Any]
    ) -> None:
        (name,) = narrow
        if not has(opened, name):
            pytest.skip(f"{name} is not declared")
        texts = _draws(opened, 3, temperature=1.5, **narrow)
        if has(opened, "temperature"):
            texts.append(answer(opened, asking(opened)).text)
        assert len(set(texts)) == 1, f"{name} is ignored"

    def test_greedy_draws_are_alike(self, opened: Ambient) -> None:
        if not has(opened, "temperature"):
            pytest.skip("temperature is not declared")
        assert len(set(_draws(opened, 3, temperature=0.0))) == 1, "temperature is ignored"

    def test_hot_draws_differ(self, opened: Ambient, is_language_model: bool) -> None:
        if not (is_language_model and has(opened, "temperature")):
            pytest.skip("temperature is not declared, or nothing is drawn")
        texts = _draws(opened, 4, temperature=1.5)
        assert len(set(texts)) > 1, "temperature or seed is ignored"

    def test_draws_of_one_seed_are_alike(self, opened: Ambient) -> None:
        if not has(opened, "seed"):
            pytest.skip("seed is not declared")
        texts = [_draws(opened, 1, temperature=1.5)[0] for _ in range(3)]
        assert len(set(texts)) == 1, "the seed is ignored"


def _draws(model: Ambient, n: int, **settings: Any) -> list[str]:
    """Several answers to one question: each with another seed, and with those of the other
    settings that the model takes."""
    known = {name: value for name, value in settings.items() if has(model, name)}
    seeds = [{"seed": seed} if has(model, "seed") else {} for seed in range(1, n + 1)]
    return [answer(model, with_sampling(asking(model), **{**known, **seed})).text for seed in seeds]
