"""Whether an answer matches a pattern."""

from dataclasses import dataclass, field
from typing import Any, Literal

import anyio.to_thread

from quilate.evaluators import Metric, Output, Sample, Score
from quilate.registry import require
from quilate_evaluators.options import check_choice, check_flag, check_number, check_text, wrong
from quilate_evaluators.text.words import answer_text


@dataclass(frozen=True, slots=True)
class Regex:
    r"""1 when `pattern` matches somewhere in the answer (`match` ``search``) or the whole of it
    (``full``), else 0.

    The pattern is one of the package `regex`, whose language holds that of Python's `re`. A search
    that takes more than `timeout` seconds of processor time is given up, and is an error score, so
    that a pattern of exponential cost does not stop the run. `metric` names the metric, where a
    suite has two of these. Raises `ConfigurationError` for a pattern that is none, and
    `MissingDependency` without the package.

    >>> from quilate import sync
    >>> day = Regex(r"\b\d{1,2} de (enero|mayo)\b", ignore_case=True)
    >>> sync.run(day.evaluate(Sample("1", "?"), Output("El 2 de Mayo.")))[0].value
    1.0
    """

    pattern: str
    match: Literal["search", "full"] = "search"
    ignore_case: bool = False
    timeout: float = 1.0
    metric: str = "regex"
    name: str = "regex"
    metrics: tuple[Metric, ...] = field(init=False)
    needs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_text("regex", "pattern", self.pattern)
        check_choice("regex", "match", self.match, ("search", "full"))
        check_flag("regex", "ignore_case", self.ignore_case)
        check_number("regex", "timeout", self.timeout, low=0.001, high=60)
        check_text("regex", "metric", self.metric)
        object.__setattr__(self, "metrics", (Metric(self.metric, "The answer fits the pattern."),))
        self._compiled()

    def _compiled(self) -> Any:
        regex = require("regex", extra="text-metrics")
        try:  # kept by the package's own cache
            return regex.compile(self.pattern, regex.IGNORECASE if self.ignore_case else 0)
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            said = str(error) or type(error).__name__
            wrong("regex", "pattern", self.pattern, f"It is no regular expression: {said}.")

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """One score, with what matched as evidence; an error where the time was not enough."""
        compiled, text = self._compiled(), answer_text(output)
        look = compiled.search if self.match == "search" else compiled.fullmatch

        def run() -> Any:
            return look(text, timeout=self.timeout, concurrent=True)

        try:
            found = await anyio.to_thread.run_sync(run)
        except TimeoutError:
            reason = f"the pattern took more than {self.timeout:g} s"
            return [Score.error(self.metric, reason)]
        evidence = (found.group()[:500],) if found is not None and found.group() else ()
        return [Score.of(self.metric, found is not None, evidence=evidence)]
