"""Calls to a provider that are no Model's (embeddings, reranking), as carefully made as those."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quilate.errors import DeadlineExceeded, ModelError
from quilate.middleware.quota import quota
from quilate.middleware.retry import Tries
from quilate.providers.endpoint import Endpoint

T = TypeVar("T")


async def patiently(
    at: Endpoint,
    call: Callable[[], Awaitable[T]],
    *,
    seconds: float = 120.0,
    tries: Tries | None = None,
) -> T:
    """Await ``call()`` within the concurrency and the limits that all calls of one endpoint and key
    share, each try for at most `seconds`, again while its error is one that may pass.

    An adapter makes each HTTP request of its embedder or reranker through this, and none of its
    own retries; a Model's calls have the same from `quilate.middleware.standard`. `tries` None are
    four. Raises what the last try raised.

    >>> from quilate import sync
    >>> async def call() -> str:
    ...     return "hola"
    >>> sync.run(patiently(Endpoint("x", "m", "http://127.0.0.1:8080"), call))
    'hola'
    """
    shared = quota(at.quota)

    async def once(_: float) -> T:
        place = await shared.enter(where=at.where)
        answer: T | None = None
        failed: ModelError | None = None
        try:
            answer = await _in_time(at, call(), seconds)
            return answer
        except ModelError as error:
            failed = error
            raise
        finally:
            shared.leave(place, answer, failed)

    return await (tries or Tries()).make(once)


async def _in_time(at: Endpoint, answer: Awaitable[T], seconds: float) -> T:
    try:
        async with asyncio.timeout(seconds) as clock:
            return await answer
    except TimeoutError:
        if not clock.expired():
            raise
        raise DeadlineExceeded(
            f"No answer came within {seconds:g} seconds.", provider=at.provider, where=at.where
        ) from None
