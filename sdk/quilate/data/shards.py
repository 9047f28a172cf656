"""A dataset's rows as they were read: files of some thousand rows each, named by their content.

A source is read once, into shards below the cache; whatever it was, a shard is JSON Lines. What
cannot be read is kept beside them. A source that was read before is not read again while its
content is the same.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.codec import digest
from quilate.data.files.listing import listed
from quilate.data.files.reading import read_rows
from quilate.data.files.rejected import Rejected
from quilate.data.files.writing import json_line, whole
from quilate.data.ids import SeenIds
from quilate.data.seals import sealed, unsealed
from quilate.data.steps import Row
from quilate.errors import DataError

_SHARD_BYTES = 64 << 20
_LEAST_ROWS = 1024
_FORMAT = "3"  # of what is cached here; another number makes all of it anew


@dataclass(frozen=True, slots=True)
class Shard:
    """`rows` rows in `file`, with the SHA-256 of its content."""

    file: Path
    rows: int
    digest: str

    def read(self) -> list[dict[str, Any]]:
        """The rows."""
        with self.file.open("rb") as stream:
            return [json.loads(line) for line in stream]


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was read: its shards, and the file of what was rejected in it, counted by
    `reasons`."""

    path: str
    sha256: str
    shards: tuple[Shard, ...]
    rows: int
    rejected: int
    renamed: int
    rejects: Path
    reasons: Mapping[str, int]

    def rejections(self) -> Iterator[Mapping[str, Any]]:
        """What was rejected, as rows of the quarantine."""
        with self.rejects.open("rb") as stream:
            for line in stream:
                yield json.loads(line)


def ingest(
    path: Path,
    cache: Path,
    *,
    fields: Mapping[str, str],
    shard_rows: int,
    seen: SeenIds,
    label: str | None = None,
    encoding: str | None = None,
) -> Source:
    """Read a source into shards, or find those that were made of it before.

    An id that an earlier row has is replaced by the row's place; the given one stays in
    ``source_id``. Raises `DataError`.
    """
    sha256 = content_digest(path)
    # Rows of a folder of images hold their paths.
    place = str(path.resolve()) if path.is_dir() else path.name
    options = json.dumps([fields, encoding], sort_keys=True)
    key = digest(_FORMAT, sha256, options, str(shard_rows), place)
    folder = cache / "sources" / digest(key, seen.state)[:32]
    index = folder / "index.json"
    if not _is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        found = read_rows(path, fields=fields, encoding=encoding)
        _read_into(folder, path.name, found, shard_rows, seen)
        if content_digest(path) != sha256:
            index.unlink()
            raise DataError(
                "The source changed while it was read.",
                where=str(path),
                remedy="Run again when it is whole.",
            )
    else:
        seen.add_stored(folder / "ids.npy")
    return _stored(folder, label or str(path), sha256)


def _is_whole(folder: Path) -> bool:
    """Whether a source was read into a folder, and nothing there was damaged since."""
    try:
        kept = json.loads(unsealed((folder / "index.json").read_bytes()))
        files = [*kept["files"].items(), *((one["file"], one["digest"]) for one in kept["shards"])]
        return all(_sha256(folder / name) == told for name, told in files)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _stored(folder: Path, label: str, sha256: str) -> Source:
    kept = json.loads(unsealed((folder / "index.json").read_bytes()))
    shards = tuple(
        Shard(folder / one["file"], one["rows"], one["digest"]) for one in kept["shards"]
    )
    rejects = folder / "rejected.jsonl"
    counts = (kept["rows"], kept["rejected"], kept["renamed"])
    return Source(label, sha256, shards, *counts, rejects, kept["reasons"])


def _read_into(
    folder: Path, name: str, given: Iterator[Row | Rejected], shard_rows: int, seen: SeenIds
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Any]] = []
    counts = {"rows": 0, "rejected": 0, "renamed": 0}
    reasons: Counter[str] = Counter()
    waiting: list[tuple[str, Row, bytes]] = []

    def flush() -> None:
        lines, renamed = _own_ids(waiting, seen)
        counts["rows"] += len(lines)
        counts["renamed"] += renamed
        if lines:
            shards.append(_write_shard(folder / f"shard-{len(shards):05}.jsonl", lines))
        waiting.clear()

    with whole(folder / "rejected.jsonl") as rejects:
        size = 0
        for number, found in enumerate(given, 1):
            if isinstance(found, Rejected):
                rejects.write(json_line(_quarantined(found)))
                counts["rejected"] += 1
                reasons[found.reason] += 1
                continue
            line = json_line(found)
            waiting.append((f"{name}:{number}", found, line))
            size += len(line)
            if len(waiting) >= _wanted(counts["rows"], shard_rows) or size >= _SHARD_BYTES:
                flush()
                size = 0
        flush()
    seen.close_source(folder / "ids.npy")
    files = {file: _sha256(folder / file) for file in ("rejected.jsonl", "ids.npy")}
    told = {"shards": shards, "files": files, **counts, "reasons": reasons}
    with whole(folder / "index.json") as stream:
        stream.write(sealed(json.dumps(told).encode()))


def _wanted(before: int, most: int) -> int:
    """How many rows the next shard has: few at first, so that small sources too are work for every
    processor; and the same whatever machine reads them."""
    return min(most, max(_LEAST_ROWS, before // 8))


def _write_shard(file: Path, lines: Sequence[bytes]) -> dict[str, Any]:
    data = b"".join(lines)
    with whole(file) as stream:
        stream.write(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return {"file": file.name, "rows": len(lines), "digest": sha256}


def _own_ids(waiting: Sequence[tuple[str, Row, bytes]], seen: SeenIds) -> tuple[list[bytes], int]:
    """The rows as lines, those whose id was there before with their place for an id, and how many
    these are."""
    if not waiting:
        return [], 0
    lines, renamed = [], 0
    new = seen.add([row["id"] for _, row, _ in waiting])
    for (place, row, line), is_new in zip(waiting, new, strict=True):
        if is_new:
            lines.append(line)
            continue
        renamed += 1
        unique, again = place, 1
        while not seen.add([unique])[0]:
            again += 1
            unique = f"{place}#{again}"
        lines.append(json_line({**row, "id": unique, "source_id": row["id"]}))
    return lines, renamed


def _quarantined(rejected: Rejected) -> Row:
    return {
        "where": rejected.where,
        "step": "read",
        "reason": rejected.reason,
        "detail": rejected.detail,
        "raw": rejected.raw,
    }


def content_digest(path: Path) -> str:
    """The SHA-256 of a file; of a folder, that of its files' names and contents."""
    try:
        if path.is_dir():
            named = [
                f"{found.where} {found.reason} {found.detail}"
                if isinstance(found, Rejected)
                else f"{found.relative_to(path).as_posix()} {content_digest(found)}"
                for found in listed(path)
            ]
            return digest(*named)
        return _sha256(path)
    except FileNotFoundError:
        raise DataError(
            "There is no such file or folder.",
            where=str(path),
            remedy=f"Paths are relative to the pipeline's file, else to {Path.cwd()}.",
        ) from None
    except OSError as error:
        raise DataError(f"It cannot be read: {error.strerror}.", where=str(path)) from None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
