"""Evaluators of a user's own, as a suite takes them: a class, an evaluator, or a plain function."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from quilate.errors import ConfigurationError
from quilate.evals.functions import call
from quilate.evaluators import Metric, Output, Sample, Score


@dataclass(frozen=True, slots=True)
class FunctionEvaluator:
    """A function of a sample and an output, sync or async, as an evaluator.

    It gives a bool or a number from 0 to 1; None where it does not apply; or a `Score`, to say why.
    Its one metric has its name, and the first line of its docstring for a description.

    >>> from quilate import sync
    >>> def brief(sample, output):
    ...     return len(output.text.split()) <= 3
    >>> scores = sync.run(FunctionEvaluator(brief).evaluate(Sample("1", "?"), Output("Lima")))
    >>> scores[0].metric, scores[0].value
    ('brief', 1.0)
    """

    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self.function.__name__)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The one metric."""
        described = (inspect.getdoc(self.function) or "").partition("\n")[0]
        return (Metric(self.name, described),)

    @property
    def needs(self) -> frozenset[str]:
        """Nothing that could be known of a function."""
        return frozenset()

    async def evaluate(self, sample: Sample, output: Output) -> list[Score]:
        """What the function says. Raises TypeError and ValueError for what is no score."""
        return [_score(self.name, await call(self.function, sample, output))]


def _score(name: str, given: Any) -> Score:
    if isinstance(given, Score):
        return replace(given, metric=name)
    given = given.item() if hasattr(given, "item") else given  # numpy's numbers
    if given is None:
        return Score.unscored(name, f"{name} gave no score")
    if not isinstance(given, int | float):
        raise TypeError(
            f"{name} gave a {type(given).__name__}; return a bool, a number from 0 to 1, None or a "
            "Score"
        )
    if not 0.0 <= given <= 1.0:
        raise ValueError(f"{name} gave {given}, which does not lie between 0 and 1")
    return Score.of(name, given)


def own_evaluator(thing: Any) -> Callable[..., Any]:
    """The factory of an evaluator of a user's own: a class of evaluators itself; for an evaluator
    or a function, what gives it. Raises `ConfigurationError` for anything else."""
    what = f"The evaluator '{getattr(thing, '__name__', type(thing).__name__)}'"
    if isinstance(thing, type) and hasattr(thing, "evaluate"):
        return thing
    if hasattr(thing, "evaluate"):
        return lambda: thing
    if not inspect.isfunction(thing):
        raise ConfigurationError(
            f"{what} evaluates nothing.",
            remedy="Give a function of a sample and an output, or an evaluator.",
        )
    try:
        inspect.signature(thing).bind(None, None)
    except TypeError:
        raise ConfigurationError(
            f"{what} does not take a sample and an output.",
            remedy=f"Write def {thing.__name__}(sample, output).",
        ) from None
    return lambda: FunctionEvaluator(thing)
