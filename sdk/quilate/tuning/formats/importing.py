"""Files of training examples, whatever their format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quilate.data.files.reading import reader_of
from quilate.data.files.rejected import Rejected
from quilate.errors import DataError
from quilate.tuning.examples import AnyExample
from quilate.tuning.formats.exact import example_of
from quilate.tuning.formats.registry import detect, format_named
from quilate.tuning.formats.values import Format, Loaded, NotCarried, Row


def read(
    path: str | Path, format: str | None = None, fields: Mapping[str, str] | None = None
) -> Loaded:
    r"""The examples of a file in a training format, and its rows that hold none.

    JSON Lines, a JSON array, CSV, and with the extra ``data`` Parquet and Arrow. The format is told
    from the columns of the first row, unless it is named. `fields` says which column of the file is
    which of the format's: ``{"prompt": "question"}``. A row without id gets its place, such as
    ``train.jsonl:7``. Columns that are none of the format's are kept in ``metadata["fields"]``.

    Raises `DataError` for a file that is not there, columns that fit no format or several, and a
    file that gives no example at all.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = file.write_text('{"instruction": "2 + 2?", "output": "4"}\n{"instruction": 7}\n')
    >>> examples, rejected = read(file)
    >>> examples[0].id, rejected[0].where, rejected[0].reason
    ('a.jsonl:1', 'a.jsonl:2', 'missing_columns')
    """
    path = Path(path)
    found = _loaded(_rows(path, fields or {}), format)
    if not found.examples:
        raise _nothing(path, found.rejected)
    return found


def from_rows(
    rows: Iterable[Mapping[str, Any]], format: str | None = None, *, name: str = "rows"
) -> Loaded:
    """The same of rows in memory, such as those of a loaded `datasets.Dataset`.

    >>> len(from_rows([{"prompt": "2 + 2?", "completion": "4"}]).examples)
    1
    """
    return _loaded(((f"{name}:{number}", row) for number, row in enumerate(rows, 1)), format)


def _loaded(rows: Iterable[tuple[str, Any]], format: str | None) -> Loaded:
    """The examples of rows with their places."""
    chosen = format_named(format) if format else None
    examples: list[AnyExample] = []
    rejected: list[Rejected] = []
    for where, row in rows:
        if isinstance(row, Rejected):
            rejected.append(row)
        elif not isinstance(row, Mapping):
            rejected.append(Rejected.of(where, "not_a_row", f"it is a {type(row).__name__}"))
        else:
            chosen = chosen or _detected(dict(row), where)
            try:
                examples.append(_example(dict(row), chosen, where))
            except NotCarried as why:
                rejected.append(Rejected.of(where, why.reason, why.detail, _shown(row)))
    return Loaded(tuple(examples), tuple(rejected))


def _rows(path: Path, fields: Mapping[str, str]) -> Iterator[tuple[str, Row | Rejected]]:
    for found in reader_of(path)(path):
        if isinstance(found, Rejected):
            yield found.where, found
        else:
            yield f"{path.name}:{found[0]}", _renamed(dict(found[1]), fields)


def _renamed(row: Row, fields: Mapping[str, str]) -> Row:
    """The row with the columns under the format's names; what stood under those is no longer it."""
    moved = {name: row[column] for name, column in fields.items() if column in row}
    return {**{key: row[key] for key in row if key not in fields.values()}, **moved}


def _detected(row: Row, where: str) -> Format:
    try:
        return detect(row)
    except DataError as error:
        raise DataError(error.what, where=where, remedy=error.remedy) from None


def _example(row: Row, format: Format, where: str) -> AnyExample:
    absent = [column for column in format.columns if row.get(column) is None]
    if absent:
        raise NotCarried("missing_columns", f"it has no {', '.join(absent)}")
    given = row.get("id")
    return example_of(row, format, where if given in (None, "") else str(given))


def _shown(row: Mapping[str, Any]) -> str:
    import json

    return json.dumps(dict(row), ensure_ascii=True, default=str)


def _nothing(path: Path, rejected: Sequence[Rejected]) -> DataError:
    if not rejected:
        return DataError("The file has no rows.", where=str(path))
    first = rejected[0]
    return DataError(
        f"None of its {len(rejected):,} rows is an example: {first.reason}"
        f"{', ' if first.detail else ''}{first.detail:.200}.",
        where=first.where,
        remedy="Say which column is which: fields={…}, or which format it is: format=…",
    )
