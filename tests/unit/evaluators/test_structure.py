"""Answers as JSON: whether it parses, is valid, and has the right fields."""

import json
import sys

import pytest
from jsonschema import Draft202012Validator

from quilate.errors import ConfigurationError, MissingDependency
from quilate.middleware.json_schema import violation
from quilate_evaluators.structure import JsonMatch, JsonSchema, JsonValid, comparing
from quilate_evaluators.structure.comparing import compare
from quilate_evaluators.structure.fields import Rule, agree, leaves


@pytest.mark.parametrize(
    ("extract", "answer", "value"),
    [
        ("whole", '{"a": [1, 2]}', 1.0),
        ("whole", " 7\n", 1.0),
        ("whole", '"ñ"', 1.0),
        ("whole", 'Sure: {"a": 1}', 0.0),
        ("first", 'Sure: ```json\n{"a": 1}\n```', 1.0),
        ("first", "no JSON here", 0.0),
        ("whole", "", 0.0),
        ("whole", '{"a": NaN}', 0.0),
        ("whole", "1e999", 0.0),
        ("whole", "{'a': 1}", 0.0),
        ("whole", '{"a": 1} {"b": 2}', 0.0),
        ("whole", "[" * 100_000, 0.0),
        ("whole", "9" * 100_000, 0.0),
        ("whole", '"\0"', 0.0),
    ],
)
def test_json_valid(ask, extract, answer, value):
    given = ask(JsonValid(extract), answer)["json_valid"]
    assert given.value == value
    assert (given.explanation is None) == (value == 1.0)


SCHEMA = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}


def test_json_schema(ask):
    evaluator = JsonSchema(SCHEMA)
    assert ask(evaluator, '{"age": 7}')["json_schema"].value == 1.0
    wrong = ask(evaluator, '{"age": "7"}')["json_schema"]
    assert (wrong.value, wrong.explanation) == (0.0, "$.age: '7' is not of type 'integer'")
    assert ask(evaluator, "seven")["json_schema"].value == 0.0


def test_a_sample_may_bring_its_own_schema(ask):
    evaluator = JsonSchema()
    asked = {"metadata": {"json_schema": SCHEMA}}
    assert ask(evaluator, '{"age": 7}', **asked)["json_schema"].value == 1.0
    assert ask(evaluator, "{}", **asked)["json_schema"].value == 0.0
    assert ask(evaluator, "{}")["json_schema"].reason == "the sample has no `json_schema`"
    bad = ask(evaluator, "{}", metadata={"json_schema": {"type": "objekt"}})["json_schema"]
    assert bad.status == "error"
    assert "objekt" in bad.reason
    assert ask(evaluator, "{}", metadata={"json_schema": [1]})["json_schema"].status == "error"


@pytest.mark.parametrize(
    "schema",
    [{"type": "objekt"}, {"$ref": "https://example.org/x.json"}, [1], "x.json", {"a": {1, 2}}],
)
def test_a_bad_schema_is_told_before_the_run(schema):
    with pytest.raises(ConfigurationError, match="The option 'schema' of 'json_schema' is"):
        JsonSchema(schema)


def test_leaves_name_every_place():
    value = {"a": {"b": [1, {"c": None}]}, "d": [], "e.f": True}
    assert leaves(value) == [
        ("a.b[0]", 1),
        ("a.b[1].c", None),
        ("d", []),
        ('"e.f"', True),
    ]


