"""Parquet files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from quilate.data.files.rejected import Rejected
from quilate.data.files.writing import whole
from quilate.data.steps import Row
from quilate.registry import require
from quilate_adapters.arrow.reading import numbered
from quilate_adapters.arrow.tables import BATCH, batches, kinds_of, schema_of


def read(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows, a few thousand in memory at a time."""
    parquet = require("pyarrow.parquet", extra="data", package="pyarrow")

    def some() -> Iterator[object]:
        with parquet.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=BATCH)

    return numbered(some(), path)


def write(rows: Iterable[Row], path: Path) -> int:
    """One file, compressed. The rows are gone through twice: give what can be iterated again."""
    parquet = require("pyarrow.parquet", extra="data", package="pyarrow")
    again = list(rows) if isinstance(rows, Iterator) else rows
    schema, count = schema_of(kinds_of(again)), 0
    with whole(path) as stream, parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches(again, schema):
            writer.write_batch(batch)
            count += batch.num_rows
    return count
