"""The steps of a rubric, written by a model once and then given to the suite."""

from quilate import sync
from quilate.errors import MalformedReply
from quilate.extraction import aextract
from quilate.messages import user
from quilate.models import Model, Request, Sampling
from quilate_evaluators.judges.prompting import question


async def awrite_steps(model: Model, criterion: str, *, language: str = "en") -> tuple[str, ...]:
    """`write_steps`, for async code."""
    words = question("rubric_steps", language, criterion=criterion)
    warm = 0.0 if model.info.capabilities.has("temperature") else None
    request = Request((user(words),), sampling=Sampling(temperature=warm))
    found = await aextract(model, request, list[str])
    steps = tuple(step.strip() for step in found.value if step.strip())
    if not steps:
        raise MalformedReply("The model wrote no steps.", where=model.info.name)
    return steps


def write_steps(model: Model, criterion: str, *, language: str = "en") -> tuple[str, ...]:
    """The steps by which a model would judge a criterion (the automatic chain of thought of
    G-Eval). Put them into the suite as `steps`: a judge whose steps are written anew in every run
    is another judge in every run. Raises what the model raises.

    >>> from quilate.testing import ScriptedModel
    >>> write_steps(ScriptedModel('["Read the question.", "Look for greetings."]'), "It is polite.")
    ('Read the question.', 'Look for greetings.')
    """
    return sync.run(awrite_steps(model, criterion, language=language))