@pytest.mark.parametrize(
    ("said", "wanted", "rule", "same"),
    [
        ("ANA ", "ana", Rule(), True),
        ("ana", "ano", Rule(), False),
        ("ANA", "ana", Rule("exact"), False),
        (1, 1.0, Rule(), True),
        (1, True, Rule(), False),  # JSON's true is no number
        (1, "1", Rule(), False),
        ("1", 1, Rule("text"), True),
        (0.1 + 0.2, 0.3, Rule(), True),
        (10.4, 10, Rule("number", tolerance=0.5), True),
        (10.6, 10, Rule("number", tolerance=0.5), False),
        (103, 100, Rule("auto", relative=0.05), True),
        ("1.250,50 €", 1250.5, Rule("number"), True),
        (True, 1, Rule("number"), False),
        ("x", 1, Rule("number"), False),
        ("03/05/2026", "2026-05-03", Rule("date"), True),
        ("2026-05-03T10:00:00", "2026-05-03", Rule("date"), True),
        ("mañana", "2026-05-03", Rule("date"), False),
        (None, None, Rule(), True),
        (None, "", Rule(), False),
        ([], [], Rule(), True),
        (10**400, 10**400, Rule(), True),
        (10**400, 1.0, Rule(), False),
    ],
)
def test_leaves_agree_by_their_rule(said, wanted, rule, same):
    assert agree(said, wanted, rule, "es") is same


def values(scores):
    return [scores[f"json_{name}"].value for name in ("precision", "recall", "f1", "exact")]


@pytest.mark.parametrize(
    ("options", "answer", "reference", "expected"),
    [
        ({}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, [1, 1, 1, 1]),
        ({}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, [0.5, 0.5, 0.5, 0]),
        ({}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, [1, 1 / 3, 0.5, 0]),
        ({}, {"a": 1, "z": 2}, {"a": 1}, [0.5, 1, 2 / 3, 0]),
        ({}, {"z": 2}, {"a": 1}, [0, 0, 0, 0]),
        ({}, [1, 2], [2, 1], [0, 0, 0, 0]),
        ({"lists": "unordered"}, [1, 2], [2, 1], [1, 1, 1, 1]),
        ({"lists": "unordered"}, [1], [3, 2, 1], [1, 1 / 3, 0.5, 0]),
        ({"lists": "unordered"}, [9, 1], [1], [0.5, 1, 2 / 3, 0]),
        (
            {"lists": "unordered"},
            {"p": [{"n": "b", "t": ["y", "x"]}, {"n": "a", "t": []}]},
            {"p": [{"n": "a", "t": []}, {"n": "b", "t": ["x", "y"]}]},
            [1, 1, 1, 1],
        ),
        ({"fields": {"b": "ignore"}}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, [1, 1, 1, 1]),
        ({"fields": {"b": "ignore"}}, {"a": 1, "b": {"c": 3}}, {"a": 1}, [1, 1, 1, 1]),
        (
            {"fields": {"items[].price": {"compare": "number", "tolerance": 0.01}}},
            {"items": [{"price": "9,99 €"}]},
            {"items": [{"price": 9.995}]},
            [1, 1, 1, 1],
        ),
        ({}, 7, 7, [1, 1, 1, 1]),
        ({}, {}, {}, [1, 1, 1, 1]),
    ],
)
def test_json_match(ask, options, answer, reference, expected):
    scores = (
        ask(JsonMatch(**options), json.dumps(answer), json.dumps(reference), language="es")
        if isinstance(answer, dict | list)
        else ask(JsonMatch(extract="whole", **options), json.dumps(answer), json.dumps(reference))
    )
    assert values(scores) == pytest.approx(expected)


def test_json_match_takes_the_best_reference_and_tells_what_is_wrong(ask):
    scores = ask(JsonMatch(), '{"a": 1, "z": 0}', '{"b": 2}', '{"a": 1, "c": 3}')
    assert values(scores) == [0.5, 0.5, 0.5, 0]
    assert scores["json_f1"].explanation == "c: missing; z: too much"


def test_an_answer_that_is_no_json_has_no_field_right(ask):
    scores = ask(JsonMatch(), "no", '{"a": 1}')
    assert values(scores) == [0, 0, 0, 0]
    assert scores["json_f1"].explanation


def test_json_match_without_a_reference_that_is_json(ask):
    assert ask(JsonMatch(), "{}")["json_f1"].reason == "the sample has no references"
    assert ask(JsonMatch(), "{}", "Lima")["json_f1"].reason == "the references hold no JSON"
    assert ask(JsonMatch(), '{"a": 1}', "Lima", '{"a": 1}')["json_exact"].value == 1.0


