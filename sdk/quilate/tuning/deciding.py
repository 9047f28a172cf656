"""Whether a tuned model may replace its base: better at the task, and no worse elsewhere."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quilate.errors import ConfigurationError
from quilate.tuning.recipe import DecideSpec
from quilate.tuning.sensitivity import SmallestLoss, smallest_losses
from quilate.tuning.trainers import Parity

if TYPE_CHECKING:
    from quilate.evals.results import Run
    from quilate.reports.comparison.values import Row, RunComparison

Ruling = Literal["ship", "do not ship"]

Reason = Literal[
    "better",
    "not shown better",
    "worse at the task",
    "judge not trusted",
    "regression worse",
    "regression not shown",
    "regression kept",
    "parity failed",
    "contaminated",
    "no scores",
]
"""Why, in constant words; the reports say it in the reader's language."""

_FOR = frozenset(("better", "regression kept"))


@dataclass(frozen=True, slots=True)
class Decision:
    """Ship or not, with the reasons, and the paired comparisons that they rest on."""

    ruling: Ruling
    reasons: tuple[Reason, ...]
    task: "RunComparison"
    regression: "RunComparison | None"
    metric: str

    @property
    def row(self) -> "Row | None":
        """The row of the task's comparison that decides."""
        return next((row for row in self.task.rows if row.metric == self.metric), None)

    @property
    def smallest_losses(self) -> tuple[SmallestLoss, ...]:
        """For each metric that decides on the regression suite, the smallest loss that it could
        have shown; empty without one."""
        return () if self.regression is None else smallest_losses(self.regression)


def decide(
    spec: DecideSpec,
    task: "tuple[Run, Run]",
    regression: "tuple[Run, Run] | None" = None,
    parity: Parity | None = None,
    *,
    contaminated: bool = False,
) -> Decision:
    """Rule on a tuned model from finished runs, each a pair: the base's, then the tuned model's.

    It may ship when the deciding metric of the task is shown to be better (paired, two-sided, at
    `spec.confidence`), when no deciding metric of the regression suite is shown to be worse, or,
    with a margin, all are shown to lose less than it; when what is served is what was trained; and
    when no evaluation sample was trained on (`contaminated`). A judge that people's labels speak
    against decides only where `spec.metric` names it. p-values are Holm-adjusted within the
    regression suite. Raises `ConfigurationError` for a metric that the suite has not.
    """
    from quilate.reports.comparison import compare

    metric = _deciding(spec, compare(*task, level=spec.confidence))
    on_task = compare(*task, metrics=[metric], level=spec.confidence)
    beside = None
    if regression is not None:
        beside = compare(*regression, margin=spec.margin, level=spec.confidence)
    reasons: list[Reason] = [_on_task(on_task, metric, named=spec.metric is not None)]
    if beside is not None:
        reasons.append(_on_regression(beside))
    if parity is not None and not parity.passed:
        reasons.append("parity failed")
    if contaminated:
        reasons.append("contaminated")
    ruling: Ruling = "ship" if set(reasons) <= _FOR else "do not ship"
    return Decision(ruling, tuple(reasons), on_task, beside, metric)


def _deciding(spec: DecideSpec, found: "RunComparison") -> str:
    """The metric that decides, as the suite reduces it over epochs: `NAME pass@2`, for instance,
    where it asks for no mean."""
    names = [row.metric for row in found.rows] + [one.metric for one in found.uncompared]
    wanted = spec.metric or next(iter(found.a.metrics))
    apt = [name for name in names if name == wanted] or [
        name for name in names if name.startswith(f"{wanted} ")
    ]
    if not apt:
        raise ConfigurationError(
            f"The suite '{found.a.name}' has no metric '{wanted}'.",
            remedy=f"It has: {', '.join(dict.fromkeys(names))}.",
        )
    return apt[0]


def _on_task(comparison: "RunComparison", metric: str, *, named: bool) -> Reason:
    rows = [row for row in comparison.rows if row.metric == metric]
    if not rows or any(one.metric == metric for one in comparison.uncompared):
        return "no scores"
    if not named and any(row.distrusted for row in rows):
        return "judge not trusted"
    verdicts = {row.verdict for row in rows}
    if "worse" in verdicts:
        return "worse at the task"
    return "better" if verdicts == {"better"} else "not shown better"


def _on_regression(comparison: "RunComparison") -> Reason:
    if comparison.outcome == "worse":
        return "regression worse"
    if not any(row.decides for row in comparison.rows):
        return "no scores"
    # Without a margin this means that scores which are missing could undo it.
    if comparison.outcome == "undecided":
        return "regression not shown"
    return "regression kept"
