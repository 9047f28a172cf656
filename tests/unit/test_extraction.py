"""Answers as values of a Python type."""

import pytest
from pydantic import BaseModel, field_validator

from quilate import extract, json_format
from quilate.errors import MalformedReply
from quilate.middleware import standard
from quilate.models import Capabilities, Usage, reply
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
