"""What a suite's targets share and need ready before the first sample."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from quilate.errors import ConfigurationError, QuilateError
from quilate.retrievers import Hit, Progress, Where


class SuiteIndex:
    """An index that a suite names: built or synced when the run begins, then a Retriever.

    `source` is a path, or documents, or a function that gives them.
    """

    def __init__(
        self,
        name: str,
        source: Any,
        *,
        path: Path,
        store: str,
        embedder: str,
        mode: str,
        chunk_tokens: int | None,
    ) -> None:
        self.name, self.path = name, path
        self._source = source
        self._options: dict[str, Any] = {"store": store, "embedder": embedder, "mode": mode}
        self._chunk_tokens = chunk_tokens
        self._index: Any = None
        self._lock = anyio.Lock()

    async def prepare(self, progress: Progress | None = None) -> None:
        """Build the index, or bring it up to date; the first caller does it, others wait."""
        async with self._lock:
            if self._index is not None:
                return
            from quilate.retrieval import aindex

            self._index = await aindex(
                self._documents(),
                path=self.path,
                chunk_tokens=self._chunk_tokens,
                progress=progress,
                **self._options,
            )

    def _documents(self) -> Any:
        if not callable(self._source):
            return self._source
        try:
            return list(self._source())
        except QuilateError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"The function that gives the documents of the index '{self.name}' failed: "
                f"{type(error).__name__}: {error}."
            ) from error

    async def provenance(self) -> Mapping[str, Any]:
        """The index's name, version, embedder and size."""
        await self.prepare()
        from quilate.codec import to_data

        return dict(to_data(await self._index.info()))

    async def retrieve(self, query: str, *, k: int, where: Where | None = None) -> list[Hit]:
        """As the index's own `retrieve`."""
        await self.prepare()
        hits: list[Hit] = await self._index.retrieve(query, k=k, where=where)
        return hits
