"""What an answer took: seconds, US dollars, tokens. All without an upper bound, lower is better."""

from dataclasses import dataclass

from quilate.evaluators import Metric, Output, Sample, Score
from quilate.models import Usage


def _effort(name: str, description: str) -> Metric:
    return Metric(name, description, bounds=None, higher_is_better=False)


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the question to the whole answer, as the run measured them.

    They hold what the target waited for: its model, its index, and its turn when the suite's
    `concurrency` is more than the provider serves at once. An answer that needed no call because
    the cache, the journal or a replay had it is unscored.

    >>> from quilate import sync
    >>> sync.run(Latency().evaluate(Sample("1", "?"), Output("Yes.", seconds=1.5)))[0].value
    1.5
    """

    name: str = "latency"
    metrics: tuple[Metric, ...] = (_effort("latency", "Seconds to the whole answer."),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score; unscored when the time was not measured."""
        if output.seconds is None:
            return [Score.unscored("latency", "the time of the answer was not measured")]
        return [Score.of("latency", output.seconds)]


@dataclass(frozen=True, slots=True)
class Price:
    """What an answer cost, in US dollars: the target's calls, without those of judges.

    >>> from quilate import sync
    >>> from quilate.models import Cost
    >>> output = Output("Yes.", cost=Cost(0.25, "exact"))
    >>> sync.run(Price().evaluate(Sample("1", "?"), output))[0].value
    0.25
    """

    name: str = "cost"
    metrics: tuple[Metric, ...] = (_effort("cost", "US dollars an answer."),)
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, explained as exact or estimated; unscored when part of it is not known."""
        cost = output.cost
        if cost.usd is None or cost.basis == "unknown":
            return [Score.unscored("cost", "the cost of the answer is not known")]
        return [Score.of("cost", cost.usd, explanation=cost.basis)]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that the answer's calls read and wrote, as the provider counts them.

    >>> from quilate import sync
    >>> output = Output("Yes.", usage=Usage(input_tokens=40, output_tokens=2))
    >>> [score.value for score in sync.run(Tokens().evaluate(Sample("1", "?"), output))]
    [40.0, 2.0]
    """

    name: str = "tokens"
    metrics: tuple[Metric, ...] = (
        _effort("input_tokens", "Tokens read for an answer."),
        _effort("output_tokens", "Tokens written for an answer."),
    )
    needs: frozenset[str] = frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """Two scores; unscored when the target tells no tokens."""
        if output.usage == Usage():
            reason = "the target tells no tokens"
            return [Score.unscored(metric.name, reason) for metric in self.metrics]
        counts = (output.usage.input_tokens, output.usage.output_tokens)
        return [
            Score.of(metric.name, count) for metric, count in zip(self.metrics, counts, strict=True)
        ]
