"""Rows from a file or folder, whatever its format."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from quilate import registry
from quilate.data.files import folders, lines, tables
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError

Reader = Callable[[Path], Iterator[tuple[str, Row] | Rejected]]
"""Gives, for each row, its place in the file (a line or number) and its fields."""

_READERS: Mapping[str, Reader] = {
    ".jsonl": lines.read_json_lines,
    ".ndjson": lines.read_json_lines,
    ".jsonl.gz": lines.read_json_lines,
    ".json": lines.read_json_array,
    ".csv": tables.read_csv,
    ".tsv": tables.read_csv,
}


def read_rows(
    path: str | Path,
    *,
    fields: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Iterator[Row | Rejected]:
    r"""The rows of a file or folder, one after another, and in their places what is no row.

    Files: JSON Lines (also ``.gz``), a JSON array, CSV, and with the extra ``data`` Parquet and
    Arrow. Folders: a Hugging Face dataset saved to disk, images with captions, documents. A row
    without ``id`` gets its place, such as ``train.jsonl:7``. `fields` renames columns: field name
    to column. `encoding` is that of a file of text which is not UTF-8, such as ``latin-1``. Raises
    `DataError` for a path that is not there or a format that nobody reads.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = file.write_text('{"text": "Hola"}\n{"text"\n')
    >>> [type(row).__name__ for row in read_rows(file)]
    ['dict', 'Rejected']
    """
    path = Path(path)
    reader = reader_of(path)
    if encoding is not None:
        reader = _in_encoding(reader, encoding, path)
    missing = set((fields or {}).values())
    rows = 0
    for found in reader(path):
        if isinstance(found, Rejected):
            yield found
            continue
        place, row = found
        rows += 1
        missing -= row.keys()
        yield _finished(row, f"{path.name}:{place}", fields or {})
    if rows and missing:
        raise DataError(
            f"No row has the column '{sorted(missing)[0]}'.",
            where=str(path),
            remedy="Correct `fields:`, which says field: column.",
        )


def _in_encoding(reader: Reader, encoding: str, path: Path) -> Reader:
    if reader not in _READERS.values():
        raise DataError(
            "An `encoding` is for files of JSON Lines, JSON, CSV and TSV.",
            where=str(path),
            remedy="Leave it out.",
        )
    decoding: Any = reader
    return partial(decoding, encoding=encoding)


def _finished(row: Row, place: str, fields: Mapping[str, str]) -> Row:
    """The row with its columns renamed, and with an id that is a text."""
    if fields:
        moved = {name: row[column] for name, column in fields.items() if column in row}
        left = {key: row[key] for key in row if key not in fields.values()}
        for name in moved.keys() & left.keys():
            raise DataError(
                f"The row has a column '{name}' already, which `fields:` would replace.",
                where=place,
                remedy=f"Give that column another name too: `fields: {{other: {name}}}`.",
            )
        row = {**left, **moved}
    given = row.get("id")
    if isinstance(given, str) and given:
        return row
    return {**row, "id": place if given in (None, "") else str(given)}


def reader_of(path: Path) -> Reader:
    """The reader of a file or folder; raises `DataError`."""
    if path.is_dir():
        return folders.reader_of(path)
    if not path.exists():
        raise DataError(
            "There is no such file or folder.",
            where=str(path),
            remedy=f"A path in a file is relative to that file's folder, else to {Path.cwd()}.",
        )
    found = reader_by_suffix(path)
    if found is None:
        raise DataError(
            f"Rows are not read from '{path.suffix or path.name}' files.",
            where=str(path),
            remedy=f"Known: {' '.join(known_suffixes())}. Documents are read from a folder.",
        )
    return found


def reader_by_suffix(path: Path) -> Reader | None:
    """The reader of files named like this one, None where there is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    for suffix in ("".join(suffixes[-2:]), *suffixes[-1:]):
        if suffix in _READERS:
            return _READERS[suffix]
        if suffix in registry.names("row_files"):
            module: Any = registry.factory("row_files", suffix)
            reader: Reader = module.read
            return reader
    return None


def known_suffixes() -> list[str]:
    """The suffixes of files with rows, sorted, ours and third parties'."""
    return sorted({*_READERS, *registry.names("row_files")})
