"""Answers as values of a Python type."""

from dataclasses import replace

import pytest
from pydantic import BaseModel, field_validator

from quilate import extract, json_format
from quilate.errors import ConfigurationError, MalformedReply, ServerError
from quilate.messages import Message, Reasoning, Text, ToolCall
from quilate.middleware import standard
from quilate.models import Capabilities, Cost, Response, Usage, ask, reply
from quilate.testing import ScriptedModel


class City(BaseModel):
    name: str
    people: int

    @field_validator("name")
    @classmethod
    def _capitalised(cls, name: str) -> str:
        if not name[:1].isupper():
            raise ValueError("a city begins with a capital letter")
        return name


def model(*answers):
    left = list(answers)
    script = ScriptedModel(
        lambda _: reply(left.pop(0), usage=Usage(10, 5)),
        capabilities=Capabilities.declared("json_schema"),
    )
    return standard(script), script


def test_a_valid_answer_is_a_value():
    opened, _ = model('{"name": "Lima", "people": 10}')
    found = extract(opened, "Which city?", City)
    assert found.value == City(name="Lima", people=10)
    assert found.response.route == "native"


def test_what_only_the_type_knows_is_repaired_once_and_both_rounds_are_counted():
    bad, good = '{"name": "lima", "people": 10}', '{"name": "Lima", "people": 10}'
    opened, script = model(bad, good)
    found = extract(opened, "Which city?", City)
    assert (found.value.name, found.response.usage, script.calls) == ("Lima", Usage(20, 10), 2)
    opened, _ = model(bad, bad)
    with pytest.raises(MalformedReply, match=r"no City, after one repair: name: .*capital letter"):
        extract(opened, "Which city?", City)


def test_the_format_bears_the_types_name():
    assert json_format(City).name == "City"
    assert json_format(City).schema["required"] == ["name", "people"]
    assert json_format(list[int]).name == "list"


BAD, GOOD = '{"name": "lima", "people": 10}', '{"name": "Lima", "people": 10}'


def scripted(*answers):
    """A model that keeps what it was asked."""
    left, asked = list(answers), []

    def answer(request):
        asked.append(request)
        said = left.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    return ScriptedModel(answer, capabilities=Capabilities.declared("json_schema")), asked


def test_the_repair_has_the_time_that_is_left_and_what_the_model_thought():
    thought = Reasoning("hm", signature="SIGNED", provider="x")
    first = Response(Message("assistant", (thought, Text(BAD))))
    model, asked = scripted(first, GOOD)
    extract(model, replace(ask("Which city?"), deadline=60.0), City)
    assert 0 < asked[1].deadline < asked[0].deadline == 60.0
    assert asked[1].messages[-2] == first.message


def test_errors_tell_what_the_replies_before_them_cost():
    paid = {"usage": Usage(10, 5), "cost": Cost(0.5, "exact")}
    call = Response(Message("assistant", (ToolCall("1", "look"),)), **paid)
    for answers, kind, rounds in (
        ([reply(BAD, **paid), ServerError("down")], ServerError, 1),
        ([reply(BAD, **paid), reply(BAD, **paid)], MalformedReply, 2),
        ([call], MalformedReply, 1),
    ):
        with pytest.raises(kind) as caught:
            extract(scripted(*answers)[0], "Which city?", City)
        assert caught.value.usage == Usage(10 * rounds, 5 * rounds)
        assert caught.value.cost == Cost(0.5 * rounds, "exact")


def test_a_model_may_be_given_by_its_string():
    assert extract("scripted/[1, 2]", "Two numbers.", list[int]).value == [1, 2]


@pytest.mark.parametrize("kind", [{"type": "object"}, "Nothing"])
def test_what_is_no_type_is_refused_with_what_to_give(kind):
    with pytest.raises(ConfigurationError, match="is no type with a JSON Schema"):
        extract("scripted/{}", "?", kind)


def test_a_function_is_a_model_and_odd_names_are_not_sent():
    assert extract(lambda question: "[3]", "?", list[int]).value == [3]
    assert json_format(type("Año", (BaseModel,), {})).name == "answer"
    assert json_format(type("A" * 65, (BaseModel,), {})).name == "answer"
    assert json_format(City).name == "City"
