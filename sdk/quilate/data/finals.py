"""What a pipeline's shards are in the end: their content, fields, rows, and what was dropped."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.data.files.writing import json_line, whole
from quilate.data.seals import sealed, unsealed
from quilate.data.steps import Row
from quilate.data.stores import Kind, joined, kind_of
from quilate.data.tracks import Track, kept_of

_DIGEST = 16  # bytes of a row's digest


@dataclass(frozen=True, slots=True)
class Final:
    """What a shard's rows are in the end: a file with the digest of each row, the kind of each
    field, and how many rows have it."""

    digests: Path
    kinds: Mapping[str, Kind | None]
    filled: Mapping[str, int]


def describe(track: Track) -> Final:
    """Describe a shard in the end, or find it described. Runs in a worker."""
    file = Path(track.cache) / "finals" / track.key[:2] / f"{track.key}.json"
    digests = file.with_suffix(".digests")
    try:
        kept = json.loads(unsealed(file.read_bytes()))
        if hashlib.sha256(digests.read_bytes()).hexdigest() == kept["digests"]:
            return Final(digests, kept["kinds"], kept["filled"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # not described yet, or a file was damaged
    kinds: dict[str, Kind | None] = {}
    filled: dict[str, int] = {}
    total = hashlib.sha256()
    with whole(digests) as stream:
        for row in track.read():
            line = json_line(dict(sorted(row.items())))
            own = hashlib.blake2b(line, digest_size=_DIGEST).digest()
            stream.write(own)
            total.update(own)
            for name, value in row.items():
                kinds[name] = joined(kinds.get(name), kind_of(value))
                filled[name] = filled.get(name, 0) + (value is not None)
    with whole(file) as stream:
        told = {"kinds": kinds, "filled": filled, "digests": total.hexdigest()}
        stream.write(sealed(json.dumps(told).encode()))
    return Final(digests, kinds, filled)


def content_of(finals: Iterable[Final]) -> str:
    """The digest of all rows in their order, the same whatever shards they lie in."""
    total = hashlib.sha256()
    for final in finals:
        total.update(final.digests.read_bytes())
    return total.hexdigest()


def final_rows(tracks: Sequence[Track]) -> Iterator[Row]:
    """The rows of the finished dataset, one shard in memory at a time."""
    for track in tracks:
        yield from track.read()


@dataclass(frozen=True, slots=True)
class Dropping:
    """A shard whose dropped rows are to be told in `file`, and the names of its steps."""

    track: Track
    steps: tuple[str, ...]
    file: Path


def tell_dropped(task: Dropping) -> Path:
    """Write what the steps dropped of a shard, as rows of the quarantine. Runs in a worker."""
    with whole(task.file) as stream:
        for row in _dropped(task.track, task.steps):
            stream.write(json_line(row))
    return task.file


def _dropped(track: Track, steps: Sequence[str]) -> Iterator[dict[str, Any]]:
    rows: list[Row] = list(track.shard.read())
    for step, file in zip(steps, track.files, strict=True):
        said = kept_of(file)
        for row, reason, detail in said.drops(rows):
            yield {
                "id": row.get("id"),
                "step": step,
                "reason": reason,
                "detail": detail,
                "row": dict(row),
            }
        rows = said.apply(rows)
