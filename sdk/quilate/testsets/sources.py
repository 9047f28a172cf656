"""Where the passages come from: documents that are cut here, or the user's own chunks."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quilate.errors import DataError
from quilate.retrieval.chunkers import recursive
from quilate.retrieval.languages import language_of
from quilate.retrieval.loaders import document_from, load, read_text, unique, whole_characters
from quilate.retrieval.tokens import CountTokens, estimate_tokens
from quilate.retrievers import Document, Passage

Source = str | Path | Iterable[Document | Passage | Mapping[str, Any]]

_CHUNK_FIELDS = ("id", "text", "document", "title", "language", "metadata")


def passages_of(
    source: Source,
    *,
    chunk_tokens: int | None = 256,
    overlap_tokens: int | None = None,
    encoding: str = "utf-8",
    count_tokens: CountTokens = estimate_tokens,
) -> list[Passage]:
    """The passages of a file or folder, or of documents; passages are taken as they are.

    Documents are cut as `quilate.index` cuts them: with the token counter of the same embedder
    the passages have the same identifiers. With `chunk_tokens` None each is one passage. Raises
    `DataError` for what cannot be read, and for nothing at all.

    >>> [passage.id for passage in passages_of([{"id": "faros", "text": "La Torre de Hércules."}])]
    ['faros']
    """
    items: list[Document | Passage]
    if isinstance(source, str | Path):
        items = list(load(source, encoding=encoding))
    else:
        items = [
            document_from(item, f"document {number}") if isinstance(item, Mapping) else item
            for number, item in enumerate(source, 1)
        ]
    unique([item for item in items if isinstance(item, Document)])
    overlap = overlap_tokens if overlap_tokens is not None else (chunk_tokens or 0) // 8
    passages: list[Passage] = []
    for item in items:
        if isinstance(item, Passage):
            passages.append(item)
        elif chunk_tokens is None:
            text = item.text
            passages.append(
                Passage(item.id, text, item.id, 0, len(text), item.title, item.metadata)
            )
        else:
            passages += recursive(
                item, size=chunk_tokens, overlap=overlap, count_tokens=count_tokens
            )
    if not passages:
        raise DataError("There are 0 passages.", remedy="Give at least one that holds text.")
    return unique(passages)


def read_chunks(path: str | Path) -> list[Passage]:
    """Passages from JSON Lines of the user's own chunks: ``id`` and ``text``, and, if wanted,
    ``document``, ``title``, ``language`` and ``metadata``; further fields go to the metadata.

    Text and identifiers stay as they are. Raises `DataError` with the line for a row that is no
    chunk, and for an identifier that stands twice.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(
            "There is no such file of chunks.",
            where=str(file),
            remedy='Name a .jsonl file: {"id": "1", "text": "…", "document": "guide.md"} a line.',
        )
    rows = enumerate(read_text(file).split("\n"), 1)
    return unique([_chunk(line, f"{file}:{number}") for number, line in rows if line.strip()])


def language_of_passage(passage: Passage) -> str:
    """The language that the passage's metadata names, without its region; else a guess from its
    words: ``es`` or ``en``.

    >>> language_of_passage(Passage("1", "OK", metadata={"language": "es-PE"}))
    'es'
    """
    named = passage.metadata.get("language")
    if isinstance(named, str) and named.strip():
        return named.strip().lower().replace("_", "-").partition("-")[0]
    return language_of(passage.text)


def document_of(passage: Passage) -> str:
    """The document of a passage; a passage without one is its own."""
    return passage.document_id or passage.id


def _chunk(line: str, where: str) -> Passage:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"This line is not JSON: {error}.", where=where, remedy="Write one JSON object a line."
        ) from None
    if not isinstance(row, dict):
        raise DataError(
            "The line is not a JSON object.", where=where, remedy="Write one JSON object a line."
        )
    if isinstance(row.get("id"), int) and not isinstance(row["id"], bool):
        row["id"] = str(row["id"])
    for name in ("document", "language", "title"):
        if not isinstance(row.get(name) or "", str):
            raise DataError(f"The field '{name}' is not a string.", where=where, remedy="Quote it.")
        whole_characters(name, row.get(name) or "", where)
    kept = {name: row[name] for name in ("id", "text", "metadata") if row.get(name) is not None}
    document = document_from(kept, where)
    rest = {name: value for name, value in row.items() if name not in _CHUNK_FIELDS}
    language = {"language": row["language"]} if row.get("language") else {}
    return Passage(
        id=document.id,
        text=document.text,
        document_id=row.get("document") or "",
        start=0,
        end=len(document.text),
        title=row.get("title") or "",
        metadata={**rest, **document.metadata, **language},
    )
