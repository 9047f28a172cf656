"""Whether an answer's citations hold."""

from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.abstention import abstains


@dataclass(frozen=True, slots=True)
class CitationValidity:
    """`citation_validity`: of an answer's citations, the share whose quoted words stand verbatim
    in the passage that they name. `cited`: whether an answer from passages cites any.

    A citation without a quote cannot be checked, so it does not count as valid.
    """

    name: str = "citation_validity"
    metrics: tuple[Metric, ...] = (
        Metric("cited", "The answer cites at least one passage."),
        Metric("citation_validity", "Share of citations whose words stand in the passage."),
    )
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores; unscored where there is nothing to cite or nothing is said."""
        if output.context is None:
            return self._unscored("the target shows the model no passages")
        if abstains(output):
            return self._unscored("the answer abstains")
        cited = Score.of("cited", bool(output.citations))
        if not output.citations:
            return [cited, Score.unscored("citation_validity", "the answer cites nothing")]
        valid = sum(citation.status == "verified" for citation in output.citations)
        explanation = "; ".join(f"{each.marker}: {each.status}" for each in output.citations)
        quotes = tuple(each.quote for each in output.citations if each.quote)
        share = valid / len(output.citations)
        score = Score.of("citation_validity", share, explanation=explanation, evidence=quotes)
        return [cited, score]

    def _unscored(self, reason: str) -> list[Score]:
        return [Score.unscored(metric.name, reason) for metric in self.metrics]
