"""JSON Schemas as Anthropic's structured output takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from quilate.errors import SchemaUnsupported

# Annotations constrain nothing: those that the API does not know are left out.
_DROPPED = frozenset(
    [
        "$schema",
        "$id",
        "$comment",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "discriminator",
        "nullable",
    ]
)
_KEPT = frozenset({"type", "description", "title", "const"})
_FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
_SCALARS = (str, int, float, bool, type(None))


def expressible(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in the API's own terms; raises `SchemaUnsupported` with keyword and path.

    Objects are closed, which every object that says nothing of other properties allows, and
    ``oneOf`` is sent as ``anyOf``; Quilate validates the answer by the schema as it was given.

    >>> expressible({"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}})
    Traceback (most recent call last):
    quilate.errors.SchemaUnsupported: ...'minimum' at $.properties.n...
    """
    _refuse_recursion(schema)
    return _schema(schema, "$")


def _schema(schema: Any, path: str) -> dict[str, Any]:
    if not isinstance(schema, Mapping):
        raise _unsupported(str(schema).lower(), path)
    if "$ref" in schema:
        return _reference(schema, path)
    sent: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _DROPPED or (keyword == "additionalProperties" and _is_object(schema)):
            continue
        sent.update(_keyword(keyword, value, path))
    if _is_object(schema):
        _check_closed(schema, path)
        sent["additionalProperties"] = False
    if not sent.keys() & {"type", "anyOf", "allOf", "enum", "const"}:
        raise _unsupported("a schema without a type", path)
    return sent


def _keyword(keyword: str, value: Any, path: str) -> dict[str, Any]:
    """A keyword as it is sent, if it can be."""
    if keyword in _KEPT:
        return {keyword: value}
    if keyword == "enum" and all(isinstance(item, _SCALARS) for item in value):
        return {keyword: list(value)}
    if keyword == "required":
        return {keyword: list(value)}
    if keyword == "format" and value in _FORMATS:
        return {keyword: value}
    if keyword == "minItems" and value in (0, 1):
        return {keyword: value}
    if keyword == "items":
        return {keyword: _schema(value, f"{path}.items")}
    if keyword in ("properties", "$defs", "definitions"):
        return {keyword: {k: _schema(v, f"{path}.{keyword}.{k}") for k, v in value.items()}}
    if keyword in ("anyOf", "oneOf", "allOf"):
        branches = [_schema(v, f"{path}.{keyword}[{i}]") for i, v in enumerate(value)]
        if keyword == "allOf" and any("$ref" in branch for branch in branches):
            raise _unsupported("allOf with a $ref", path)
        return {"anyOf" if keyword == "oneOf" else keyword: branches}
    raise _unsupported(keyword, path)


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, Sequence) and "object" in kind)


def _check_closed(schema: Mapping[str, Any], path: str) -> None:
    """Refuse an object whose point is its other properties: closed, it would be empty."""
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping) or (others is not False and not schema.get("properties")):
        raise _unsupported("additionalProperties", path)


def _reference(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    if not str(schema["$ref"]).startswith("#/"):
        raise _unsupported("$ref to another document", path)
    sent: dict[str, Any] = {"$ref": schema["$ref"]}
    for keyword, value in schema.items():
        if keyword in ("$defs", "definitions"):
            sent.update(_keyword(keyword, value, path))
        elif keyword != "$ref" and keyword not in _DROPPED | {"description", "title"}:
            raise _unsupported(f"{keyword} beside $ref", path)
    return sent


def _refuse_recursion(root: Mapping[str, Any]) -> None:
    """Raise for a schema that refers to itself, and for a reference to nothing."""
    finished: set[str] = set()

    def visit(node: Any, path: str, within: tuple[str, ...]) -> None:
        if isinstance(node, Mapping):
            target = node.get("$ref")
            if isinstance(target, str) and target.startswith("#/") and target not in finished:
                if target in within:
                    raise _unsupported("$ref to itself (recursion)", path)
                visit(_resolve(root, target, path), target, (*within, target))
                finished.add(target)
            for key, value in node.items():
                visit(value, f"{path}.{key}", within)
        elif isinstance(node, list):
            for i, value in enumerate(node):
                visit(value, f"{path}[{i}]", within)

    visit(
        {key: value for key, value in root.items() if key not in ("$defs", "definitions")}, "$", ()
    )


def _resolve(root: Mapping[str, Any], target: str, path: str) -> Any:
    node: Any = root
    for step in target[2:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901
        if not isinstance(node, Mapping) or step not in node:
            raise _unsupported(f"$ref to '{target}', which is not there", path)
        node = node[step]
    return node


def _unsupported(keyword: str, path: str) -> SchemaUnsupported:
    return SchemaUnsupported(
        f"Anthropic's structured output cannot express '{keyword}' at {path}.",
        provider="anthropic",
        remedy="Leave it out of the schema, or do without `strict` to have another route taken.",
    )
