"""Arrow files (IPC, also called Feather 2)."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from quilate.data.files.rejected import Rejected
from quilate.data.files.writing import whole
from quilate.data.steps import Row
from quilate.registry import require
from quilate_adapters.arrow.reading import numbered
from quilate_adapters.arrow.tables import arrow, batches, kinds_of, schema_of


def read(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows, batch by batch, of the file format and of the stream format."""
    return numbered(_batches(path), path)


def _batches(path: Path) -> Iterator[Any]:
    ipc = require("pyarrow.ipc", extra="data", package="pyarrow")
    with arrow().memory_map(str(path)) as source:
        magic = source.read(6)
        source.seek(0)
        if magic == b"ARROW1":
            file = ipc.open_file(source)
            for number in range(file.num_record_batches):
                yield file.get_batch(number)
        else:
            yield from ipc.open_stream(source)


def write(rows: Iterable[Row], path: Path) -> int:
    """One file. The rows are gone through twice: give what can be iterated again."""
    again = list(rows) if isinstance(rows, Iterator) else rows
    schema, count = schema_of(kinds_of(again)), 0
    with whole(path) as stream, arrow().ipc.new_file(stream, schema) as writer:
        for batch in batches(again, schema):
            writer.write_batch(batch)
            count += batch.num_rows
    return count
