"""What may be under test, brought to one form: an async function from a Sample to an Output."""

import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import Any, cast

from quilate.errors import ConfigurationError
from quilate.evals.functions import call
from quilate.evaluators import Output, Sample
from quilate.messages import user
from quilate.middleware.ambient import ambient
from quilate.models import Model, Request, Response

Ask = Callable[[Sample], Awaitable[Output]]


def as_target(name: str, thing: Any) -> Ask:
    """A target, a Model, or a function from the question (or the Sample) to a text or an Output.

    A sync function runs in a worker thread, so that it may block; at most 40 at a time (anyio's
    limit), and a run that is stopped does not wait for it. Raises `ConfigurationError` for what
    is none of these.

    >>> from quilate import sync
    >>> sync.run(as_target("shout", str.upper)(Sample("1", "hola"))).text
    'HOLA'
    """
    if hasattr(thing, "generate") and hasattr(thing, "info"):
        return _model_target(ambient(cast(Model, thing)))
    if not callable(thing):
        raise ConfigurationError(
            f"The target '{name}' is a {type(thing).__name__}, which cannot be asked anything.",
            remedy="Give a Model, a Target, or a function of the question.",
        )
    whole = _takes_sample(thing)

    async def ask(sample: Sample) -> Output:
        return as_output(await call(thing, sample if whole else sample.question))

    return ask


def as_output(result: Any) -> Output:
    """What a target gave, as an Output; raises TypeError for what is no answer."""
    if isinstance(result, Output):
        return result
    if isinstance(result, str):
        return Output(result)
    if isinstance(result, Response):
        return Output(result.text, usage=result.usage, cost=result.cost)
    raise TypeError(
        f"the target gave {'nothing' if result is None else f'a {type(result).__name__}'}; "
        "return a text or an Output"
    )


def _model_target(model: Model) -> Ask:
    async def ask(sample: Sample) -> Output:
        given = sample.input
        messages = (user(given),) if isinstance(given, str) else given
        return as_output(await model.generate(Request(messages)))

    return ask


def _takes_sample(function: Callable[..., Any]) -> bool:
    """Whether the first parameter is annotated as a Sample, or called ``sample``."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a built-in without a signature
        return False
    if not parameters:
        return False
    first = parameters[0]
    routine = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    try:
        hint = typing.get_type_hints(routine).get(first.name, first.annotation)
    except (NameError, TypeError):  # a name that only a type checker can see
        hint = first.annotation
    return hint is Sample or hint == "Sample" or first.name == "sample"
