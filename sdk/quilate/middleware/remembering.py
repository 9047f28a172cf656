"""Failures that are final, kept: the same request is not paid for twice to fail again."""

from collections.abc import Awaitable, Callable

from quilate.errors import (
    ContentRefused,
    ContextLengthExceeded,
    MalformedReply,
    ModelError,
)
from quilate.middleware.base import Wrapper
from quilate.middleware.calls import call_key
from quilate.models import Model, Request, Response

FOR_GOOD = (MalformedReply, ContentRefused, ContextLengthExceeded)
"""Failures that the same request would meet again."""


class Remembering(Wrapper):
    """A model whose failures for good are kept, as `Stored` keeps its answers. `known` gives the
    failure of a call's key, if there is one; `keep` enters one, with the model's name."""

    def __init__(
        self,
        inner: Model,
        known: Callable[[str], ModelError | None],
        keep: Callable[[str, str, ModelError], Awaitable[None]],
    ) -> None:
        super().__init__(inner)
        self._known, self._keep = known, keep

    async def generate(self, request: Request) -> Response:
        """Answer once, or fail as before."""
        key = call_key(self.info.identity, request)
        known = self._known(key)
        if known is not None:
            raise known
        try:
            return await self.inner.generate(request)
        except FOR_GOOD as error:
            await self._keep(key, self.info.name, error)
            raise
