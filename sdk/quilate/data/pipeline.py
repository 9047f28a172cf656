"""A pipeline from its file to a finished dataset: read, step by step, written with its manifest."""

import glob
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from quilate import registry, yaml_places
from quilate.codec import digest
from quilate.data.engines import Engine
from quilate.data.files.encodings import REMEDY
from quilate.data.files.writing import json_line, whole
from quilate.data.finals import (
    Dropping,
    Final,
    content_of,
    describe,
    final_rows,
    tell_dropped,
)
from quilate.data.ids import SeenIds
from quilate.data.running import Progress, run_steps
from quilate.data.shards import Source, ingest
from quilate.data.spec import PipelineSpec, SourceSpec
from quilate.data.stores import Dataset, Kind, dataset_store, joined, open_dataset
from quilate.data.tracks import Track
from quilate.data.uses import Use, identity_of, use_of
from quilate.data.verdicts import Tally
from quilate.errors import ConfigurationError, DataError, QuilateError, redact

if TYPE_CHECKING:
    import sqlite3

_STALE = 24 * 3600  # seconds
_SHOWN = 200  # characters of an id in an error
_POLL = 0.1  # seconds between looks at a lock


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with its steps made: `folder` is where its relative paths begin."""

    spec: PipelineSpec
    uses: tuple[Use, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished pipeline: the dataset, its manifest, where the dropped rows are, and whether this
    run made a new version (False: the newest one has the same content)."""

    dataset: Dataset
    manifest: Mapping[str, Any]
    quarantine: Path
    new: bool


def load_pipeline(path: str | Path) -> Pipeline:
    """Read a pipeline file and make its steps; no row is read yet.

    Raises `ConfigurationError` that names file, line and remedy.
    """
    path = Path(path)
    data, places = yaml_places.load(path, "pipeline")
    try:
        spec = PipelineSpec.model_validate(data)
    except ValidationError as error:
        raise yaml_places.explain(error, PipelineSpec, path, places, "pipeline") from None
    uses = []
    for number, entry in enumerate(spec.steps):
        line = places.get(("steps", number), 1)
        with _at(f"{path}:{line}"):
            uses.append(use_of(entry, path.parent, f"{path}:{line}"))
    return Pipeline(spec, tuple(uses), path.parent)


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except QuilateError as error:
        error.where = error.where or where
        raise


