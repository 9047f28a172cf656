"""Images in a request, checked before llama.cpp's decoder sees them.

That decoder (stb_image) makes something of most broken files, and unpacks a small one into as much
memory as its header asks for. Formats: the PNG and GIF specifications, ITU-T T.81
(JPEG), and the Windows bitmap headers.
"""

import struct
import zlib
from typing import NoReturn

from quilate.errors import InvalidRequest
from quilate.messages import Image

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
"""Three bytes each once unpacked."""
MAX_RATIO = 200
"""Longest side to shortest; some projectors would scale the shortest down to nothing."""

_MAX_SEGMENTS = 100_000  # of one file; a forged one could keep the event loop busy for seconds

_CONVERT = "Convert it to PNG, JPEG, GIF or BMP."
# Start-of-frame markers: all from C0 to CF that are not tables or reserved.
_JPEG_FRAMES = {0xFFC0 + n for n in range(16)} - {0xFFC4, 0xFFC8, 0xFFCC}
_JPEG_SCAN, _JPEG_END = 0xFFDA, b"\xff\xd9"


class _Broken(Exception):
    """What is wrong with an image's data."""


def check_image(part: Image, number: int) -> None:
    """Raise `InvalidRequest` unless the `number`-th image of a request can be read here: it has
    bytes, whole and of a known format, and is not too large."""
    if not part.image:
        _refuse(
            number,
            "is given by a URL, and local models fetch nothing." if part.url else "has no bytes.",
            "Give its bytes: Image(path.read_bytes()).",
        )
    data = part.image
    if len(data) > MAX_BYTES:
        _refuse(
            number,
            f"has {len(data) / 2**20:.1f} MiB; at most {MAX_BYTES // 2**20} MiB are taken.",
            "Make it smaller.",
        )
    try:
        size = _size(data)
    except (_Broken, struct.error) as error:
        why = str(error) if isinstance(error, _Broken) else "its data ends early"
        _refuse(number, f"is broken: {why}.", "Read or save it again.")
    if size is None:
        _refuse(
            number,
            f"(said to be {part.media_type}, beginning with {data[:8]!r}) is neither PNG, JPEG, "
            "GIF nor BMP.",
            _CONVERT,
        )
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_RATIO * min(size):
        _refuse(
            number,
            f"has {width} x {height} pixels; at most {MAX_PIXELS:,} are taken, with the longest "
            f"side at most {MAX_RATIO} times the shortest.",
            "Scale or cut it.",
        )


def refuse_undecodable(number: int) -> NoReturn:
    """Raise for an image whose data llama.cpp's decoder cannot read."""
    _refuse(
        number,
        "cannot be decoded: its data is broken, or of a rare kind.",
        f"Save it again. {_CONVERT}",
    )


def _refuse(number: int, what: str, remedy: str) -> NoReturn:
    raise InvalidRequest(
        f"Image {number} of the request {what}", provider="llamacpp", remedy=remedy
    )


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None for an unknown format."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        size = _png_size(data)
    elif data.startswith(b"\xff\xd8\xff"):
        size = _jpeg_size(data)
    elif data.startswith((b"GIF87a", b"GIF89a")):
        size = struct.unpack_from("<HH", data, 6)
        # The last frame's data ends with an empty block, the file with a semicolon.
        if b"\x00;" not in data[-64:]:
            raise _Broken("its data ends early")
    elif data.startswith(b"BM"):
        size = _bmp_size(data)
    else:
        return None
    if min(size) < 1:
        raise _Broken(f"its header says {size[0]} x {size[1]} pixels")
    return size[0], size[1]


def _png_size(data: bytes) -> tuple[int, int]:
    at, size = 8, (0, 0)
    for _ in range(_MAX_SEGMENTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, at + 8)
        end = at + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        # Those of optional parts (lower case) are often wrong, and nothing hangs on them.
        if kind[:1].isupper() and zlib.crc32(memoryview(data)[at + 4 : end]) != checksum:
            raise _Broken("its checksums are wrong")
        if kind == b"IEND":
            return size
        at = end + 4
    raise _Broken("it has too many parts")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at, size = 2, None
    for _ in range(_MAX_SEGMENTS):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == 0xFFFF:  # padding before a marker
            at += 1
            continue
        if marker < 0xFF00:
            raise _Broken("its segments do not follow one another")
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        if marker == _JPEG_SCAN:
            # Inside a scan, FF is always followed by 00 or a restart marker.
            if size is None or data.find(_JPEG_END, at) < 0:
                raise _Broken("its data ends early")
            return size
        at += 2 + length
    raise _Broken("it has too many parts")


def _bmp_size(data: bytes) -> tuple[int, int]:
    start, header = struct.unpack_from("<II", data, 10)
    old = header == 12
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    (bits,) = struct.unpack_from("<H", data, 24 if old else 28)
    height = abs(height)  # negative: rows from the top down
    if start + (width * bits + 31) // 32 * 4 * height > len(data):
        raise _Broken("its data ends early")
    return width, height
