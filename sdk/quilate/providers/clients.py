"""SDK clients: one for each event loop, because a connection belongs to the loop it opened on."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Generic, TypeVar

C = TypeVar("C")


class PerLoop(Generic[C]):
    """Clients made by `make` at the first use on each loop.

    A client ends with its loop: where that shuts its async generators down, as `asyncio.run` does,
    the client's `aclose` (or `close`) is awaited first; where it is just closed, the client is
    dropped at the first use on another loop.

    >>> from quilate import sync
    >>> clients = PerLoop(dict)
    >>> async def same() -> bool:
    ...     return clients.get() is clients.get()
    >>> sync.run(same())
    True
    """

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._clients: dict[asyncio.AbstractEventLoop, tuple[C, AsyncGenerator[None, None]]] = {}

    def get(self) -> C:
        """Give the running loop's client."""
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None:
            self._drop_closed()
            client = self._make()
            found = self._clients[loop] = client, _begun(self._until_shutdown(loop, client))
        return found[0]

    def pop(self) -> C | None:
        """Give up the running loop's client, if any, to be closed; the next `get` makes another."""
        found = self._clients.pop(asyncio.get_running_loop(), None)
        return None if found is None else found[0]

    def _drop_closed(self) -> None:
        # Nothing can be awaited on a closed loop: its sockets close when they are collected.
        for loop in list(self._clients):
            if loop.is_closed():
                self._clients.pop(loop, None)

    async def _until_shutdown(
        self, loop: asyncio.AbstractEventLoop, client: C
    ) -> AsyncGenerator[None, None]:
        """Closes the client when its loop shuts its async generators down: no other sign of a
        loop's end comes while it can still run."""
        try:
            yield
        finally:
            found = self._clients.get(loop)
            if found is not None and found[0] is client:
                del self._clients[loop]
                close = getattr(client, "aclose", None) or getattr(client, "close", None)
                if close is not None:
                    await close()


def _begun(generator: AsyncGenerator[None, None]) -> AsyncGenerator[None, None]:
    """The generator at its ``yield``, known to the running loop; it awaits nothing until there."""
    with suppress(StopIteration):
        generator.asend(None).send(None)
    return generator
