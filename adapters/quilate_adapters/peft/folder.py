"""What a training's folder holds beside checkpoints: its fingerprint, losses, and result."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from quilate.codec import digest
from quilate.errors import ConfigurationError, StoreError
from quilate.tuning.examples import AnyExample
from quilate.tuning.recipe import Recipe
from quilate.tuning.trainers import LossPoint, Trained

ADAPTER, RESULT, STARTED, LOSSES = "adapter", "training.json", "started.json", "losses.jsonl"


def fingerprint(
    recipe: Recipe, base: str, examples: Sequence[AnyExample], heldout: Sequence[AnyExample]
) -> dict[str, str]:
    """Digests of what a training depends on: recipe, base, examples and held-out ones."""
    said = recipe.model_dump_json(include={"method", "lora", "training"})
    return {
        "recipe": digest(said),
        "base": base,
        "examples": digest(*map(_content, examples)),
        "heldout": digest(*map(_content, heldout)),
    }


def _content(example: AnyExample) -> bytes:
    """An example without its metadata, which is not trained on. Not as JSON: that would not take
    the broken characters that only tokenising finds."""
    return repr(replace(example, metadata={})).encode("utf-8", "surrogatepass")


@contextlib.contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; raises `StoreError` where another trains in it, and where
    nothing can be written into it."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such locks on Windows
            pass
        except OSError:
            raise StoreError(
                "Another process is training in this folder.",
                where=str(folder),
                remedy="Wait for it, or give another folder.",
            ) from None
        yield


def start(folder: Path, mine: dict[str, str], choices: dict[str, Any]) -> dict[str, Any]:
    """Note what is trained here, or read it where it was begun before: the `choices` made then
    hold. Raises `ConfigurationError` for a folder of another training."""
    file = folder / STARTED
    if not file.is_file():
        noted = {"fingerprint": mine, "choices": choices}
        write_whole(file, json.dumps(noted, indent=1))
        return choices
    found = _read(file)
    theirs = found.get("fingerprint", {})
    other = [part for part, value in mine.items() if theirs.get(part) != value]
    if other:
        raise ConfigurationError(
            f"This folder holds a training with another {' and other '.join(other)}.",
            where=str(folder),
            remedy="Give another folder; or delete this one, and its training with it.",
        )
    return dict(found.get("choices", choices))


def finished(folder: Path) -> Trained | None:
    """The result of a training that has ended; None of one that has not."""
    file = folder / RESULT
    if not file.is_file() or not (folder / ADAPTER / "adapter_model.safetensors").is_file():
        return None
    found = _read(file)
    losses = tuple(LossPoint(**point) for point in found.pop("losses"))
    found["adapter"] = folder / ADAPTER
    return Trained(**found, losses=losses)


def finish(folder: Path, trained: Trained) -> None:
    """Write the result; from now on the training has ended."""
    held = {**asdict(trained), "adapter": ADAPTER}
    write_whole(folder / RESULT, json.dumps(held, indent=1, ensure_ascii=False))


def rewrite_losses(folder: Path, points: Iterable[LossPoint]) -> None:
    """The losses up to a checkpoint: those after it will come again."""
    write_whole(folder / LOSSES, "".join(_line(point) for point in points))


def append_loss(folder: Path, point: LossPoint) -> None:
    """Add a loss to the file."""
    with writing(folder / LOSSES), (folder / LOSSES).open("a", encoding="utf-8") as file:
        file.write(_line(point))


def _line(point: LossPoint) -> str:
    return json.dumps(asdict(point)) + "\n"


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all. Raises `StoreError`."""
    part = file.with_name(f"{file.name}.part")
    with writing(file):
        try:
            with part.open("w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            part.replace(file)
        except OSError:
            part.unlink(missing_ok=True)  # a full disk needs the room
            raise


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """While open, what cannot be written is a `StoreError` that names the place."""
    try:
        yield
    except OSError as error:
        raise unwritable(place, error) from None


def unwritable(place: Path, error: Exception) -> StoreError:
    """The error of a file, adapter or checkpoint that cannot be written."""
    said = " ".join(str(error).split())[:200]
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror
    return StoreError(
        f"It cannot be written: {said}.",
        where=str(place),
        remedy="Check the space on the disk, and train again: it goes on from the last checkpoint.",
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"This note of a training cannot be read: {error}.",
            where=str(file),
            remedy="Give another folder; or delete this one, and its training with it.",
        ) from None
    return dict(found)
