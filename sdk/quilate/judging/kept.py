"""Calibrations on disk, found again by who the judge was."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
    of this run's answers or of another's. One that cannot be read is left out, for the figures of a
    run do not depend on it; `unreadable_calibrations` names it."""
    return {name: one for name, one in _kept(run) if isinstance(one, Calibration)}


def distrusted_judges(*runs: Run) -> dict[str, Calibration]:
    """The calibrations that speak against a judge of these runs (see `distrusted`)."""
    return distrusted(*map(find_calibrations, runs))


def distrusted(*found: Mapping[str, Calibration]) -> dict[str, Calibration]:
    """Of the calibrations of runs, those that speak against a judge, by metric, without their
    single labels."""
    return {
        name: replace(one, pairs=())
        for calibrations in found
        for name, one in calibrations.items()
        if one.speaks_against
    }


def unreadable_calibrations(run: Run) -> dict[str, StoreError]:
    """Why the calibration of a judge that is kept cannot be read, by metric."""
    return {name: one for name, one in _kept(run) if isinstance(one, StoreError)}


def _kept(run: Run) -> Iterator[tuple[str, Calibration | StoreError]]:
    for name, metric in run.metrics.items():
        key = judge_key(run, name) if metric.judged else None
        if run.store is None or key is None:
            continue
        try:
            found = _read(_path(Path(run.store), key, name), name)
        except StoreError as error:
            yield name, error
        else:
            if found is not None:
                yield name, found


def _path(store: Path, key: str, metric: str) -> Path:
    slug = re.sub(r"[^a-z0-9_-]+", "-", metric.lower()).strip("-")[:40] or "metric"
    return store / FOLDER / f"{slug}-{key[:16]}.json"


def _read(path: Path, metric: str) -> Calibration | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"The calibration cannot be read: {error.strerror}.", where=str(path)
        ) from None
    try:
        found = from_json(Calibration, text)
    except ValidationError:
        found = None
    if found is None or found.metric != metric:
        raise StoreError(
            f"This is no calibration of '{metric}' of this version.",
            where=str(path),
            remedy="Calibrate again, which takes its place: quilate judge calibrate",
        )
    return found
