"""Checkpoints that are whole: each has a list of its files' hashes, written last.

A checkpoint that a killed process or a full disk left half-written has no such list, or one that
its files do not match; it is passed over, and the one before it is taken.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quilate.tuning.trainers import LossPoint
from quilate_adapters.peft.folder import write_whole

_LIST = "whole.json"
_KEPT = 2
BEST = "best.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint: its folder and step, the losses until then, the seconds that they took,
    and the step of the best held-out loss so far."""

    folder: Path
    step: int
    losses: tuple[LossPoint, ...]
    seconds: float
    best_step: int | None


def mark_whole(found: Checkpoint) -> None:
    """Note that a checkpoint is whole, and delete all but the last two."""
    files = sorted(file for file in found.folder.iterdir() if file.name != _LIST)
    noted = {
        "step": found.step,
        "seconds": found.seconds,
        "best_step": found.best_step,
        "losses": [asdict(point) for point in found.losses],
        "files": {file.name: _hash(file) for file in files},
    }
    write_whole(found.folder / _LIST, json.dumps(noted))
    for older in _folders(found.folder.parent)[:-_KEPT]:
        shutil.rmtree(older, ignore_errors=True)


def last_whole(folder: Path) -> Checkpoint | None:
    """The last whole checkpoint of a training's folder; those after it are deleted."""
    for place in reversed(_folders(folder)):
        found = _read(place)
        if found is not None:
            return found
        shutil.rmtree(place, ignore_errors=True)
    return None


def delete_all(folder: Path) -> None:
    """Delete every checkpoint: a training that has ended needs none."""
    for place in _folders(folder):
        shutil.rmtree(place, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    """The checkpoints' folders by step."""
    named = (place for place in folder.glob("checkpoint-*") if _step(place) is not None)
    return sorted(named, key=lambda place: _step(place) or 0)


def _step(place: Path) -> int | None:
    number = place.name.removeprefix("checkpoint-")
    return int(number) if number.isdecimal() and place.is_dir() else None


def _read(place: Path) -> Checkpoint | None:
    try:
        noted: dict[str, Any] = json.loads((place / _LIST).read_text("utf-8"))
        if any(_hash(place / name) != known for name, known in noted["files"].items()):
            return None
        losses = tuple(LossPoint(**point) for point in noted["losses"])
        return Checkpoint(place, noted["step"], losses, noted["seconds"], noted["best_step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
