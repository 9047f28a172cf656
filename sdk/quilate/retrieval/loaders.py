"""Files to documents: text, Markdown and JSON Lines here, other formats through entry points.

An entry point of group ``quilate.loaders`` is named by a suffix (``.pdf``) and takes a path to a
`Document`, whose identifier is then set here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from quilate import registry
from quilate.errors import ConfigurationError, DataError
from quilate.retrievers import Document, Passage

_FIELDS = {"id": str, "text": str, "title": str, "metadata": dict}
_REQUIRED = ("id", "text")

Item = TypeVar("Item", Document, Passage)


def load(path: str | Path, *, encoding: str = "utf-8", glob: str = "**/*") -> list[Document]:
    r"""The documents of a file, or of every file below a directory that matches `glob`.

    Files come in the order of their paths; hidden ones and those of unknown formats are left out.
    A document's identifier is its path below `path` (with ``/``), or the ``id`` of its JSON line.
    Text keeps its line ends, so that offsets count in the file as it is; only a byte order mark
    goes. Raises `DataError`, with place and remedy, for whatever cannot be read as it should be.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.md").write_text("# Faros\n\nLuz.", encoding="utf-8")
    >>> [(document.id, document.title) for document in load(folder)]
    [('a.md', 'Faros')]
    """
    root = Path(path)
    if root.is_dir():
        found = [
            document
            for file in _files(root, glob)
            for document in _load_file(file, file.relative_to(root).as_posix(), encoding)
        ]
        if not found:
            raise _nothing_found(root, glob)
        return unique(found)
    if not root.exists():
        raise DataError(
            "There is no such file or directory.",
            where=str(root),
            remedy=f"Paths are relative to {Path.cwd()}.",
        )
    if root.suffix.lower() not in suffixes():
        raise DataError(
            f"Files of format '{root.suffix}' cannot be read.",
            where=str(root),
            remedy=f"Known: {' '.join(suffixes())}. If it is plain text, name it .txt.",
        )
    return unique(_load_file(root, root.name, encoding))


def suffixes() -> list[str]:
    """The file suffixes that can be read, sorted, ours and third parties'."""
    return sorted({*_LOADERS, *registry.names("loaders")})


def unique(documents: list[Item]) -> list[Item]:
    """The same documents or passages; raises `DataError` when two have one identifier."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DataError(
                f"Two {type(document).__name__.lower()}s have the identifier '{document.id}'.",
                remedy="Give each its own id: citations and syncs tell documents apart by it.",
            )
        seen.add(document.id)
    return documents


def document_from(row: Mapping[str, Any], where: str | None = None) -> Document:
    """A document from a mapping with ``id``, ``text`` and, if wanted, ``title``, ``metadata``.

    >>> document_from({"id": "1", "text": "Hola"}).text
    'Hola'
    """
    for name in row:
        if name not in _FIELDS:
            raise DataError(
                f"A document has no field '{name}'.",
                where=where,
                remedy=f"{registry.nearest(name, list(_FIELDS))} Further fields go in 'metadata'.",
            )
    for name, kind in _FIELDS.items():
        if name in row and not isinstance(row[name], kind):
            raise DataError(
                f"The field '{name}' is {json.dumps(row[name], default=str)[:40]}, "
                f"not {'an object' if kind is dict else 'a string'}.",
                where=where,
                remedy="Mend that field.",
            )
    for name in _REQUIRED:
        if not row.get(name, "").strip():
            raise DataError(
                f"The field '{name}' is missing or empty.",
                where=where,
                remedy='A document is an object such as {"id": "1", "text": "…"}.',
            )
    for name in ("id", "text", "title"):
        whole_characters(name, row.get(name, ""), where)
    return Document(**row)


def whole_characters(name: str, text: str, where: str | None) -> None:
    """Raise `DataError` where a field holds a lone surrogate."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise DataError(
            f"The field '{name}' holds half a character (a lone surrogate), which no file can "
            "store.",
            where=where,
            remedy="Write the character whole, or take it out.",
        )


