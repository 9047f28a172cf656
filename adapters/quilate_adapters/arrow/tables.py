"""Rows to Arrow record batches and back, without loss.

Texts, numbers, booleans and lists of texts have columns of their own types. Whatever else a field
holds (objects, lists of them, a mixture) stands as JSON in a column of texts whose Arrow field says
so in its metadata: structs would fill the keys that a row lacks with nulls.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from quilate.data.steps import Row
from quilate.data.stores import Kind, joined, kind_of
from quilate.registry import require

BATCH = 4096
_MARK = {b"quilate": b"json"}
_NAME = b"quilate_name"


def arrow() -> Any:
    """The module pyarrow; raises `MissingDependency`."""
    return require("pyarrow", extra="data")


def schema_of(
    kinds: Mapping[str, Kind],
    metadata: Mapping[str, str] | None = None,
    *,
    rename: Callable[[int, str], str] = lambda at, name: name,
) -> Any:
    """The Arrow schema of rows whose fields are of these kinds. `rename` gives a field's column
    another name, by its place; the field's own then stands in the column's metadata."""
    pa = arrow()
    types = {
        "text": pa.large_utf8(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "texts": pa.list_(pa.large_utf8()),
        "json": pa.large_utf8(),
    }
    fields = []
    for at, (name, kind) in enumerate(kinds.items()):
        column = rename(at, name)
        marks = {**(_MARK if kind == "json" else {})}
        if column != name:
            marks[_NAME] = name.encode()
        fields.append(pa.field(column, types[kind], metadata=marks or None))
    return pa.schema(fields, metadata=dict(metadata or {}))


def batches(rows: Iterable[Row], schema: Any) -> Iterator[Any]:
    """Record batches of the rows, a few thousand rows each."""
    pa = arrow()
    told = [(name_of(field), _is_json(field)) for field in schema]
    source = iter(rows)
    while some := list(islice(source, BATCH)):
        columns = [
            pa.array([_stored(row.get(name), as_json) for row in some], field.type)
            for (name, as_json), field in zip(told, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _stored(value: Any, as_json: bool) -> Any:
    if value is None or not as_json:
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def name_of(column: Any) -> str:
    """The name of the field that a column holds."""
    own = (column.metadata or {}).get(_NAME)
    return str(column.name) if own is None else own.decode()


def _is_json(field: Any) -> bool:
    return (field.metadata or {}).get(b"quilate") == b"json"


def rows_of(batch: Any) -> list[dict[str, Any]]:
    """The rows of a record batch or table; a field without a value is left out."""
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        values = column.to_pylist()
        if _is_json(field):
            values = [None if one is None else json.loads(one) for one in values]
        columns.append((name_of(field), values))
    return [
        {name: value for name, values in columns if (value := values[at]) is not None}
        for at in range(batch.num_rows)
    ]


def kinds_of(rows: Iterable[Row]) -> dict[str, Kind]:
    """The kind of each field, over all rows."""
    kinds: dict[str, Kind | None] = {}
    for row in rows:
        for name, value in row.items():
            kinds[name] = joined(kinds.get(name), kind_of(value))
    return {name: kind or "text" for name, kind in kinds.items()}


def plain(value: Any) -> Any:
    """A value of somebody else's Arrow file as JSON has it: dates as texts, bytes as base64."""
    import base64

    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [plain(one) for one in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        # JSON has neither NaN nor infinity.
        return value if value == value and abs(value) != float("inf") else None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
