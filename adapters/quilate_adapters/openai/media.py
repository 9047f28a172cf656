"""Images, audio and files as OpenAI takes them, checked before anything is sent."""

import base64
from typing import NoReturn

from quilate.errors import InvalidRequest
from quilate.messages import Audio, File, Image
from quilate.providers import Endpoint

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")
MAX_IMAGE, MAX_FILE = 20 * 2**20, 50 * 2**20
_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def image_url(at: Endpoint, part: Image) -> str:
    """An image as a URL, its own or one that holds its bytes."""
    if part.image is None:
        if not part.url:
            _refuse(at, "The image has neither bytes nor a URL.", "Give it one of them.")
        return part.url
    if part.media_type not in IMAGES:
        _refuse(
            at,
            f"The image is of type '{part.media_type}', which is not taken.",
            f"Convert it to one of {', '.join(IMAGES)}.",
        )
    _check_size(at, "image", part.image, MAX_IMAGE)
    return data_url(part.media_type, part.image)


def audio(at: Endpoint, part: Audio) -> dict[str, str]:
    """A recording as Chat Completions' ``input_audio``."""
    if part.media_type not in _AUDIO:
        _refuse(
            at,
            f"The audio is of type '{part.media_type}', which is not taken.",
            "Convert it to audio/wav or audio/mpeg.",
        )
    _check_size(at, "audio", part.audio, MAX_IMAGE)
    return {"data": base64.b64encode(part.audio).decode(), "format": _AUDIO[part.media_type]}


def file(at: Endpoint, part: File) -> dict[str, str]:
    """A document's data and name."""
    if part.media_type != "application/pdf":
        _refuse(
            at,
            f"The file '{part.name or 'document'}' is of type '{part.media_type}', not a PDF.",
            "Convert it to application/pdf, or send its text.",
        )
    _check_size(at, "file", part.file, MAX_FILE)
    return {
        "file_data": data_url(part.media_type, part.file),
        "filename": part.name or "document.pdf",
    }


def data_url(media_type: str, data: bytes) -> str:
    """Bytes inside a URL.

    >>> data_url("image/png", b"x")
    'data:image/png;base64,eA=='
    """
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _check_size(at: Endpoint, what: str, data: bytes, limit: int) -> None:
    if len(data) > limit:
        _refuse(
            at,
            f"The {what} has {len(data) / 2**20:.1f} MiB; at most {limit // 2**20} MiB are taken.",
            "Make it smaller.",
        )


def _refuse(at: Endpoint, what: str, remedy: str) -> NoReturn:
    raise InvalidRequest(what, provider=at.provider, where=at.where, remedy=remedy)
