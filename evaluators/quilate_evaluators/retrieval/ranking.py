"""What was retrieved against the gold passages, measured by ir-measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from quilate.errors import ConfigurationError, MissingDependency
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.retrievers import Hit
from quilate_evaluators.retrieval.measures import metric, parse, values

_DEFAULT_K = (1, 4)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Recall at each of `k`, MRR and nDCG@10 of the passages that a target retrieved; or the
    `measures` that are named, any of ir-measures' (MacAvaney et al. 2022, arXiv:2111.13466):
    ``["P@4", "AP", "Bpref"]``.

    A gold id is met by a passage of that id or by any passage of the document of that id; a
    document counts once, at its best rank. Gold ids have grade 1, unless ``metadata.grades`` of
    the sample, an object of whole numbers by id, says otherwise; grade 0 is judged and not
    relevant. nDCG is Järvelin and Kekäläinen's (2002), as trec_eval computes it. Raises
    `MissingDependency` without ir-measures, before anything is scored.
    """

    k: tuple[int, ...] = _DEFAULT_K
    measures: tuple[str, ...] | None = None
    name: str = "retrieval"
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        ks = self.k if isinstance(self.k, (list, tuple)) else (self.k,)
        if not ks or not all(type(k) is int and k > 0 for k in ks):
            raise ConfigurationError(
                f"`k` of the evaluator 'retrieval' is {self.k!r}.",
                remedy="Give whole numbers above zero, such as [1, 4].",
            )
        object.__setattr__(self, "k", tuple(dict.fromkeys(ks)))
        if find_spec("ir_measures") is None:
            raise MissingDependency("ir-measures", extra="retrieval-metrics")
        if self.measures is not None:
            object.__setattr__(self, "measures", self._named())

    def _named(self) -> tuple[str, ...]:
        given = self.measures
        names = (given,) if isinstance(given, str) else given
        if (
            not isinstance(names, (list, tuple))
            or not names
            or not all(isinstance(one, str) for one in names)
        ):
            raise ConfigurationError(
                f"`measures` of the evaluator 'retrieval' is {given!r}.",
                remedy='Give names of ir-measures, such as ["R@4", "nDCG@10"].',
            )
        if self.k != _DEFAULT_K:
            raise ConfigurationError(
                "The evaluator 'retrieval' has both `k` and `measures`.",
                remedy="Name the recalls among the measures: R@4.",
            )
        return tuple(dict.fromkeys(str(parse(one)) for one in names))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Recall at each k, then MRR and nDCG@10; or the measures that are named."""
        if self.measures is not None:
            return tuple(metric(parse(name)) for name in self.measures)
        recalls = (
            Metric(f"recall@{k}", f"Share of the gold passages among the first {k}.")
            for k in self.k
        )
        return (
            *recalls,
            Metric("mrr", "One over the rank of the first gold passage."),
            Metric("ndcg@10", "Gain of the first ten, discounted by rank."),
        )

    def misfit(self, samples: Sequence[Sample]) -> str | None:
        """That no sample says which passages are relevant."""
        for sample in samples:  # wrong grades are an error of their sample
            if not grades_are_whole(sample) or any(relevance(sample).values()):
                return None
        return "needs `gold` (or `grades` in the metadata), which no sample has"

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score a metric; unscored without gold passages or without retrieval."""
        if output.hits is None:
            return self._unscored("the target retrieves nothing")
        if not grades_are_whole(sample):
            reason = "the sample's `grades` are no object of whole numbers by id"
            return [Score.error(metric.name, reason) for metric in self.metrics]
        judged = relevance(sample)
        if not any(judged.values()):
            return self._unscored("the sample has no gold passages")
        ranked = ranking(output.hits, judged)
        found = values(self._measures(), judged, ranked)
        return [
            Score.of(metric.name, value) for metric, value in zip(self.metrics, found, strict=True)
        ]

    def _measures(self) -> list[Any]:
        """In the order of `metrics`."""
        names = self.measures or (*(f"R@{k}" for k in self.k), "RR", "nDCG@10")
        return [parse(name) for name in names]

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]


def grades_are_whole(sample: Sample) -> bool:
    """Whether ``metadata.grades``, if it is there, maps ids to whole numbers from 0 up."""
    grades = sample.metadata.get("grades", {})
    return isinstance(grades, Mapping) and all(
        isinstance(name, str) and type(grade) is int and 0 <= grade < 1000
        for name, grade in grades.items()
    )


def relevance(sample: Sample) -> dict[str, int]:
    """The grade of each judged id: 1 for gold ids, or what ``metadata.grades`` says.

    >>> relevance(Sample("1", "?", gold=("a", "b"), metadata={"grades": {"b": 3, "c": 0}}))
    {'a': 1, 'b': 3, 'c': 0}
    """
    return {**dict.fromkeys(sample.gold, 1), **sample.metadata.get("grades", {})}


def ranking(hits: tuple[Hit, ...], judged: Mapping[str, int]) -> list[str]:
    """Ids best first: of a passage where it is judged itself, else of its document; each once."""
    ids = (
        hit.passage.id if hit.passage.id in judged else hit.passage.document_id or hit.passage.id
        for hit in hits
    )
    return list(dict.fromkeys(ids))
