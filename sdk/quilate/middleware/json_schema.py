"""JSON out of replies, and its validation against a JSON Schema (draft 2020-12)."""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from quilate.errors import InvalidRequest


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    whole = json.loads(schema)
    try:
        Draft202012Validator.check_schema(whole)
    except SchemaError as error:
        raise InvalidRequest(
            f"The JSON schema is not valid at {error.json_path}: {error.message}.",
            remedy="Correct the schema; pydantic's model_json_schema() makes valid ones.",
        ) from None
    # An empty registry retrieves nothing: a remote reference is not fetched over the network.
    return Draft202012Validator(whole, registry=Registry())


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a schema that is none, and what `json.dumps` raises for one that
    is no JSON.

    >>> check_schema({"type": "objekt"})
    Traceback (most recent call last):
    quilate.errors.InvalidRequest: The JSON schema is not valid at $.type: 'objekt' is not ...
    """
    _validator(json.dumps(schema, sort_keys=True))


def violation(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a value under a schema, with the path; None when it is valid. Raises
    `InvalidRequest` for a schema that is none.

    >>> violation({"age": "7"}, {"properties": {"age": {"type": "integer"}}})
    "$.age: '7' is not of type 'integer'"
    >>> violation({"age": 7}, {"properties": {"age": {"type": "integer"}}})
    """
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value))
    except Unresolvable as missing:
        raise InvalidRequest(
            f"The JSON schema refers to what it does not hold: {missing.ref}.",
            remedy="Put the definition under $defs; nothing is fetched from elsewhere.",
        ) from None
    except RecursionError:
        return "$: it is nested too deeply to be validated"
    return None if error is None else f"{error.json_path}: {error.message[:500]}"


def parse(text: str) -> Any:
    """The value of a JSON text; raises ValueError, also for NaN and infinities.

    >>> parse('{"a": 1}')
    {'a': 1}
    """

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    value = json.loads(text, parse_constant=refuse)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the number is not finite")
    return value


def find(text: str) -> str:
    r"""The first JSON object or array in a free reply, such as one in a code fence; the reply
    itself where there is none.

    >>> find('Sure! ```json\n{"a": [1]}\n``` Anything else?')
    '{"a": [1]}'
    """
    decoder = json.JSONDecoder()
    for at in (at for at, letter in enumerate(text) if letter in "{["):
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        return text[at:end]
    return text.strip()
