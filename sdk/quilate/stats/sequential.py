"""Tests that may be looked at after every observation, and stopped as soon as they have decided.

The evidence is the wealth of a gambler (see `betting`), which reaches 1/α with probability α at
most if the null holds, however long the run and however often it is looked at.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from quilate.stats.betting import (
    BETS,
    LOG_2,
    METHOD,
    PacedBets,
    check_population,
    confidence_set,
    log_factor,
    log_wealth,
    mixed,
    shared,
)
from quilate.stats.estimates import Interval
from quilate.stats.observations import Bounds, Floats, as_floats, check_bounds

Decision = Literal["not worse", "worse", "undecided"]
Verdict = Literal["better", "worse", "undecided"]


class SequentialTest:
    """Paired differences a − b, one at a time: is a not worse than b by more than `margin`?

    `bounds` are those of a difference: (−1, 1) for scores in [0, 1]. Each update takes one
    difference, or one mean of a cluster (then the means of clusters are what is tested: a cluster
    counts once, whatever its size). With `margin` > 0, each of two errors has a probability of at
    most `alpha`, at whatever time the run stops: deciding *not worse* though the true difference
    is −margin or less, and *worse* though it is −margin or more. With `margin` 0 the test is
    two-sided: the two together have `alpha`, and *not worse* is *better*.

    Without `population` the question is about all samples that might have been drawn: the
    differences must be independent draws, or in random order. With `population` = N it is about the
    mean over the N samples of this suite, which are taken in random order without replacement: the
    test answers what the whole suite would say, sooner as fewer remain, and at the last sample at
    the latest (save for an exact tie). It then says nothing of other samples.

    With `horizon`, the largest number of observations that the run can take, half of the capital is
    bet so as to decide by then: close calls are decided nearly as often as by a fixed test at the
    horizon, clear ones a little later than without. Give it whenever you know it.

    A decision is the first one reached, and stays; `decided_at` is the number of observations it
    took. The object can be pickled, or made again by giving it the same differences in order.

    Raises ValueError for values outside `bounds`, more values than `population`, or bad options.

    >>> test = SequentialTest(margin=0.05)
    >>> test.update([0.0] * 100).decision, test.decided_at
    ('not worse', 96)
    """

    def __init__(
        self,
        *,
        margin: float = 0.0,
        alpha: float = 0.05,
        bounds: Bounds = (-1.0, 1.0),
        population: int | None = None,
        horizon: int | None = None,
        higher_is_better: bool = True,
    ) -> None:
        rules = _Rules(margin, alpha, bounds, population, horizon, higher_is_better)
        self._rules = rules
        self.decision: Decision = "undecided"
        self.verdict: Verdict = "undecided"
        self.decided_at: int | None = None
        self._units: list[float] = []
        self._sum = 0.0
        margin_unit, zero = rules.unit(-margin), rules.unit(0.0)
        # Bets of four kinds: above and below −margin, above and below 0.
        self._nulls = np.array([margin_unit, 1.0 - margin_unit, zero, 1.0 - zero])
        self._enough = np.array([rules.enough, rules.enough, *[math.log(2.0 / alpha)] * 2])
        self._mixture = np.zeros((4, BETS.size))
        self._paced: PacedBets | None = None
        if horizon is not None:
            self._paced = PacedBets(self._nulls, self._enough + LOG_2, horizon)

    @property
    def n(self) -> int:
        """Number of observations."""
        return len(self._units)

    @property
    def bounds(self) -> Bounds:
        """Those of a difference."""
        return self._rules.bounds

    @property
    def level(self) -> float:
        """Level of `interval`: 1 − alpha; with a margin 1 − 2·alpha, as for two one-sided tests."""
        return self._rules.level

    @property
    def estimate(self) -> float | None:
        """Mean difference so far; None before the first."""
        return self._rules.value(self._sum / self.n) if self._units else None

    @property
    def e_not_worse(self) -> float:
        """Evidence now for *not worse*: the e-value against a difference of −margin or less."""
        return _finite_exp(self._log_wealth()[0])

    @property
    def e_worse(self) -> float:
        """Evidence now for *worse*: the e-value against a difference of −margin or more."""
        return _finite_exp(self._log_wealth()[1])

    @property
    def interval(self) -> Interval:
        """Interval of the mean difference now, of a sequence that holds at all times together.

        When a decision is made it lies on one side of −margin.
        """
        rules = self._rules
        ends = confidence_set(
            np.array(self._units), self.level, population=rules.population, horizon=rules.horizon
        )
        low, high = sorted(self._rules.value(end) for end in ends)
        return Interval(low, high, self.level, METHOD)

    def update(self, differences: float | Iterable[float]) -> "SequentialTest":
        """Take one difference or several, in the order in which they came; returns the test."""
        several = differences if isinstance(differences, Iterable) else [differences]
        values = as_floats(list(several), "differences")
        units = self._rules.units(values, self.n + values.size)
        for unit in units.tolist():
            self._take(unit)
        return self

    def _take(self, unit: float) -> None:
        above, below = (unit, self._sum), (1.0 - unit, self.n - self._sum)
        x, before = np.array([above, below, above, below]).T
        self._mixture += log_factor(
            x[:, None],
            self._nulls[:, None],
            BETS,
            before=before[:, None],
            seen=np.array(self.n),
            population=self._rules.population,
        )
        if self._paced is not None:
            self._paced.take(x)
        self._units.append(unit)
        self._sum += unit
        self._decide()

    def _decide(self) -> None:
        above, below, better, worse = self._log_wealth() >= self._enough
        if self.decision == "undecided" and (above or below):
            self.decision = "not worse" if above else "worse"
            self.decided_at = self.n
        if self.verdict == "undecided" and (better or worse):
            self.verdict = "better" if better else "worse"

    def _log_wealth(self) -> Floats:
        mixture = mixed(self._mixture)
        return mixture if self._paced is None else shared(mixture, self._paced.log_wealth)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a sequential test does on each of several orders: `decisions` and `stopped_at`, (rows,).

    `stopped_at` is the number of differences taken: all of them where it stays undecided.
    """

    decisions: tuple[Decision, ...]
    stopped_at: npt.NDArray[np.intp]


