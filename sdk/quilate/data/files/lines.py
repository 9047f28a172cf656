"""JSON Lines, line by line, and JSON arrays."""

import gzip
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from quilate.data.files.encodings import UTF_8, decoding, encoding_of
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError

_BOM = b"\xef\xbb\xbf"


def read_json_lines(
    path: Path, encoding: str | None = None
) -> Iterator[tuple[str, Row] | Rejected]:
    """One JSON object a line; blank lines are none."""
    with _opened(path) as stream:
        for number, raw in enumerate(_lines(stream, path, encoding_of(path, encoding)), 1):
            line = raw.removeprefix(_BOM) if number == 1 else raw
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            try:
                row = json.loads(line.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
            except UnicodeDecodeError as error:
                yield Rejected.of(where, "not UTF-8", f"byte {error.start} of the line", line)
            except RecursionError:
                yield Rejected.of(where, "nested too deeply", "", line)
            except ValueError as error:
                yield Rejected.of(where, "not JSON", str(error), line)
            else:
                yield _row(row, number, where, line)


def read_json_array(
    path: Path, encoding: str | None = None
) -> Iterator[tuple[str, Row] | Rejected]:
    """A file that is one JSON array of objects. It is read whole."""
    encoding = encoding_of(path, encoding)
    with decoding(path, encoding):
        text = path.read_text(encoding=encoding)
    if not text.strip():
        raise DataError("The file is empty.", where=str(path), remedy="Get it again.")
    try:
        rows = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"This is not JSON: {error}.", where=str(path), remedy="Or write JSON Lines (.jsonl)."
        ) from None
    if not isinstance(rows, list):
        raise DataError(
            f"The file holds a {type(rows).__name__}, not an array of objects.",
            where=str(path),
            remedy="Write [{…}, {…}], or JSON Lines (.jsonl).",
        )
    for number, row in enumerate(rows, 1):
        yield _row(row, number, f"{path.name}:{number}", json.dumps(row, ensure_ascii=False))


def _row(row: Any, number: int, where: str, raw: str | bytes) -> tuple[str, Row] | Rejected:
    if not isinstance(row, dict):
        return Rejected.of(where, "not an object", f"it is a {type(row).__name__}", raw)
    if not row:
        return Rejected.of(where, "empty object", "", raw)
    # Half a character can be written in JSON, but in no file of text.
    if isinstance(raw, str) or b"\\u" in raw:
        try:
            json.dumps(row, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return Rejected.of(where, "half a character", "a lone surrogate", raw)
    return str(number), row


def _opened(path: Path) -> IO[bytes]:
    try:
        if path.suffix.lower() == ".gz":
            return gzip.open(path, "rb")  # type: ignore[return-value]  # it reads bytes by lines
        return path.open("rb")
    except OSError as error:
        raise DataError(f"The file cannot be read: {error.strerror}.", where=str(path)) from None


def _lines(stream: IO[bytes], path: Path, encoding: str) -> Iterator[bytes]:
    """The lines, in UTF-8 whatever the file is in."""
    try:
        if encoding == UTF_8:
            yield from stream
            return
        with decoding(path, encoding):
            for line in io.TextIOWrapper(stream, encoding, newline="\n"):
                yield line.encode("utf-8", "surrogatepass")
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise DataError(
            f"The file cannot be read to its end: {error}.", where=str(path), remedy="Get it again."
        ) from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text}, which no number of ours can be")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is no JSON")
