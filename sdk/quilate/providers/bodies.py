"""Replies that end in an error instead of filling the memory."""

from collections.abc import AsyncIterator
from typing import Any


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
