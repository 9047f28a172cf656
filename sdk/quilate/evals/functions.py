"""Plain Python functions of a user's, called from async code."""

import inspect
from collections.abc import Callable
from typing import Any

import anyio.to_thread


async def call(function: Callable[..., Any], *given: Any) -> Any:
    """What a function gives. A sync one runs in a worker thread, so that it may block; at most 40
    at a time (anyio's limit), and who is cancelled does not wait for it."""
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # the method itself is looked at
    ):
        return await function(*given)
    result = await anyio.to_thread.run_sync(function, *given, abandon_on_cancel=True)
    # Such as what a lambda around an async function gives.
    return await result if inspect.isawaitable(result) else result
