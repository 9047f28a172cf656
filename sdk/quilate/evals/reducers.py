"""How the epochs of a sample become one figure: their mean, pass@k, pass^k, majority@k, best@k.

A run keeps the raw score of every epoch; reducers are applied when it is reported. Loads no numpy
until a figure is asked for.
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from quilate.errors import ConfigurationError
from quilate.evaluators import Metric

if TYPE_CHECKING:
    from quilate.evals.results import Run

Kind = Literal["mean", "pass@", "pass^", "majority@", "best@"]

DEFAULT = ("mean",)
GRADED = "graded: a try neither passes nor fails"
LOWER = "lower is better: a 1 is no pass"

_NAME = re.compile(r"(mean)|(pass@|pass\^|majority@|best@)([1-9]\d*)")
_KNOWN = "`mean`, `pass@2`, `pass^2`, `majority@3` or `best@3`, with any number of tries"
_DESCRIPTIONS: dict[Kind, str] = {
    "pass@": "At least one of k tries passes.",
    "pass^": "All of k tries pass.",
    "majority@": "Most of k tries pass; half of them count one half.",
    "best@": "The best of k tries.",
}


@dataclass(frozen=True, slots=True)
class Reducer:
    """One way to make a figure of a sample's epochs, from `k` of them (1 for the mean).

    >>> str(parse("pass@2"))
    'pass@2'
    """

    kind: Kind
    k: int = 1

    def __str__(self) -> str:
        return self.kind if self.kind == "mean" else f"{self.kind}{self.k}"

    def inapplicable(self, metric: Metric, values: Sequence[float]) -> str | None:
        """Why it says nothing of a metric whose scores in the run are `values`; None: it does."""
        if self.kind in ("mean", "best@"):
            return None
        if any(value not in (0.0, 1.0) for value in values):
            return GRADED
        return LOWER if self.kind != "majority@" and not metric.higher_is_better else None

    def metric(self, metric: Metric) -> Metric:
        """What the reduced figure of `metric` is called and means: ``exact_match pass@2``."""
        if self.kind == "mean":
            return metric
        name = f"{metric.name} {self}"
        return replace(metric, name=name, description=_DESCRIPTIONS[self.kind])

    def reduce(
        self, values: Mapping[str, Sequence[float]], *, higher_is_better: bool = True
    ) -> dict[str, float]:
        """Sample id to its figure, from the scores of its epochs.

        A sample with fewer than `k` has none.

        >>> parse("pass^2").reduce({"1": [1.0, 1.0, 0.0], "2": [1.0]})
        {'1': 0.3333333333333333}
        """
        if self.kind == "mean":
            return {sample: statistics.fmean(scores) for sample, scores in values.items()}
        alike: dict[int, list[str]] = defaultdict(list)
        for sample, scores in values.items():
            if len(scores) >= self.k:
                alike[len(scores)].append(sample)
        found: dict[str, float] = {}
        for samples in alike.values():
            figures = self._figures([values[sample] for sample in samples], higher_is_better)
            found |= zip(samples, figures, strict=True)
        return {sample: found[sample] for sample in values if sample in found}

    def _figures(self, scores: Sequence[Sequence[float]], higher_is_better: bool) -> list[float]:
        """Of samples with the same number of epochs, each its figure."""
        from quilate.stats import best_of_n, majority_at_k, pass_at_k, pass_hat_k

        if self.kind == "best@":
            best = best_of_n(scores, self.k, higher_is_better=higher_is_better)
            return cast(list[float], best.tolist())
        figure = {"pass@": pass_at_k, "pass^": pass_hat_k, "majority@": majority_at_k}[self.kind]
        figures = figure(len(scores[0]), [sum(one) for one in scores], self.k)
        return cast(list[float], figures.tolist())


MEAN = Reducer("mean")


def parse(name: str, *, epochs: int | None = None, where: str | None = None) -> Reducer:
    """The reducer of that name. Raises `ConfigurationError` for an unknown one, and for one that
    needs more tries than there are `epochs`."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigurationError(
            f"There is no reducer '{name}'.", where=where, remedy=f"Write {_KNOWN}."
        )
    if found[1]:
        return MEAN
    reducer = Reducer(cast(Kind, found[2]), int(found[3]))
    if epochs is not None and reducer.k > epochs:
        raise ConfigurationError(
            f"The reducer '{name}' needs {reducer.k} tries of each sample; `epochs` is {epochs}.",
            where=where,
            remedy=f"Set `epochs: {reducer.k}` or more, or a smaller number in the reducer.",
        )
    return reducer


def check(names: Sequence[str], epochs: int, *, where: str | None = None) -> tuple[Reducer, ...]:
    """The reducers of a suite. Raises `ConfigurationError`, which names `where`, as `parse`, for
    none, and for one that stands twice.

    >>> [str(one) for one in check(["mean", "best@3"], epochs=4)]
    ['mean', 'best@3']
    """
    if isinstance(names, str) or not names:
        raise ConfigurationError(
            "`reducers` is not a list of names.", where=where, remedy="Write `reducers: [mean]`."
        )
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ConfigurationError(
                f"The reducer '{name}' stands twice.", where=where, remedy="Keep one of the two."
            )
    return tuple(parse(name, epochs=epochs, where=where) for name in names)


def reducers_of(run: Run) -> tuple[Reducer, ...]:
    """The reducers that a run was made with, as its provenance has them."""
    return tuple(parse(name) for name in run.provenance.get("reducers", DEFAULT))
