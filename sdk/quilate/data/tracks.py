"""A shard on its way through the steps: where their verdicts are kept, and its rows after them."""

from dataclasses import dataclass, replace
from pathlib import Path

from quilate.codec import digest
from quilate.data.shards import Shard
from quilate.data.steps import Row
from quilate.data.uses import Use
from quilate.data.verdicts import Said
from quilate.errors import QuilateError


@dataclass(frozen=True, slots=True)
class Track:
    """A shard with the verdict files of the steps that were done on it. `key` names what the shard
    is now, `rows` how many rows it has."""

    shard: Shard
    cache: str
    key: str
    rows: int
    files: tuple[str, ...] = ()

    def after(self, use: Use, *more: str) -> str:
        """The key after a step."""
        return digest(self.key, use.identity, *more)

    def file(self, key: str) -> Path:
        """Where the verdicts that lead to a key are kept."""
        return Path(self.cache) / "steps" / key[:2] / f"{key}.json"

    def with_step(self, key: str, rows: int) -> "Track":
        """After a step whose verdicts are kept."""
        return replace(self, key=key, rows=rows, files=(*self.files, str(self.file(key))))

    def said(self, at: int) -> Said:
        """What the step at a place said."""
        return kept_of(self.files[at])

    def read(self) -> list[Row]:
        """The rows as they are now."""
        rows: list[Row] = list(self.shard.read())
        for file in self.files:
            rows = kept_of(file).apply(rows)
        return rows


def kept_of(file: str) -> Said:
    """What a step said, as it is kept; raises `QuilateError` where it is gone."""
    said = Said.read(Path(file))
    if said is None:
        raise QuilateError(
            "A file of the pipeline's cache is gone.",
            where=file,
            remedy="Run the pipeline again: that part is then done anew.",
        )
    return said
