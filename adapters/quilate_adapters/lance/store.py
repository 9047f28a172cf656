"""The store of datasets over Lance tables, one table a dataset."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quilate.data.steps import Row
from quilate.data.stores import Kind, Manifest, Version
from quilate.errors import DataError
from quilate.registry import nearest, require
from quilate_adapters.arrow.tables import arrow, batches, name_of, rows_of, schema_of

_TABLE = "table.lance"
_MANIFEST = b"quilate_manifest"
_READ = 4096  # rows at a time


def store(path: str | Path) -> "LanceStore":
    """The datasets below a folder. Raises `MissingDependency` without the extra ``data``."""
    return LanceStore(Path(path), require("lance", extra="data", package="pylance"))


class LanceStore:
    """Datasets by name, each a Lance table whose versions are the dataset's. The manifest of a
    version is part of its schema, so that neither is ever there without the other."""

    def __init__(self, path: Path, lance: Any) -> None:
        self._path, self._lance = path, lance

    def write(
        self, name: str, rows: Iterable[Row], kinds: Mapping[str, Kind], manifest: Manifest
    ) -> "LanceDataset":
        """A new version of a dataset; raises `DataError` where it cannot be written."""
        metadata = {_MANIFEST.decode(): json.dumps(manifest, ensure_ascii=False)}
        schema = schema_of(kinds, metadata, rename=_column)
        reader = arrow().RecordBatchReader.from_batches(schema, batches(rows, schema))
        table = self._path / name / _TABLE
        table.parent.mkdir(parents=True, exist_ok=True)
        mode = "overwrite" if table.exists() else "create"
        try:
            written = self._lance.write_dataset(reader, str(table), schema=schema, mode=mode)
        except (OSError, ValueError, OverflowError) as error:
            full = "os error 28" in str(error) or "File too large" in str(error)
            raise DataError(
                f"The dataset '{name}' cannot be written: {_brief(error)}.",
                where=str(table),
                remedy=("Free some room; its" if full else "Its")
                + " earlier versions and what was done are kept.",
            ) from None
        return LanceDataset(name, written)

    def open(self, name: str, version: int | str | None = None) -> "LanceDataset":
        """A version by number or tag, or the newest; raises `DataError`."""
        table = self._table(name)
        try:
            return LanceDataset(name, self._lance.dataset(str(table), version=version))
        except (OSError, ValueError, OverflowError) as error:
            known = [str(one.version) for one in self.versions(name)]
            known += [tag for one in self.versions(name) for tag in one.tags]
            raise DataError(
                f"The dataset '{name}' has no version or tag '{version}'.",
                where=str(table),
                remedy=f"It has: {', '.join(known)}."
                if version is not None
                else f"It cannot be read: {_brief(error)}.",
            ) from None

    def versions(self, name: str) -> list[Version]:
        """The versions, oldest first."""
        table = self._lance.dataset(str(self._table(name)))
        tags: dict[int, list[str]] = {}
        for tag, about in table.tags.list().items():
            tags.setdefault(about["version"], []).append(tag)
        return [
            Version(
                name,
                one["version"],
                manifest.get("rows", 0),
                manifest.get("digest", ""),
                manifest.get("created", ""),
                tuple(sorted(tags.get(one["version"], ()))),
            )
            for one in table.versions()
            for manifest in [self.open(name, one["version"]).manifest]
        ]

    def names(self) -> list[str]:
        """The datasets that the folder holds, sorted."""
        return sorted(found.parent.name for found in self._path.glob(f"*/{_TABLE}"))

    def tag(self, name: str, tag: str, version: int | None = None) -> None:
        """Give a version a tag; raises `DataError` for a version that is not there, or a tag that
        is no word."""
        wanted = self.open(name, version).version
        if tag.isdecimal() or not tag.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise DataError(
                f"'{tag}' is no tag.", remedy="Use letters, digits, '.', '-' and '_', not a number."
            )
        tags = self._lance.dataset(str(self._table(name))).tags
        if tag in tags.list():
            tags.update(tag, wanted)
        else:
            tags.create(tag, wanted)

    def _table(self, name: str) -> Path:
        table = self._path / name / _TABLE
        if not name or Path(name).name != name or not table.exists():
            raise DataError(
                f"There is no dataset '{name}'.",
                where=str(self._path),
                remedy=nearest(name, self.names()) + " `quilate data run PIPELINE` makes one.",
            )
        return table


class LanceDataset:
    """One version of a dataset; its rows stay on the disk."""

    def __init__(self, name: str, table: Any) -> None:
        self.name = name
        self._table = table
        self.version = int(table.version)
        raw = (table.schema.metadata or {}).get(_MANIFEST, b"{}")
        self.manifest: Manifest = json.loads(raw)

    def __len__(self) -> int:
        return int(self._table.count_rows())

    def rows(self, fields: Sequence[str] | None = None) -> Iterator[Row]:
        """The rows in order, some thousands in memory at a time."""
        wanted = self._columns(fields)
        for batch in self._table.to_batches(
            columns=wanted, batch_size=_READ, scan_in_order=True, batch_readahead=2
        ):
            yield from rows_of(batch)

    def take(self, positions: Sequence[int], fields: Sequence[str] | None = None) -> list[Row]:
        """The rows at `positions`, in that order."""
        wanted = self._columns(fields)
        rows: list[Row] = list(rows_of(self._table.take(list(positions), columns=wanted)))
        return rows

    def _columns(self, fields: Sequence[str] | None) -> list[str] | None:
        """The columns of fields; raises `DataError` for a field that the dataset has not."""
        if fields is None:
            return None
        columns = {name_of(column): column.name for column in self._table.schema}
        for name in fields:
            if name not in columns:
                raise DataError(
                    f"The dataset '{self.name}' has no field '{name}'.",
                    remedy=nearest(name, list(columns)),
                )
        return [columns[name] for name in fields]


def _column(at: int, name: str) -> str:
    """A column's name: Lance takes no empty one, reads dots as parts, and has some of its own."""
    return name if name.isidentifier() and not name.startswith("_") else f"column_{at}__"


def _brief(error: Exception) -> str:
    """The first line of an error of Lance, without the places in its source."""
    return str(error).split("\n")[0].split(", rust")[0][:200]
