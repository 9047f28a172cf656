"""Folders that Hugging Face's `datasets` saves to disk and loads from it. They are Arrow streams
with a little JSON beside them, so that reading them needs pyarrow alone."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError
from quilate.registry import require
from quilate_adapters.arrow import ipc
from quilate_adapters.arrow.tables import batches, kinds_of, schema_of


def read(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows of a dataset, or of every split of a dataset dictionary, which then stands in the
    field ``split``."""
    splits = path / "dataset_dict.json"
    if not splits.exists():
        yield from _one(path)
        return
    for name in json.loads(splits.read_text(encoding="utf-8"))["splits"]:
        for found in _one(path / name):
            if isinstance(found, Rejected):
                yield found
            else:
                yield f"{name}:{found[0]}", {"split": name, **found[1]}


def _one(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    state = path / "state.json"
    try:
        files = json.loads(state.read_text(encoding="utf-8"))["_data_files"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"This is no dataset that Hugging Face `datasets` saved: {error}.",
            where=str(state),
            remedy="Save it with dataset.save_to_disk(…).",
        ) from None
    start = 0
    for file in files:
        for found in ipc.read(path / file["filename"]):
            if isinstance(found, Rejected):
                yield found
            else:
                start += 1
                yield str(start), found[1]


def write(rows: Iterable[Row], path: Path) -> int:
    """A folder that ``datasets.load_from_disk`` takes; needs the package `datasets`."""
    datasets = require("datasets", extra="huggingface")
    again = list(rows) if isinstance(rows, Iterator) else rows
    pa = require("pyarrow", extra="data")
    schema = schema_of(kinds_of(again))
    table = pa.Table.from_batches(list(batches(again, schema)), schema)
    datasets.Dataset(table).save_to_disk(str(path))
    return int(table.num_rows)
