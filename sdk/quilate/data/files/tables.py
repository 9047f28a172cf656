"""CSV and TSV. Every value is a text, and an empty one is none."""

import csv
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from quilate.data.files.encodings import REMEDY, UTF_8, decoding, encoding_of
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_MOST_LINES = 2000  # of one row
_ESCAPED = re.compile(r"[\udc80-\udcff]")  # what stands for a byte that is not UTF-8
_NOT_TEXT = re.compile(r"[\0\udc80-\udcff]")
_LONGEST = min(sys.maxsize, 2**31 - 1)  # characters of a field


def read_csv(path: Path, encoding: str | None = None) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows below the header. What separates the fields (comma, semicolon, tab or bar) is the
    one that the header holds most of. A quote that is never closed costs its own line alone."""
    encoding = encoding_of(path, encoding)
    # A line that is not UTF-8 is rejected by itself; of other encodings it cannot be told which.
    errors = "surrogateescape" if encoding == UTF_8 else "strict"
    with (
        decoding(path, encoding),
        path.open(encoding=encoding, errors=errors, newline="") as stream,
    ):
        first = stream.readline()
        stream.seek(0)
        yield from _rows(_Lines(stream), _delimiter(first, path), path)


def _rows(lines: "_Lines", delimiter: str, path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    header = _header(csv.reader(lines, delimiter=delimiter, strict=True), path)
    reader = None
    while True:
        # A reader that failed in the middle of a row is not used again.
        reader = reader or csv.reader(lines, delimiter=delimiter, strict=True)
        lines.begin()
        try:
            values = _next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number, line = lines.first
            yield Rejected.of(f"{path.name}:{number}", "not CSV", str(error), _bytes(line))
            lines.back_to_second()
            reader = None
            continue
        if values:
            yield _row(header, values, lines, path)


def _next(reader: Iterator[list[str]]) -> list[str]:
    """The next row, its fields of any length. The limit is the whole process's, and others rely on
    theirs."""
    before = csv.field_size_limit(_LONGEST)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)


class _Lines:
    """The lines of a file, of which those of the row that is being read can be read again."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._again: deque[tuple[int, str]] = deque()
        self._number = 0
        self._of_row: list[tuple[int, str]] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if len(self._of_row) >= _MOST_LINES:
            raise csv.Error(f"a row of more than {_MOST_LINES} lines: a quote is not closed")
        if self._again:
            found = self._again.popleft()
        else:
            self._number += 1
            found = (self._number, next(self._stream))
        self._of_row.append(found)
        return found[1]

    def begin(self) -> None:
        """A row begins."""
        self._of_row.clear()

    @property
    def first(self) -> tuple[int, str]:
        """The number and text of the row's first line."""
        return self._of_row[0]

    @property
    def text(self) -> str:
        """The row as it stands in the file."""
        return "".join(line for _, line in self._of_row).rstrip("\r\n")

    def back_to_second(self) -> None:
        """Read the lines behind the row's first one again."""
        self._again.extendleft(reversed(self._of_row[1:]))


def _delimiter(first: str, path: Path) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(_DELIMITERS, key=first.count)


def _header(reader: Iterator[list[str]], path: Path) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise DataError(f"The header is not CSV: {error}.", where=f"{path}:1") from None
    if not path.stat().st_size:
        raise DataError("The file is empty.", where=str(path), remedy="Get it again.")
    names = [name.strip() for name in header]
    if any(_NOT_TEXT.search(name) for name in names):
        raise DataError("The header is not UTF-8.", where=f"{path}:1", remedy=REMEDY)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not any(names) or repeated:
        what = f"names '{repeated[0]}' twice" if repeated else "is empty"
        raise DataError(
            f"The header {what}.", where=f"{path}:1", remedy="Give every column a name of its own."
        )
    return names


def _row(
    header: Sequence[str], values: Sequence[str], lines: _Lines, path: Path
) -> tuple[str, Row] | Rejected:
    line, raw = lines.first[0], lines.text
    where = f"{path.name}:{line}"
    if len(values) != len(header):
        detail = f"{len(values)}, and the header has {len(header)}"
        return Rejected.of(where, "another number of fields", detail, _bytes(raw))
    if _ESCAPED.search(raw):
        return Rejected.of(where, "not UTF-8", "", _bytes(raw))
    return str(line), {name: value for name, value in zip(header, values, strict=True) if value}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
