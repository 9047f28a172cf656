"""Context precision and recall by gold ids: how much of what was shown is needed, and how much
of what is needed was shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate.retrievers import Hit


def shown(output: Output) -> tuple[Hit, ...] | None:
    """The passages that the model was shown, else those retrieved; None for neither."""
    return output.hits if output.context is None else output.context


def is_gold(hit: Hit, gold: frozenset[str]) -> bool:
    """Whether the passage, or the document that it is of, is among the gold ids."""
    return hit.passage.id in gold or hit.passage.document_id in gold


def rank_weighted_precision(useful: Sequence[bool]) -> float:
    """The mean of precision@k over the ranks k that hold a useful passage; 0 without any.

    Average precision (Manning, Raghavan and Schütze 2008, §8.4) over what was retrieved alone:
    useful passages that were not retrieved do not lower it. Ragas calls it context precision.

    >>> rank_weighted_precision([True, False, True])
    0.8333333333333333
    """
    found, total = 0, 0.0
    for rank, one in enumerate(useful, 1):
        if one:
            found += 1
            total += found / rank
    return total / found if found else 0.0


@dataclass(frozen=True, slots=True)
class ContextPrecision:
    """`context_precision`: whether the gold passages stand before the others in what the model
    was shown (or, where the target does not say, in what was retrieved).

    Rank-weighted, see `rank_weighted_precision`. Every passage counts by itself: two passages of
    a gold document are two gold passages.
    """

    name: str = "context_precision"
    metrics: tuple[Metric, ...] = (
        Metric("context_precision", "Gold passages stand before the others (rank-weighted)."),
    )
    needs: frozenset[str] = frozenset({"gold"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; 0 when nothing was found; unscored without gold or without retrieval."""
        hits = shown(output)
        if hits is None:
            return [Score.unscored("context_precision", "the target retrieves nothing")]
        if not sample.gold:
            return [Score.unscored("context_precision", "the sample has no gold passages")]
        gold = frozenset(sample.gold)
        value = rank_weighted_precision([is_gold(hit, gold) for hit in hits])
        return [Score.of("context_precision", value)]


@dataclass(frozen=True, slots=True)
class ContextRecall:
    """`context_recall`: the share of the gold ids that what the model was shown meets (or, where
    the target does not say, what was retrieved). A document's id is met by any of its passages.
    """

    name: str = "context_recall"
    metrics: tuple[Metric, ...] = (
        Metric("context_recall", "Share of the gold passages that the model was shown."),
    )
    needs: frozenset[str] = frozenset({"gold"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; 0 when nothing was found; unscored without gold or without retrieval."""
        hits = shown(output)
        if hits is None:
            return [Score.unscored("context_recall", "the target retrieves nothing")]
        gold = frozenset(sample.gold)
        if not gold:
            return [Score.unscored("context_recall", "the sample has no gold passages")]
        met = gold & {name for hit in hits for name in (hit.passage.id, hit.passage.document_id)}
        missed = sorted(gold - met)
        explanation = f"not shown: {', '.join(missed)}" if missed else None
        return [Score.of("context_recall", len(met) / len(gold), explanation=explanation)]
