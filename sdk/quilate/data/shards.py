"""A dataset's rows as they were read: files of some thousand rows each, named by their content.

A source is read once, into shards below the cache; whatever it was, a shard is JSON Lines. What
cannot be read is kept beside them. A source that was read before is not read again while its
content is the same.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.codec import digest
from quilate.data.files.reading import read_rows
from quilate.data.files.rejected import Rejected
from quilate.data.files.writing import json_line, whole
from quilate.data.steps import Row
from quilate.errors import DataError, QuilateError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARD_BYTES = 64 << 20
_FORMAT = "1"  # of what is cached here; another number makes all of it anew


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
    """A source that was read: its shards, and the file of what was rejected in it."""

    path: str
    sha256: str
    shards: tuple[Shard, ...]
    rows: int
    rejected: int
    renamed: int
    rejects: Path

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
    seen: "SeenIds",
    label: str | None = None,
) -> Source:
    """Read a source into shards, or find those that were made of it before.

    An id that an earlier row has is replaced by the row's place; the given one stays in
    ``source_id``. Raises `DataError`.
    """
    sha256 = content_digest(path)
    key = digest(_FORMAT, sha256, json.dumps(fields, sort_keys=True), str(shard_rows), path.name)
    folder = cache / "sources" / digest(key, seen.state)[:32]
    index = folder / "index.json"
    if not index.exists():
        _read_into(folder, path, fields, shard_rows, seen)
    else:
        seen.add_stored(folder / "ids.npy")
    return _stored(folder, label or str(path), sha256)


def _stored(folder: Path, label: str, sha256: str) -> Source:
    kept = json.loads((folder / "index.json").read_text())
    shards = tuple(
        Shard(folder / one["file"], one["rows"], one["digest"]) for one in kept["shards"]
    )
    rejects = folder / "rejected.jsonl"
    return Source(label, sha256, shards, kept["rows"], kept["rejected"], kept["renamed"], rejects)


def _read_into(
    folder: Path, path: Path, fields: Mapping[str, str], shard_rows: int, seen: "SeenIds"
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Any]] = []
    buffer: list[bytes] = []
    ids = seen.begin()
    counts = {"rows": 0, "rejected": 0, "renamed": 0}

    def flush() -> None:
        if not buffer:
            return
        file = folder / f"shard-{len(shards):05}.jsonl"
        data = b"".join(buffer)
        with whole(file) as stream:
            stream.write(data)
        sha = hashlib.sha256(data).hexdigest()
        shards.append({"file": file.name, "rows": len(buffer), "digest": sha})
        buffer.clear()

    with whole(folder / "rejected.jsonl") as rejects:
        size = 0
        for number, found in enumerate(read_rows(path, fields=fields), 1):
            if isinstance(found, Rejected):
                rejects.write(json_line(_quarantined(found)))
                counts["rejected"] += 1
                continue
            row = _with_own_id(found, f"{path.name}:{number}", ids)
            counts["renamed"] += row is not found
            line = json_line(row)
            buffer.append(line)
            size += len(line)
            counts["rows"] += 1
            if len(buffer) >= shard_rows or size >= _SHARD_BYTES:
                flush()
                size = 0
        flush()
    ids.finish(folder / "ids.npy")
    with whole(folder / "index.json") as stream:
        stream.write(json.dumps({"shards": shards, **counts}).encode())


def _with_own_id(row: Row, place: str, ids: "SeenIds") -> Row:
    if ids.new(str(row["id"])):
        return row
    unique, again = place, 1
    while not ids.new(unique):
        again += 1
        unique = f"{place}#{again}"
    return {**row, "id": unique, "source_id": row["id"]}


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
            files = sorted(file for file in path.rglob("*") if file.is_file())
            named = [
                f"{file.relative_to(path).as_posix()} {content_digest(file)}" for file in files
            ]
            return digest(*named)
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(
            "There is no such file or folder.",
            where=str(path),
            remedy=f"Paths are relative to the pipeline's file, else to {Path.cwd()}.",
        ) from None
    except OSError as error:
        raise DataError(f"It cannot be read: {error.strerror}.", where=str(path)) from None


class SeenIds:
    """The ids so far, eight bytes each: whether an id is new. (Two ids of 10 million meet by
    chance once in 370,000 datasets; the second then gets its place for an id.)"""

    def __init__(self) -> None:
        self._sorted: list[NDArray[np.uint64]] = []
        self._fresh: set[int] = set()
        self._begun = array("Q")
        self.state = ""

    def begin(self) -> "SeenIds":
        """Start with a source."""
        self._begun = array("Q")
        return self

    def new(self, name: str) -> bool:
        """Remember an id; False when it was there."""
        import numpy as np

        value = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        if value in self._fresh:
            return False
        for known in self._sorted:
            at = int(np.searchsorted(known, np.uint64(value)))
            if at < len(known) and int(known[at]) == value:
                return False
        self._fresh.add(value)
        self._begun.append(value)
        if len(self._fresh) >= 1 << 20:
            self._settle()
        return True

    def finish(self, file: Path) -> None:
        """Keep a source's ids in a file, so that a later run need not read them again."""
        import numpy as np

        values = np.sort(np.array(self._begun, dtype=np.uint64))
        with whole(file) as stream:
            np.save(stream, values, allow_pickle=False)
        self._settle()
        self._follow(values)

    def add_stored(self, file: Path) -> None:
        """The ids of a source that was read before."""
        import numpy as np

        try:
            values = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise QuilateError(
                f"The cache of a source is damaged: {error}.",
                where=str(file.parent),
                remedy="Delete that folder; the source is then read again.",
            ) from None
        self._sorted.append(values)
        self._follow(values)

    def _settle(self) -> None:
        """The fresh ids into sorted arrays, of which there are only ever a few."""
        import numpy as np

        if self._fresh:
            fresh = np.sort(np.array(list(self._fresh), dtype=np.uint64))
            self._fresh.clear()
            self._sorted.append(fresh)
        while len(self._sorted) > 1 and len(self._sorted[-2]) <= 2 * len(self._sorted[-1]):
            last = self._sorted.pop()
            self._sorted[-1] = np.sort(np.concatenate([self._sorted[-1], last]))

    def _follow(self, values: "NDArray[np.uint64]") -> None:
        self.state = digest(self.state, values.tobytes())


def all_rows(shards: Sequence[Shard]) -> int:
    """How many rows the shards hold."""
    return sum(shard.rows for shard in shards)
