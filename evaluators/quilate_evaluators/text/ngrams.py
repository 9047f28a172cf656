"""What an answer shares with references, in n-grams of words (BLEU) and of characters (chrF)."""

from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from quilate.evaluators import Metric, Output, Sample, Score
from quilate.registry import require
from quilate_evaluators.text.matching import NO_REFERENCES
from quilate_evaluators.text.words import answer_text


def _sacrebleu() -> Any:
    return require("sacrebleu.metrics", extra="text-metrics", package="sacrebleu")


@dataclass(frozen=True, slots=True)
class Bleu:
    """BLEU of the answer against all references, by sacrebleu, from 0 to 1.

    It is BLEU of a sentence (Papineni et al. 2002), with sacrebleu's exponential smoothing and
    orders as long as the answer has: a mean of these is not the BLEU of the corpus. Raises
    `MissingDependency` without sacrebleu.
    """

    name: str = "bleu"
    metrics: tuple[Metric, ...] = (
        Metric("bleu", "Shared n-grams of words with the references (BLEU)."),
    )
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        _sacrebleu()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with sacrebleu's signature; unscored for a sample without references."""
        return [_measured(_sacrebleu().BLEU(effective_order=True), "bleu", sample, output)]


@dataclass(frozen=True, slots=True)
class Chrf:
    """chrF2 of the answer against the best reference, by sacrebleu, from 0 to 1: F-score of shared
    sequences of 1 to 6 characters (Popović 2015). It suits inflected languages better than BLEU.
    Raises `MissingDependency` without sacrebleu.
    """

    name: str = "chrf"
    metrics: tuple[Metric, ...] = (
        Metric("chrf", "Shared sequences of characters with the best reference (chrF2)."),
    )
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        _sacrebleu()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with sacrebleu's signature; unscored for a sample without references."""
        return [_measured(_sacrebleu().CHRF(), "chrf", sample, output)]


def _measured(measure: Any, metric: str, sample: Sample, output: Output) -> Score:
    if not sample.references:
        return Score.unscored(metric, NO_REFERENCES)
    # An á of two code points is one of one.
    said, *wanted = (normalize("NFC", each) for each in (answer_text(output), *sample.references))
    found = measure.sentence_score(said, wanted)
    # Sums of floats can pass 100 by a rounding error.
    value = min(max(found.score / 100, 0.0), 1.0)
    return Score.of(metric, value, explanation=str(measure.get_signature()))
