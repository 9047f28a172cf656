"""Answers as values of a Python type: a pydantic model, a dataclass, a list of them …"""

import re
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from quilate import registry, sync
from quilate.errors import ConfigurationError, MalformedReply
from quilate.middleware.structured import ask_again
from quilate.models import JsonFormat, Model, Request, Response, ask

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Extracted(Generic[T]):
    """A value, and the response that it was read from."""

    value: T
    response: Response


def json_format(kind: Any, *, strict: bool = False) -> JsonFormat:
    """The format that asks for JSON valid as `kind`, a type that pydantic knows.

    >>> json_format(list[int]).schema
    {'items': {'type': 'integer'}, 'type': 'array'}
    """
    return _format(kind, strict=strict)[0]


def _format(kind: Any, *, strict: bool = False) -> "tuple[JsonFormat, TypeAdapter[Any]]":
    """What to ask for a value of `kind`, and what reads it."""
    from pydantic import PydanticUserError, TypeAdapter
    from pydantic_core import SchemaError

    try:
        adapter = TypeAdapter(kind)
        schema = adapter.json_schema()
    except (PydanticUserError, SchemaError) as error:
        raise ConfigurationError(
            f"{kind!r} is no type with a JSON Schema: {str(error).splitlines()[0]}.",
            remedy="Give a class, a dataclass or a type such as list[int]; for a JSON Schema, a "
            "Request whose format is JsonFormat(schema).",
        ) from None
    name = getattr(kind, "__name__", "answer")
    known = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)  # what OpenAI takes
    asked = JsonFormat(schema, name=name if known else "answer", strict=strict)
    return asked, adapter


async def aextract(model: Model | str, request: Request | str, kind: type[T]) -> Extracted[T]:
    """`extract`, for async code."""
    from pydantic import ValidationError

    if isinstance(model, str) or not hasattr(model, "generate"):
        model = registry.model(model)
    request = ask(request) if isinstance(request, str) else request
    adapter: TypeAdapter[T]
    asked_format, adapter = _format(kind)
    asked = replace(request, format=asked_format)
    began = monotonic()
    response = await model.generate(asked)
    try:
        return Extracted(adapter.validate_json(response.text), response)
    except ValidationError as error:
        wrong = _said(error)
    if response.tool_calls:
        raise _malformed("The model asks for a tool first.", model, response)
    # What a schema cannot say, a validator of the type may: it gets one repair too.
    second = await ask_again(model, asked, response, wrong, monotonic() - began)
    try:
        return Extracted(adapter.validate_json(second.text), second)
    except ValidationError as error:
        raise _malformed(
            f"The reply {second.text[:200]!r} is no {getattr(kind, '__name__', kind)}, after one "
            f"repair: {_said(error)}.",
            model,
            second,
        ) from None


def _malformed(what: str, model: Model, response: Response) -> MalformedReply:
    error = MalformedReply(what, where=model.info.name, provider=model.info.provider)
    error.usage, error.cost = response.usage, response.cost
    return error


def extract(model: Model | str, request: Request | str, kind: type[T]) -> Extracted[T]:
    """Ask `model`, or the one of that string, and read its answer as `kind`: the provider's
    structured output, a tool call, or the schema in the prompt, whichever the model has
    (`Response.route` says), validated, with one round of repair. Raises `MalformedReply` for an
    answer that is not valid after it, and `ConfigurationError` for a `kind` that pydantic does
    not know.

    >>> from quilate.testing import ScriptedModel
    >>> from quilate.middleware import standard
    >>> extract(standard(ScriptedModel("[1, 2]")), "Two numbers.", list[int]).value
    [1, 2]
    """
    return sync.run(aextract(model, request, kind))


def _said(error: Any) -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}"
        for one in error.errors(include_url=False)
    )
