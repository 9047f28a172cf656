"""The step ``near_duplicate_images``: images that look the same, by their perceptual hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from quilate.data.cleaning.options import check_choice, check_count, check_number, check_text
from quilate.data.steps import Row, Rows, Sketch, Verdicts
from quilate.registry import require
from quilate_adapters.images.hamming import bit_counts, near_pairs
from quilate_adapters.images.opening import Limits, Refused, opened, place_of, places_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DUPLICATE = "near-duplicate image"
_REASONS = (_DUPLICATE, "no image", "image missing", "image too large", "image broken")
_SIDE = 4  # of the small copy whose colours are compared


@dataclass(frozen=True, slots=True)
class NearDuplicateImages:
    """Keeps one of each set of images that look the same.

    Two do when their perceptual hashes (64 bits; `hash` ``phash``: the lowest frequencies of a
    cosine transform, Zauner 2010; or ``dhash``: differences of neighbours) are at most
    `max_distance` bits apart, and their colours, in a copy of 4 × 4 pixels, at most
    `max_colour_difference` of 255 in the mean (null: colours do not matter; two blank pages of
    different colours have the same hash). Every row that goes is so near the very one that stays
    for it, which its detail names. What stays is the ``largest`` in pixels, or the ``first``.

    Images that cannot be opened are dropped with their reason. `image` is the field with the path,
    relative ones in `folder`; images of more pixels than `max_pixels` are not decoded.
    """

    image: str = "image"
    hash: Literal["phash", "dhash"] = "phash"
    max_distance: int = 6
    max_colour_difference: float | None = 24.0
    keep: Literal["largest", "first"] = "largest"
    folder: str = "."
    max_pixels: int = 100_000_000
    max_bytes: int = 100_000_000
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        name = "near_duplicate_images"
        check_text(name, "image", self.image)
        check_text(name, "folder", self.folder)
        check_choice(name, "hash", self.hash, ("phash", "dhash"))
        check_choice(name, "keep", self.keep, ("largest", "first"))
        check_number(name, "max_distance", self.max_distance, high=16)
        check_count(name, "max_distance", self.max_distance)
        check_count(name, "max_pixels", self.max_pixels, low=1)
        check_count(name, "max_bytes", self.max_bytes, low=1)
        if self.max_colour_difference is not None:
            check_number(name, "max_colour_difference", self.max_colour_difference, high=255)

    def reads(self) -> Sequence[str]:
        """The field with the image's path."""
        return (self.image,)

    def named_files(self, rows: Sequence[Row]) -> list[Path]:
        """The images."""
        return places_of(rows, self.image, self.folder)

    def sketch(self, rows: Sequence[Row]) -> Sketch:
        """Of each row: why it has no image that opens (0: it has), the hash, the colours, and the
        pixels. Raises `MissingDependency` without Pillow or imagehash."""
        import numpy as np

        refused = np.zeros(len(rows), dtype=np.int8)
        hashes = np.zeros(len(rows), dtype=np.uint64)
        colours = np.zeros((len(rows), _SIDE * _SIDE * 3), dtype=np.uint8)
        pixels = np.zeros(len(rows), dtype=np.int64)
        for at, row in enumerate(rows):
            found = self._opened(row)
            if isinstance(found, Refused):
                refused[at] = _REASONS.index(found.reason)
                continue
            hashes[at] = self._hash(found)
            colours[at] = np.asarray(found.resize((_SIDE, _SIDE), _box())).ravel()
            width, height = found.info["size"]
            pixels[at] = width * height
        return {"refused": refused, "hashes": hashes, "colours": colours, "pixels": pixels}

    def _opened(self, row: Row) -> Any:
        path = place_of(row.get(self.image), self.folder)
        if path is None:
            return Refused("no image")
        return opened(path, Limits(self.max_pixels, self.max_bytes), small=True)

    def _hash(self, image: Any) -> int:
        hashing = require("imagehash", extra="images", package="imagehash")
        found = getattr(hashing, self.hash)(image)
        return int(str(found), 16)

    def decide(self, sketches: Sequence[Sketch], rows: Rows) -> Verdicts:
        """Which rows go, and for which they go."""
        import numpy as np

        refused, hashes, colours, pixels = (
            np.concatenate([np.asarray(sketch[name]) for sketch in sketches])
            for name in ("refused", "hashes", "colours", "pixels")
        )
        dropped = refused.astype(np.int16)
        dropped[refused == 0] = -1
        there = np.flatnonzero(refused == 0)
        kept_for = self._kept_for(there, hashes[there], colours[there], pixels[there])
        details = {}
        if kept_for:
            names = _ids(rows, sorted(set(kept_for.values())))
            for at, kept in kept_for.items():
                dropped[at] = 0
                apart = int(bit_counts(hashes[[at]] ^ hashes[[kept]])[0])
                details[at] = f"of {names[kept]}, {apart} bits apart"
        return Verdicts(dropped, _REASONS, details)

    def _kept_for(
        self,
        there: "NDArray[np.intp]",
        hashes: "NDArray[np.uint64]",
        colours: "NDArray[np.uint8]",
        pixels: "NDArray[np.int64]",
    ) -> dict[int, int]:
        """For each position that goes the one that stays: the best first, each takes away what is
        near itself."""
        import numpy as np

        unique, group = np.unique(hashes, return_inverse=True)
        near: dict[int, list[int]] = {at: [at] for at in range(len(unique))}
        for one, other in near_pairs(unique, self.max_distance):
            for i, j in zip(one.tolist(), other.tolist(), strict=True):
                near[i].append(j)
                near[j].append(i)
        members: dict[int, list[int]] = {}
        for at, number in enumerate(group.tolist()):
            members.setdefault(number, []).append(at)
        ranks = -pixels if self.keep == "largest" else np.zeros(len(pixels), np.int64)
        gone: dict[int, int] = {}
        for at in np.argsort(ranks, kind="stable").tolist():
            if at in gone:
                continue
            around = [
                other
                for number in set(near[int(group[at])])
                for other in members[number]
                if other != at and other not in gone
            ]
            alike = self._alike(colours, at, around)
            gone |= dict.fromkeys(alike, at)
            dead = set(alike) | {at}  # each is looked at once: many copies stay linear
            for number in set(near[int(group[at])]):
                members[number] = [one for one in members[number] if one not in dead]
        return {int(there[at]): int(there[kept]) for at, kept in gone.items()}

    def _alike(self, colours: "NDArray[np.uint8]", at: int, others: Sequence[int]) -> Sequence[int]:
        """Of some positions those whose colours are like those at one."""
        import numpy as np

        if self.max_colour_difference is None or not others:
            return others
        mine = colours[at].astype(np.int16)
        apart = np.abs(colours[list(others)].astype(np.int16) - mine).mean(axis=1)
        return [
            other
            for other, far in zip(others, apart.tolist(), strict=True)
            if far <= self.max_colour_difference
        ]


def _box() -> Any:
    return require("PIL.Image", extra="images", package="pillow").Resampling.BOX


def _ids(rows: Rows, positions: Sequence[int]) -> dict[int, Any]:
    found = rows.take(positions, ["id"])
    return {at: row.get("id") for at, row in zip(positions, found, strict=True)}
