"""Rows to a file, whole or not at all."""

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from quilate import registry
from quilate.data.steps import Row
from quilate.errors import DataError


def write_rows(rows: Iterable[Row], path: str | Path, *, images: bool = False) -> int:
    """Write rows to a file, whose suffix says the format, and return how many; the file appears
    when it is whole. CSV cannot hold lists and objects: they stand in it as JSON. With `images`
    the rows go to a new folder, with copies of the images that they name.

    Raises `DataError` for a format that nobody writes, and where there is no room.

    >>> import tempfile
    >>> write_rows([{"id": "1", "text": "Hola"}], Path(tempfile.mkdtemp()) / "a.csv")
    1
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return _writer(path, images=images)(rows, path)


def _writer(path: Path, *, images: bool) -> Callable[[Iterable[Row], Path], int]:
    suffix = path.suffix.lower()
    if images:
        from quilate.data.files.image_folder import write_images

        return write_images
    if suffix in (".jsonl", ".ndjson") or path.name.lower().endswith(".jsonl.gz"):
        return write_json_lines
    if suffix == ".json":
        return write_json_array
    if suffix in (".csv", ".tsv"):
        return write_csv
    name = suffix or "huggingface"
    if name in registry.names("row_files"):
        module: Any = registry.factory("row_files", name)
        writer: Callable[[Iterable[Row], Path], int] = module.write
        return writer
    raise DataError(
        f"Rows are not written to '{path.suffix}' files.",
        where=str(path),
        remedy="Known: .jsonl .jsonl.gz .json .csv .tsv "
        + " ".join(one for one in registry.names("row_files") if one.startswith("."))
        + "; a path without a suffix is a folder for Hugging Face datasets.",
    )


def write_json_lines(rows: Iterable[Row], path: Path) -> int:
    """One JSON object a line; compressed where the path ends with ``.gz``."""
    count = 0
    with whole(path) as stream, _compressed(stream, path) as lines:
        for row in rows:
            lines.write(json_line(row))
            count += 1
    return count


@contextmanager
def _compressed(stream: IO[Any], path: Path) -> Iterator[Any]:
    if path.suffix.lower() != ".gz":
        yield stream
        return
    # No time and no name in it: the same rows are the same bytes.
    with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as compressed:
        yield compressed


def write_json_array(rows: Iterable[Row], path: Path) -> int:
    """An array of JSON objects, one a line."""
    count = 0
    with whole(path) as stream:
        for row in rows:
            stream.write((b",\n" if count else b"[\n") + json_line(row)[:-1])
            count += 1
        stream.write(b"\n]\n" if count else b"[]\n")
    return count


def json_line(row: Row) -> bytes:
    """A row as a line of JSON Lines, its line end with it."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"


def write_csv(rows: Iterable[Row], path: Path) -> int:
    """A header with every field that any row has, then the rows. They are gone through twice: give
    a list, or an object that can be iterated again."""
    again: Sequence[Row] | Iterable[Row] = rows
    if isinstance(rows, Iterator):
        again = list(rows)
    header = list(dict.fromkeys(name for row in again for name in row))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    count = 0
    with whole(path, text=True) as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(header)
        for row in again:
            writer.writerow(_cell(row.get(name)) for name in header)
            count += 1
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@contextmanager
def whole(path: Path, *, text: bool = False) -> Iterator[IO[Any]]:
    """A file that appears under its name once it is whole and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.part")
    options: dict[str, Any] = {"encoding": "utf-8", "newline": ""} if text else {}
    try:
        with half.open("w" if text else "wb", **options) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(path)
    except OSError as error:
        raise DataError(
            f"The file cannot be written: {error.strerror or error}.",
            where=str(path),
            remedy="Free some room, or write elsewhere; what was finished before is kept.",
        ) from None
    finally:
        half.unlink(missing_ok=True)
