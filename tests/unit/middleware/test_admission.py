"""Requests that make no sense are refused before anything is sent, whatever the model."""

import math
from dataclasses import replace

import numpy as np
import pytest

import quilate as q
from quilate.errors import ConfigurationError, InvalidRequest
from quilate.messages import Image, Message, Text, ToolCall, ToolResult
from quilate.models import ChoiceFormat, JsonFormat, Request, Tool, ask
from quilate.testing import ScriptedModel

TOOL = Tool("look", "Look it up.", {"type": "object", "properties": {}})
PLAIN = ask("?")


def calling(arguments):
    return Request((Message("assistant", (ToolCall("1", "look", arguments),)),))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ask("?", temperature="hot"), "temperature is 'hot'"),
        (ask("?", temperature=-0.1), "temperature is -0.1"),
        (ask("?", temperature=math.nan), "temperature is nan"),
        (ask("?", temperature=math.inf), "temperature is inf"),
        (ask("?", top_p=1.1), "top_p is 1.1"),
        (ask("?", top_k=0), "top_k is 0"),
        (ask("?", seed=1.5), "seed is 1.5"),
        (ask("?", max_tokens=0), "max_tokens is 0"),
        (ask("?", max_tokens=1.5), "max_tokens is 1.5"),
        (ask("?", stop="end"), "stop is 'end'"),
        (ask("?", stop=("",)), "stop is"),
        (replace(PLAIN, logprobs=-1), "logprobs is -1"),
        (replace(PLAIN, deadline="soon"), "deadline is 'soon'"),
        (replace(PLAIN, first_event_deadline=math.nan), "first_event_deadline is nan"),
        (replace(PLAIN, reasoning="hard"), "reasoning is 'hard'"),
        (Request("hola"), "not a sequence of Message"),
        (Request(("hola",)), "not a sequence of Message"),
        (Request((Message("user", "hola"),)), "which is no part"),
        (Request(None), "not made of Quilate's values"),
        (replace(PLAIN, sampling=None), "not made of Quilate's values"),
        (replace(PLAIN, format={"type": "object"}), "not made of Quilate's values"),
        (Request((Message("friend", (Text("?"),)),)), "role is 'friend'"),
        (Request((Message("user", (Image(),)),)), "neither bytes nor a URL"),
        (Request((Message("user", (Image(image="x"),)),)), "neither bytes nor a URL"),
        (Request((Message("tool", (ToolResult("1", "a\ud800"),)),)), "result holds half a surr"),
        (calling({"a": math.nan}), "arguments of the tool call 'look' is not JSON"),
        (calling({"a": {1}}), "is not JSON"),
        (calling(None), "'look' is None"),
        (replace(PLAIN, extra={"a": math.nan}), "extra is not JSON"),
        (replace(PLAIN, cache_prefix=-1), "cache_prefix is -1"),
        (replace(PLAIN, parallel_tool_calls="no"), "parallel_tool_calls is 'no'"),
        (ask("?", seed=np.int64(1)), "seed is"),
        (ask("?", temperature=np.float32(0.5)), "temperature is"),
        (Request(()), "nothing to answer"),
        (Request((Message("user", ()),)), "nothing to answer"),
        (Request((Message("user", (Text(None),)),)), "text is None"),
        (ask("a\ud800b"), "surrogate pair .at character 1"),
        (replace(PLAIN, extra={"a": {1}}), "extra is not JSON"),
        (replace(PLAIN, tool_choice="required"), "there are no tools"),
        (replace(PLAIN, tool_choice="look"), "there are no tools"),
        (replace(PLAIN, tools=(TOOL,), tool_choice="lok"), "no such tool.*look"),
        (replace(PLAIN, tools=(TOOL, TOOL)), "Two tools are called 'look'"),
        (
            replace(PLAIN, tools=(replace(TOOL, parameters={"type": "objekt"}),)),
            "parameters of the tool 'look' is no JSON schema.*objekt",
        ),
        (replace(PLAIN, format=JsonFormat({"required": "a"})), "answer is no JSON schema"),
        (replace(PLAIN, format=JsonFormat({"const": {1, 2}})), "answer is not JSON"),
        (replace(PLAIN, format=ChoiceFormat(())), "choices are"),
        (replace(PLAIN, format=ChoiceFormat(("a", "a"))), "not all different"),
    ],
)
def test_it_is_refused_with_what_is_wrong(request_, said):
    inner = ScriptedModel("ok")
    model = q.model(inner)
    with pytest.raises(InvalidRequest, match=f"(?s){said}") as raised:
        model.ask(request_)
    assert raised.value.remedy and raised.value.where == inner.info.name
    with pytest.raises(InvalidRequest, match=f"(?s){said}"):
        list(model.ask_stream(request_))
    assert inner.calls == 0


def test_what_makes_sense_is_not_refused():
    model = q.model(ScriptedModel("a"))
    sensible = replace(ask("?", temperature=0, top_p=0.0, max_tokens=1, seed=0), deadline=5)
    assert model.ask(replace(sensible, tool_choice="none")).text == "a"
    assert model.ask(replace(sensible, format=ChoiceFormat(("a", "b")))).text == "a"


@pytest.mark.parametrize("options", [{"attempts": 0}, {"attempts": "4"}, {"unsupported": "no"}])
def test_options_that_make_no_sense(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        q.model("scripted/x", **options)


def test_a_reference_is_never_fetched():
    wanted = JsonFormat({"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}})
    with pytest.raises(InvalidRequest, match=r"does not hold: http://127\.0\.0\.1:9/schema\.json"):
        q.model(ScriptedModel('{"a": 1}')).ask(replace(PLAIN, format=wanted))
