"""The conformance kit on every adapter: a new one is a line of `ADAPTERS`."""

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from quilate.models import Request, ask
from quilate.testing import ScriptedModel
from quilate.testing.contract import FaultContract, ModelContract
from quilate.testing.contract.served import taken


class Adapter(NamedTuple):
    """How to open an adapter: on this machine, or by the address of a server, a name and a key."""

    open: Callable[..., Any]
    is_hosted: bool = True
    is_language_model: bool = True
    capabilities: tuple[str, ...] = ()
    """Beyond what any server is known to have: the fault server has them."""


def llamacpp():
    from quilate_adapters.llamacpp import model

    return model("smollm2-135m-instruct", n_ctx=2048)


def openai_chat(address, name, key, **more):
    from quilate_adapters.openai import model

    return model(name, base_url=f"{address}/v1", api_key=key, **more)


def guide(address, name, key):
    return made_by_the_guide()["model"](name, base_url=f"{address}/v1", api_key=key)


@cache
def made_by_the_guide():
    """The module that ``docs/adapters.md`` writes from nothing."""
    page = Path(__file__).parents[2] / "docs" / "adapters.md"
    code = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)[0]
    made = {"__name__": "plainchat"}
    exec(compile(code, str(page), "exec"), made)
    return {**made, "lines": len(code.splitlines())}


def openai_responses(address, name, key, **more):
    from quilate_adapters.openai import model

    return model(name, base_url=f"{address}/v1", api_key=key, api="responses", **more)


def anthropic(address, name, key, **more):
    from quilate_adapters.anthropic import model

    return model(name, base_url=address, api_key=key, **more)


def litellm(address, name, key, **more):
    from quilate_adapters.litellm import model

    return model(f"openai/{name}", base_url=f"{address}/v1", api_key=key, **more)


def function():
    from quilate_adapters.function import model

    def said(request: Request) -> str:
        return "one two three four five six seven"

    return model(said)


def scripted():
    return ScriptedModel("one two three four five six seven")


MORE = (
    *("tools", "tool_choice", "parallel_tool_calls", "json_schema"),
    *("reasoning", "images", "files"),
)
ADAPTERS = {
    "llamacpp": Adapter(llamacpp, is_hosted=False),
    "openai-chat": Adapter(openai_chat, capabilities=(*MORE, "audio")),
    "openai-responses": Adapter(openai_responses, capabilities=(*MORE, "logprobs")),
    "anthropic": Adapter(anthropic, capabilities=(*MORE, "seed")),
    "guide": Adapter(guide),
    "litellm": Adapter(litellm, capabilities=(*MORE, "audio")),
    "function": Adapter(function, is_hosted=False, is_language_model=False),
    "scripted": Adapter(scripted, is_hosted=False, is_language_model=False),
}
HOSTED = [name for name, adapter in ADAPTERS.items() if adapter.is_hosted]


class TestModels(ModelContract):
    @pytest.fixture(scope="class", params=ADAPTERS)
    @classmethod
    def adapter(cls, request):
        return ADAPTERS[request.param]

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, adapter, request):
        if not adapter.is_hosted:
            return adapter.open()
        return adapter.open(request.getfixturevalue("llama_server"), "smollm2", "no-key")

    @pytest.fixture(scope="class")
    @classmethod
    def is_language_model(cls, adapter):
        return adapter.is_language_model


class TestFaults(FaultContract):
    @pytest.fixture(scope="class", params=HOSTED)
    @classmethod
    def make(cls, request):
        adapter = ADAPTERS[request.param]
        more = {"capabilities": adapter.capabilities} if adapter.capabilities else {}
        return partial(adapter.open, **more)

    @pytest.mark.parametrize("stream", [False, True])
    def test_cached_and_reasoning_tokens_are_told(self, opened, make, stream):
        if make.func is guide:
            pytest.skip("it tells what a request costs without them")
        assert taken(opened("cached:2"), ask("a b c"), stream).usage.cached_tokens == 2
        assert taken(opened("reasoning:3"), ask("a b c"), stream).usage.reasoning_tokens == 3


def test_the_guide_writes_an_adapter_in_under_100_lines():
    assert made_by_the_guide()["lines"] < 100
