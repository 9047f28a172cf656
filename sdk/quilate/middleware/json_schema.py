"""JSON out of replies, and its validation against a JSON Schema (draft 2020-12)."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, lru_cache, partial
from typing import Any

from quilate.errors import InvalidRequest

PATTERN_SECONDS = 1.0
"""How long one pattern of a schema may look at one text, where the package regex is installed."""


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    whole = json.loads(schema)
    _check_form(whole, "$")
    _check_references(whole, REGISTRY)
    # A registry that retrieves nothing: without one, a remote reference is fetched.
    return _timed_validators()(whole, registry=REGISTRY)


@cache
def _timed_validators() -> Any:
    """The validators of jsonschema, with patterns that are given up when they take too long."""
    import attrs
    from jsonschema import Draft202012Validator, validators

    additional = Draft202012Validator.VALIDATORS["additionalProperties"]
    unevaluated = Draft202012Validator.VALIDATORS["unevaluatedProperties"]

    def beside(validator: Any, allowed: Any, value: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(value, "object") and "patternProperties" in schema:
            known = schema["patternProperties"]
            value = {k: v for k, v in value.items() if not any(_matches(p, k) for p in known)}
            schema = {k: v for k, v in schema.items() if k != "patternProperties"}
        yield from additional(validator, allowed, value, schema)

    def left(validator: Any, allowed: Any, value: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(value, "object"):
            known = _evaluated(validator, value, schema)
            value = {k: v for k, v in value.items() if k not in known}
            yield from unevaluated(validator, allowed, value, {})

    timed = {
        "pattern": _pattern,
        "patternProperties": _by_pattern,
        "additionalProperties": beside,
        "unevaluatedProperties": left,
    }
    ours: Any = validators.extend(Draft202012Validator, timed)  # type: ignore[no-untyped-call]
    # Its own goes over to the class that `$schema` names, where patterns are not timed.
    ours.evolve = attrs.evolve
    return ours


def _pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(value, "string") and not _matches(wanted, value):
        yield ValidationError(f"{value!r} does not match {wanted!r}")


def _by_pattern(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "object"):
        for each, inner in wanted.items():
            for key in filter(partial(_matches, each), value):
                yield from validator.descend(value[key], inner, path=key, schema_path=each)


def _evaluated(validator: Any, value: Any, schema: Any) -> set[str]:
    """The properties of an object that a schema looks at, or one that it applies to the object."""
    if not isinstance(schema, dict):
        return set()
    patterns = schema.get("patternProperties", ())
    found = {
        key
        for key in value
        if key in schema.get("properties", ()) or any(_matches(each, key) for each in patterns)
    }
    for name in {"additionalProperties", "unevaluatedProperties"} & schema.keys():
        inner = validator.evolve(schema=schema[name])
        found |= {key for key in value if inner.is_valid(value[key])}
    for name in {"$ref", "$dynamicRef"} & schema.keys():
        named = validator._resolver.lookup(schema[name])
        there = validator.evolve(schema=named.contents, _resolver=named.resolver)
        found |= _evaluated(there, value, named.contents)
    for part in _applied(validator, value, schema):
        inner = validator.evolve(schema=part)
        if inner.is_valid(value):
            found |= _evaluated(inner, value, part)
    return found


def _applied(validator: Any, value: Any, schema: dict[str, Any]) -> Iterator[Any]:
    """The parts of a schema that say something about the same object."""
    for name in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(name, ())
    yield from (part for key, part in schema.get("dependentSchemas", {}).items() if key in value)
    if "if" in schema:
        holds = validator.evolve(schema=schema["if"]).is_valid(value)
        yield schema["if"]
        yield schema.get("then" if holds else "else", True)


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches somewhere; raises TimeoutError where that takes too long."""
    found = _compiled(pattern)
    if isinstance(found, re.Pattern):
        return found.search(text) is not None
    try:
        return found.search(text, timeout=PATTERN_SECONDS, concurrent=True) is not None
    except TimeoutError:
        raise TimeoutError(
            f"the pattern {pattern[:100]!r} took more than {PATTERN_SECONDS:g} s"
        ) from None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """By the package regex, whose searches can be given up; by `re` where it is not installed, or
    takes a pattern of `re` for none."""
    with suppress(ImportError):
        import regex

        with suppress(regex.error):
            return regex.compile(pattern)
    return re.compile(pattern)


def _validator_of(schema: Mapping[str, Any]) -> Any:
    try:
        return _validator(json.dumps(schema, sort_keys=True))
    except RecursionError:
        raise InvalidRequest(
            "The JSON schema is nested too deeply.",
            remedy="Name its repeated parts in $defs, or make it flatter.",
        ) from None