def replay(
    differences: npt.ArrayLike,
    *,
    margin: float = 0.0,
    alpha: float = 0.05,
    bounds: Bounds = (-1.0, 1.0),
    population: int | None = None,
    horizon: int | None = None,
    higher_is_better: bool = True,
) -> Replay:
    """Run a `SequentialTest` over each row of `differences` (rows, n), all rows at once.

    The same rules and bets as one test at a time, so that it tells how many calls a gate would have
    needed on recorded runs (`benchmarks.decide`).

    >>> result = replay([[1.0] * 10, [0.0] * 10])
    >>> result.decisions, result.stopped_at.tolist()
    (('not worse', 'undecided'), [8, 10])
    """
    rules = _Rules(margin, alpha, bounds, population, horizon, higher_is_better)
    rows = np.asarray(differences, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"differences must have two dimensions, rows and n, not {rows.ndim}.")
    n = rows.shape[1]
    units = rules.units(as_floats(rows.ravel(), "differences"), n).reshape(rows.shape)
    null = rules.unit(-margin)
    above, below = (
        _first_passage(
            log_wealth(x, m, population=population, horizon=horizon, enough=rules.enough),
            rules.enough,
        )
        for x, m in ((units, null), (1.0 - units, 1.0 - null))
    )
    decisions: tuple[Decision, ...] = tuple(
        "undecided" if min(up, down) > n else "not worse" if up < down else "worse"
        for up, down in zip(above.tolist(), below.tolist(), strict=True)
    )
    return Replay(decisions, np.minimum(np.minimum(above, below), n))


@dataclass(frozen=True, slots=True)
class _Rules:
    """The options of a test, and the scale it works on: 0 the worst difference, 1 the best."""

    margin: float
    alpha: float
    bounds: Bounds
    population: int | None
    horizon: int | None
    higher_is_better: bool

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 0.5:
            raise ValueError(f"alpha must lie between 0 and 0.5, both excluded, not {self.alpha}.")
        check_bounds(np.empty(0), self.bounds)
        if not self.bounds[0] < 0.0 < self.bounds[1]:
            raise ValueError(f"The bounds of a difference must enclose 0, unlike {self.bounds}.")
        loss = -self._ends[0]
        if not 0.0 <= self.margin < loss:
            raise ValueError(
                f"margin must be 0 or more and less than the largest loss {loss}, "
                f"not {self.margin}."
            )
        check_population(self.population, 0)
        if self.horizon is not None and (self.horizon < 1 or self.population is not None):
            raise ValueError(
                "horizon must be 1 or more, and goes without a population, whose size is one."
            )

    @property
    def _ends(self) -> Bounds:
        """The bounds turned so that more is better: a loss is negative."""
        low, high = self.bounds
        return (low, high) if self.higher_is_better else (-high, -low)

    @property
    def level(self) -> float:
        return 1.0 - self.alpha * (2.0 if self.margin > 0.0 else 1.0)

    @property
    def enough(self) -> float:
        """Log wealth that decides."""
        return -math.log(self.alpha if self.margin > 0.0 else self.alpha / 2.0)

    def unit(self, gain: float) -> float:
        """A gain (negative: a loss), to [0, 1]."""
        worst, best = self._ends
        return (gain - worst) / (best - worst)

    def units(self, differences: Floats, n: int) -> Floats:
        """Differences to [0, 1], when they will be `n` in all."""
        check_bounds(differences, self.bounds)
        check_population(self.population, n)
        low, high = self.bounds
        units = (differences - low) / (high - low)
        return units if self.higher_is_better else 1.0 - units

    def value(self, unit: float) -> float:
        """A point of [0, 1] back to the difference that it stands for."""
        low, high = self.bounds
        return low + (unit if self.higher_is_better else 1.0 - unit) * (high - low)


def _first_passage(log_wealth: Floats, enough: float) -> npt.NDArray[np.intp]:
    """For each row, after how many values wealth is enough; n + 1 where it never is."""
    hit = log_wealth >= enough
    first: npt.NDArray[np.intp] = hit.argmax(axis=1) + 1
    first[~hit.any(axis=1)] = hit.shape[1] + 1
    return first


def _finite_exp(log_value: float) -> float:
    """The exponential, at most the largest float."""
    return math.exp(min(log_value, 709.0))
