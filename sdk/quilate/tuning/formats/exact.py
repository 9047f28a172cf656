"""From a row back to exactly the example that it was made of."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from quilate.messages import Message, ToolCall
from quilate.tuning.examples import AnyExample, Preference
from quilate.tuning.formats.chat import plain
from quilate.tuning.formats.shape import reshaped, shape_of
from quilate.tuning.formats.values import Format, NotCarried, Row

EXTRAS = ("id", "metadata", "shape")
"""The columns of ours, which the libraries pass over. ``metadata`` and ``shape`` are JSON in a
string: Arrow would make every row's metadata one type, and fill it with nulls."""


def lists_of(example: AnyExample) -> tuple[str, ...]:
    """The fields that hold messages."""
    return tuple(
        one.name
        for one in fields(example)
        if one.name in ("prompt", "completion", "chosen", "rejected")
    )


def row_of(example: AnyExample, format: Format, *, tools: bool, extras: bool) -> Row:
    """The row of an example, with our columns where `extras` says so. Raises `NotCarried` where
    the example could not be read back from it exactly."""
    row: Row = plain(format.write(example, tools))
    if not extras:
        return row
    about = _metadata(example.metadata)
    wanted = normal(example, about)
    row = {"id": example.id, **row, "metadata": json.dumps(about, ensure_ascii=False), "shape": ""}
    found = example_of(row, format, example.id)
    if found != wanted:
        row["shape"] = json.dumps(_shape(wanted, found), separators=(",", ":"))
        found = example_of(row, format, example.id)
    if found != wanted:
        raise NotCarried("not_carried", _difference(found, wanted))
    return row


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = plain(dict(metadata))
    except NotCarried as error:
        raise NotCarried("metadata", f"its metadata hold {error.detail}") from None
    return found


def normal(example: AnyExample, metadata: Mapping[str, Any]) -> AnyExample:
    """The example as JSON has it: what compares equal to what a file gives back."""
    kept: dict[str, Any] = {
        column: tuple(map(_normal_message, getattr(example, column)))
        for column in lists_of(example)
    }
    tools = tuple(replace(tool, parameters=plain(tool.parameters)) for tool in example.tools)
    return replace(example, metadata=metadata, tools=tools, **kept)


def _normal_message(message: Message) -> Message:
    parts = tuple(
        replace(part, arguments=plain(part.arguments)) if isinstance(part, ToolCall) else part
        for part in message.parts
    )
    return Message(message.role, parts)


def _shape(wanted: AnyExample, found: AnyExample) -> dict[str, Any]:
    """The shapes of the lists that differ. A conversation is divided anew as a whole."""
    columns = lists_of(wanted)
    differ = [one for one in columns if getattr(wanted, one) != getattr(found, one)]
    if not isinstance(wanted, Preference) and differ:
        differ = list(columns)
    return {column: shape_of(getattr(wanted, column)) for column in differ}


def example_of(row: Row, format: Format, name: str) -> AnyExample:
    """The example of a row that has the format's columns. Raises `NotCarried`."""
    example = format.read(row, name)
    example = replace(example, metadata={**example.metadata, **_kept(row, format)})
    shape = _json(row.get("shape"), "shape")
    if not isinstance(shape, dict):
        return example
    lists = {column: getattr(example, column) for column in lists_of(example)}
    if isinstance(example, Preference):
        found: dict[str, Any] = {
            column: reshaped(messages, shape[column]) if column in shape else messages
            for column, messages in lists.items()
        }
    else:
        found = _divided(lists, shape)
    return replace(example, **found)


def _divided(lists: Mapping[str, tuple[Message, ...]], shape: Mapping[str, Any]) -> dict[str, Any]:
    """Prompt and completion, divided anew by the shape of both."""
    prompt, completion = shape.get("prompt"), shape.get("completion")
    whole = lists["prompt"] + lists["completion"]
    if not isinstance(prompt, list) or not isinstance(completion, list):
        return dict(lists)
    found = reshaped(whole, [*prompt, *completion])
    if len(found) != len(prompt) + len(completion):
        return dict(lists)
    return {"prompt": found[: len(prompt)], "completion": found[len(prompt) :]}


def _kept(row: Row, format: Format) -> dict[str, Any]:
    """The metadata of a row, and under ``fields`` its columns that are none of the format's."""
    about = _json(row.get("metadata"), "metadata")
    known = {*format.columns, *format.optional, *EXTRAS}
    others = {key: value for key, value in row.items() if key not in known and value is not None}
    if about is not None and not isinstance(about, dict):
        others["metadata"] = about
        about = None
    if not others:
        return about or {}
    before = (about or {}).get("fields")
    return {**(about or {}), "fields": {**(before if isinstance(before, dict) else {}), **others}}


def _json(value: Any, column: str) -> Any:
    """A column that holds JSON, as a string or itself."""
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value if column == "metadata" else None


def _difference(found: AnyExample, wanted: AnyExample) -> str:
    for one in fields(wanted):
        if getattr(found, one.name) != getattr(wanted, one.name):
            return f"its {one.name} would not be the same when read back"
    return "it would not be the same when read back"
