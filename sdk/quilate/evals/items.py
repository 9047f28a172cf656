"""One item: a target answers a sample, evaluators score the answer, and errors become results."""

import asyncio
import inspect
import traceback
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from quilate.errors import (
    AuthenticationError,
    BudgetExceeded,
    ConnectionFailed,
    MissingDependency,
    ModelError,
    ModelNotFound,
    PermissionDenied,
    QuilateError,
    StoreError,
    redact,
)
from quilate.evals.journal import OK, PERMANENT, TRANSIENT
from quilate.evals.plan import Work
from quilate.evals.results import Failure, Item
from quilate.evals.tables import safe_json
from quilate.evals.targets import Ask
from quilate.evaluators import Evaluator, Output, Sample, Score
from quilate.middleware.calls import CallNote, call_scope, collect
from quilate.models import Cost

current_work: ContextVar[Work | None] = ContextVar("quilate_work", default=None)
"""The item that the code running now belongs to."""

_STOPPING = (StoreError, BudgetExceeded)
# How code under test may end. SystemExit would take the event loop's thread with it, and a
# CancelledError of its own making the whole run.
_ENDINGS = (Exception, SystemExit, asyncio.CancelledError)
# Mended outside the suite (a key, a file, a package), so worth trying again by `resume`.
_MENDABLE = (AuthenticationError, PermissionDenied, ModelNotFound, MissingDependency)


class Worked(NamedTuple):
    """An item, its outcome for the journal, and the error, if one was met, that every other item
    is likely to meet as well: a key, a model, a package or a server that is missing."""

    item: Item
    outcome: int
    obstacle: BaseException | None


async def run_item(work: Work, ask: Ask, evaluators: Sequence[Evaluator]) -> Worked:
    """Work on one item. Raises `StoreError` and `BudgetExceeded`, which stop the run; everything
    else that goes wrong is in the item."""
    token = current_work.set(work)
    try:
        with call_scope(work.scope):
            return await _run(work, ask, evaluators)
    finally:
        current_work.reset(token)


async def _run(work: Work, ask: Ask, evaluators: Sequence[Evaluator]) -> Worked:
    name, sample_id, epoch = work.target, work.sample.id, work.epoch
    began = perf_counter()
    with collect() as notes:
        try:
            output = await ask(work.sample)
        except _ENDINGS as error:
            failure = failure_of(stopping(error))
            seconds = perf_counter() - began
            item = Item(name, sample_id, epoch, None, (), failure, _keys(notes), {}, seconds)
            return Worked(item, TRANSIENT if _mendable(error) else PERMANENT, _obstacle(error))
    seconds = perf_counter() - began
    if output.seconds is None and all(note.source == "live" for note in notes):
        output = replace(output, seconds=round(seconds, 6))
    scores: list[Score] = []
    score_calls: dict[str, tuple[str, ...]] = {}
    outcome, obstacle = OK, None
    for evaluator in evaluators:
        given, keys, cause = await _score(evaluator, work.sample, output)
        scores += given
        if keys:
            score_calls[evaluator.name] = score_calls.get(evaluator.name, ()) + keys
        if cause is not None and _mendable(cause):
            outcome = TRANSIENT
            obstacle = obstacle or _obstacle(cause)
        elif outcome == OK and any(score.status == "error" for score in given):
            outcome = PERMANENT
    item = Item(
        name, sample_id, epoch, output, tuple(scores), None, _keys(notes), score_calls, seconds
    )
    return Worked(item, outcome, obstacle)


async def _score(
    evaluator: Evaluator, sample: Sample, output: Output
) -> tuple[list[Score], tuple[str, ...], BaseException | None]:
    """One evaluator's scores, the calls that it made, and the error that ended it."""
    with collect() as notes:
        try:
            return (
                _complete(evaluator, _scores(evaluator, await _asked(evaluator, sample, output))),
                _keys(notes),
                None,
            )
        except _ENDINGS as error:
            reason = failure_of(stopping(error))
            text = f"{reason.kind}: {reason.message}"
            scores = [Score.error(metric.name, text) for metric in evaluator.metrics]
            return _billed(scores, error), _keys(notes), error


