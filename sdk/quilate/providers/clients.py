"""SDK clients: one for each event loop, because a connection belongs to the loop it opened on."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

C = TypeVar("C")


class PerLoop(Generic[C]):
    """Clients made by `make` at the first use on each loop.

    >>> from quilate import sync
    >>> clients = PerLoop(dict)
    >>> async def same() -> bool:
    ...     return clients.get() is clients.get()
    >>> sync.run(same())
    True
    """

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, C] = WeakKeyDictionary()

    def get(self) -> C:
        """Give the running loop's client."""
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None:
            found = self._clients[loop] = self._make()
        return found

    def pop(self) -> C | None:
        """Give up the running loop's client, if any, to be closed; the next `get` makes another."""
        return self._clients.pop(asyncio.get_running_loop(), None)
