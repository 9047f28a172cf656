"""What was retrieved against the gold passages, measured by ir-measures."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from quilate.errors import ConfigurationError, MissingDependency
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.registry import require
from quilate.retrievers import Hit


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Recall at each of `k`, MRR and nDCG@10 of the passages that a target retrieved.

    A gold id is met by a passage of that id or by any passage of the document of that id; a
    document counts once, at its best rank. nDCG is Järvelin and Kekäläinen's (2002), as trec_eval
    computes it. Raises `MissingDependency` without ir-measures, before anything is scored.
    """

    k: tuple[int, ...] = (1, 4)
    name: str = "retrieval"
    needs: frozenset[str] = frozenset({"gold"})

    def __post_init__(self) -> None:
        ks = self.k if isinstance(self.k, (list, tuple)) else (self.k,)
        if not ks or not all(isinstance(k, int) and k > 0 for k in ks):
            raise ConfigurationError(
                f"`k` of the evaluator 'retrieval' is {self.k!r}.",
                remedy="Give whole numbers above zero, such as [1, 4].",
            )
        object.__setattr__(self, "k", tuple(ks))
        if find_spec("ir_measures") is None:
            raise MissingDependency("ir-measures", extra="retrieval-metrics")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Recall at each k, then MRR and nDCG@10."""
        recalls = (
            Metric(f"recall@{k}", f"Share of the gold passages among the first {k}.")
            for k in self.k
        )
        return (
            *recalls,
            Metric("mrr", "One over the rank of the first gold passage."),
            Metric("ndcg@10", "Gain of the first ten, discounted by rank."),
        )

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score a metric; unscored without gold passages or without retrieval."""
        if output.hits is None:
            return self._unscored("the target retrieves nothing")
        if not sample.gold:
            return self._unscored("the sample has no gold passages")
        values = _measure(self.k, sample.gold, _ranking(output.hits, set(sample.gold)))
        return [Score.of(metric.name, values[metric.name]) for metric in self.metrics]

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]


def _ranking(hits: tuple[Hit, ...], gold: set[str]) -> list[str]:
    ids = (
        hit.passage.id if hit.passage.id in gold else hit.passage.document_id or hit.passage.id
        for hit in hits
    )
    return list(dict.fromkeys(ids))


def _measure(ks: tuple[int, ...], gold: tuple[str, ...], ranking: list[str]) -> dict[str, float]:
    measures: Any = require("ir_measures", extra="retrieval-metrics", package="ir-measures")
    wanted = {f"recall@{k}": measures.R @ k for k in ks}
    wanted |= {"mrr": measures.RR, "ndcg@10": measures.nDCG @ 10}
    if not ranking:
        return dict.fromkeys(wanted, 0.0)
    relevant = {"q": dict.fromkeys(gold, 1)}
    run = {"q": {each: float(-place) for place, each in enumerate(ranking)}}
    found = measures.calc_aggregate(list(wanted.values()), relevant, run)
    return {name: float(found[measure]) for name, measure in wanted.items()}
