"""Where finished datasets lie: under a name, in versions, with tags."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from quilate import registry
from quilate.data.steps import Row
from quilate.errors import DataError

Kind = Literal["text", "int", "float", "bool", "texts", "json"]
"""What a field holds in all rows; ``json`` for whatever else it is, or for a mixture."""

Manifest = Mapping[str, Any]
"""What is told of a version: its content's digest, sources, steps and counts, as JSON values."""


class Dataset(Protocol):
    """One version of a dataset; its rows stay on the disk until they are read."""

    name: str
    version: int
    manifest: Manifest

    def __len__(self) -> int: ...

    def rows(self, fields: Sequence[str] | None = None) -> Iterator[Row]:
        """The rows in order, a few at a time."""
        ...

    def take(self, positions: Sequence[int], fields: Sequence[str] | None = None) -> list[Row]:
        """The rows at `positions`."""
        ...


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a dataset, and the tags upon it."""

    name: str
    version: int
    rows: int
    digest: str
    created: str
    tags: tuple[str, ...] = ()


class DatasetStore(Protocol):
    """Datasets by name."""

    def write(
        self, name: str, rows: Iterable[Row], kinds: Mapping[str, Kind], manifest: Manifest
    ) -> Dataset:
        """A new version: it is there whole, with its manifest, or not at all."""
        ...

    def open(self, name: str, version: int | str | None = None) -> Dataset:
        """A version by number or tag, or the newest; raises `DataError`."""
        ...

    def versions(self, name: str) -> list[Version]:
        """The versions of a dataset, oldest first."""
        ...

    def names(self) -> list[str]:
        """The datasets that the store holds."""
        ...

    def tag(self, name: str, tag: str, version: int | None = None) -> None:
        """Give a version (the newest unless said) a tag; one that is there is moved."""
        ...


def dataset_store(path: str | Path = ".quilate", kind: str = "lance") -> DatasetStore:
    """The datasets below a Quilate store."""
    found: DatasetStore = registry.factory("dataset_stores", kind)(Path(path) / "data")
    return found


def open_dataset(name: str, store: str | Path = ".quilate") -> Dataset:
    """A dataset that a pipeline made: ``NAME``, ``NAME@3`` or ``NAME@TAG``.

    Raises `DataError` where there is no such dataset or version.
    """
    bare, _, version = name.removeprefix("dataset:").partition("@")
    if not bare:
        raise DataError(f"'{name}' names no dataset.", remedy="Write NAME or NAME@VERSION.")
    wanted = int(version) if version.isdecimal() else version or None
    return dataset_store(store).open(bare, wanted)


def check_no_source(dataset: Dataset, file: Path, store: str | Path = ".quilate") -> None:
    """Raise `DataError` where a file that is to be written is one that the dataset was made from:
    what it holds would be lost, and the pipeline would read its own result."""
    if not file.exists() or "folder" not in dataset.manifest:
        return
    target, beside = file.resolve(), Path(store) / dataset.manifest["folder"]
    for source in dataset.manifest["sources"]:
        place = (beside / source["path"]).resolve()
        if place == target or (place.is_dir() and place in target.parents):
            raise DataError(
                f"The dataset '{dataset.name}' was made from this file.",
                where=str(file),
                remedy="Name another file: writing here would replace its source.",
            )


def kind_of(value: Any) -> Kind | None:
    """The kind of one value; None for none at all."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "json"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "texts"
    return "json"


def joined(one: Kind | None, other: Kind | None) -> Kind | None:
    """The kind of a field that holds both.

    >>> joined("int", None), joined("int", "float"), joined("text", "int")
    ('int', 'json', 'json')
    """
    if one is None or one == other:
        return other
    return one if other is None else "json"
