"""Opening images that may be broken, huge, or no images at all."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.data.steps import Row
from quilate.registry import require

# Not those that PIL hands to other programs (EPS), nor those that hold documents.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an image may be: pixels, which are checked before any is decoded, and bytes of its
    file."""

    max_pixels: int = 100_000_000
    max_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an image is not opened: a `reason` of few words, and a `detail`."""

    reason: str
    detail: str = ""


def place_of(value: Any, folder: str) -> Path | None:
    """Where the image of a row lies, relative paths in `folder`; None when it names none."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return None
    return Path(folder) / value


def places_of(rows: Sequence[Row], field: str, folder: str) -> list[Path]:
    """Where the images of the rows lie that name one."""
    places = (place_of(row.get(field), folder) for row in rows)
    return [place for place in places if place is not None]


def opened(path: Path, limits: Limits, *, small: bool = False) -> Any:
    """The image, decoded whole and turned as it says, in RGB on white; or why not, as a `Refused`.
    With `small` a JPEG may come at a lower resolution, which is faster.

    Raises `MissingDependency` without Pillow.
    """
    image_module = require("PIL.Image", extra="images", package="pillow")
    turning = require("PIL.ImageOps", extra="images", package="pillow")
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        return Refused("image missing", type(error).__name__)
    if not path.is_file():
        return Refused("image missing", "not a file")
    if size > limits.max_bytes:
        return Refused("image too large", f"{size} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of sizes that are checked here
        try:
            with image_module.open(path, formats=_FORMATS) as image:
                if image.width * image.height > limits.max_pixels:
                    return Refused("image too large", f"{image.width}×{image.height}")
                original = (image.width, image.height)
                if small:
                    image.draft("RGB", (256, 256))
                image.load()
                made = on_white(turning.exif_transpose(image))
        except MemoryError:
            return Refused("image too large", "out of memory")
        except image_module.DecompressionBombError:
            return Refused("image too large", "decompression bomb")
        except Exception as error:  # decoders raise whatever a broken file makes them raise
            return Refused("image broken", type(error).__name__)
    made.info = {"size": original, "bytes": size}
    return made


def on_white(image: Any) -> Any:
    """The image in RGB, what is transparent in it white."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    image_module = require("PIL.Image", extra="images", package="pillow")
    clear = image.convert("RGBA")
    white = image_module.new("RGBA", clear.size, (255, 255, 255, 255))
    return image_module.alpha_composite(white, clear).convert("RGB")
