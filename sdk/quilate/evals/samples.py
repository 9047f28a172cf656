"""Samples from JSON Lines and CSV files, checked row by row."""

import csv
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from quilate import registry
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample
from quilate.registry import nearest

_FIELDS = tuple(field.name for field in dataclass_fields(Sample))


def sample_files(name: str, folder: Path, *, within: str = "suite") -> list[Path]:
    """The files of a name in a suite (or what else is said by `within`): a path relative to
    `folder`, or ``dataset:NAME`` or ``dataset:NAME/PART`` for what a package registers in the group
    ``quilate.datasets`` (a function from the part to paths).

    Raises `DataError` for a path that is not there, `UnknownName` for a set that nobody registered.
    """
    if name.startswith("dataset:"):
        registered, _, part = name.removeprefix("dataset:").partition("/")
        return list(registry.factory("datasets", registered)(part))
    file = folder / name
    if not file.exists():
        raise DataError(
            f"The samples file is not there: {file}.",
            remedy=f"Paths are relative to the {within} file.",
        )
    return [file]


def read_samples(
    files: Sequence[Path],
    *,
    fields: Mapping[str, str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> list[Sample]:
    """The samples of all files, in order; `fields` maps sample fields to column names.

    With `limit`, that many are drawn in equal shares from each file by `seed`, and stay in file
    order. Columns that are no sample field go to `metadata`. Raises `DataError` with file and
    line for a file that is missing, empty, not UTF-8, or has a malformed row or a repeated id.
    """
    columns = {name: name for name in _FIELDS} | dict(fields or {})
    for name in columns:
        if name not in _FIELDS:
            raise ConfigurationError(
                f"`samples: fields:` maps '{name}', which is no field of a sample.",
                remedy=nearest(name, list(_FIELDS)),
            )
    seen: dict[str, str] = {}
    read = []
    for file in files:
        samples = []
        for line, row in _rows(file):
            where = f"{file}:{line}"
            sample = _sample(row, columns, where)
            if sample.id in seen:
                raise DataError(
                    f"The sample id '{sample.id}' stands twice (first at {seen[sample.id]}).",
                    where=where,
                    remedy="Give every sample an id of its own.",
                )
            seen[sample.id] = where
            samples.append(sample)
        if not samples:
            raise DataError(
                "The file holds no samples.",
                where=str(file),
                remedy="Put one JSON object on each line, with `id` and `input`.",
            )
        read.append(samples)
    return [sample for share in _draw(read, limit, seed) for sample in share]


def _draw(
    groups: Sequence[Sequence[Sample]], limit: int | None, seed: int
) -> Iterator[Sequence[Sample]]:
    total = sum(len(group) for group in groups)
    left = total if limit is None else min(limit, total)
    # Smallest files first, so that what one cannot give falls to the others.
    shares = {}
    order = sorted(range(len(groups)), key=lambda at: len(groups[at]))
    for remaining, at in zip(range(len(groups), 0, -1), order, strict=True):
        shares[at] = min(len(groups[at]), -(-left // remaining))
        left -= shares[at]
    for at, group in enumerate(groups):
        # Not for secrets: a repeatable draw.
        drawn = random.Random(f"{seed}:{at}").sample(range(len(group)), shares[at])  # noqa: S311
        yield [group[index] for index in sorted(drawn)]


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    readers = {".jsonl": _json_lines, ".csv": _csv_rows}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise DataError(
            f"Samples are not read from '{file.suffix}' files.",
            where=str(file),
            remedy="Use JSON Lines (.jsonl) or CSV (.csv).",
        )
    yield from reader(file)


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from stream
    except FileNotFoundError:
        raise DataError(
            "The samples file is not there.",
            where=str(file),
            remedy="Paths are relative to the suite file.",
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"The file is not UTF-8 ({error.reason} at byte {error.start} of a block).",
            where=str(file),
            remedy=f"Convert it: iconv -f LATIN1 -t UTF-8 {file.name} -o fixed{file.suffix}",
        ) from None
    except OSError as error:
        raise DataError(f"The file cannot be read: {error.strerror}.", where=str(file)) from None


def _json_lines(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_refuse)
        except RecursionError:
            raise DataError(
                "This line is nested too deeply.", where=f"{file}:{number}", remedy="Flatten it."
            ) from None
        except ValueError as error:
            raise DataError(
                f"This line is not JSON: {error}.",
                where=f"{file}:{number}",
                remedy="Each line must be one whole JSON object.",
            ) from None
        if not isinstance(row, dict):
            raise DataError(
                f"This line holds a {type(row).__name__}, not a JSON object.",
                where=f"{file}:{number}",
                remedy='Write {"id": …, "input": …}.',
            )
        yield number, row


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}")


def _csv_rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(_lines(file), strict=True)
    try:
        for row in reader:
            if None in row:
                raise DataError(
                    "This row has more fields than the header.",
                    where=f"{file}:{reader.line_num}",
                    remedy="Quote fields that hold commas.",
                )
            yield reader.line_num, {key: value for key, value in row.items() if value}
    except csv.Error as error:
        raise DataError(f"This is not CSV: {error}.", where=f"{file}:{reader.line_num}") from None


def _sample(row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> Sample:
    given = {name: row[column] for name, column in columns.items() if column in row}
    for name in ("id", "input"):
        if given.get(name) in (None, ""):
            raise DataError(
                f"The row has no '{columns[name]}'.",
                where=where,
                remedy=f"Add it, or say which column it is: `samples: fields: {name}: COLUMN`.",
            )
    used = set(columns.values())
    rest = {key: value for key, value in row.items() if key not in used}
    metadata = given.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise DataError("`metadata` must be a JSON object.", where=where, remedy="Write {…}.")
    answerable = _flag(given.get("answerable"), columns["answerable"], where)
    return Sample(
        id=str(given["id"]),
        input=_text(given["input"], "input", where),
        references=_texts(given.get("references"), "references", where),
        gold=_texts(given.get("gold"), "gold", where),
        answerable=answerable,
        group=_optional(given.get("group")),
        language=_optional(given.get("language")),
        metadata={**rest, **metadata},
    )


def _text(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(
            f"`{name}` is a {type(value).__name__}, not a text.", where=where, remedy="Quote it."
        )
    return value


def _texts(value: Any, name: str, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise DataError(
            f"`{name}` must be a text or a list of texts.", where=where, remedy='Write ["…"].'
        )
    return tuple(values)


def _optional(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _flag(value: Any, column: str, where: str) -> bool | None:
    known = {"true": True, "false": False, "1": True, "0": False, "": None, "none": None}
    text = str(value).strip().lower()
    if text not in known:
        raise DataError(
            f"`{column}` is {value!r}, neither true nor false.", where=where, remedy="Write true."
        )
    return known[text]
