"""Rows from Arrow data as anybody wrote it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError
from quilate_adapters.arrow.tables import plain, rows_of


def numbered(batches: Iterable[Any], path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows of record batches, numbered from 1; raises `DataError` where they break off."""
    number = 0
    try:
        for batch in batches:
            for row in rows_of(batch):
                number += 1
                try:
                    yield str(number), {name: plain(value) for name, value in row.items()}
                except (ValueError, OverflowError) as error:
                    yield Rejected.of(f"{path.name}:{number}", "not plain values", str(error))
    except (OSError, ValueError) as error:
        raise DataError(
            f"The file cannot be read beyond row {number}: {' '.join(str(error).split())[:200]}.",
            where=str(path),
            remedy="It is damaged, or of another format than its name says; get it again.",
        ) from None
