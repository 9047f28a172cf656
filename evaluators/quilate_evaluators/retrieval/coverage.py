"""Whether what was shown holds the reference answer, word by word and without a judge."""

from collections.abc import Sequence
from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.options import check_number
from quilate_evaluators.retrieval.context import shown
from quilate_evaluators.retrieval.words import content_words, words


@dataclass(frozen=True, slots=True)
class ReferenceCoverage:
    """`reference_coverage`: the share of the reference answer's content words that stand in the
    passages; `reference_sentence_coverage`: the share of its sentences of which at least
    `threshold` of the content words stand in one and the same passage.

    A context recall without a judge: what it misses is paraphrase, so it is a lower bound. The
    language is the sample's, else guessed from the reference. Of several references the one that
    is covered best counts.
    """

    threshold: float = 0.75
    name: str = "reference_coverage"
    metrics: tuple[Metric, ...] = (
        Metric("reference_coverage", "Share of the reference's words that the passages hold."),
        Metric(
            "reference_sentence_coverage",
            "Share of the reference's sentences that a passage holds.",
        ),
    )
    needs: frozenset[str] = frozenset({"references"})

    def __post_init__(self) -> None:
        check_number("reference_coverage", "threshold", self.threshold, low=0.01, high=1)

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores; unscored without a reference that has content words, or without
        retrieval."""
        hits = shown(output)
        if hits is None:
            return self._unscored("the target retrieves nothing")
        if not sample.references:
            return self._unscored("the sample has no references")
        passages = [f"{hit.passage.title}\n{hit.passage.text}" for hit in hits]
        found = [self._covered(one, passages, sample.language) for one in sample.references]
        best = max((one for one in found if one is not None), default=None)
        if best is None:
            return self._unscored("the sample's references have no content words")
        (by_word, by_sentence, missing) = best
        explanation = f"not in the passages: {', '.join(missing[:20])}" if missing else None
        return [
            Score.of("reference_coverage", by_word, explanation=explanation),
            Score.of("reference_sentence_coverage", by_sentence),
        ]

    def _covered(
        self, reference: str, passages: Sequence[str], language: str | None
    ) -> tuple[float, float, tuple[str, ...]] | None:
        """(share of words, share of sentences, missing words); None without content words."""
        from quilate.retrieval.languages import language_of
        from quilate.retrieval.sentences import sentences

        language = language or language_of(reference)
        held = [frozenset(words(text, language)) for text in passages]
        anywhere = frozenset().union(*held)
        spans = (reference[start:end] for start, end in sentences(reference))
        parts = [part for span in spans if (part := set(content_words(span, language)))]
        if not parts:
            return None
        wanted = dict.fromkeys(content_words(reference, language))
        missing = tuple(word for word in wanted if word not in anywhere)
        whole = sum(
            any(len(part & passage) >= self.threshold * len(part) for passage in held)
            for part in parts
        )
        return 1 - len(missing) / len(wanted), whole / len(parts), missing

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]
