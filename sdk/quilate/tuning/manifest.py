"""The manifest of a training set: what is in it, what it was checked against, what was found."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from quilate.codec import digest, from_json, to_json
from quilate.errors import DataError, StoreError
from quilate.tuning.exclusion import Match, Method

FORMAT = 2
CHECK = 2
"""The version of the check: it changes when it could find other samples than before."""


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation set as the examples were checked against it.

    `fingerprints` is the digest of all its samples' fingerprints, and `prompts` the digest of each
    one's folded prompt, by sample id. `sha256` is the file's, where it was one. `whole_only` counts
    samples of so few words that they are compared whole alone, and `empty` those without any, which
    nothing can find.
    """

    name: str
    samples: int
    fingerprints: str
    prompts: Mapping[str, str]
    sha256: str | None = None
    whole_only: int = 0
    empty: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a training set is, and what the check of it found.

    `digest` is one of the examples' contents in their order; `sources` counts them by kind of
    source. `excluded` were taken out; `found` are in it all the same. `files` holds the SHA-256 of
    exported files. `seal` is a digest of all of this: it shows a careless change, and is no
    signature.
    """

    examples: int
    kinds: Mapping[str, int]
    sources: Mapping[str, int]
    digest: str
    evaluation: tuple[EvaluationRecord, ...]
    method: Method
    excluded: tuple[Match, ...] = ()
    found: tuple[Match, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    quilate: str = ""
    check: int = 0
    format: int = 0
    seal: str = ""

    @property
    def clean(self) -> bool:
        """Whether no evaluation sample was found in it."""
        return not self.found

    @property
    def checks(self) -> dict[str, int]:
        """The checks that were run, and in how many examples each found a sample, taken out or not
        (each where those before it found none)."""
        by = Counter(match.check for match in (*self.excluded, *self.found))
        return {check: by[check] for check in self.method.checks}


def with_files(manifest: Manifest, folder: str | Path, *names: str) -> Manifest:
    """The manifest with the SHA-256 of exported files, named relative to `folder`."""
    base = Path(folder)
    files = dict(manifest.files) | {name: file_sha256(base / name) for name in names}
    return sealed(replace(manifest, files=files))


def write_manifest(manifest: Manifest, path: str | Path) -> None:
    """Write a manifest as JSON; it is whole on disk when this returns. Raises `StoreError`."""
    place = Path(path)
    draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(to_json(manifest))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(
            f"The manifest cannot be written: {error.strerror}.", where=str(place)
        ) from None


def read_manifest(path: str | Path) -> Manifest:
    """A manifest from its file. Raises `DataError` for what is none, or one of a newer version."""
    try:
        found = from_json(Manifest, Path(path).read_bytes())
    except OSError as error:
        raise DataError(
            f"The manifest cannot be read: {error.strerror}.", where=str(path)
        ) from None
    except ValidationError as error:
        why = error.errors()[0]
        place = ".".join(map(str, why["loc"])) or "the file"
        raise DataError(
            f"This is no manifest of a training set: {place}: {why['msg']}.", where=str(path)
        ) from None
    if found.format != FORMAT:
        raise DataError(
            f"The manifest has format {found.format}; this Quilate reads {FORMAT}.",
            where=str(path),
            remedy="Make the training set again, or upgrade Quilate.",
        )
    return found


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as hex. Raises `DataError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"The file cannot be read: {error.strerror}.", where=str(path)) from None


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with its seal."""
    return replace(manifest, seal=seal_of(manifest))


def seal_of(manifest: Manifest) -> str:
    """A digest of all of the manifest but its seal."""
    return digest(to_json(replace(manifest, seal="")))
