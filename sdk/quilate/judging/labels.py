"""What people said of a run's answers: labels, kept beside the runs, one line each.

A file of labels is JSON Lines. It is only ever appended to: who labels an item again has a later
line, and the last one counts.
"""

import codecs
import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from quilate.codec import from_data, to_json
from quilate.errors import DataError, StoreError

LARGEST = 1e100
"""The greatest value that a label may count as: its square, and sums of it, are numbers still."""


@dataclass(frozen=True, slots=True)
class Label:
    """One person's judgement of one item under one metric. `value` is what `label` counts as, on
    the metric's scale; `at` is when it was given (ISO 8601, UTC).

    >>> Label("r1", "rag", "q7", 0, "groundedness", "supported", 1.0, "ana").item
    ('rag', 'q7', 0)
    """

    run: str
    target: str
    sample: str
    epoch: int
    metric: str
    label: str
    value: float
    labeller: str
    at: str = ""
    note: str = ""

    @property
    def item(self) -> tuple[str, str, int]:
        """Target, sample and epoch: what was labelled."""
        return self.target, self.sample, self.epoch


def labels_path(store: Path, run: str) -> Path:
    """Where the labels of a run lie in its store."""
    return store / "labels" / f"{run}.jsonl"


def append_label(path: Path, label: Label) -> Label:
    """Keep a label: it is on disk when this returns, with the time it was given. Several processes
    may append to one file. Raises `StoreError` where it cannot be written."""
    kept = replace(label, at=datetime.now(UTC).isoformat(timespec="milliseconds"))
    line = to_json(kept) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            _lock(file)
            _end_line(file)
            rest = memoryview(line)
            while rest:  # a disk that fills up takes a part, and says so at the next write alone
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        finally:
            os.close(file)  # which lets go of the lock
    except OSError as error:
        raise StoreError(
            f"The label cannot be kept: {error.strerror}.",
            where=str(path),
            remedy="Free space on that disk, or make the folder writable; nothing else is lost.",
        ) from None
    return kept


def _lock(file: int) -> None:
    """Wait until nobody else writes: a line that another process is writing looks half written."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def _end_line(file: int) -> None:
    """Make the file end with a line's end: one that a full disk or a power cut left half written,
    which nobody was told is kept, goes."""
    size = os.fstat(file).st_size
    rest = os.pread(file, size, 0).rpartition(b"\n")[2]
    if not rest:
        return
    try:
        json.loads(rest)
    except ValueError:
        os.ftruncate(file, size - len(rest))
    else:
        os.write(file, b"\n")


def read_labels(path: Path) -> list[Label]:
    """The labels of a file that count: the last of each labeller for each item and metric, in the
    order in which they were first given. A last line cut short is left out.

    Raises `DataError` with file and line for one that is no label.
    """
    latest: dict[tuple[object, ...], Label] = {}
    for label in _lines(path):
        latest[label.run, label.item, label.metric, label.labeller] = label
    return list(latest.values())


def _lines(path: Path) -> Iterator[Label]:
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
    except OSError as error:
        raise DataError(f"The labels cannot be read: {error.strerror}.", where=str(path)) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            label = _label(line)
        except (ValueError, RecursionError, ValidationError) as error:
            torn = isinstance(error, json.JSONDecodeError | UnicodeDecodeError)
            if number >= len(lines) and torn:
                return
            first = str(error).splitlines()[0]
            raise DataError(
                f"This is no label: {first}.",
                where=f"{path}:{number}",
                remedy="A label has run, target, sample, epoch, metric, label, value, labeller.",
            ) from None
        yield label


def _label(line: bytes) -> Label:
    label = from_data(Label, json.loads(line.decode()))
    if not math.isfinite(label.value) or abs(label.value) > LARGEST:
        raise ValueError(f"its value is {label.value}")
    return label


def paired(labels: Iterable[Label]) -> dict[tuple[object, ...], dict[str, Label]]:
    """For each item and metric, the label of each labeller."""
    found: dict[tuple[object, ...], dict[str, Label]] = {}
    for label in labels:
        found.setdefault((label.run, label.item, label.metric), {})[label.labeller] = label
    return found
