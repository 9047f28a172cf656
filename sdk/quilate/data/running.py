"""A pipeline's steps on its shards: what is done once is kept, and never done again.

For every shard and step, the step's verdicts lie in the cache under a digest of the shard and of
all the steps so far. A killed run leaves whole files only, so that running again goes on from
there, and gives the same result in whatever processes it is done.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilate.codec import digest
from quilate.data.engines import Engine
from quilate.data.files.writing import whole
from quilate.data.functions import own_copy
from quilate.data.meter import watched
from quilate.data.shards import Shard
from quilate.data.steps import Add, Change, Drop, Row, Sketch, Verdict, Verdicts
from quilate.data.tracks import Track
from quilate.data.uses import Use, check_unchanged, segments
from quilate.data.verdicts import Said, Tally, said_of
from quilate.errors import DataError, QuilateError
from quilate.registry import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[int, int, str], None]
_KEPT_SHARDS = 4
_SHOWN = 200  # characters of an id in an error
_OPEN = 1024  # shards whose ids are mapped at once


@dataclass(frozen=True, slots=True)
class Task:
    """Row steps on one shard, and then a dataset step's sketch of it."""

    track: Track
    uses: tuple[Use, ...]
    sketched: Use | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task: the shard's track, and what each step did."""

    track: Track
    tallies: tuple[Tally, ...]


def work(task: Task) -> Done:
    """Do a task, or find it done. Runs in a worker."""
    track, tallies = task.track, []
    rows: list[Row] | None = None
    for use in task.uses:
        track, rows = _with_files(use, track, rows)
        key = track.after(use)
        said = Said.read(track.file(key))
        if said is None:
            rows = track.read() if rows is None else rows
            verdicts = _applied(use, rows)
            check_ids(use.name, rows, verdicts)
            check_unchanged(use)
            # What was written is what counts: a tuple that became a list, here as in later runs.
            said = said_of(rows, verdicts, reads=use.reads).write(track.file(key), use.name, rows)
        if rows is not None:
            rows = said.apply(rows)
        track = track.with_step(key, said.tally.rows_out)
        tallies.append(said.tally)
    if task.sketched is not None:
        track, rows = _with_files(task.sketched, track, rows)
        _sketch(task.sketched, track, rows)
    return Done(track, tuple(tallies))


def _with_files(use: Use, track: Track, rows: list[Row] | None) -> tuple[Track, list[Row] | None]:
    """Where the step opens files that rows name: the shard, named by how these are now too, and its
    rows."""
    named: Any = getattr(use.step, "named_files", None)
    if not callable(named):
        return track, rows
    rows = track.read() if rows is None else rows
    return replace(track, key=digest(track.key, *map(_state, named(rows)))), rows


