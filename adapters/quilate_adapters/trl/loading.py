"""Training files through Hugging Face `datasets`, and whether it gives back what stands in them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quilate.errors import DataError
from quilate.registry import require


def load(path: Path, cache: Path) -> Any:
    """The file as `datasets.load_dataset("json")` loads it, with its own guesses at types; what it
    caches goes to the folder `cache`. Raises `DataError`."""
    datasets = require("datasets", extra="tuning")
    if not path.is_file():
        raise DataError("There is no such file.", where=str(path))
    with quiet():
        try:
            return datasets.load_dataset(
                "json", data_files=str(path), split="train", cache_dir=str(cache)
            )
        except Exception as error:  # whatever it raises, the file cannot be loaded
            cause = error.__cause__ or error
            raise DataError(
                f"The package datasets cannot load it: {type(cause).__name__}: {cause!s:.300}.",
                where=str(path),
            ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """While open, `datasets` shows no progress bars."""
    datasets = require("datasets", extra="tuning")
    shown = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not shown:
            datasets.enable_progress_bars()


def difference(path: Path, loaded: Any) -> str:
    """The first place where loaded rows are not those of the JSON Lines file; empty: they are.
    A null and a missing key are one, as they are to transformers.

    Values are compared with their types: a date that became a time, or 1 that became 1.0, is not
    the same to a model.
    """
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    if len(rows) != len(loaded):
        return f"{len(rows)} rows became {len(loaded)}"
    for number, (row, found) in enumerate(zip(rows, loaded, strict=True), 1):
        where = _differs(row, dict(found), "")
        if where:
            return f"line {number}: {where}"
    return ""


def _differs(one: Any, other: Any, place: str) -> str:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = [*one, *(key for key in other if key not in one)]
        inner = (_differs(one.get(key), other.get(key), f"{place}.{key}") for key in keys)
        return next(filter(None, inner), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next(filter(None, (_differs(a, b, f"{place}[{i}]") for i, (a, b) in pairs)), "")
    if type(one) is type(other) and one == other:
        return ""
    return f"{place.lstrip('.')} was {one!r:.60} and became {other!r:.60}"
