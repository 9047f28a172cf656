"""Folders as datasets: saved by Hugging Face `datasets`, of images with captions, of documents."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quilate import registry
from quilate.data.files import lines, tables
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError, QuilateError

_IMAGES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"))
_ABOUT_IMAGES = ("metadata.jsonl", "metadata.csv")


def reader_of(path: Path) -> Callable[[Path], Iterator[tuple[str, Row] | Rejected]]:
    """The reader of a folder, by what lies in it; raises `DataError` for one with nothing."""
    if (path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists():
        module: Any = registry.factory("row_files", "huggingface")
        reader: Callable[[Path], Iterator[tuple[str, Row] | Rejected]] = module.read
        return reader
    if any((path / name).is_file() for name in _ABOUT_IMAGES):
        return read_images
    files = [file for file in _files(path) if file.suffix.lower() != ".txt"]
    if files and all(file.suffix.lower() in _IMAGES for file in files):
        return read_images
    return read_documents


def _image_files(folder: Path) -> Iterator[Path]:
    return (file for file in _files(folder) if file.suffix.lower() in _IMAGES)


def _files(folder: Path) -> Iterator[Path]:
    found = (file for file in folder.rglob("*") if file.is_file())
    # Not what is hidden, nor in a hidden folder: a store of ours may lie in this one.
    shown = (
        file
        for file in found
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    return iter(sorted(shown))


def read_images(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """Images with their captions: from ``metadata.jsonl`` or ``.csv`` (with ``file_name``, as the
    image folders of Hugging Face have), else from a ``.txt`` of the same name. ``image`` is the
    file's path; whether it can be opened is for the step ``image_captions`` to say."""
    told = next((path / name for name in _ABOUT_IMAGES if (path / name).is_file()), None)
    if told is None:
        for file in _image_files(path):
            name = file.relative_to(path).as_posix()
            caption = file.with_suffix(".txt")
            fields: dict[str, Any] = {"id": name, "image": str(file)}
            if caption.is_file():
                fields["caption"] = caption.read_text(encoding="utf-8", errors="replace").strip()
            yield name, fields
        return
    reader = lines.read_json_lines if told.suffix == ".jsonl" else tables.read_csv
    for found in reader(told):
        yield found if isinstance(found, Rejected) else _with_image(found, path, told)


def _with_image(found: tuple[str, Row], folder: Path, told: Path) -> tuple[str, Row] | Rejected:
    place, row = found
    where, name = f"{told.name}:{place}", row.get("file_name")
    if not isinstance(name, str) or not name:
        return Rejected.of(where, "no file_name", "", str(dict(row)))
    try:
        file = (folder / name).resolve()
        there = file.is_file()
    except (OSError, ValueError) as error:
        return Rejected.of(where, "no such image", f"{name[:200]!r}: {error}")
    # A path in a file from elsewhere must not lead out of its folder.
    if not file.is_relative_to(folder.resolve()):
        return Rejected.of(where, "outside the folder", name)
    if not there:
        return Rejected.of(where, "no such image", name)
    rest = {key: value for key, value in row.items() if key not in ("file_name", "text")}
    caption = row.get("caption", row.get("text"))
    said = {} if caption is None else {"caption": caption}
    return place, {"id": name, **rest, "image": str(file), **said}


def read_documents(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """Every document below the folder (PDF, DOCX, HTML, text, …) as one row with ``text`` and
    ``title``; files with rows (JSON Lines, CSV, …) give theirs. Images are
    told, other files passed over."""
    from quilate.data.files.reading import reader_by_suffix
    from quilate.retrieval import loaders

    known = frozenset(loaders.suffixes()) - {".jsonl"}
    any_read = False
    for file in _files(path):
        name = file.relative_to(path).as_posix()
        rows = reader_by_suffix(file)
        if rows is not None:
            any_read = True
            for found in rows(file):
                yield found if isinstance(found, Rejected) else (f"{name}:{found[0]}", found[1])
        elif file.suffix.lower() in known:
            any_read = True
            yield from _document(file, name)
        elif file.suffix.lower() in _IMAGES:
            yield Rejected.of(name, "an image among documents")
    if not any_read:
        raise DataError(
            "The folder holds nothing that can be read as rows.",
            where=str(path),
            remedy=f"Known: {' '.join(sorted(known))}, images, and files with rows.",
        )


def _document(file: Path, name: str) -> Iterator[tuple[str, Row] | Rejected]:
    from quilate.retrieval import loaders

    try:
        documents = loaders.load(file)
    except QuilateError as error:
        yield Rejected.of(name, "unreadable document", re.sub(r"\s+", " ", error.what))
        return
    for document in documents:
        row: dict[str, Any] = {"id": name, "text": document.text}
        if document.title:
            row["title"] = document.title
        if document.metadata:
            row["metadata"] = _plain(document.metadata)
        yield name, row


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it."""
    import json

    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain
