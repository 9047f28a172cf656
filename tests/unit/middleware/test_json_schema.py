"""JSON out of replies, and schemas that are checked before anything is sent."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from quilate.errors import InvalidRequest
from quilate.middleware.json_schema import check_schema, find, parse, violation
from quilate.middleware.standard import standard
from quilate.models import JsonFormat, ask
from quilate.sync import run
from quilate.testing import ScriptedModel

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {"node": {"type": "object", "properties": {"c": {"$ref": "#/$defs/node"}}}},
}


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, r"\$\.properties\.a\.\$ref.*#/\$defs/no"),
        ({"anyOf": [{"$dynamicRef": "#none"}]}, r"\$\.anyOf\[0\]\.\$dynamicRef"),
        ({"$ref": "#/title/x", "title": "t"}, r"\$\.\$ref"),
        ({"$ref": "http://[x"}, r"\$\.\$ref"),
        ({"$ref": "#/x/y", "x": {"y": {"$ref": "#/none"}}}, r"\$\.x\.y\.\$ref"),
        ({"$ref": "#/x/y", "x": {"y": {"type": "objekt"}}}, r"\$\.x\.y\.type"),
        ({"$ref": "#/title", "title": "t"}, r"\$\.title"),
    ],
)
def test_a_reference_to_what_is_not_there_is_refused_with_its_place(schema, where):
    with pytest.raises(InvalidRequest, match=where):
        check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        {"$ref": "#"},
        {"properties": {"$ref": {"type": "string"}}},
        {"const": {"$ref": "#/none"}, "default": {"$ref": "http://elsewhere/"}},
        {"$id": "http://x/", "$ref": "b", "$defs": {"a": {"$id": "b", "type": "string"}}},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        True,
    ],
)
def test_what_refers_to_itself_alone_is_a_schema(schema):
    check_schema(schema)


def test_nothing_is_fetched_from_the_network_and_no_call_is_made():
    asked = []

    class Remote(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    with HTTPServer(("127.0.0.1", 0), Remote) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            schema = {"$ref": f"http://127.0.0.1:{server.server_port}/schema"}
            inner = ScriptedModel("{}")
            request = replace(ask("?"), format=JsonFormat(schema))
            with pytest.raises(InvalidRequest, match="nothing is fetched"):
                run(standard(inner).generate(request))
        finally:
            server.shutdown()
    assert (asked, inner.calls) == ([], 0)


def test_a_schema_too_deep_is_an_invalid_request():
    schema = {}
    for _ in range(3000):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        check_schema(schema)


def test_values_that_cannot_be_validated_are_not_valid():
    deep = parse('{"c":' * 300 + "{}" + "}" * 300)
    assert "too deeply" in violation(deep, TREE)
    assert "too large" in violation(10**400, {"multipleOf": 0.1})


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", '{"a": [-1e999]}'])
def test_numbers_that_are_not_finite_are_no_json(text):
    with pytest.raises(ValueError, match=r"not finite|not JSON"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Use {braces} like [this]: {"a": 1}.', '{"a": 1}'),
        ('Like ["a", …]: {"a": 1}', '{"a": 1}'),
        ('[[oops, then [ {"a": 1}]', '[ {"a": 1}]'),
        (' {"people": [{"name": "Ana"}, {"name"', '{"people": [{"name": "Ana"}, {"name"'),
        ('{"people": [{"name": "Ana"}, {"name": tr', '{"people": [{"name": "Ana"}, {"name": tr'),
        ('{"note": "see [1] and {}', '{"note": "see [1] and {}'),
        ('{"people": [{"name": "Ana"}, oops]}', '{"people": [{"name": "Ana"}, oops]}'),
        ("none", "none"),
    ],
)
def test_a_part_of_what_was_begun_is_not_found_in_its_place(text, found):
    assert find(text) == found


def test_the_places_where_json_may_begin_are_counted():
    assert find('["a", …] {"b": 1}', starts=1) == '["a", …] {"b": 1}'
    assert find('So [see above]: {"b": 1}', starts=1) == '{"b": 1}'
    many = "[1x" * 5000 + "{}"
    assert find(many) == many
    nested = '["x", ' * 100_000
    assert find(nested) == nested.strip()