def _check_form(schema: Any, path: str) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidRequest(
            f"The JSON schema is not valid at {path}{error.json_path[1:]}: {error.message}.",
            remedy="Correct the schema; pydantic's model_json_schema() makes valid ones.",
        ) from None


def _check_references(whole: Any, registry: Any) -> None:
    """Raise `InvalidRequest` for a reference that names no schema in `whole` or the registry."""
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    root = DRAFT202012.create_resource(whole)
    parts, seen = [(root, registry.resolver_with_root(root))], set()
    references: list[tuple[Any, str, Any]] = []
    while parts or references:
        if parts:
            part, resolver = parts.pop()
            if id(part.contents) not in seen:
                seen.add(id(part.contents))
                parts += [(inner, resolver.in_subresource(inner)) for inner in part.subresources()]
                references += [(part.contents, name, resolver) for name in _references(part)]
            continue
        schema, name, resolver = references.pop()
        try:
            named = resolver.lookup(schema[name])
        except (Unresolvable, ValueError, TypeError):  # the latter two: a pointer through no object
            raise InvalidRequest(
                f"The JSON schema refers at {_path_of(schema, whole)}.{name} to what it does not "
                f"hold: {schema[name]}.",
                remedy="Put what it names into its $defs; nothing is fetched from elsewhere.",
            ) from None
        if id(named.contents) not in seen:  # it stands where no schema is looked for otherwise
            _check_form(named.contents, _path_of(named.contents, whole))
            parts.append((DRAFT202012.create_resource(named.contents), named.resolver))


def _references(part: Any) -> list[str]:
    schema = part.contents
    return [name for name in ("$ref", "$dynamicRef") if isinstance(schema, dict) and name in schema]


def _path_of(part: Any, whole: Any) -> str:
    return next((path for path, node in _nodes(whole, "$") if node is part), "$")


def _nodes(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _nodes(item, f"{path}.{key}" if isinstance(key, str) else f"{path}[{key}]")


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a schema that is none or refers to what is not in it, and what
    `json.dumps` raises for one that is no JSON.

    >>> check_schema({"type": "objekt"})
    Traceback (most recent call last):
    quilate.errors.InvalidRequest: The JSON schema is not valid at $.type: 'objekt' is not ...
    """
    _validator_of(schema)


def violation(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a value under a schema, with the path; None when it is valid. Raises
    `InvalidRequest` for a schema that is none. A value that takes too long counts as wrong.

    >>> violation({"age": "7"}, {"properties": {"age": {"type": "integer"}}})
    "$.age: '7' is not of type 'integer'"
    >>> violation({"age": 7}, {"properties": {"age": {"type": "integer"}}})
    """
    try:
        return timed_violation(value, schema)
    except TimeoutError as error:
        return f"$: {error}"


def timed_violation(value: Any, schema: Mapping[str, Any]) -> str | None:
    """`violation`, but raises TimeoutError where a pattern of the schema takes too long to say."""
    from jsonschema.exceptions import best_match

    validator = _validator_of(schema)
    try:
        error = best_match(validator.iter_errors(value))
        return None if error is None else f"{error.json_path}: {error.message[:500]}"
    except RecursionError:
        return "$: it is nested too deeply to be validated"
    except OverflowError:
        return "$: it holds a number too large to be validated"


def parse(text: str) -> Any:
    """The value of a JSON text; raises ValueError, also for NaN and infinities.

    >>> parse('{"a": 1}')
    {'a': 1}
    """

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse, parse_float=_finite)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:50]} is not finite")
    return value


_START = re.compile(r'\{\s*["}]|\[\s*(?:[]["{\d-]|true|false|null)')


def find(text: str, *, starts: int = 1000) -> str:
    r"""The first JSON object or array in a free reply, such as one in a code fence; the reply
    itself where there is none at the first `starts` places where one seems to begin.

    >>> find('Sure! ```json\n{"a": [1]}\n``` Anything else?')
    '{"a": [1]}'
    """
    decoder, at = json.JSONDecoder(), 0
    for _ in range(starts):
        start = _START.search(text, at)
        if start is None:
            break
        try:
            _, end = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string"):
                break  # it reaches the end of the text
            # What is before the error belongs to this start: a part of it is not the answer.
            at = max(error.pos, start.start() + 1)
        except (ValueError, RecursionError):  # a number too long for Python, or too deep
            break
        else:
            return text[start.start() : end]
    return text.strip()
