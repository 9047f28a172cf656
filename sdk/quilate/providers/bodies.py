"""Bodies of requests that can be sent, and of replies that end before they fill the memory."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from quilate.errors import InvalidRequest
from quilate.providers.alone import raise_alone
from quilate.providers.endpoint import Endpoint


class TooLarge(Exception):
    """A reply of more bytes than any answer has."""


def bounded(stream: Any, limit: int) -> Any:
    """An ``httpx2.AsyncByteStream`` over another, that raises `TooLarge` after `limit` bytes.

    Set it in a client's response hook: ``response.stream = bounded(response.stream, limit)``.
    """
    import httpx2

    # No async generator: one that is dropped half-read is closed by whoever collects it, and that
    # may be another thread, while the loop runs it.
    class Bounded(httpx2.AsyncByteStream):
        def __init__(self) -> None:
            self._pieces: AsyncIterator[bytes] | None = None
            self._seen = 0

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            if self._pieces is None:
                self._pieces = aiter(stream)
            piece = await anext(self._pieces)
            self._seen += len(piece)
            if self._seen > limit:
                await self.aclose()
                raise TooLarge(f"more than {limit} bytes")
            return piece

        async def aclose(self) -> None:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
            await stream.aclose()

    return Bounded()


def encoded(at: Endpoint, body: Mapping[str, Any]) -> bytes:
    """A body as JSON in UTF-8. Raises `InvalidRequest`, before any call, for what has no place
    there: other values than JSON's, NaN, half a surrogate pair.

    >>> encoded(Endpoint("openai", "m", "http://127.0.0.1:8080/v1"), {"a": "é"}).decode()
    '{"a":"é"}'
    """
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        # A UnicodeEncodeError quotes the whole text that it is about.
        said = error.reason if isinstance(error, UnicodeEncodeError) else str(error)
    raise_alone(
        InvalidRequest(
            at.quiet(f"The request cannot be written as JSON: {said}."),
            provider=at.provider,
            where=at.where,
            remedy="Look for a value that is not JSON's, NaN, or half a surrogate pair.",
        )
    )
