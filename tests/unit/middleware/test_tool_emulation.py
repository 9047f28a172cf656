"""Tools as structured output, for models that have none."""

import json

import pytest

from quilate.errors import MalformedReply, SchemaUnsupported
from quilate.messages import Message, Text, ToolCall, ToolResult, assistant, system, user
from quilate.middleware.standard import standard
from quilate.middleware.tool_emulation import MAX_CALLS, EmulatedTools
from quilate.models import (
    Capabilities,
    ChoiceFormat,
    Cost,
    JsonFormat,
    Request,
    Response,
    Tool,
    ToolCallDelta,
    Usage,
    reply,
)
from quilate.sync import iterate, run
from quilate.testing import ScriptedModel

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (Tool("weather", "The weather.", CITY), Tool("time", "The time.", {"type": "object"}))
ASKED = Request((user("Weather in Lima?"),), tools=TOOLS)
CALL = json.dumps({"tool_calls": [{"name": "weather", "arguments": {"city": "Lima"}}]})


def emulated(said, *features):
    seen = []

    def script(request):
        seen.append(request)
        return said

    inner = ScriptedModel(script, capabilities=Capabilities.declared("stream", *features))
    return standard(inner), seen


def request(**fields):
    return Request(**{"messages": ASKED.messages, "tools": TOOLS, **fields})


@pytest.mark.parametrize("features", [("json_schema",), ()])
def test_a_call_comes_as_a_call(features):
    model, seen = emulated(CALL, *features)
    response = run(model.generate(ASKED))
    assert response.tool_calls == (ToolCall("call_1", "weather", {"city": "Lima"}),)
    assert (response.finish_reason, response.emulated) == ("tool_calls", ("tools",))
    (asked,) = seen
    assert asked.tools == ()
    assert asked.messages[0].role == "system"
    assert '"name": "weather"' in asked.messages[0].text


def test_an_answer_comes_as_text():
    model, _ = emulated('{"answer": "Sunny"}', "json_schema")
    response = run(model.generate(ASKED))
    assert (response.text, response.tool_calls) == ("Sunny", ())


@pytest.mark.parametrize(
    ("choice", "names", "answers"),
    [
        (None, {"weather", "time"}, True),
        ("auto", {"weather", "time"}, True),
        ("required", {"weather", "time"}, False),
        ("weather", {"weather"}, False),
    ],
)
def test_the_schema_allows_what_the_choice_allows(choice, names, answers):
    model, seen = emulated(CALL, "json_schema")
    run(model.generate(request(tool_choice=choice)))
    schema = seen[0].format.schema
    assert ("anyOf" in schema) == answers
    calls = schema["anyOf"][-1] if answers else schema
    items = calls["properties"]["tool_calls"]["items"]
    allowed = items.get("anyOf", [items])
    assert {one["properties"]["name"]["const"] for one in allowed} == names
    assert calls["properties"]["tool_calls"]["maxItems"] == (
        1 if choice == "weather" else MAX_CALLS
    )


def test_one_call_at_a_time():
    model, seen = emulated(CALL, "json_schema")
    run(model.generate(request(parallel_tool_calls=False, tool_choice="required")))
    assert seen[0].format.schema["properties"]["tool_calls"]["maxItems"] == 1


def test_no_call_may_be_made():
    model, seen = emulated("Sunny", "json_schema")
    response = run(model.generate(request(tool_choice="none")))
    assert response.text == "Sunny"
    assert seen[0].format is None


def test_a_native_forced_choice_is_left_to_the_model_and_another_is_not():
    native = Response(
        Message("assistant", (ToolCall("a", "weather", {"city": "Lima"}),)),
        finish_reason="tool_calls",
    )
    model, seen = emulated(native, "tools", "tool_choice")
    assert run(model.generate(request(tool_choice="weather"))) == native
    assert seen[0].tools == TOOLS
    model, seen = emulated(CALL, "tools", "json_schema")
    assert run(model.generate(request(tool_choice="weather"))).emulated == ("tools",)
    assert seen[0].tools == ()


def test_the_first_of_native_calls_is_kept_where_one_is_allowed():
    calls = tuple(ToolCall(str(i), "time", {}) for i in range(3))
    native = Response(Message("assistant", (Text("…"), *calls)), finish_reason="tool_calls")
    model, _ = emulated(native, "tools", "tool_choice")
    response = run(model.generate(request(parallel_tool_calls=False)))
    assert response.tool_calls == calls[:1]
    assert response.emulated == ("parallel_tool_calls",)