def _files(root: Path, glob: str) -> Iterator[Path]:
    known = suffixes()
    for file in sorted(root.glob(glob), key=lambda file: file.relative_to(root).as_posix()):
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        if not hidden and file.suffix.lower() in known and file.is_file():
            yield file


def _nothing_found(root: Path, glob: str) -> DataError:
    others = sorted({file.suffix or file.name for file in root.glob(glob) if file.is_file()})
    seen = f"only {' '.join(others[:10])}" if others else "no file at all"
    return DataError(
        f"0 documents: no visible file matching '{glob}' has a known format, there is {seen}.",
        where=str(root),
        remedy=f"Looked for {' '.join(suffixes())}. Is it the right directory?",
    )


def _load_file(file: Path, name: str, encoding: str) -> list[Document]:
    suffix = file.suffix.lower()
    if suffix in _LOADERS:
        return _LOADERS[suffix](file, name, read_text(file, encoding))
    document = replace(registry.factory("loaders", suffix)(file), id=name)
    _refuse_blank(document.text, file)
    return [document]


def read_text(file: Path, encoding: str = "utf-8") -> str:
    """The text of a file, line ends kept, byte order mark dropped.

    Raises `DataError` for an empty or binary file or another encoding, with the line and byte
    where it shows, and `ConfigurationError` for an encoding that Python does not know.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(
            f"The file cannot be read: {error.strerror}.",
            where=str(file),
            remedy="Check that it exists and who may read it.",
        ) from error
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"Byte {error.start} is not {encoding}.",
            where=f"{file}:{line}",
            remedy=_likely_encoding(data),
        ) from None
    except LookupError:
        raise ConfigurationError(
            f"There is no encoding named '{encoding}'.", remedy="Try utf-8, cp1252 or utf-16."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"Character {text.index(chr(0))} is NUL, which no text holds.",
            where=f"{file}:{line}",
            remedy=_likely_encoding(data),
        )
    _refuse_blank(text, file)
    return text


def _refuse_blank(text: str, file: Path) -> None:
    if not text.strip():
        raise DataError(
            "The file holds no text.", where=str(file), remedy="Fill it, or take it away."
        )


def _likely_encoding(data: bytes) -> str:
    """What to do about bytes that did not decode."""
    start = data[:4096]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "It looks like UTF-16: pass encoding='utf-16', or save it as UTF-8."
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in start)
    if controls:
        return "It looks like a binary file: take it away, or give it its true suffix."
    return "It looks like Latin-1 (Windows-1252): pass encoding='cp1252', or save it as UTF-8."


def _text(file: Path, name: str, text: str) -> list[Document]:
    return [Document(name, text, title=file.stem)]


def _markdown(file: Path, name: str, text: str) -> list[Document]:
    headings = (line[2:].strip(" #\r") for line in text.split("\n") if line.startswith("# "))
    return [Document(name, text, title=next(headings, "") or file.stem)]


def _json_lines(file: Path, name: str, text: str) -> list[Document]:
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028.
    rows = enumerate(text.split("\n"), start=1)
    return [_json_line(line, f"{file}:{number}") for number, line in rows if line.strip()]


def _json_line(line: str, where: str) -> Document:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"Column {error.colno} is not JSON: {error.msg}.",
            where=where,
            remedy="Write one JSON object a line.",
        ) from None
    except (ValueError, RecursionError) as error:  # a number too long, lists nested too deeply
        raise DataError(
            f"This line cannot be read as JSON: {error}.",
            where=where,
            remedy="Take out what is too long or nested too deeply.",
        ) from None
    if not isinstance(row, dict):
        raise DataError(
            "The line is not a JSON object.", where=where, remedy="Write one JSON object a line."
        )
    return document_from(row, where)


_LOADERS: Mapping[str, Callable[[Path, str, str], list[Document]]] = {
    ".txt": _text,
    ".md": _markdown,
    ".jsonl": _json_lines,
}
