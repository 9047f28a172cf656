"""What comes back: JSON, a stream of JSON events, or plain text, and the paths into it."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from quilate.errors import ConfigurationError
from quilate.models import Usage
from quilate.registry import require
from quilate.retrievers import Hit, Passage

Stream = Literal["sse", "jsonl"]

_LINE_END = re.compile(rb"\r\n|\n|\r")
MAX_BYTES = 32 * 1024 * 1024
"""The largest reply that is read."""


class Unreadable(Exception):
    """A reply that is not what the target was told to expect; the text says what it was.

    `transient` says that it may have been an accident, such as a reply that was cut off.
    """

    def __init__(self, what: str, *, transient: bool = False) -> None:
        super().__init__(what)
        self.transient = transient


def compiled(path: str | None, name: str, where: str) -> Any:
    """A JMESPath expression (https://jmespath.org), or None; raises `ConfigurationError`."""
    if path is None:
        return None
    jmespath = require("jmespath", extra="http")
    try:
        return jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        said = str(error).splitlines()[0].rstrip(":. ")
        raise ConfigurationError(
            f"`{name}` is not a JMESPath expression: {said}.",
            where=where,
            remedy="Write it like choices[0].message.content.",
        ) from None


async def bounded(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of a body, as long as they are not too many."""
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > MAX_BYTES:
            raise Unreadable(f"The reply is larger than {MAX_BYTES:,} bytes")
        yield piece


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The lines of a body as they come, whichever of the three line ends it has."""
    rest = b""
    async for piece in pieces:
        rest += piece
        held = b"\r" if rest.endswith(b"\r") else b""  # perhaps the first half of an end
        *whole, rest = _LINE_END.split(rest.removesuffix(held) if held else rest)
        rest += held
        for line in whole:
            yield text_of(line)
    if rest:
        yield text_of(rest.removesuffix(b"\r"))


async def events(of: AsyncIterator[str], form: Stream) -> AsyncIterator[str]:
    """The data of each event: a line of JSON Lines, or a server-sent event's ``data`` (WHATWG
    HTML, 9.2). ``[DONE]``, with which many streams end, is none."""
    data: list[str] = []
    async for line in of:
        if form == "jsonl":
            data = [line] if line.strip() else []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
            continue
        elif line:
            continue
        if data and data != ["[DONE]"]:
            yield "\n".join(data)
        data = []
    if data and data != ["[DONE]"]:
        yield "\n".join(data)


def text_of(body: bytes) -> str:
    """UTF-8 as text."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"The reply is not UTF-8 ({error.reason})", transient=True) from None


def json_of(text: str) -> Any:
    """JSON as values."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(f"The reply is not JSON: {short(text)}", transient=True) from None


def _search(path: Any, value: Any) -> Any:
    try:
        return path.search(value)
    except require("jmespath", extra="http").exceptions.JMESPathError as error:
        said = str(error).splitlines()[0].rstrip(":. ")
        raise Unreadable(f"`{path.expression}` does not fit the reply: {said}") from None


def answer_in(path: Any, value: Any) -> str | None:
    """The text at a path; a list of texts is joined. None where there is nothing."""
    found = _search(path, value)
    if found is None or isinstance(found, str):
        return found
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return "".join(found) or None
    if isinstance(found, bool | int | float):
        return json.dumps(found)
    raise Unreadable(f"`{path.expression}` is no text in the reply, but {short(found)}")


def hits_in(path: Any, value: Any) -> tuple[Hit, ...] | None:
    """The retrieved passages at a path, best first: texts, or objects of `text` and, where they
    have them, `id`, `document_id`, `title` and `score`. None where there is nothing."""
    found = _search(path, value)
    if found is None:
        return None
    if not isinstance(found, list):
        raise Unreadable(f"`{path.expression}` is no list in the reply, but {short(found)}")
    return tuple(_hit(item, number, path) for number, item in enumerate(found, start=1))


def _hit(item: Any, number: int, path: Any) -> Hit:
    given = {"text": item} if isinstance(item, str) else item
    if not isinstance(given, Mapping) or not isinstance(given.get("text"), str):
        raise Unreadable(
            f"`{path.expression}` holds an entry without a text, {short(item)}; pick the fields "
            "with {id: …, text: …}"
        )
    score = given.get("score")
    identifier = given.get("id")
    passage = Passage(
        str(number) if identifier is None else str(identifier),
        given["text"],
        document_id=str(given.get("document_id") or ""),
        title=str(given.get("title") or ""),
    )
    # A rank's reciprocal, where the application gives no score: the order is what is known.
    known = isinstance(score, int | float) and not isinstance(score, bool)
    return Hit(passage, float(score) if known else 1.0 / number)  # type: ignore[arg-type]


_TOKENS: Mapping[str, Sequence[str]] = {
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "cached_tokens": ("cached_tokens",),
    "reasoning_tokens": ("reasoning_tokens",),
}


def usage_in(path: Any, value: Any) -> Usage | None:
    """The token counts at a path, under our names or OpenAI's. None where there is nothing."""
    found = _search(path, value)
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise Unreadable(f"`{path.expression}` is no object in the reply, but {short(found)}")
    counts = {
        field: next((found[n] for n in names if isinstance(found.get(n), int)), 0)
        for field, names in _TOKENS.items()
    }
    return Usage(**counts)


def number_in(path: Any, value: Any) -> float | None:
    """The number at a path, finite and not negative, or None."""
    found = _search(path, value)
    if found is None:
        return None
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if not number or not 0 <= found < float("inf"):
        raise Unreadable(f"`{path.expression}` is no number in the reply, but {short(found)}")
    return float(found)


def short(value: Any) -> str:
    """A value as it can stand in an error."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text[:200] + ("…" if len(text) > 200 else ""))
