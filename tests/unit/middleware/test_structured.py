"""The routes of structured output, validation and repair."""

import json
from dataclasses import replace

import pytest

from quilate.errors import InvalidRequest, MalformedReply, SchemaUnsupported, ServerError
from quilate.messages import Message, Reasoning, Text, ToolCall, user
from quilate.middleware.structured import Structured
from quilate.models import (
    Capabilities,
    ChoiceFormat,
    Cost,
    JsonFormat,
    Request,
    Response,
    TextDelta,
    Tool,
    Usage,
    ask,
    reply,
)
from quilate.sync import iterate, run
from quilate.testing import ScriptedModel

AGE = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}},
    "required": ["age"],
    "additionalProperties": False,
}
ASKED = replace(ask("How old?"), format=JsonFormat(AGE))


class Answers:
    """Gives its answers one after the other and keeps what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else reply(answer, usage=Usage(10, 2))


def structured(script, *features):
    return Structured(
        ScriptedModel(script, capabilities=Capabilities.declared("stream", *features))
    )


def test_the_native_route_is_taken_first():
    script = Answers('{"age": 7}')
    response = run(structured(script, "json_schema", "tools", "tool_choice").generate(ASKED))
    assert (response.text, response.route) == ('{"age": 7}', "native")
    assert script.asked == [ASKED]


def test_a_forced_tool_is_the_second_route():
    call = Response(Message("assistant", (ToolCall("1", "answer", {"age": 7}),)))
    script = Answers(call)
    response = run(structured(script, "tools", "tool_choice").generate(ASKED))
    assert (json.loads(response.text), response.route) == ({"age": 7}, "tool")
    assert (response.tool_calls, response.finish_reason) == ((), "stop")
    (asked,) = script.asked
    assert asked.format is None
    assert asked.tool_choice == "answer" == asked.tools[0].name
    assert asked.tools[0].parameters == AGE


def test_tools_without_forced_choice_are_no_route():
    script = Answers('{"age": 7}')
    assert run(structured(script, "tools").generate(ASKED)).route == "prompted"


def test_the_last_route_is_the_prompt():
    script = Answers('Sure:\n```json\n{"age": 7}\n```')
    response = run(structured(script).generate(ASKED))
    assert (response.text, response.route) == ('{"age": 7}', "prompted")
    (asked,) = script.asked
    assert asked.format is None
    assert '"minimum": 0' in asked.messages[-1].text
    assert asked.messages[-1].text.startswith("How old?")


def test_a_schema_that_the_provider_cannot_express_goes_the_next_route_unless_strict():
    refused = SchemaUnsupported("minimum at $.properties.age")
    script = Answers(refused, '{"age": 7}')
    assert run(structured(script, "json_schema").generate(ASKED)).route == "prompted"
    strict = replace(ASKED, format=JsonFormat(AGE, strict=True))
    with pytest.raises(SchemaUnsupported, match="minimum"):
        run(structured(Answers(refused), "json_schema").generate(strict))


def test_a_schema_that_is_no_object_skips_the_tool_route():
    wanted = replace(ask("?"), format=JsonFormat({"type": "array", "items": {"type": "integer"}}))
    script = Answers("[1, 2]")
    assert run(structured(script, "tools", "tool_choice").generate(wanted)).route == "prompted"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{"age": -1}', "less than the minimum"),
        ('{"age": "7"}', r"\$\.age"),
        ("seven", "not JSON"),
        ('{"age": NaN}', "NaN"),
    ],
)
def test_one_round_of_repair_with_what_was_wrong_and_the_sum_of_both(bad, why):
    script = Answers(
        reply(bad, usage=Usage(10, 2), cost=Cost(0.5, "exact")),
        reply('{"age": 7}', usage=Usage(20, 3), cost=Cost(0.25, "estimated")),
    )
    response = run(structured(script, "json_schema").generate(ASKED))
    assert (response.text, response.route) == ('{"age": 7}', "native")
    assert response.usage == Usage(30, 5)
    assert response.cost == Cost(0.75, "estimated")
    first, again = script.asked
    assert again.messages[:-2] == first.messages
    assert again.messages[-2].text == bad
    with pytest.raises(MalformedReply, match=f"{why}.*after one repair"):
        run(structured(Answers(bad, bad), "json_schema").generate(ASKED))


def test_an_answer_cut_at_its_limit_is_not_repaired():
    script = Answers(reply('{"age"', finish_reason="length"))
    with pytest.raises(MalformedReply, match="cut off at its token limit"):
        run(structured(script, "json_schema").generate(ASKED))


def test_an_invalid_schema_is_named_with_its_place():
    wanted = replace(ask("?"), format=JsonFormat({"properties": {"a": {"type": "integr"}}}))
    with pytest.raises(InvalidRequest, match=r"\$\.properties\.a\.type.*integr"):
        run(structured("{}", "json_schema").generate(wanted))


def test_the_repair_has_what_is_left_of_the_deadline():
    script = Answers("x", '{"age": 7}')
    run(structured(script).generate(replace(ASKED, deadline=60.0)))
    assert 0 < script.asked[1].deadline < script.asked[0].deadline == 60.0


def test_native_json_streams_as_it_is_written_and_is_validated_at_the_end():
    *deltas, last = iterate(structured('{"age": 7}', "json_schema").stream(ASKED))
    assert deltas == [TextDelta('{"age": '), TextDelta("7}")]
    assert last.response.route == "native"
    with pytest.raises(MalformedReply, match="minimum"):
        list(iterate(structured('{"age": -7}', "json_schema").stream(ASKED)))


def test_other_routes_stream_the_repaired_answer_whole():
    *deltas, last = iterate(structured(Answers("x", 'So: {"age": 7}')).stream(ASKED))
    assert deltas == [TextDelta('{"age": 7}')]
    assert last.response.route == "prompted"


def test_calls_of_the_requests_own_tools_pass_before_the_answer():
    tool = Tool("look", "", {"type": "object"})
    call = Response(Message("assistant", (ToolCall("1", "look"),)), finish_reason="tool_calls")
    request = replace(ASKED, tools=(tool,))
    features = ("json_schema", "tools", "tool_choice")
    assert run(structured(Answers(call), *features).generate(request)) == call
    assert run(structured(Answers(call), "tools", "tool_choice").generate(request)) == call


CHOICE = Request((user("Wet?"),), format=ChoiceFormat(("yes", "no", "not sure")))


def test_choices_are_left_to_a_model_that_has_them():
    script = Answers("no")
    assert run(structured(script, "choices", "json_schema").generate(CHOICE)).text == "no"
    assert script.asked == [CHOICE]


def test_choices_go_as_an_enum_where_json_is_enforced():
    script = Answers('{"answer": "not sure"}')
    response = run(structured(script, "json_schema").generate(CHOICE))
    assert (response.text, response.route) == ("not sure", "native")
    schema = script.asked[0].format.schema
    assert schema["properties"]["answer"]["enum"] == ["yes", "no", "not sure"]


def test_choices_with_log_probabilities_go_plain():
    script = Answers(" Yes.\n")
    response = run(structured(script, "json_schema").generate(replace(CHOICE, logprobs=5)))
    assert response.text == "yes"
    assert script.asked == [replace(CHOICE, format=None, logprobs=5)]


@pytest.mark.parametrize("said", ["perhaps", "[1]", '{"answer": 3}', ""])
def test_a_reply_that_is_no_choice_is_malformed(said):
    with pytest.raises(MalformedReply, match="none of the choices yes, no, not sure"):
        run(structured(said).generate(CHOICE))


def test_choices_that_look_like_json_are_found():
    wanted = Request((user("?"),), format=ChoiceFormat(("1", "2")))
    assert run(structured("2").generate(wanted)).text == "2"


THOUGHT = Reasoning("hm", signature="SIGNED", provider="x")


@pytest.mark.parametrize(
    ("said", "features", "route"),
    [
        (ToolCall("1", "answer", {"age": 7}), ("tools", "tool_choice"), "tool"),
        (Text('So: {"age": 7}'), (), "prompted"),
    ],
)
def test_what_the_model_thought_stays_with_its_answer(said, features, route):
    answer = Response(Message("assistant", (THOUGHT, said)))
    response = run(structured(Answers(answer), *features).generate(ASKED))
    assert response.message.parts[0] == THOUGHT
    assert (json.loads(response.text), response.route) == ({"age": 7}, route)


@pytest.mark.parametrize("features", [("json_schema",), ()])
def test_the_repair_gives_back_what_the_model_thought(features):
    bad = Response(Message("assistant", (THOUGHT, Text('{"age": -7}'))))
    script = Answers(bad, '{"age": 7}')
    run(structured(script, *features).generate(ASKED))
    assert script.asked[1].messages[-2] == bad.message


def test_the_error_of_a_failed_repair_tells_what_both_rounds_cost():
    failed = ServerError("down")
    failed.usage, failed.cost = Usage(1, 1), Cost(0.25, "exact")
    for second, usage, cost in (
        (ServerError("down"), Usage(10, 2), Cost(0.5, "exact")),
        (failed, Usage(11, 3), Cost(0.75, "exact")),
    ):
        script = Answers(reply("x", usage=Usage(10, 2), cost=Cost(0.5, "exact")), second)
        with pytest.raises(ServerError) as caught:
            run(structured(script).generate(ASKED))
        assert (caught.value.usage, caught.value.cost) == (usage, cost)


class Unable(ScriptedModel):
    """Has structured output, but not for this schema."""

    def __init__(self):
        super().__init__(self._answer, capabilities=Capabilities.declared("json_schema", "stream"))
        self.asked = []

    def _answer(self, request):
        self.asked.append(request)
        if request.format is not None:
            raise SchemaUnsupported("minimum at $.properties.age")
        return '{"age": 7}'


def test_a_stream_falls_back_as_generate_does_and_tries_the_native_route_once():
    model = Unable()
    *deltas, last = iterate(Structured(model).stream(ASKED))
    assert deltas == [TextDelta('{"age": 7}')]
    assert last.response.route == "prompted"
    assert [request.format for request in model.asked] == [ASKED.format, None]
    strict = replace(ASKED, format=JsonFormat(AGE, strict=True))
    with pytest.raises(SchemaUnsupported, match="minimum"):
        list(iterate(Structured(Unable()).stream(strict)))


def test_a_part_of_an_answer_that_was_cut_off_is_not_the_answer():
    lax = {"type": "object", "properties": {"people": {"type": "array"}}}
    request = replace(ask("Who?"), format=JsonFormat(lax))
    for said in ('{"people": [{"name": "Ana"}, {"name"', '{"people": x, "all": {"n": 1}, "last'):
        script = Answers(reply(said, finish_reason="length"))
        with pytest.raises(MalformedReply, match="cut off at its token limit"):
            run(structured(script).generate(request))
    whole = Answers(reply('{"people": []} I hope that', finish_reason="length"))
    assert run(structured(whole).generate(request)).text == '{"people": []}'


def test_a_tool_is_called_before_a_choice_is_made():
    call = Response(Message("assistant", (ToolCall("1", "look"),)), finish_reason="tool_calls")
    request = replace(CHOICE, tools=(Tool("look", "", {"type": "object"}),))
    for features in (("choices",), ("json_schema",), ()):
        model = structured(Answers(call), "tools", "tool_choice", *features)
        assert run(model.generate(request)).tool_calls == call.tool_calls


@pytest.mark.parametrize("said", ["[" * 200_000, '{"answer":' * 200_000])
def test_a_reply_too_deep_to_read_is_malformed(said):
    with pytest.raises(MalformedReply):
        run(structured(said).generate(CHOICE))
    with pytest.raises(MalformedReply):
        run(structured(said, "json_schema").generate(ASKED))


def test_a_reply_too_deep_to_validate_is_malformed():
    node = {"type": "object", "properties": {"c": {"$ref": "#/$defs/node"}}}
    tree = JsonFormat({"$ref": "#/$defs/node", "$defs": {"node": node}})
    said = '{"c":' * 300 + "{}" + "}" * 300
    with pytest.raises(MalformedReply, match="too deeply"):
        run(structured(said, "json_schema").generate(replace(ask("?"), format=tree)))
