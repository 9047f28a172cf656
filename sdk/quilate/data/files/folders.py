"""Folders as datasets: saved by Hugging Face `datasets`, of images with captions, of documents."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quilate import registry
from quilate.data.files import lines, tables
from quilate.data.files.listing import OUTSIDE, files_below, leads_out, listed
from quilate.data.files.rejected import Rejected
from quilate.data.steps import Row
from quilate.errors import DataError, QuilateError

_IMAGES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"))
_SYSTEMS = frozenset(("thumbs.db", "desktop.ini"))
_ABOUT_IMAGES = ("metadata.jsonl", "metadata.csv")


def reader_of(path: Path) -> Callable[[Path], Iterator[tuple[str, Row] | Rejected]]:
    """The reader of a folder, by what lies in it; raises `DataError` for one with nothing."""
    if (path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists():
        module: Any = registry.factory("row_files", "huggingface")
        reader: Callable[[Path], Iterator[tuple[str, Row] | Rejected]] = module.read
        return reader
    if any((path / name).is_file() for name in _ABOUT_IMAGES):
        return read_images
    files = [file for file in files_below(path) if file.suffix.lower() != ".txt"]
    if files and all(file.suffix.lower() in _IMAGES for file in files):
        return read_images
    return read_documents


def read_images(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """Images with their captions: from ``metadata.jsonl`` or ``.csv`` (with ``file_name``, as the
    image folders of Hugging Face have), else from a ``.txt`` of the same name. ``image`` is the
    file's path; whether it can be opened is for the step ``image_captions`` to say. What a link
    would read outside the folder is told, not read."""
    told = next((path / name for name in _ABOUT_IMAGES if (path / name).is_file()), None)
    if told is None:
        yield from _images_alone(path)
        return
    if leads_out(told, path):
        raise DataError(
            f"{told.name} is a link out of its folder.",
            where=str(told),
            remedy="Put the file itself there, if you trust where the folder is from.",
        )
    reader = lines.read_json_lines if told.suffix == ".jsonl" else tables.read_csv
    for found in reader(told):
        yield found if isinstance(found, Rejected) else _with_image(found, path, told)


def _images_alone(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """Each image with the caption in a ``.txt`` beside it, if any."""
    for found in listed(path):
        if isinstance(found, Rejected):
            yield found
        elif found.suffix.lower() in _IMAGES:
            name = found.relative_to(path).as_posix()
            caption = found.with_suffix(".txt")
            fields: dict[str, Any] = {"id": name, "image": str(found)}
            # Of a caption that a link has elsewhere, `listed` tells.
            if caption.is_file() and not leads_out(caption, path):
                fields["caption"] = caption.read_text(encoding="utf-8", errors="replace").strip()
            yield name, fields


def _with_image(found: tuple[str, Row], folder: Path, told: Path) -> tuple[str, Row] | Rejected:
    place, row = found
    where, name = f"{told.name}:{place}", row.get("file_name")
    if not isinstance(name, str) or not name:
        return Rejected.of(where, "no file_name", "", str(dict(row)))
    try:
        file = (folder / name).resolve()
        there = file.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        return Rejected.of(where, "no such image", f"{name[:200]!r}: {error}")
    # A path in a file from elsewhere must not lead out of its folder.
    if leads_out(file, folder):
        return Rejected.of(where, OUTSIDE, name)
    if not there:
        return Rejected.of(where, "no such image", name)
    # Hugging Face's captions are in `text`.
    said = "text" if "caption" not in row and "text" in row else "caption"
    rest = {key: value for key, value in row.items() if key not in ("file_name", said)}
    caption = {} if row.get(said) is None else {"caption": row[said]}
    return place, {"id": name, **rest, "image": str(file), **caption}


def read_documents(path: Path) -> Iterator[tuple[str, Row] | Rejected]:
    """Every document below the folder (PDF, DOCX, HTML, text, …) as one row with ``text`` and
    ``title``; files with rows (JSON Lines, CSV, …) give theirs. Other files are told, images among
    them, and links that lead out of the folder; only what systems leave behind is passed over."""
    from quilate.data.files.reading import reader_by_suffix
    from quilate.retrieval import loaders

    known = frozenset(loaders.suffixes()) - {".jsonl"}
    any_read = any_link = False
    for file in listed(path):
        if isinstance(file, Rejected):
            any_link = True
            yield file
            continue
        if _left_behind(file):
            continue
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
        else:
            yield Rejected.of(name, "not a document that can be read", file.suffix)
    if not any_read:
        raise DataError(
            "The folder holds nothing that can be read as rows.",
            where=str(path),
            remedy="Links that lead out of it are not followed: copy what they lead to (cp -rL)."
            if any_link
            else f"Known: {' '.join(sorted(known))}, images, and files with rows.",
        )


def _left_behind(file: Path) -> bool:
    """Whether a file is a system's or an editor's, and nobody's document."""
    return file.name.lower() in _SYSTEMS or file.name.startswith("~$") or file.name.endswith("~")


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
