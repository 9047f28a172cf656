"""Whether a target abstains when, and only when, it should."""

from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate_evaluators.retrieval.context import is_gold


def abstains(output: Output) -> bool:
    """Whether an answer says that there is none: as its target tells, else by its words.

    >>> abstains(Output("I don't know.")), abstains(Output("I don't know.", abstained=False))
    (True, False)
    """
    if output.abstained is not None:
        return output.abstained
    from quilate.retrieval import abstained

    return abstained(output.text)


@dataclass(frozen=True, slots=True)
class Abstention:
    """`abstention`: on samples that have no answer, whether the target said so.
    `false_abstention`: on samples that have one, whether it abstained all the same (lower is
    better). `abstention_correct`: on all of them, whether it abstained if, and only if, the answer
    was not before it: a sample that has no answer, or none of whose gold passages it was shown.
    """

    name: str = "abstention"
    metrics: tuple[Metric, ...] = (
        Metric("abstention", "Abstains where there is no answer."),
        Metric("false_abstention", "Abstains where there is one.", higher_is_better=False),
        Metric("abstention_correct", "Abstains if, and only if, it is not shown the answer."),
    )
    needs: frozenset[str] = frozenset({"answerable"})

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Three scores; of the first two, one is unscored, by whether the sample is answerable."""
        abstained = abstains(output)
        return [*_by_sample(sample, abstained), _by_context(sample, output, abstained)]


def _by_sample(sample: Sample, abstained: bool) -> list[Score]:
    names = ("abstention", "false_abstention")
    if sample.answerable is None:
        reason = "the sample does not say whether it is answerable"
        return [Score.unscored(name, reason) for name in names]
    if sample.answerable:
        return [
            Score.unscored("abstention", "the sample is answerable"),
            Score.of("false_abstention", abstained),
        ]
    return [
        Score.of("abstention", abstained),
        Score.unscored("false_abstention", "the sample has no answer"),
    ]


def _by_context(sample: Sample, output: Output, abstained: bool) -> Score:
    """Whether it was right to abstain, or not to, with what the target was shown."""
    name = "abstention_correct"
    if sample.answerable is False:
        return Score.of(name, abstained, explanation="the sample has no answer")
    if output.context is None:
        return Score.unscored(name, "the target shows the model no passages")
    if not sample.gold:
        return Score.unscored(name, "the sample has no gold passages")
    gold = frozenset(sample.gold)
    shown = any(is_gold(hit, gold) for hit in output.context)
    told = "a gold passage was shown" if shown else "no gold passage was shown"
    return Score.of(name, abstained != shown, explanation=told)
