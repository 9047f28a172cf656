"""Quilate's messages as Anthropic's content blocks."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any

from quilate.codec import digest
from quilate.errors import InvalidRequest, Unsupported
from quilate.messages import (
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from quilate.providers import Endpoint

Block = dict[str, Any]

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
IMAGE_LIMIT = 5 * 1024 * 1024
"""The most bytes of an image, counted in base64 as the API does (3.75 MB of the file)."""
FILE_LIMIT = 32 * 1024 * 1024
"""The most bytes of a whole request, and so of a document in it, in base64."""

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")


def conversation(
    at: Endpoint, messages: Sequence[Message], *, cache_prefix: int = 0, unsigned: bool = False
) -> tuple[list[Block], list[Block]]:
    """The ``system`` blocks and the ``messages``.

    System messages stand together at the front, wherever they were. Tool results become user
    messages, and neighbours of one role are joined. Reasoning of other providers, and what has no
    signature (unless `unsigned`), is left out: the API can read neither. The last block of the
    `cache_prefix` carries the hint to cache all up to it.
    """
    system: list[Block] = []
    turns: list[Block] = []
    last: Block | None = None
    for i, message in enumerate(messages):
        made = list(_blocks(at, message, unsigned))
        for block in made:
            if block["type"] not in ("thinking", "redacted_thinking"):
                last = block
        if i + 1 == min(cache_prefix, len(messages)) and last is not None:
            last["cache_control"] = {"type": "ephemeral"}
        if message.role == "system":
            system += made
        elif made:
            role = "assistant" if message.role == "assistant" else "user"
            if turns and turns[-1]["role"] == role:
                turns[-1]["content"] += made
            else:
                turns.append({"role": role, "content": made})
    if not turns:
        raise InvalidRequest(
            "The request has no message that says anything.",
            provider=at.provider,
            where=at.where,
            remedy="Add a user message.",
        )
    return system, turns


def _blocks(at: Endpoint, message: Message, unsigned: bool) -> Iterator[Block]:
    for part in message.parts:
        if isinstance(part, Text):
            if part.text:  # the API refuses empty blocks
                yield {"type": "text", "text": part.text}
        elif isinstance(part, Reasoning):
            yield from _reasoning(part, unsigned)
        elif isinstance(part, ToolCall):
            call = {"id": _id(part.id), "name": part.name, "input": dict(part.arguments)}
            yield {"type": "tool_use", **call}
        elif isinstance(part, ToolResult):
            failed = {"is_error": True} if part.is_error else {}
            answer = {"tool_use_id": _id(part.id), "content": part.content}
            yield {"type": "tool_result", **answer, **failed}
        else:
            yield _media(at, part)


def _id(text: str) -> str:
    """A call's id in the letters that the API takes: other providers use more. One that had to be
    changed gets an end of its own, so that no two become one."""
    plain = _NO_ID.sub("_", text)
    return plain if plain == text else f"{plain[:50]}_{digest(text)[:8]}"


def _reasoning(part: Reasoning, unsigned: bool) -> Iterator[Block]:
    if part.provider != "anthropic" or not (part.signature or unsigned):
        return
    if part.redacted:
        yield {"type": "redacted_thinking", "data": part.signature}
    else:
        yield {
            "type": "thinking",
            "thinking": part.reasoning,
            "signature": part.signature or "",
        }


def _media(at: Endpoint, part: Part) -> Block:
    if isinstance(part, Image):
        return {"type": "image", "source": _image(at, part)}
    if isinstance(part, File):
        named = {"title": part.name} if part.name else {}
        return {"type": "document", "source": _document(at, part), **named}
    raise Unsupported(
        f"This API takes no {type(part).__name__.lower()}.",
        provider=at.provider,
        where=at.where,
        remedy="Leave it out, or use a model that takes it.",
    )


def _image(at: Endpoint, part: Image) -> Block:
    if part.image is None:
        return {"type": "url", "url": part.url}
    if part.media_type not in IMAGE_TYPES:
        raise _invalid(
            at,
            f"An image is of type '{part.media_type}'",
            f"Convert it to one of {', '.join(sorted(IMAGE_TYPES))}.",
        )
    data = _encoded(at, "An image", part.image, IMAGE_LIMIT)
    return {"type": "base64", "media_type": part.media_type, "data": data}


def _document(at: Endpoint, part: File) -> Block:
    name = f"The file '{part.name}'" if part.name else "A file"
    if part.media_type == "application/pdf":
        data = _encoded(at, name, part.file, FILE_LIMIT)
        return {"type": "base64", "media_type": part.media_type, "data": data}
    if part.media_type == "text/plain":
        try:
            text = part.file.decode()
        except UnicodeDecodeError:
            raise _invalid(at, f"{name} is not UTF-8", "Convert it to UTF-8.") from None
        return {"type": "text", "media_type": part.media_type, "data": text}
    raise _invalid(
        at, f"{name} is of type '{part.media_type}'", "Convert it to application/pdf or text/plain."
    )


def _encoded(at: Endpoint, what: str, data: bytes, limit: int) -> str:
    size = (len(data) + 2) // 3 * 4
    if size > limit:
        raise _invalid(
            at,
            f"{what} has {size:,} bytes in base64, and {limit:,} are the most",
            "Make it smaller.",
        )
    return base64.b64encode(data).decode("ascii")


def _invalid(at: Endpoint, what: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(
        f"{what}: the API does not take that.",
        provider=at.provider,
        where=at.where,
        remedy=remedy,
    )
