"""What is measured claim by claim, which judgements each measure needs, and its formula.

After Ru et al. 2024, RAGChecker (arXiv:2408.08067), with probabilities in the place of verdicts:
a is a claim of the answer, g a claim of the reference; R, A and C are the reference, the answer and
the passages shown; p(x|T) is the judge's probability that the text T entails the claim x.
Judgements are taken as independent of each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from quilate.evaluators import Metric

Kind = Literal[
    "answer_by_reference",
    "answer_by_context",
    "reference_by_answer",
    "reference_by_context",
    "reference_by_passage",
    "relevance",
]
"""What is judged: the claims of one text by another; of ``reference_by_passage``, by each passage
alone; of ``relevance``, the claims of the answer by the question."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The probabilities that a text entails a claim and that it contradicts it; of relevance,
    that the claim bears on the question."""

    entailed: float
    contradicted: float = 0.0


Judged = Mapping[Kind, Sequence[Verdict]]
"""Verdicts by kind, one a claim in their order; by passage, one a passage (see `any_of`)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A value, and what each claim (of the answer, then of the reference, as far as they are
    looked at) contributes to it; or, in place of a value, the reason why there is none. `weights`
    says how much each claim counts, where that is not the same for all."""

    value: float | None
    shares: tuple[float, ...] = ()
    reason: str = ""
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric, the judgements that it `requires`, and how it follows from them. `rises` says that
    the value is the higher the more of the answer a reference holds: of several references the
    one that suits the answer best is then that of the highest value, and else of the lowest."""

    metric: Metric
    requires: tuple[Kind, ...]
    compute: Callable[[Judged], Outcome]
    rises: bool = True

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name

    @property
    def of_answer(self) -> bool:
        """Whether the claims that it looks at are the answer's."""
        return self.requires[0].startswith("answer") or "relevance" in self.requires

    @property
    def needs_reference(self) -> bool:
        """Whether it cannot be had without a reference."""
        return any("reference" in kind for kind in self.requires)

    @property
    def needs_context(self) -> bool:
        """Whether it cannot be had without passages."""
        return any(kind.endswith(("context", "passage")) for kind in self.requires)


NOTHING_FOUND = "the passages hold none of the reference's claims"
NO_PASSAGES = "the model was shown no passages"


def mean(shares: Sequence[float]) -> Outcome:
    """The mean over claims, or over passages.

    >>> mean([1.0, 0.5]).value
    0.75
    """
    if not shares:
        return Outcome(None, reason=NO_PASSAGES)
    return Outcome(sum(shares) / len(shares), tuple(shares))


def _entailed(judged: Judged, kind: Kind) -> list[float]:
    return [verdict.entailed for verdict in judged[kind]]


def _share(kind: Kind) -> Callable[[Judged], Outcome]:
    """The mean of p over the claims."""
    return lambda judged: mean(_entailed(judged, kind))


def _contradiction(judged: Judged) -> Outcome:
    return mean([verdict.contradicted for verdict in judged["answer_by_context"]])


def _of_both(
    by_reference: Callable[[float], float], by_context: Callable[[float], float]
) -> Callable[[Judged], Outcome]:
    """The mean over the answer's claims of a product of the two judgements on each."""

    def compute(judged: Judged) -> Outcome:
        pairs = zip(
            _entailed(judged, "answer_by_reference"),
            _entailed(judged, "answer_by_context"),
            strict=True,
        )
        return mean([by_reference(true) * by_context(shown) for true, shown in pairs])

    return compute


def _holds(probability: float) -> float:
    return probability


def _fails(probability: float) -> float:
    return 1.0 - probability


def correctness(judged: Judged) -> Outcome:
    """The harmonic mean of precision and recall of claims; 0 where both are 0.

    >>> half, whole = [Verdict(0.5)], [Verdict(1.0)]
    >>> correctness({"answer_by_reference": half, "reference_by_answer": whole}).value
    0.6666666666666666
    """
    precise = mean(_entailed(judged, "answer_by_reference"))
    recalled = mean(_entailed(judged, "reference_by_answer"))
    assert precise.value is not None and recalled.value is not None  # noqa: S101
    both = precise.value + recalled.value
    value = 2 * precise.value * recalled.value / both if both else 0.0
    return Outcome(value, precise.shares + recalled.shares)


def utilisation(judged: Judged) -> Outcome:
    """Of the reference's claims that the passages hold, the share that the answer holds too: a
    ratio of expected counts. Without half a claim expected in the passages there is no value.

    >>> found, said = [Verdict(1.0), Verdict(0.5)], [Verdict(0.5), Verdict(1.0)]
    >>> utilisation({"reference_by_context": found, "reference_by_answer": said}).value
    0.6666666666666666
    """
    found = _entailed(judged, "reference_by_context")
    said = _entailed(judged, "reference_by_answer")
    if sum(found) < 0.5:
        return Outcome(None, reason=NOTHING_FOUND)
    used = sum(one * other for one, other in zip(found, said, strict=True))
    return Outcome(used / sum(found), tuple(said), weights=tuple(found))


def any_of(verdicts: Sequence[Verdict]) -> Verdict:
    """That a passage entails one of several claims at least.

    >>> any_of([Verdict(0.5), Verdict(0.5)]).entailed
    0.75
    """
    none = 1.0
    for verdict in verdicts:
        none *= 1.0 - verdict.entailed
    return Verdict(1.0 - none)


def _metric(name: str, description: str, *, better: bool = True) -> Metric:
    return Metric(name, description, higher_is_better=better, judged=True)


_BOTH: tuple[Kind, ...] = ("answer_by_reference", "answer_by_context")
_ALL = (
    Measure(
        _metric("faithfulness", "Claims of the answer that the passages entail."),
        ("answer_by_context",),
        _share("answer_by_context"),
    ),
    Measure(
        _metric("contradiction", "Claims of the answer that passages contradict.", better=False),
        ("answer_by_context",),
        _contradiction,
    ),
    Measure(
        _metric("claim_precision", "Claims of the answer that the reference entails."),
        ("answer_by_reference",),
        _share("answer_by_reference"),
    ),
    Measure(
        _metric("claim_recall", "Claims of the reference that the answer entails."),
        ("reference_by_answer",),
        _share("reference_by_answer"),
    ),
    Measure(
        _metric("answer_correctness", "F1 of the claims of answer and reference."),
        ("answer_by_reference", "reference_by_answer"),
        correctness,
    ),
    Measure(
        _metric("answer_relevancy", "Claims of the answer that bear on the question."),
        ("relevance",),
        _share("relevance"),
    ),
    Measure(
        _metric("hallucination", "Claims that neither passages nor reference hold.", better=False),
        _BOTH,
        _of_both(_fails, _fails),
        rises=False,
    ),
    Measure(
        _metric("noise_sensitivity", "Wrong claims that the passages entail.", better=False),
        _BOTH,
        _of_both(_fails, _holds),
        rises=False,
    ),
    Measure(
        _metric("self_knowledge", "Right claims that the passages do not entail.", better=False),
        _BOTH,
        _of_both(_holds, _fails),
    ),
    Measure(
        _metric("claim_coverage", "Claims of the reference that the passages entail."),
        ("reference_by_context",),
        _share("reference_by_context"),
    ),
    Measure(
        _metric("context_utilisation", "Claims found in the passages that the answer uses."),
        ("reference_by_context", "reference_by_answer"),
        utilisation,
    ),
    Measure(
        _metric("passage_precision", "Passages that entail a claim of the reference."),
        ("reference_by_passage",),
        _share("reference_by_passage"),
    ),
)
MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure by its name, in the order in which they are reported."""