def pipeline(
    name: str, source: Any, steps: Sequence[Any], *, folder: str | Path = ".", **options: Any
) -> Pipeline:
    """A pipeline in Python: `steps` are names, names with options, steps, or functions of a row.

    >>> made = pipeline("short", "a.jsonl", [lambda row: len(row["text"]) < 80])
    >>> made.spec.name
    'short'
    """
    try:
        spec = PipelineSpec(name=name, source=source, **options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ConfigurationError(f"`{place}` is not right: {first['msg']}.") from None
    uses = tuple(use_of(entry, Path(folder)) for entry in steps)
    return Pipeline(spec, uses, Path(folder))


def run_pipeline(
    given: Pipeline | str | Path,
    *,
    store: str | Path = ".quilate",
    engine: str | Engine = "processes",
    progress: Progress | None = None,
    **options: Any,
) -> Finished:
    """Run a pipeline, or go on with one that was killed, and write the dataset that it makes.

    Shards whose steps were done before, here or in another run, are not done again. `options` are
    the engine's, such as ``workers=2``. The dropped rows lie in ``quarantine/VERSION.jsonl``
    beside the dataset, each with the step, the reason and the row. Raises `ConfigurationError` or
    `DataError`.
    """
    made = given if isinstance(given, Pipeline) else load_pipeline(given)
    # The files that its steps read may have changed since it was made.
    uses = tuple(replace(use, identity=identity_of(use)) for use in made.uses)
    made = replace(made, uses=uses)
    root = Path(store) / "data"
    cache = root / ".cache"
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    with _alone(root / f".{made.spec.name}.lock"):
        doing, seen = _engine(engine, options), SeenIds()
        # Pipelines of one source share its shards: they would write over each other's.
        with _alone(cache / "sources.lock", waits=True):
            sources = _ingested(made, cache, Path(store), seen)
        shards = [shard for source in sources for shard in source.shards]
        if not shards:
            raise _no_rows(sources)
        try:
            tracks, tallies = run_steps(shards, made.uses, cache, doing, progress)
            _check_added(made.uses, tracks, tallies, seen)
            finals = list(doing.map(describe, tracks))
            return _written(made, Path(store), sources, tracks, tallies, finals, doing)
        finally:
            if doing is not engine:  # one that was given is its owner's
                doing.close()


def _check_added(
    uses: Sequence[Use], tracks: Sequence[Track], tallies: Sequence[Tally], seen: SeenIds
) -> None:
    """Raise `DataError` for an added row whose id a row of any shard has."""
    for at, (use, tally) in enumerate(zip(uses, tallies, strict=True)):
        for track in tracks if tally.added else ():
            names = track.said(at).added()
            new = seen.add(names)
            if not all(new):
                raise DataError(
                    f"The step '{use.name}' adds a row with the id "
                    f"{names[new.index(False)][:_SHOWN]!r}, which another row has.",
                    remedy="Give new rows ids of their own, such as that of the row that they are "
                    "from with a number.",
                )


def _no_rows(sources: Sequence[Source]) -> DataError:
    """Why there are no rows: the sources are empty, or what was rejected, by commonest reason."""
    reasons = sum((Counter(source.reasons) for source in sources), Counter[str]())
    where = ", ".join(source.path for source in sources)
    if not reasons:
        what = "The source is empty." if len(sources) == 1 else "The sources are empty."
        return DataError(what, where=where, remedy="Name files that hold rows.")
    reason, count = reasons.most_common(1)[0]
    worst = max(sources, key=lambda source: source.rejected)
    look = f"Look at what was rejected: {worst.rejects}"
    return DataError(
        f"The sources hold no rows: {reasons.total()} were rejected, {count} of them for: "
        f"{reason}.",
        where=where,
        remedy=f"{REMEDY} {look}" if reason == "not UTF-8" else look,
    )


def _sweep(cache: Path) -> None:
    """Take away the halves of files that killed runs left, once nobody can be writing them."""
    for half in cache.rglob(".*.part"):
        with suppress(FileNotFoundError):
            if time.time() - half.stat().st_mtime > _STALE:
                half.unlink()


def _engine(engine: str | Engine, options: Mapping[str, Any]) -> Engine:
    if not isinstance(engine, str):
        return engine
    found: Engine = registry.call(
        registry.factory("engines", engine), f"The engine '{engine}'", **options
    )
    return found


def _ingested(made: Pipeline, cache: Path, store: Path, seen: SeenIds) -> list[Source]:
    found = []
    for spec in made.spec.sources:
        for path, label in _paths(spec, made.folder, cache, store):
            found.append(
                ingest(
                    path,
                    cache,
                    fields=spec.fields,
                    shard_rows=made.spec.shard_rows,
                    seen=seen,
                    label=label,
                    encoding=spec.encoding,
                )
            )
    return found


def _paths(spec: SourceSpec, folder: Path, cache: Path, store: Path) -> Iterator[tuple[Path, str]]:
    """The files and folders of a source, each with what the manifest calls it."""
    if spec.path.startswith("dataset:"):
        dataset = open_dataset(spec.path, store)
        yield _exported(dataset, cache), f"dataset:{dataset.name}@{dataset.version}"
        return
    if spec.path.startswith("run:"):
        from quilate.data.files.runs import write_run

        yield write_run(spec.path.removeprefix("run:"), cache / "exports", store), spec.path
        return
    if glob.has_magic(spec.path) and not (folder / spec.path).exists():
        # Path.glob takes no pattern of a whole path.
        matches = sorted(glob.glob(spec.path, root_dir=folder, recursive=True))  # noqa: PTH207
        if not matches:
            raise DataError(
                f"No file matches '{spec.path}'.",
                remedy=f"Patterns are relative to {folder.absolute()}.",
            )
        yield from ((folder / name, name) for name in matches)
        return
    yield folder / spec.path, spec.path


def _exported(dataset: Dataset, cache: Path) -> Path:
    """A dataset of the store as a file."""
    from quilate.data.files.writing import write_json_lines

    file = cache / "exports" / f"{dataset.name}-{dataset.manifest['digest'][:16]}.jsonl"
    if not file.exists():
        write_json_lines(dataset.rows(), file)
    return file


def _written(
    made: Pipeline,
    store: Path,
    sources: Sequence[Source],
    tracks: Sequence[Track],
    tallies: Sequence[Tally],
    finals: Sequence[Final],
    engine: Engine,
) -> Finished:
    manifest = {
        **_manifest(made, sources, tracks, tallies, finals),
        "folder": _seen_from(store, made.folder),
    }
    datasets = dataset_store(store)
    home = store / "data" / made.spec.name
    newest = _newest(datasets, made.spec.name)
    if newest is not None and newest.manifest.get("lineage") == manifest["lineage"]:
        _keep_manifest(home, newest)
        return Finished(newest, newest.manifest, home / f"quarantine/{newest.version}.jsonl", False)
    next_version = 1 if newest is None else newest.version + 1
    quarantine = home / "quarantine" / f"{next_version}.jsonl"
    with whole(quarantine) as stream:
        for source in sources:
            for rejected in source.rejections():
                stream.write(json_line({"source": source.path, **rejected}))
        names, folder = tuple(use.name for use in made.uses), home / "quarantine"
        tasks = [
            Dropping(track, names, folder / f".{next_version}-{at}.jsonl")
            for at, track in enumerate(tracks)
        ]
        for file in engine.map(tell_dropped, tasks):
            with file.open("rb") as dropped:
                shutil.copyfileobj(dropped, stream)
            file.unlink()
    kinds = _kinds(finals)
    dataset = datasets.write(made.spec.name, final_rows(tracks), kinds, manifest)
    told = home / "quarantine" / f"{dataset.version}.jsonl"
    if told != quarantine:
        quarantine.replace(told)
    _keep_manifest(home, dataset)
    return Finished(dataset, manifest, told, True)


def _seen_from(store: Path, folder: Path) -> str:
    """Where the paths of sources begin: relative to the store, so that they hold when the project
    is moved, and a manifest tells nobody's home."""
    try:
        return Path(os.path.relpath(folder, store)).as_posix()
    except ValueError:  # on another drive
        return folder.absolute().as_posix()


def _keep_manifest(home: Path, dataset: Dataset) -> None:
    """The manifest as a file too, for people; the dataset has its own."""
    file = home / "manifests" / f"{dataset.version}.json"
    if not file.exists():
        with whole(file) as stream:
            text = json.dumps(dataset.manifest, ensure_ascii=False, indent=1)
            stream.write(text.encode())


def _newest(datasets: Any, name: str) -> Dataset | None:
    if name not in datasets.names():
        return None
    found: Dataset = datasets.open(name)
    return found


def _kinds(finals: Sequence[Final]) -> dict[str, Kind]:
    kinds: dict[str, Kind | None] = {}
    for final in finals:
        for name, kind in final.kinds.items():
            kinds[name] = joined(kinds.get(name), kind)
    return {name: kind or "text" for name, kind in kinds.items()}


def _manifest(
    made: Pipeline,
    sources: Sequence[Source],
    tracks: Sequence[Track],
    tallies: Sequence[Tally],
    finals: Sequence[Final],
) -> dict[str, Any]:
    from quilate import __version__

    kinds, rows = _kinds(finals), sum(track.rows for track in tracks)
    steps = [
        {
            "step": use.name,
            "options": json.loads(redact(use.options)),
            "digest": use.identity,
            **tally.as_data(),
        }
        for use, tally in zip(made.uses, tallies, strict=True)
    ]
    told = [
        {
            "path": source.path,
            "sha256": source.sha256,
            "rows": source.rows,
            "rejected": source.rejected,
            "reasons": dict(Counter(source.reasons).most_common()),
            "renamed": source.renamed,
        }
        for source in sources
    ]
    licences = {one.licence for one in made.spec.sources if one.licence}
    content = content_of(finals)
    return {
        "name": made.spec.name,
        "description": made.spec.description,
        "licence": made.spec.licence or (licences.pop() if len(licences) == 1 else None),
        "digest": content,
        "lineage": digest(
            made.spec.description,
            str(made.spec.licence or sorted(licences)),
            *(source.sha256 for source in sources),
            *(use.identity for use in made.uses),
            content,
        ),
        "rows": rows,
        "fields": {
            name: {"kind": kind, "filled": sum(final.filled.get(name, 0) for final in finals)}
            for name, kind in kinds.items()
        },
        "sources": told,
        "steps": steps,
        "quarantined": sum(source.rejected for source in sources)
        + sum(tally.dropped for tally in tallies),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "quilate": __version__,
    }


@contextmanager
def _alone(file: Path, *, waits: bool = False) -> Iterator[None]:
    """One process at a time: two runs of a pipeline would write the same version. Another is
    refused, or `waits`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    while (lock := _lock(file)) is None:
        if not waits:
            raise DataError(
                "Another process is running this pipeline.",
                where=str(file),
                remedy="Wait until it has finished, or give this one another name.",
            )
        time.sleep(_POLL)
    try:
        yield
    finally:
        lock.close()


def _lock(file: Path) -> "sqlite3.Connection | None":
    """A lock, which the operating system releases with its process, on every system alike; None
    while another process has it."""
    import sqlite3

    try:
        lock = sqlite3.connect(file, timeout=0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return None
        raise DataError(
            f"The store cannot be written: {error}.",
            where=str(file),
            remedy="Name one that you may write to: --store DIR.",
        ) from None
    return lock