def test_calls_and_results_of_before_are_told_in_words_and_ids_go_on():
    history = (
        system("Be short."),
        user("Weather in Lima and Quito?"),
        Message("assistant", (ToolCall("call_1", "weather", {"city": "Lima"}),)),
        Message("tool", (ToolResult("call_1", "Sunny"),)),
        user("And Quito?"),
    )
    model, seen = emulated(CALL, "json_schema")
    response = run(model.generate(request(messages=history)))
    assert response.tool_calls[0].id == "call_2"
    roles = [message.role for message in seen[0].messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert seen[0].messages[0].text.startswith("Be short.")
    assert json.loads(seen[0].messages[2].text)["tool_calls"][0]["name"] == "weather"
    assert "Result of weather: Sunny" in seen[0].messages[3].text
    # Without tools too, a conversation that has used some can go on.
    run(model.generate(Request(history)))
    assert "Result of weather" in seen[1].messages[3].text


def test_a_format_is_that_of_the_answer():
    model, seen = emulated('{"answer": {"sunny": true}}', "json_schema")
    wanted = JsonFormat({"type": "object", "properties": {"sunny": {"type": "boolean"}}})
    assert json.loads(run(model.generate(request(format=wanted))).text) == {"sunny": True}
    assert seen[0].format.schema["anyOf"][0]["properties"]["answer"] == wanted.schema


def test_a_stream_gives_the_calls_whole():
    model, _ = emulated(CALL, "json_schema")
    delta, last = iterate(model.stream(ASKED))
    assert delta == ToolCallDelta("call_1", "weather", '{"city": "Lima"}')
    assert last.response.tool_calls[0].arguments == {"city": "Lima"}


def test_without_tools_nothing_is_changed():
    model, seen = emulated("ok", "json_schema")
    plain = Request((user("?"), assistant("!"), user("?")))
    assert run(model.generate(plain)).emulated == ()
    assert seen == [plain]


def test_choices_are_those_of_the_answer():
    model, seen = emulated('{"answer": "yes"}', "json_schema")
    wanted = request(format=ChoiceFormat(("yes", "no")))
    assert run(model.generate(wanted)).text == "yes"
    answer = seen[0].format.schema["anyOf"][0]["properties"]["answer"]
    assert answer == {"type": "string", "enum": ["yes", "no"]}
    assert run(emulated(CALL)[0].generate(wanted)).tool_calls
    with pytest.raises(MalformedReply, match="banana"):
        run(emulated('{"answer": "banana"}')[0].generate(wanted))


def test_a_text_in_a_json_format_is_json():
    model, _ = emulated('{"answer": "Sunny"}', "json_schema")
    assert run(model.generate(request(format=JsonFormat({"type": "string"})))).text == '"Sunny"'


def test_a_strict_format_takes_no_other_route():
    def script(asked):
        if asked.format is not None:
            raise SchemaUnsupported("anyOf")
        return '{"answer": {}}'

    model = standard(ScriptedModel(script, capabilities=Capabilities.declared("json_schema")))
    lax, strict = (JsonFormat({"type": "object"}, strict=strict) for strict in (False, True))
    assert run(model.generate(request(format=lax))).route == "prompted"
    with pytest.raises(SchemaUnsupported, match="anyOf"):
        run(model.generate(request(format=strict)))


@pytest.mark.parametrize(
    "said",
    [
        *("", "Sunny", "[" * 200_000, "null", "7", '"answer"', "[]", '["tool_calls"]', "{}"),
        *('{"answer": null}', '{"answer": 7}', '{"tool_calls": null}', '{"tool_calls": {}}'),
        *('{"tool_calls": [7]}', '{"tool_calls": [{}]}', '{"tool_calls": [{"name": "time"}]}'),
        '{"tool_calls": [{"name": "time", "arguments": null}]}',
        '{"tool_calls": [{"name": "none", "arguments": {}}]}',
        '{"tool_calls": [{"name": "time", "arguments": {"a": 1e999}}]}',
    ],
)
def test_a_reply_of_another_form_is_malformed_and_paid_for(said):
    answer = reply(said, usage=Usage(3, 4), cost=Cost(0.5, "exact"))
    with pytest.raises(MalformedReply, match="neither a tool call nor an answer") as caught:
        run(EmulatedTools(ScriptedModel(lambda _: answer)).generate(ASKED))
    assert (caught.value.usage, caught.value.cost) == (Usage(3, 4), Cost(0.5, "exact"))


def test_calls_that_a_model_makes_by_itself_are_held_to_the_request():
    calls = tuple(ToolCall(str(i), "time") for i in range(2))
    native = Response(Message("assistant", calls), finish_reason="tool_calls")
    model, _ = emulated(native)
    assert run(model.generate(ASKED)).tool_calls == calls
    assert run(model.generate(request(parallel_tool_calls=False))).tool_calls == calls[:1]
    with pytest.raises(MalformedReply, match="was not offered"):
        run(model.generate(request(tool_choice="weather")))
