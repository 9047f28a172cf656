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
from quilate.testing.contract.base import LONG, Kit, answer, asking, has, with_sampling

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
        lenient = standard(_bare(opened), attempts=1, unsupported="warn")
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
    def test_narrowed_draws_are_the_greedy_ones(
        self, opened: Ambient, narrow: dict[str, Any]
    ) -> None:
        (name,) = narrow
        if not (has(opened, name) and has(opened, "temperature")):
            pytest.skip(f"{name} with temperature is not declared")
        greedy = asking(opened)
        drawn = with_sampling(greedy, temperature=1.0, **narrow)
        assert answer(opened, drawn).text == answer(opened, greedy).text

    def test_draws_differ_by_seed_and_are_alike_for_one(
        self, opened: Ambient, is_language_model: bool
    ) -> None:
        if not (is_language_model and has(opened, "seed") and has(opened, "temperature")):
            pytest.skip("seed and temperature are not declared, or nothing is drawn")
        texts = [
            answer(opened, with_sampling(asking(opened), temperature=1.5, seed=seed)).text
            for seed in (1, 2, 3, 4, 1)
        ]
        assert len(set(texts[:4])) > 1, "temperature or seed is ignored"
        assert texts[4] == texts[0], "the seed is ignored"


def _bare(opened: Ambient) -> Model:
    """The adapter's model inside the standard middleware."""
    inner: Any = opened
    while hasattr(inner, "inner"):
        inner = inner.inner
    found: Model = inner
    return found
