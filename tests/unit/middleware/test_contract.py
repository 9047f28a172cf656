"""What is refused before a call, and what of a reply is not let through."""

import warnings
from dataclasses import replace

import pytest

from quilate.errors import MalformedReply, Unsupported
from quilate.messages import Audio, File, Image, Message, ToolCall, user
from quilate.middleware.contract import Contracted, UnsupportedSetting
from quilate.models import Capabilities, Request, Response, Sampling, Tool, ask, reply
from quilate.sync import iterate, run
from quilate.testing import ScriptedModel

WEATHER = Tool(
    "weather",
    "The weather in a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)
TIME = Tool("time", "The time.", {"type": "object", "properties": {}})


def model(script="ok", *features, **options):
    inner = ScriptedModel(script, capabilities=Capabilities.declared("stream", *features))
    return Contracted(inner, **options), inner


def calling(*calls):
    return Response(Message("assistant", calls), finish_reason="tool_calls")


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (ask("?", temperature=0.0), "temperature"),
        (ask("?", top_p=0.5), "top_p"),
        (ask("?", top_k=1), "top_k"),
        (ask("?", seed=0), "seed"),
        (ask("?", max_tokens=3), "max_tokens"),
        (ask("?", stop=("x",)), "stop"),
        (replace(ask("?"), logprobs=0), "logprobs"),
        (replace(ask("?"), reasoning="low"), "reasoning"),
        (Request((Message("user", (Image(b"x"),)),)), "images"),
        (Request((Message("user", (Audio(b"x"),)),)), "audio"),
        (Request((Message("user", (File(b"x"),)),)), "files"),
    ],
)
def test_what_is_not_declared_is_refused_before_the_call(request_, name):
    wrapped, inner = model()
    with pytest.raises(Unsupported, match=f"does not take {name}"):
        run(wrapped.generate(request_))
    with pytest.raises(Unsupported, match=name):
        list(iterate(wrapped.stream(request_)))
    assert inner.calls == 0
    # The features that the reply must show are tested below.
    if name != "logprobs":
        assert run(model("ok", name)[0].generate(request_)).text == "ok"


def test_by_policy_settings_are_left_out_with_a_warning_and_parts_are_not():
    seen = []
    wrapped, _ = model(lambda request: seen.append(request) or "ok", "seed", unsupported="warn")
    asked = ask("?", temperature=0.0, stop=("x",), seed=7)
    with pytest.warns(UnsupportedSetting, match="temperature, stop, logprobs: left out"):
        run(wrapped.generate(replace(asked, logprobs=2)))
    assert seen == [replace(ask("?"), sampling=Sampling(seed=7))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(wrapped.generate(ask("?", seed=7)))
    with pytest.raises(Unsupported, match="images"):
        run(wrapped.generate(Request((Message("user", (Image(b"x"),)),))))


@pytest.mark.parametrize(
    ("answer", "choice", "what"),
    [
        (reply("no"), "required", "calls no tool"),
        (reply("no"), "weather", "calls no tool"),
        (calling(ToolCall("1", "time")), "weather", "'time', which was not offered"),
        (calling(ToolCall("1", "rain")), None, "'rain', which was not offered"),
        (calling(ToolCall("1", "time")), "none", "no call was allowed"),
        (calling(ToolCall("1", "weather", {"city": 3})), None, r"\$\.city: 3 is not of type"),
        (calling(ToolCall("1", "weather")), None, "'city' is a required property"),
    ],
)
def test_a_reply_that_breaks_the_tool_contract_is_malformed(answer, choice, what):
    wrapped, _ = model(lambda _: answer, "tools", "tool_choice")
    request = Request((user("?"),), tools=(WEATHER, TIME), tool_choice=choice)
    with pytest.raises(MalformedReply, match=what):
        run(wrapped.generate(request))
    with pytest.raises(MalformedReply, match=what):
        list(iterate(wrapped.stream(request)))


@pytest.mark.parametrize("choice", [None, "auto", "required", "weather"])
def test_a_valid_call_passes(choice):
    answer = calling(ToolCall("1", "weather", {"city": "Lima"}))
    wrapped, _ = model(lambda _: answer, "tools", "tool_choice")
    request = Request((user("?"),), tools=(WEATHER, TIME), tool_choice=choice)
    assert run(wrapped.generate(request)) == answer


def test_log_probabilities_that_do_not_come_are_missed():
    wrapped, _ = model("ok", "logprobs")
    with pytest.raises(MalformedReply, match="no log-probabilities"):
        run(wrapped.generate(replace(ask("?"), logprobs=1)))


def test_a_model_that_leaves_settings_out_has_an_identity_of_its_own():
    model = ScriptedModel("hola")
    assert Contracted(model).info == model.info
    assert Contracted(model, unsupported="warn").info.identity != model.info.identity
