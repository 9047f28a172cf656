"""JSON Schemas as OpenAI's strict mode takes them, with their meaning unchanged.

Strict mode (https://developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas")
wants an object at the root, every object closed and every property required, at most 10 levels,
5,000 properties and 1,000 enum values. Whatever it cannot express is refused here, by name.
"""

from collections.abc import Mapping
from typing import Any

from quilate.errors import SchemaUnsupported
from quilate.providers import Endpoint

_PLAIN = {
    "$ref",
    "type", "enum", "const", "description", "title", "format", "pattern", "multipleOf", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems",
}  # fmt: skip
_FORMATS = {
    "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
}  # fmt: skip
# Notes for readers: they do not say which values are valid.
_NOTES = {
    "$schema",
    "$id",
    "$comment",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
}
_LEVELS, _PROPERTIES, _ENUMS = 10, 5000, 1000


def strict(at: Endpoint, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema for strict mode; raises `SchemaUnsupported` naming keyword and JSON path.

    >>> at = Endpoint("openai", "m", "https://api.openai.com/v1")
    >>> strict(at, {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}})
    Traceback (most recent call last):
    quilate.errors.SchemaUnsupported: ...'minLength' at $.properties.a...
    """
    walk = _Walk(at)
    for keyword in ("anyOf", "$ref"):
        if keyword in schema:
            raise walk.refused(keyword, "$", "may not stand at the root")
    if schema.get("type") != "object":
        raise walk.refused("type", "$", "must be 'object'")
    return walk.schema(schema, "$", 0)


class _Walk:
    """One pass over a schema, with what it counts."""

    def __init__(self, at: Endpoint) -> None:
        self._at, self._properties, self._enums = at, 0, 0

    def schema(self, node: Any, path: str, level: int) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            raise self.refused(str(node).lower(), path, "(a schema of true or false) is not taken")
        if level > _LEVELS:
            raise self.refused("properties", path, f"is nested more than {_LEVELS} levels deep")
        done: dict[str, Any] = {}
        for keyword, value in node.items():
            if keyword in _NOTES:
                continue
            done[keyword] = self._keyword(keyword, value, node, path, level)
        if not done.keys() & {"type", "anyOf", "$ref", "enum", "const"}:
            raise self.refused("type", path, "is missing")
        if "object" in _types(node):
            self._close(done, node, path)
        return done

    def _keyword(self, keyword: str, value: Any, node: Any, path: str, level: int) -> Any:
        here = f"{path}.{keyword}"
        if keyword in ("properties", "$defs", "definitions"):
            deeper = level + (keyword == "properties")
            return {n: self.schema(s, f"{here}.{n}", deeper) for n, s in value.items()}
        if keyword == "items":
            return self.schema(value, here, level)
        if keyword == "anyOf":
            return [self.schema(s, f"{here}[{i}]", level) for i, s in enumerate(value)]
        if keyword in ("required", "additionalProperties") and "object" in _types(node):
            return value  # looked at by _close
        self._check_plain(keyword, value, path)
        return value

    def _check_plain(self, keyword: str, value: Any, path: str) -> None:
        """A keyword that holds no schema of its own."""
        if keyword not in _PLAIN:
            raise self.refused(keyword, path, "is not taken")
        if keyword == "$ref" and not str(value).startswith("#"):
            raise self.refused(keyword, path, f"points outside the schema ({value})")
        if keyword == "format" and value not in _FORMATS:
            raise self.refused(keyword, path, f"may not be '{value}'")
        if keyword == "enum":
            self._enums += len(value)
            if self._enums > _ENUMS:
                raise self.refused(keyword, path, f"brings more than {_ENUMS} values in all")

    def _close(self, done: dict[str, Any], node: Mapping[str, Any], path: str) -> None:
        """An object as strict mode wants it: closed, and all its properties required.

        Closing an open object and requiring what may be left out both narrow it: each answer
        is still valid under the schema as it was given. What would forbid an answer that the
        schema is about (properties of any name) is refused.
        """
        named = dict(node.get("properties", {}))
        self._properties += len(named)
        if self._properties > _PROPERTIES:
            raise self.refused("properties", path, f"are more than {_PROPERTIES} in all")
        extra = node.get("additionalProperties", None)
        if extra is not None and extra is not False and (extra is not True or not named):
            raise self.refused("additionalProperties", path, "must be false")
        if not named and extra is not False:
            raise self.refused("properties", path, "must name the object's properties")
        unknown = set(node.get("required", ())) - named.keys()
        if unknown:
            raise self.refused("required", path, f"names no property ({', '.join(unknown)})")
        optional = [n for n in named if n not in node.get("required", ())]
        for name in optional:
            if not _nullable(named[name]) and "default" not in named[name]:
                raise self.refused(
                    "required",
                    path,
                    f"lacks '{name}': strict mode has no optional properties that cannot be null",
                )
        done |= {"properties": done.get("properties", {}), "required": list(named)}
        done["additionalProperties"] = False

    def refused(self, keyword: str, path: str, why: str) -> SchemaUnsupported:
        return SchemaUnsupported(
            f"OpenAI's strict mode cannot express the schema: '{keyword}' at {path} {why}.",
            provider=self._at.provider,
            where=self._at.where,
            remedy="Change the schema there, or leave `strict` out to have another route taken.",
        )


def _types(node: Mapping[str, Any]) -> tuple[str, ...]:
    kind = node.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _nullable(node: Any) -> bool:
    if not isinstance(node, Mapping):
        return False
    if "null" in _types(node) or None in node.get("enum", ()):
        return True
    return any(_nullable(option) for option in node.get("anyOf", ()))