def test_equal_elements_are_paired_however_many_and_the_rest_as_far_as_it_is_cheap():
    said, wanted = list(range(2000)), list(reversed(range(2000)))
    assert compare(said, wanted, {}, lists="unordered").right == 2000
    people = [{"name": f"n{n}", "age": n} for n in range(600)]
    older = [{**one, "age": one["age"] + 1000} for one in people]
    assert compare(older[::-1], people, {}, lists="unordered").right == 0  # in their order
    assert compare(older[:200][::-1], people[:200], {}, lists="unordered").right == 200
    assert compare([7, *older[::-1]], [*people, 7], {}, lists="unordered").right == 1


def test_a_tolerance_pairs_elements_that_are_equal_to_others():
    """10 with 10.4 and 9.6 with 10 are two; 10 with 10 leaves 9.6 with 10.4, which is one."""
    rules = {"[]": Rule("number", tolerance=0.5)}
    assert compare([10, 9.6], [10, 10.4], rules, lists="unordered").right == 2


def test_what_is_ignored_pairs_nothing():
    said = [{"price": 1, "note": "x"}, {"price": 2, "note": "y"}]
    wanted = [{"price": 2, "note": "x"}, {"price": 1, "note": "y"}]
    assert compare(said, wanted, {"[].note": Rule("ignore")}, lists="unordered").right == 2


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("price", "'fields' of 'json_match' is 'price'"),
        ({"price": "money"}, "'fields: price' of 'json_match' is 'money'"),
        ({"price": {"compare": "number", "margin": 1}}, "'fields: price' of 'json_match'"),
        ({"price": {"tolerance": "x"}}, "'fields: price: tolerance' of 'json_match' is 'x'"),
        ({"price": 3}, "'fields: price' of 'json_match' is 3"),
    ],
)
def test_a_wrong_rule_is_named(fields, named):
    with pytest.raises(ConfigurationError) as caught:
        JsonMatch(fields)
    assert named in str(caught.value)


@pytest.mark.parametrize("how", ["auto", "exact", "text", "number", "date"])
@pytest.mark.parametrize("value", ["null", '"por confirmar"', "[]", "7", "true"])
def test_a_field_agrees_with_itself_however_it_is_compared(ask, how, value):
    text = f'{{"a": {value}}}'
    scores = ask(JsonMatch(fields={"a": how}), text, text)
    assert scores["json_exact"].value == 1.0


def test_whole_numbers_next_to_each_other_are_not_the_same(ask):
    said, wanted = '{"id": 12345678901}', '{"id": 12345678902}'
    assert ask(JsonMatch(), said, wanted)["json_exact"].value == 0.0
    assert ask(JsonMatch(fields={"id": "number"}), said, wanted)["json_exact"].value == 0.0
    near = JsonMatch(fields={"id": {"tolerance": 1}})
    assert ask(near, said, wanted)["json_exact"].value == 1.0


def test_unordered_lists_that_are_nested_too_deeply_are_compared_in_order(ask):
    deep = "[" * 900 + "1" + "]" * 900
    assert ask(JsonMatch(lists="unordered"), deep, deep)["json_exact"].value == 1.0


def test_elements_of_nested_lists_are_paired_once(monkeypatch):
    made = []
    reordered = comparing._reordered
    monkeypatch.setattr(comparing, "_reordered", lambda *given: made.append(1) or reordered(*given))
    said, wanted = "a", "b"
    for _ in range(12):
        said, wanted = [said], [wanted]
    assert compare(said, wanted, {}, lists="unordered").right == 0
    assert len(made) == 13


def test_a_tolerance_that_would_do_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="fields: a: tolerance"):
        JsonMatch(fields={"a": {"compare": "date", "tolerance": 1}})


