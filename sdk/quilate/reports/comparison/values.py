"""What a comparison of two runs found, as values."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from quilate.evals.comparing import Difference, Remeasured
from quilate.evals.results import Item, Run
from quilate.evals.store import Items as StoredItems
from quilate.judging.calibration import Calibration
from quilate.reports.comparison.people import Says, judge_says
from quilate.reports.summary import Bounds, Cell
from quilate.stats import Comparison
from quilate.stats.ppi import PpiEstimate

Verdict = Literal["better", "worse", "not worse", "equivalent", "no difference shown", "undecided"]
Outcome = Literal["pass", "worse", "undecided"]
Correction = Literal["holm", "bh"]
Items = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample on which a metric changed from run A to run B; `a` and `b` are its values, means
    over epochs. `better` says whether B's is the better one, whatever the metric's direction."""

    sample: str
    metric: str
    target_a: str
    target_b: str
    a: float
    b: float
    better: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one pair of targets.

    `comparison` is of B against A on `samples`, those that both have scored, whose values are
    `before` and `after`. `detectable` is the smallest true difference that would have been shown
    four times in five, None where none that the metric's bounds allow would; `more_samples` about
    how many more samples would settle what is open, were the difference as it was seen.

    `cells` are the metric of A and of B each on its own, with their coverage; `range` is where the
    difference would lie at worst and at best, were every score that is missing by error known;
    None where none is missing. `at_risk` says that it could undo the verdict.

    `margin` is what was asked for, in the metric's units; None when nothing was asked, or when the
    metric has no bounds to measure it by. `decides` says whether the outcome hangs on this row.
    `distrusted` is what people's labels say of the metric's judge, where that is not to trust it.
    `people` is the difference that people would give, from their labels of both runs' answers;
    `people_p` its p-value, adjusted for the rows that have one, and `people_verdict` what B is by
    it.
    """

    metric: str
    target_a: str
    target_b: str
    samples: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    comparison: Comparison
    verdict: Verdict
    detectable: float | None
    more_samples: int | None
    cells: tuple[Cell, Cell]
    range: Bounds | None = None
    at_risk: bool = False
    margin: float | None = None
    decides: bool = True
    distrusted: Calibration | None = None
    people: PpiEstimate | None = None
    people_p: float | None = None
    people_verdict: Says | None = None

    @property
    def a(self) -> float:
        """A's mean over the shared samples."""
        return statistics.fmean(self.before)

    @property
    def b(self) -> float:
        """B's mean over the shared samples."""
        return statistics.fmean(self.after)

    @property
    def p(self) -> float:
        """The p-value, adjusted for the rows beside it."""
        adjusted = self.comparison.p_adjusted
        return self.comparison.p_value if adjusted is None else adjusted

    @property
    def people_say(self) -> Says | None:
        """What B is by people's labels, where they say otherwise than the judge."""
        said = self.people_verdict
        return None if said == judge_says(self.comparison) else said

    @property
    def binary(self) -> bool:
        """Whether every value is 0 or 1."""
        return {*self.before, *self.after} <= {0.0, 1.0}

    @property
    def flips(self) -> tuple[Flip, ...]:
        """What changed, what changed most first."""
        higher = self.comparison.higher_is_better
        changed = [
            Flip(key, self.metric, self.target_a, self.target_b, a, b, (b > a) == higher)
            for key, a, b in zip(self.samples, self.before, self.after, strict=True)
            if a != b
        ]
        return tuple(sorted(changed, key=lambda flip: -abs(flip.b - flip.a)))


@dataclass(frozen=True, slots=True)
class Note:
    """What of run ``A`` or ``B`` is left out: `n` samples that are *unequal*, or all but `n` of
    `total` items of a run that is *unfinished*."""

    kind: Literal["unequal", "unfinished"]
    run: Literal["A", "B"]
    n: int
    total: int


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A metric of a pair of targets of which fewer than two samples are scored on both sides."""

    metric: str
    target_a: str
    target_b: str
    pairs: int
    cells: tuple[Cell, Cell]
    decides: bool


_SHOWN = 8  # verdicts in a repr


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Run B compared with run A, at confidence `level`.

    `samples` are those that both have, `notes` says what could not be paired, and `differences`
    are the settings that are not the same. `remeasured` names the metrics that the two measure in
    different ways, so that a difference may be the measure's. `margin` is a share of each metric's
    range.
    """

    a: Run
    b: Run
    rows: tuple[Row, ...]
    uncompared: tuple[Uncompared, ...]
    samples: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[Note, ...]
    level: float = 0.95
    margin: float | None = None
    correction: Correction = "holm"
    remeasured: tuple[Remeasured, ...] = ()

    def __repr__(self) -> str:
        verdicts = [f"{row.metric} ({row.target_b}) {row.verdict}" for row in self.rows[:_SHOWN]]
        more = ["…"] if len(self.rows) > _SHOWN else []
        said = ", ".join([f"{len(self.samples)} samples", *verdicts, *more])
        return f"<RunComparison {self.a.id} → {self.b.id}: {self.outcome}; {said}>"

    @property
    def flips(self) -> tuple[Flip, ...]:
        """The flips of every row, row after row."""
        return tuple(flip for row in self.rows for flip in row.flips)

    @property
    def outcome(self) -> Outcome:
        """*worse* when any row that decides is; else *undecided* when one is, or could not be
        compared; else *pass*: with a margin, all are shown to be no worse by more than it; without
        one, none is shown to be worse."""
        verdicts = {row.verdict for row in self.rows if row.decides}
        if "worse" in verdicts:
            return "worse"
        if "undecided" in verdicts or any(one.decides for one in self.uncompared):
            return "undecided"
        return "pass"

    def answers(self, flips: Sequence[Flip]) -> list[tuple[Items, Items]]:
        """What A's and B's target answered to the sample of each flip, in all epochs."""
        of_a = items_of(self.a, {(flip.target_a, flip.sample) for flip in flips})
        of_b = items_of(self.b, {(flip.target_b, flip.sample) for flip in flips})
        return [
            (of_a[flip.target_a, flip.sample], of_b[flip.target_b, flip.sample]) for flip in flips
        ]

    def summary(self, *, lang: str | None = None, flips: int = 3, width: int = 80) -> str:
        """The comparison as text: verdicts, table, and so many flips of each kind."""
        from quilate.reports.comparison.terminal import render

        return render(self, lang=lang, flips=flips, width=width)

    def to_html(self, path: str | Path, *, lang: str | None = None) -> Path:
        """Write the self-contained page, with the answers side by side, and return its path."""
        from quilate.reports.comparison.page import write

        return write(self, path, lang=lang)

    def to_junit(self, path: str | Path, *, lang: str | None = None) -> Path:
        """Write JUnit XML, a test case for each row, and return its path."""
        from quilate.reports.comparison.junit import write

        return write(self, path, lang=lang)

    def to_data(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries, strings and numbers, with all flips."""
        from quilate.reports.comparison.data import as_data

        return as_data(self)


def items_of(run: Run, wanted: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Items]:
    """The items of a run by (target, sample id), as far as there are any, else none."""
    found: dict[tuple[str, str], Items] = dict.fromkeys(wanted, ())
    for item in run.items.of(wanted) if isinstance(run.items, StoredItems) else run.items:
        key = (item.target, item.sample_id)
        if key in found:
            found[key] += (item,)
    return found