def _billed(scores: list[Score], error: BaseException) -> list[Score]:
    """The scores, the first with what the useless replies that led to the error cost."""
    if not scores or not isinstance(error, ModelError) or error.usage is None:
        return scores
    return [replace(scores[0], usage=error.usage, cost=error.cost or Cost()), *scores[1:]]


async def _asked(evaluator: Evaluator, sample: Sample, output: Output) -> Any:
    found: Any = evaluator.evaluate(sample, output)
    return await found if inspect.isawaitable(found) else found


def _scores(evaluator: Evaluator, given: Any) -> Sequence[Score]:
    """What an evaluator gave; raises TypeError for what is no list of scores."""
    if isinstance(given, list | tuple) and all(isinstance(one, Score) for one in given):
        return given
    raise TypeError(
        f"the evaluator '{evaluator.name}' gave a {type(given).__name__}; return a list of Scores"
    )


def _complete(evaluator: Evaluator, scores: Sequence[Score]) -> list[Score]:
    """The scores, with an error for each metric that did not get exactly one."""
    given = [score.metric for score in scores]
    declared = [metric.name for metric in evaluator.metrics]
    if given == declared:
        return list(scores)
    wrong = [name for name in declared if given.count(name) != 1]
    others = [name for name in given if name not in declared]
    said = f", and one of '{others[0]}', which it does not declare" if others else ""
    return [score for score in scores if score.metric not in wrong] + [
        Score.error(
            name, f"The evaluator '{evaluator.name}' gave {given.count(name)} scores of it{said}"
        )
        for name in wrong
    ]


def keepable(item: Item) -> Item:
    """The item with errors in place of what cannot be kept as JSON."""
    try:
        safe_json(item.output or Output(""))
    except ValueError as error:
        failure = failure_of(TypeError(f"the target's output cannot be kept as JSON: {error}"))
        return replace(item, output=None, scores=(), failure=failure)
    return replace(item, scores=tuple(map(_keepable_score, item.scores)))


def _keepable_score(score: Score) -> Score:
    try:
        safe_json(score)
    except ValueError as error:
        return Score.error(score.metric, f"The score cannot be kept as JSON: {error}")
    return score


def failure_of(error: BaseException) -> Failure:
    """An exception as a result: what it says, without secrets, and where in the code it arose
    when it is none of Quilate's own.

    >>> failure_of(ValueError("bad key sk-abcdefghijklmnop"))
    Failure(kind='ValueError', message='bad key [redacted]', stage='target', retryable=False)
    """
    kind = error.kind if isinstance(error, ModelError) else type(error).__name__
    retryable = isinstance(error, ModelError) and error.retryable
    # Half a surrogate pair, which JSON cannot hold, is told as the escape that it came from.
    message = redact(str(error)).encode("utf-8", "backslashreplace").decode() or kind
    frames = traceback.extract_tb(error.__traceback__)
    if frames and not isinstance(error, QuilateError):
        message += f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    return Failure(kind, message, retryable=retryable)


def stopping(error: BaseException) -> BaseException:
    """Raise what must stop the run, also out of a task group's exception group, and the
    cancellation of the run itself; of another group return the first error, and any other error
    as it is."""
    if isinstance(error, _STOPPING):
        raise error
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
    if isinstance(error, ExceptionGroup):
        return stopping(_leaves(error.subgroup(_STOPPING) or error)[0])
    return error


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, ExceptionGroup):
        return [error]
    return [leaf for part in error.exceptions for leaf in _leaves(part)]


def _mendable(error: BaseException) -> bool:
    return any(
        isinstance(leaf, _MENDABLE) or (isinstance(leaf, ModelError) and leaf.retryable)
        for leaf in _leaves(error)
    )


def _obstacle(error: BaseException) -> BaseException | None:
    kinds = (*_MENDABLE, ConnectionFailed)
    return next((leaf for leaf in _leaves(error) if isinstance(leaf, kinds)), None)


def _keys(notes: Sequence[CallNote]) -> tuple[str, ...]:
    # A replayed call is noted by the cassette and by the journal, under one key.
    return tuple(dict.fromkeys(note.key for note in notes))
