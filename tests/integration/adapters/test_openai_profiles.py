"""What OpenAI's models take, and the schemas of its strict mode."""

import pytest

from quilate import errors
from quilate.middleware.json_schema import violation
from quilate.providers import Endpoint
from quilate_adapters.openai import OFFICIAL, OpenAIChat, OpenAIResponses, model
from quilate_adapters.openai.profiles import official
from quilate_adapters.openai.strict_schema import strict

AT = Endpoint("openai", "m", OFFICIAL)


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        (
            "gpt-4o-mini",
            "temperature top_p logprobs seed stop tools images batch",
            "top_k reasoning",
        ),
        ("gpt-3.5-turbo", "temperature tools", "json_schema images"),
        ("o3-2025-04-16", "reasoning max_tokens tools", "temperature top_p logprobs stop seed"),
        ("gpt-5-mini", "reasoning json_schema", "temperature"),
        ("gpt-5.2", "reasoning temperature", "top_k"),
        ("gpt-5-chat-latest", "temperature", "reasoning tools"),
        ("gpt-6.1-sol", "reasoning", "temperature decide"),
        ("gpt-6-luna", "decide", "temperature"),
        ("gpt-4o-audio-preview", "audio", "images"),
        ("ft:gpt-4o-mini:acme", "temperature json_schema", "reasoning"),
    ],
)
def test_models(name, has, lacks):
    found = official(name, "chat")
    assert [n for n in has.split() if not found.has(n)] == []
    assert [n for n in lacks.split() if found.has(n)] == []


def test_reasoning_models_are_opened_with_responses():
    def opened(name, **options):
        return type(model(name, base_url=OFFICIAL, api_key="k", **options))

    assert opened("gpt-5.6-sol") is OpenAIResponses
    assert opened("gpt-4o") is OpenAIChat
    assert opened("gpt-5.6-sol", api="chat") is OpenAIChat
    assert type(model("gpt-5.6-sol", base_url="http://127.0.0.1:8080/v1")) is OpenAIChat


def obj(**properties):
    return {"type": "object", "properties": properties}


NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def test_a_schema_of_pydantics():
    from pydantic import BaseModel

    class Inner(BaseModel):
        size: int

    class Outer(BaseModel):
        name: str
        note: str | None = None
        inner: list[Inner]

    given = Outer.model_json_schema()
    made = strict(AT, given)
    assert made["required"] == ["name", "note", "inner"]
    assert made["$defs"]["Inner"]["additionalProperties"] is False
    assert "default" not in made["properties"]["note"]
    answer = {"name": "a", "note": None, "inner": [{"size": 1}]}
    assert violation(answer, made) is None
    assert violation(answer, given) is None


@pytest.mark.parametrize(
    ("schema", "keyword", "path"),
    [
        ({"type": "array", "items": {"type": "string"}}, "type", r"\$"),
        ({"anyOf": [obj()]}, "anyOf", r"\$"),
        (obj(a={"type": "string", "minLength": 2}), "minLength", r"\$\.properties\.a"),
        (obj(a={"allOf": [{"type": "string"}]}), "allOf", r"\$\.properties\.a"),
        (obj(a={"not": {}}), "not", r"\$\.properties\.a"),
        (obj(a={"type": "string", "format": "uri"}), "format", r"\$\.properties\.a"),
        (obj(a={}), "type", r"\$\.properties\.a"),
        (obj(a=True), "true", r"\$\.properties\.a"),
        (obj(a={"$ref": "https://h/x"}), r"\$ref", r"\$\.properties\.a"),
        (obj(a={"type": "string"}), "required", r"\$ lacks 'a'"),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            "additionalProperties",
            r"\$",
        ),
        ({"type": "object"}, "properties", r"\$"),
        ({**obj(), "required": ["x"], "additionalProperties": False}, "required", r"\$"),
        ({**obj(), "patternProperties": {}}, "patternProperties", r"\$"),
        (obj(a={"type": "integer", "enum": list(range(1001))}), "enum", r"\$\.properties\.a"),
        (
            {**obj(a={"type": "array", "items": {"oneOf": []}}), "required": ["a"]},
            "oneOf",
            r"\$\.properties\.a\.items",
        ),
    ],
)
def test_what_strict_mode_cannot_express_is_named(schema, keyword, path):
    with pytest.raises(errors.SchemaUnsupported, match=f"'{keyword}' at {path}"):
        strict(AT, schema)


def test_nesting_has_a_limit():
    schema = {**obj(a={"type": "string"}), "required": ["a"]}
    for _ in range(11):
        schema = {**obj(a=schema), "required": ["a"]}
    with pytest.raises(errors.SchemaUnsupported, match="10 levels"):
        strict(AT, schema)
