"""Rows with images to a folder of images, as Hugging Face's ``imagefolder`` takes it."""

import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quilate.data.files.writing import json_line, whole
from quilate.data.steps import Row
from quilate.errors import DataError

_SHOWN = 200  # characters of a path in an error


def write_images(rows: Iterable[Row], folder: Path) -> int:
    """Copy the images that rows name in ``image`` into a new folder, with the other fields in its
    ``metadata.jsonl``; the folder appears when it is whole. Returns how many rows it holds.

    Raises `DataError` for a row without an image that can be copied, for a folder that is there,
    and where there is no room.
    """
    if folder.exists():
        raise DataError(
            "The folder is there already.", where=str(folder), remedy="Name one that is not."
        )
    half = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    taken: set[str] = set()
    count = 0
    try:
        with whole(half / "metadata.jsonl") as stream:
            for row in rows:
                name = _copied(row, half, taken)
                fields = {key: value for key, value in row.items() if key != "image"}
                stream.write(json_line({"file_name": name, **fields}))
                count += 1
        half.rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return count


def _copied(row: Row, folder: Path, taken: set[str]) -> str:
    """The name, new in the folder, under which the row's image was copied into it."""
    if "file_name" in row:
        raise _no_image(row, "its field 'file_name' is the folder's own", "Rename that field.")
    image: Any = row.get("image")
    if not isinstance(image, str):
        raise _no_image(row, "it names no file in 'image'", "Write such rows to .jsonl.")
    name = _free(Path(image), taken)
    try:
        shutil.copyfile(image, folder / name)
    except (OSError, ValueError) as error:
        why = f"{image[:_SHOWN]!r}: {getattr(error, 'strerror', None) or error}"
        remedy = "Drop rows without an image with the step image_captions, or free some room."
        raise _no_image(row, why, remedy) from None
    return name


def _free(image: Path, taken: set[str]) -> str:
    """A file's own name where no other has it, in any case of letters; else with a number."""
    name, number = image.name, 1
    while name.casefold() in taken or name.casefold() == "metadata.jsonl":
        number += 1
        name = f"{image.stem}-{number}{image.suffix}"
    taken.add(name.casefold())
    return name


def _no_image(row: Row, why: str, remedy: str) -> DataError:
    return DataError(
        f"A row cannot go to a folder of images: {why}.", where=f"row {row.get('id')}",
        remedy=remedy,
    )  # fmt: skip
