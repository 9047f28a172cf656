"""Which fields a row has, and which rows there are."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from quilate import registry
from quilate.data.catalogue import step_entries
from quilate.data.fields import Fields, Where
from quilate.data.steps import Drop
from quilate.data.verdicts import said_of
from quilate.errors import ConfigurationError, DataError


def after(step, row):
    (made,) = said_of([row], step.apply([row])).apply([row])
    return made


ROW = {"id": "1", "body": "Hola", "url": "/", "n": 1, "empty": None}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"rename": {"body": "text"}}, {"id": "1", "text": "Hola", "url": "/", "n": 1}),
        ({"rename": {"body": "url", "url": "body"}},
         {"id": "1", "body": "/", "url": "Hola", "n": 1}),
        ({"rename": {"none": "text"}}, ROW),
        ({"keep": "body"}, {"id": "1", "body": "Hola"}),
        ({"keep": ["body", "none"], "constant": {"lang": "es"}},
         {"id": "1", "body": "Hola", "lang": "es"}),
        ({"rename": {"body": "text"}, "keep": ["text"]}, {"id": "1", "text": "Hola"}),
        ({"drop": ["url", "none", "empty"]}, {"id": "1", "body": "Hola", "n": 1}),
        ({"constant": {"n": True}}, {**ROW, "n": True}),
    ],
)  # fmt: skip
def test_fields_of_a_row(options, wanted):
    made = after(Fields(**options), ROW)
    assert {k: v for k, v in made.items() if v is not None} == {
        k: v for k, v in wanted.items() if v is not None
    }
    assert type(made.get("n")) is type(wanted.get("n"))


def test_what_changes_nothing_is_no_change():
    assert list(Fields(drop="none").apply([ROW])) == [None]


def test_no_field_is_lost_under_another():
    with pytest.raises(DataError, match=r"row 1.*'body' cannot be called 'url'"):
        Fields(rename={"body": "url"}).apply([ROW])
    assert after(Fields(rename={"body": "url"}), {"id": "1", "body": "a"})["url"] == "a"


@pytest.mark.parametrize(
    "options",
    [
        {}, {"keep": ["a"], "drop": ["b"]}, {"rename": {"id": "a"}}, {"rename": {"a": "id"}},
        {"drop": "id"}, {"constant": {"id": "1"}}, {"rename": {"a": "c", "b": "c"}},
        {"rename": ["a"]}, {"constant": {"a": None}}, {"keep": []},
    ],
)  # fmt: skip
def test_wrong_fields(options):
    with pytest.raises(ConfigurationError, match="of the step 'fields'"):
        Fields(**options)


@pytest.mark.parametrize(
    ("written", "told"), [("no", "is false."), ("[si, no]", "is false."), ("on", "is true.")]
)
def test_words_that_yaml_reads_as_flags_are_told(written, told):
    with pytest.raises(ConfigurationError) as caught:
        Fields(keep=yaml.safe_load(written))
    assert told in caught.value.what and "in quotes" in caught.value.remedy


@pytest.mark.parametrize("entry", step_entries(), ids=lambda entry: entry["name"])
def test_options_are_listed_as_yaml(entry):
    step = registry.factory("steps", entry["name"])
    defaults = {one.name: one for one in dataclasses.fields(step) if one.init}
    for option, told in entry["options"].items():
        if told == "needed":
            continue
        one = defaults[option]
        value = one.default if one.default is not dataclasses.MISSING else one.default_factory()
        read = yaml.safe_load(f"option: {told}")["option"]
        assert read == (list(value) if isinstance(value, tuple) else value)


ITEM = {
    "id": "1", "stars": 4, "lang": "es", "day": "2024-05-01", "ok": True, "none": None,
    "meta": {"source": "wiki", "tags": ["a"]}, "a.b": 7, "nan": float("nan"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"field": "stars", "equals": 4}, True),
        ({"field": "stars", "equals": "4"}, False),
        ({"field": "ok", "equals": 1}, False),
        ({"field": "ok", "equals": True}, True),
        ({"field": "lang", "in": ["en", "es"]}, True),
        ({"field": "lang", "in": []}, False),
        ({"field": "stars", "at_least": 4, "at_most": 4.0}, True),
        ({"field": "stars", "at_least": 4.1}, False),
        ({"field": "ok", "at_least": 0}, False),
        ({"field": "lang", "at_least": 0}, False),
        ({"field": "nan", "at_least": 0}, False),
        ({"field": "nan", "at_most": 0}, False),
        ({"field": "day", "at_least": "2024-01-01", "at_most": "2024-12-31"}, True),
        ({"field": "day", "matches": r"^2024-0[4-6]"}, True),
        ({"field": "stars", "matches": "4"}, False),
        ({"field": "none", "exists": True}, False),
        ({"field": "other", "exists": False}, True),
        ({"field": "meta.source", "equals": "wiki"}, True),
        ({"field": "meta.other.deep", "exists": False}, True),
        ({"field": "a.b", "equals": 7}, True),
        ({"field": "meta", "equals": {"source": "wiki", "tags": ["a"]}}, True),
        ({"field": "lang", "equals": "es", "not": True}, False),
        ({"field": "lang", "in": ["en"], "not": True}, True),
    ],
)
def test_conditions(condition, kept):
    for option in ("all", "any"):
        (verdict,) = Where(**{option: [condition]}).apply([ITEM])
        assert (verdict is None) is kept


def test_every_condition_and_one_of_any():
    both = [{"field": "lang", "equals": "es"}, {"field": "stars", "at_least": 5}]
    assert list(Where(all=both).apply([ITEM])) == [Drop("stars at_least")]
    assert list(Where(any=both).apply([ITEM])) == [None]
    none = Where(any=[{"field": "stars", "equals": n} for n in range(3)])
    assert list(none.apply([ITEM])) == [Drop("no condition of any")]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"field": "a"}, "Add one of: equals"),
        ({"equals": 1}, "Write conditions such as"),
        ({"field": "a", "equal": 1}, "Did you mean 'equals'"),
        ({"field": "a", "in": "abc"}, "Give a list"),
        ({"field": "a", "at_least": None}, "Give a number or a text"),
        ({"field": "a", "at_least": float("nan")}, "Give a number or a text"),
        ({"field": "a", "matches": "("}, "It is no regular expression"),
        ({"field": "a", "exists": "yes"}, "Write true or false"),
        ("a", "Write conditions such as"),
        ({"field": "", "equals": 1}, "Give a text"),
    ],
)
def test_wrong_conditions(condition, told):
    with pytest.raises(ConfigurationError, match=told):
        Where(all=[condition])


def test_no_conditions():
    with pytest.raises(ConfigurationError, match="Give a list of conditions"):
        Where()
