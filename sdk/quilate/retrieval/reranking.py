"""Retrieval in two steps: many candidates found fast, then ordered by a model that reads them."""

from dataclasses import dataclass, replace

from quilate.errors import ConfigurationError, ModelError
from quilate.retrievers import Hit, Reranker, Retriever, Where


@dataclass(frozen=True, slots=True)
class Reranked:
    """A Retriever over another: its first `candidates` hits, ordered by a reranker.

    A hit's `score` is then the reranker's, and its `ranks` keep its place before under
    ``retrieved``.

    >>> from quilate import sync
    >>> from quilate.retrievers import Passage, RerankerInfo
    >>> class Two:
    ...     async def retrieve(self, query, *, k, where=None):
    ...         return [Hit(Passage("a", "casa"), 2.0), Hit(Passage("b", "pan"), 1.0)][:k]
    >>> class Shorter:
    ...     info = RerankerInfo("shorter", "shorter:1")
    ...     async def rerank(self, query, passages):
    ...         return [-float(len(passage)) for passage in passages]
    >>> [(hit.passage.id, dict(hit.ranks)) for hit in
    ...     sync.run(Reranked(Two(), Shorter()).retrieve("?", k=1))]
    [('b', {'retrieved': 2})]
    """

    retriever: Retriever
    reranker: Reranker
    candidates: int = 20

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise ConfigurationError(f"candidates={self.candidates} must be at least 1.")

    async def retrieve(self, query: str, *, k: int, where: Where | None = None) -> list[Hit]:
        """At most `k` hits, best first, ties broken by passage id. Raises what the retriever and
        the reranker raise."""
        found = await self.retriever.retrieve(query, k=max(k, self.candidates), where=where)
        if not found:
            return []
        scores = await self.reranker.rerank(query, [hit.passage.text for hit in found])
        if len(scores) != len(found):
            raise ModelError(
                f"The reranker gave {len(scores)} scores for {len(found)} passages.",
                where=self.reranker.info.name,
            )
        scored = [
            replace(hit, score=float(score), ranks={**hit.ranks, "retrieved": place})
            for place, (hit, score) in enumerate(zip(found, scores, strict=True), 1)
        ]
        return sorted(scored, key=lambda hit: (-hit.score, hit.passage.id))[:k]
