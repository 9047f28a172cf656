"""What people's labels say of the judges that filter."""

from collections.abc import Sequence
from pathlib import Path

from quilate.evals.provenance import describe
from quilate.evals.results import Run
from quilate.evaluators import Evaluator
from quilate.judging.calibration import Calibration
from quilate.judging.kept import find_calibrations, unreadable_calibrations
from quilate.middleware.cassette import redacted


async def calibrations_of(
    evaluators: Sequence[Evaluator], store: Path | None
) -> tuple[dict[str, Calibration], list[str]]:
    """The calibrations that a run store keeps of these judges, by metric, and what is to be said of
    those that cannot be read.

    A judge is known by what it is (evaluator, options, prompts, model), so it must be set up as it
    was in the run whose answers people labelled.
    """
    if store is None:
        return {}, []
    described = {
        f"{number} {one.name}": [await describe(one), [metric.name for metric in one.metrics]]
        for number, one in enumerate(evaluators)
    }
    judges = Run(
        id="",
        name="distillation",
        created="",
        status="finished",
        targets=(),
        metrics={metric.name: metric for one in evaluators for metric in one.metrics},
        samples={},
        items=(),
        planned=0,
        provenance={"evaluators": redacted(described)},
        store=str(store),
    )
    unread = unreadable_calibrations(judges)
    return find_calibrations(judges), [str(error) for error in unread.values()]
