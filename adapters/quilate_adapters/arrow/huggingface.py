"""Folders that Hugging Face's `datasets` saves to disk and loads from it. They are Arrow streams
with a little JSON beside them, so that reading them needs pyarrow alone."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from quilate.data.files.listing import leads_out
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError
from quilate.registry import require
from quilate_adapters.arrow import ipc
from quilate_adapters.arrow.tables import batches, kinds_of, schema_of

_SHOWN = 200  # characters of a name in an error


def read(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """The rows of a dataset, or of every split of a dataset dictionary, which then stands in the
    field ``split``. Raises `DataError` for a folder that names files outside itself."""
    splits = path / "dataset_dict.json"
    if not splits.exists():
        yield from _one(path, path)
        return
    for name in _names(splits, "splits", path):
        for found in _one(_inside(path, name, splits, path), path):
            if isinstance(found, Rejected):
                yield found
            else:
                yield f"{name}:{found[0]}", {"split": name, **found[1]}


def _one(path: Path, root: Path) -> Iterator[tuple[str, Row] | Rejected]:
    state, start = path / "state.json", 0
    for name in _names(state, "_data_files", root):
        for found in ipc.read(_inside(path, name, state, root)):
            if isinstance(found, Rejected):
                yield found
            else:
                start += 1
                yield str(start), found[1]


def _names(file: Path, key: str, root: Path) -> list[str]:
    """The names that a JSON file lists: texts, or objects with a ``filename``."""
    _inside(file.parent, file.name, file, root)
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))[key]
        names = [one["filename"] if isinstance(one, dict) else one for one in listed]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
    else:
        if isinstance(listed, list) and all(isinstance(name, str) and name for name in names):
            return names
        why = f"'{key}' is no list of names"
    raise DataError(
        f"This is no dataset that Hugging Face `datasets` saved: {why}.",
        where=str(file),
        remedy="Save it with dataset.save_to_disk(…).",
    )


def _inside(folder: Path, name: str, told_by: Path, root: Path) -> Path:
    """A path that the dataset's own files name: it comes from elsewhere, and must not lead to
    other files of this machine, by itself or by a link."""
    if leads_out(folder / name, root):
        raise DataError(
            f"The dataset names a file outside its folder: {name[:_SHOWN]!r}.",
            where=str(told_by),
            remedy="Look at where it is from. If links in it lead to its own files elsewhere, copy "
            "it with them followed: cp -rL.",
        )
    return folder / name


def write(rows: Iterable[Row], path: Path) -> int:
    """A folder that ``datasets.load_from_disk`` takes; needs the package `datasets`."""
    datasets = require("datasets", extra="huggingface")
    again = list(rows) if isinstance(rows, Iterator) else rows
    pa = require("pyarrow", extra="data")
    schema = schema_of(kinds_of(again))
    table = pa.Table.from_batches(list(batches(again, schema)), schema)
    datasets.Dataset(table).save_to_disk(str(path))
    return int(table.num_rows)