def _state(file: Path) -> str:
    """A file's size and when it was written: to read every image again would take as long as the
    step does."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return str(file)
    return f"{file} {found.st_size} {found.st_mtime_ns}"


def check_ids(step: str, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> None:
    """Raise `DataError` for verdicts after which rows could not be told apart by their ids."""
    known: set[Any] = set()
    for row, verdict in zip(rows, verdicts, strict=True):
        if isinstance(verdict, Change) and verdict.fields.get("id", row["id"]) != row["id"]:
            raise DataError(
                f"The step '{step}' changes the id of a row.",
                where=f"row {row['id']}",
                remedy="Ids name rows in the quarantine and the reports: leave them, and write "
                "another field. A column becomes the id in the source: `fields: {id: COLUMN}`.",
            )
        if isinstance(verdict, Add):
            known = known or {one["id"] for one in rows}
            for new in verdict.rows:
                name = new.get("id")
                if not isinstance(name, str) or not name or name in known:
                    raise DataError(
                        f"The step '{step}' adds a row with the id {str(name)[:_SHOWN]!r}, which "
                        "is no text or another row's.",
                        where=f"row {row['id']}",
                        remedy="Give new rows ids of their own, such as that of the row that they "
                        "are from with a number.",
                    )
                known.add(name)


def _applied(use: Use, rows: Sequence[Row]) -> list[Verdict]:
    step: Any = use.step
    # A step of the user's own may change the rows that it is given.
    given = [own_copy(row) for row in rows] if use.is_own else rows
    try:
        verdicts = list(step.apply(given))
    except QuilateError:
        raise
    except Exception as error:
        raise DataError(
            f"The step '{use.name}' failed: {type(error).__name__}: {error}.",
            where=f"rows {rows[0].get('id')} to {rows[-1].get('id')}" if rows else None,
            remedy="What was finished is kept; run again once it is mended.",
        ) from error
    if len(verdicts) != len(rows):
        raise DataError(
            f"The step '{use.name}' gave {len(verdicts)} verdicts on {len(rows)} rows.",
            remedy="`apply` gives one verdict for each row.",
        )
    return verdicts


def _sketch_folder(track: Track, use: Use) -> Path:
    key = digest(track.after(use), "sketch", "ids")
    return Path(track.cache) / "sketches" / key[:2] / key


def _sketch(use: Use, track: Track, rows: list[Row] | None) -> None:
    import numpy as np

    folder = _sketch_folder(track, use)
    names = folder / "names.json"
    if names.exists():
        return
    step: Any = use.step
    rows = track.read() if rows is None else rows
    sketch = step.sketch(rows)
    check_unchanged(use)
    _write_ids(folder, rows)
    for name, values in sketch.items():
        with whole(folder / f"{name}.npy") as stream:
            np.save(stream, np.ascontiguousarray(values), allow_pickle=False)
    with whole(names) as stream:
        stream.write(json.dumps(list(sketch)).encode())


def _write_ids(folder: Path, rows: Sequence[Row]) -> None:
    """The rows' ids beside a sketch: they are what dataset steps ask for most."""
    import numpy as np

    ids = [str(row.get("id")).encode("utf-8", "surrogatepass") for row in rows]
    with whole(folder / "rows" / "ids.npy") as stream:
        np.save(stream, np.frombuffer(b"".join(ids), np.uint8), allow_pickle=False)
    with whole(folder / "rows" / "ends.npy") as stream:
        ends = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        np.save(stream, ends, allow_pickle=False)


