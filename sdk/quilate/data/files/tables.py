"""CSV and TSV. Every value is a text, and an empty one is none."""

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")


def read_csv(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows below the header. What separates the fields (comma, semicolon, tab or bar) is the
    one that the header holds most of."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        first = stream.readline()
        stream.seek(0)
        reader = csv.reader(stream, delimiter=_delimiter(first, path), strict=True)
        header = _header(reader, path)
        while True:
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Rejected.of(f"{path.name}:{reader.line_num}", "not CSV", str(error))
                continue
            if values:
                yield _row(header, values, reader.line_num, path)


def _delimiter(first: str, path: Path) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(_DELIMITERS, key=first.count)


def _header(reader: Iterator[list[str]], path: Path) -> list[str]:
    try:
        header = next(reader, [""])
    except csv.Error as error:
        raise DataError(f"The header is not CSV: {error}.", where=f"{path}:1") from None
    names = [name.strip() for name in header]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not any(names) or repeated:
        what = f"names '{repeated[0]}' twice" if repeated else "is empty"
        raise DataError(
            f"The header {what}.", where=f"{path}:1", remedy="Give every column a name of its own."
        )
    return names


def _row(
    header: Sequence[str], values: Sequence[str], line: int, path: Path
) -> tuple[str, Row] | Rejected:
    where, raw = f"{path.name}:{line}", ",".join(values)
    if len(values) != len(header):
        return Rejected.of(
            where,
            "another number of fields",
            f"{len(values)}, and the header has {len(header)}",
            raw.encode("utf-8", "surrogateescape"),
        )
    if any("\udc80" <= letter <= "\udcff" for letter in raw):
        return Rejected.of(where, "not UTF-8", "", raw.encode("utf-8", "surrogateescape"))
    return str(line), {name: value for name, value in zip(header, values, strict=True) if value}
