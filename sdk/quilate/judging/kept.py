"""Calibrations on disk, found again by who the judge was."""

import os
import re
from pathlib import Path

from pydantic import ValidationError

from quilate.codec import from_json, to_json
from quilate.errors import StoreError
from quilate.evals.results import Run
from quilate.judging.calibration import Calibration
from quilate.judging.judges import judge_key

FOLDER = "calibrations"


def keep_calibration(store: Path, key: str, calibration: Calibration) -> Path:
    """Write a calibration, in the place of an earlier one of the same judge. It is whole on disk
    when this returns. Raises `StoreError` where it cannot be written."""
    path = _path(store, key, calibration.metric)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        with draft.open("wb") as file:
            file.write(to_json(calibration))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"The calibration cannot be kept: {error.strerror}.", where=str(path)
        ) from None
    return path


def find_calibrations(run: Run) -> dict[str, Calibration]:
    """The calibrations of a run's judges, by metric: those kept in its store for the same judge,
    of this run's answers or of another's."""
    found: dict[str, Calibration] = {}
    if run.store is None:
        return found
    for name, metric in run.metrics.items():
        key = judge_key(run, name) if metric.judged else None
        if key is not None and (kept := _read(_path(Path(run.store), key, name))) is not None:
            found[name] = kept
    return found


def _path(store: Path, key: str, metric: str) -> Path:
    slug = re.sub(r"[^a-z0-9_-]+", "-", metric.lower()).strip("-")[:40] or "metric"
    return store / FOLDER / f"{slug}-{key[:16]}.json"


def _read(path: Path) -> Calibration | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"The calibration cannot be read: {error.strerror}.", where=str(path)
        ) from None
    try:
        return from_json(Calibration, text)
    except ValidationError:
        raise StoreError(
            "This is no calibration of this version.",
            where=str(path),
            remedy="Move it away, and calibrate again: quilate judge calibrate",
        ) from None