class _Sketches(Sequence[Sketch]):
    """The shards' sketches, each opened when it is asked for: what a step does not hold on to is
    not in memory."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return _Sketches(self._folders[at])
        import numpy as np

        folder = self._folders[at]
        try:
            names = json.loads((folder / "names.json").read_bytes())
            return {
                name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in names
            }
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"A file of the pipeline's cache is damaged: {error}.",
                where=str(folder),
                remedy="Delete that folder; that part is then done again.",
            ) from None


class TrackRows:
    """All the rows of a dataset as they are now; the shards read last stay in memory. Of `sketched`
    shards the ids (as texts) are read without the rows."""

    def __init__(self, tracks: Sequence[Track], sketched: Sequence[Path]) -> None:
        self._tracks = tracks
        self._sketched = sketched
        self._starts = [0]
        for track in tracks:
            self._starts.append(self._starts[-1] + track.rows)
        self._read: OrderedDict[int, list[Row]] = OrderedDict()
        self._ids: dict[int, tuple[Any, Any]] = {}

    def __len__(self) -> int:
        return self._starts[-1]

    def take(self, positions: Sequence[int], fields: Sequence[str] | None = None) -> list[Row]:
        """The rows at `positions`, in that order."""
        from bisect import bisect_right

        found: list[Row] = []
        for position in positions:
            at = bisect_right(self._starts, int(position)) - 1
            own = int(position) - self._starts[at]
            if fields is not None and list(fields) == ["id"]:
                found.append({"id": self._id(at, own)})
                continue
            row = self._rows(at)[own]
            found.append(row if fields is None else {name: row.get(name) for name in fields})
        return found

    def _id(self, at: int, own: int) -> str:
        import numpy as np

        if at not in self._ids:
            if len(self._ids) >= _OPEN:
                self._ids.clear()
            folder = self._sketched[at] / "rows"
            ids = np.load(folder / "ids.npy", mmap_mode="r", allow_pickle=False)
            self._ids[at] = ids, np.load(folder / "ends.npy", mmap_mode="r", allow_pickle=False)
        ids, ends = self._ids[at]
        return bytes(ids[ends[own] : ends[own + 1]]).decode("utf-8", "surrogatepass")

    def _rows(self, at: int) -> list[Row]:
        if at in self._read:
            self._read.move_to_end(at)
        else:
            self._read[at] = self._tracks[at].read()
            if len(self._read) > _KEPT_SHARDS:
                self._read.popitem(last=False)
        return self._read[at]


def run_steps(
    shards: Sequence[Shard],
    uses: Sequence[Use],
    cache: Path,
    engine: Engine,
    progress: Progress | None = None,
) -> tuple[list[Track], list[Tally]]:
    """Every step on every shard: what the shards become, and what each step did."""
    tracks = [Track(one, str(cache), one.digest, one.rows) for one in shards]
    tallies: list[Tally] = []
    for row_uses, dataset_use in segments(uses):
        what = ", ".join(use.name for use in (*row_uses, *filter(None, [dataset_use])))
        tasks = [Task(track, row_uses, dataset_use) for track in tracks]
        totals = [Tally() for _ in row_uses]
        tracks = []
        with watched(progress):
            for count, done in enumerate(engine.map(work, tasks), 1):
                tracks.append(done.track)
                for total, tally in zip(totals, done.tallies, strict=True):
                    total.add(tally)
                if progress is not None:
                    progress(count, len(tasks), what)
        for use, total in zip(row_uses, totals, strict=True):
            _check_read(use, total, tracks, len(tallies))
            tallies.append(total)
        if dataset_use is not None:
            tracks, tally = _decide(dataset_use, tracks, engine)
            _check_read(dataset_use, tally, tracks, len(tallies))
            tallies.append(tally)
    return tracks, tallies


def _check_read(use: Use, tally: Tally, tracks: Sequence[Track], before: int) -> None:
    """Raise `DataError` for a field that the step reads and no row has: what was never looked at
    would seem to be clean. The step has so many `before` it."""
    for name in use.reads:
        if tally.lacks(name):
            given = (replace(track, files=track.files[:before]).read() for track in tracks)
            some: Sequence[Row] = next(filter(None, given), ())
            known = sorted({field for row in some for field in row} - {"id"})
            raise DataError(
                f"No row has the field '{name}', which the step '{use.name}' reads.",
                remedy=f"Correct its options. {nearest(name, known)}",
            )


@dataclass(frozen=True, slots=True)
class Part:
    """A dataset step's verdicts on one shard's rows, by their places in it."""

    track: Track
    file: Path
    use: Use
    verdicts: Verdicts


def _decide(use: Use, tracks: Sequence[Track], engine: Engine) -> tuple[list[Track], Tally]:
    """A dataset step's verdicts, laid upon every shard."""
    everything = digest(*(track.key for track in tracks))
    keys = [track.after(use, everything) for track in tracks]
    files = [track.file(key) for track, key in zip(tracks, keys, strict=True)]
    kept = [said.tally for said in map(Said.read, files) if said is not None]
    if len(kept) == len(files):
        tallies: Iterable[Tally] = kept
    else:
        step: Any = use.step
        sketched = [_sketch_folder(track, use) for track in tracks]
        rows = TrackRows(tracks, sketched)
        verdicts = step.decide(_Sketches(sketched), rows)
        if len(verdicts.dropped) != len(rows):
            raise DataError(
                f"The step '{use.name}' decided of {len(verdicts.dropped)} rows out of "
                f"{len(rows)}.",
                remedy="`decide` gives one verdict for each row.",
            )
        tallies = engine.map(share, _parts(verdicts, tracks, files, use))
    total, after = Tally(), []
    for track, key, tally in zip(tracks, keys, tallies, strict=True):
        total.add(tally)
        after.append(track.with_step(key, tally.rows_out))
    return after, total


def _parts(
    verdicts: Verdicts, tracks: Sequence[Track], files: Sequence[Path], use: Use
) -> Iterator[Part]:
    start = 0
    for track, file in zip(tracks, files, strict=True):
        end = start + track.rows
        dropped: NDArray[np.int16] = verdicts.dropped[start:end]
        gone = (dropped >= 0).nonzero()[0].tolist()
        details = {at: verdicts.details.get(start + at, "") for at in gone}
        columns = {name: values[start:end] for name, values in verdicts.columns.items()}
        own = Verdicts(dropped, verdicts.reasons, details, columns)
        yield Part(track, file, use, own)
        start = end


def share(part: Part) -> Tally:
    """Keep the verdicts on one shard, and tell what they come to. Runs in a worker."""
    verdicts = part.verdicts
    columns = {
        name: [_plain(value) for value in values] for name, values in verdicts.columns.items()
    }
    said: list[Verdict] = [
        Drop(verdicts.reasons[reason], verdicts.details[at]) if reason >= 0 else None
        for at, reason in enumerate(verdicts.dropped.tolist())
    ]
    kept = said_of(part.track.read(), said, columns, part.use.reads)
    return kept.write(part.file, part.use.name).tally


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