HOSTILE = "^(a|a)+$"


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"pattern": HOSTILE}, json.dumps("a" * 60 + "!")),
        ({"patternProperties": {HOSTILE: {}}}, json.dumps({"a" * 60 + "!": 1})),
        (
            {"patternProperties": {HOSTILE: {}}, "additionalProperties": False},
            json.dumps({"a" * 60 + "!": 1}),
        ),
        ({"items": {"propertyNames": {"pattern": HOSTILE}}}, json.dumps([{"a" * 60 + "!": 1}])),
        (
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "properties": {"child": {"$ref": "#"}, "x": {"pattern": HOSTILE}},
            },
            json.dumps({"child": {"x": "a" * 60 + "!"}}),
        ),
        (
            {
                "$ref": "#/$defs/old",
                "$defs": {
                    "old": {
                        "$schema": "http://json-schema.org/draft-07/schema#",
                        "pattern": HOSTILE,
                    }
                },
            },
            json.dumps("a" * 60 + "!"),
        ),
        (
            {"unevaluatedProperties": False, "patternProperties": {HOSTILE: True}},
            json.dumps({"a" * 60 + "!": 1}),
        ),
        (
            {
                "unevaluatedProperties": False,
                "allOf": [{"$ref": "#/$defs/named"}],
                "$defs": {"named": {"patternProperties": {HOSTILE: True}}},
            },
            json.dumps({"a" * 60 + "!": 1}),
        ),
    ],
)
def test_a_pattern_of_a_schema_that_takes_for_ever_is_an_error(ask, monkeypatch, schema, answer):
    monkeypatch.setattr("quilate.middleware.json_schema.PATTERN_SECONDS", 0.05)
    score = ask(JsonSchema(schema), answer)["json_schema"]
    assert (score.status, score.reason) == ("error", "the pattern '^(a|a)+$' took more than 0.05 s")
    own = ask(JsonSchema(), answer, metadata={"json_schema": schema})["json_schema"]
    assert own.status == "error"
    assert "took more than" in violation(json.loads(answer), schema)


def test_properties_by_pattern_and_beside_them(ask):
    schema = {
        "properties": {"k": {}},
        "patternProperties": {"^x": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    }
    for answer, valid in [
        ({"k": 1.5, "x1": 2, "y": "z"}, 1.0),
        ({"x1": "2"}, 0.0),
        ({"y": 3}, 0.0),
    ]:
        assert ask(JsonSchema(schema), json.dumps(answer))["json_schema"].value == valid
    closed = {**schema, "additionalProperties": False}
    assert ask(JsonSchema(closed), '{"x1": 2}')["json_schema"].value == 1.0
    assert ask(JsonSchema(closed), '{"y": "z"}')["json_schema"].value == 0.0


UNEVALUATED = {
    "properties": {"k": {}},
    "$ref": "#/$defs/extension",
    "$defs": {"extension": {"patternProperties": {"^x": {"type": "integer"}}}},
    "anyOf": [{"required": ["a"], "properties": {"a": True}}, True],
    "dependentSchemas": {"k": {"properties": {"l": True}}},
    "if": {"properties": {"k": {"const": 1}}, "required": ["k"]},
    "then": {"properties": {"one": True}},
    "else": {"additionalProperties": {"type": "integer"}},
    "unevaluatedProperties": {"type": "string"},
}


@pytest.mark.parametrize("schema", [UNEVALUATED, {**UNEVALUATED, "unevaluatedProperties": False}])
@pytest.mark.parametrize(
    "value",
    [
        {"k": 1, "l": [], "one": []},
        {"k": 1, "two": []},
        {"k": 1, "two": "2"},
        {"k": 2, "n": 3},
        {"k": 2, "n": "3"},
        {"k": 2, "one": []},
        {"x1": 2},
        {"x1": "2"},
        {"a": 1, "k": 1},
        {"l": 1},
        {"l": []},
        7,
    ],
)
def test_unevaluated_properties_are_those_of_jsonschema(schema, value):
    assert (violation(value, schema) is None) == Draft202012Validator(schema).is_valid(value)


def test_patterns_need_the_engine_that_can_be_stopped(monkeypatch):
    monkeypatch.setitem(sys.modules, "regex", None)
    JsonSchema({"properties": {"pattern": {"type": "string"}}})
    with pytest.raises(MissingDependency, match="text-metrics"):
        JsonSchema({"properties": {"code": {"pattern": "^[a-z]+$"}}})
