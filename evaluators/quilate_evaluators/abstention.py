"""Whether a target abstains when, and only when, it should."""

from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score


@dataclass(frozen=True, slots=True)
class Abstention:
    """`abstention`: on samples that have no answer, whether the target said so.
    `false_abstention`: on samples that have one, whether it abstained all the same (lower is
    better).
    """

    name: str = "abstention"
    metrics: tuple[Metric, ...] = (
        Metric("abstention", "Abstains where there is no answer."),
        Metric("false_abstention", "Abstains where there is one.", higher_is_better=False),
    )
    needs: frozenset[str] = frozenset({"answerable"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores, one of them unscored, by whether the sample is answerable."""
        if sample.answerable is None:
            return self._unscored("the sample does not say whether it is answerable")
        abstained = output.abstained
        if abstained is None:
            from quilate.retrieval import abstained as abstains

            abstained = abstains(output.text)
        scored, other = ("false_abstention", "abstention")
        if not sample.answerable:
            scored, other = other, scored
        reason = "the sample is answerable" if sample.answerable else "the sample has no answer"
        scores = {scored: Score.of(scored, abstained), other: Score.unscored(other, reason)}
        return [scores[metric.name] for metric in self.metrics]

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]
