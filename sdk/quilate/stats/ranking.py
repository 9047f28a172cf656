"""Ranking many systems from comparisons of two: the Bradley–Terry model, with intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quilate.stats.estimates import Estimate, Interval, t_quantile
from quilate.stats.observations import Clusters, Floats, as_clusters, check_share

Match = tuple[Hashable, Hashable, float]

# Of a normal prior on strengths, where some system has no finite one: weak, its sd is 10 logits.
_RIDGE = 0.01
_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Standing:
    """One system. `strength` is in logits, 0 the mean of all systems; `best` is the probability of
    being the strongest (None where strengths have no error); counts are of its comparisons."""

    system: Hashable
    rank: int
    strength: Estimate
    best: float | None
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """Systems, strongest first. `reason` says why there are no standings, or no intervals.
    `covariance` is that of the strengths, in the order of the standings."""

    standings: tuple[Standing, ...]
    comparisons: int
    clusters: int | None
    level: float
    covariance: tuple[tuple[float, ...], ...] | None = None
    reason: str | None = None

    def difference(self, a: Hashable, b: Hashable) -> Estimate:
        """The strength of `a` less that of `b`, in logits. Raises KeyError for another system."""
        i, j = self._place(a), self._place(b)
        strengths = [self.standings[place].strength for place in (i, j)]
        value = (strengths[0].value or 0.0) - (strengths[1].value or 0.0)
        n = self.comparisons
        if self.covariance is None or i == j:
            reason = self.reason or "the same system twice"
            return Estimate(value, None, n, self.clusters, reason=reason)
        cov = self.covariance
        error = math.sqrt(max(cov[i][i] + cov[j][j] - 2.0 * cov[i][j], 0.0))
        return _with_interval(value, error, n, self.clusters, self.level)

    def win_probability(self, a: Hashable, b: Hashable) -> Estimate:
        """The probability that `a` is preferred to `b`, a tie counting one half."""
        found = self.difference(a, b)
        value = _logistic(found.value or 0.0)
        if found.interval is None or found.std_error is None:
            return Estimate(value, None, found.n, found.clusters, reason=found.reason)
        low, high = _logistic(found.interval.low), _logistic(found.interval.high)
        interval = Interval(low, high, self.level, found.interval.method)
        error = found.std_error * value * (1.0 - value)
        return Estimate(value, interval, found.n, found.clusters, error)

    def _place(self, system: Hashable) -> int:
        places = {one.system: place for place, one in enumerate(self.standings)}
        return places[system]


def bradley_terry(
    matches: Iterable[Match],
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Ranking:
    """Rank systems by pairwise comparisons (Bradley & Terry 1952, Biometrika 39): a system of
    strength s is preferred to one of strength t with probability 1 / (1 + exp(t − s)).

    A match is ``(a, b, outcome)``: 1 where `a` was preferred, 0 where `b` was, 0.5 for a tie,
    which counts as half a win for each. Strengths are the maximum of the likelihood, by Newton's
    method. Their covariance is the sandwich over matches, or over `clusters` of them, which should
    name the item that was judged: all matches on one question stand or fall together. Intervals
    are Student's. `best` is the share of 20,000 seeded draws from that normal distribution in which
    a system is strongest.

    The maximum is finite only if every split of the systems has wins in both directions (Ford
    1957, American Mathematical Monthly 64). Where a system, or a group, never lost to the others,
    strengths come from a weak normal prior, good for the order alone, and there are no intervals;
    where two groups never met they are not ranked at all. `reason` says so.

    Raises ValueError for another outcome, and for a system compared with itself.

    >>> ranking = bradley_terry([("a", "b", 1), ("a", "b", 1), ("a", "b", 1), ("a", "b", 0)])
    >>> ranking.standings[0].system, round(ranking.win_probability("a", "b").value, 4)
    ('a', 0.75)
    """
    check_share(level, "level")
    table = _Matches.of(matches)
    groups = as_clusters(clusters, table.outcome.size)
    count = None if groups is None else groups.count
    wins, n = table.wins(), table.outcome.size
    if len(table.systems) < 2:
        return Ranking((), n, count, level, reason="needs two systems or more")
    from scipy.sparse.csgraph import connected_components

    if connected_components(wins + wins.T, directed=False)[0] > 1:
        apart = "some systems were never compared with the others, not even through a third"
        return Ranking((), n, count, level, reason=apart)
    finite = connected_components(wins, directed=True, connection="strong")[0] == 1
    strengths = _maximum(wins, 0.0 if finite else _RIDGE)
    units = n if groups is None else groups.count
    reason: str | None = None
    if not finite:
        reason = "some systems won, or lost, every comparison with the others"
    elif units < 2:
        reason = "all comparisons come from one item: the error cannot be estimated"
    covariance = None if reason else _sandwich(table, wins, strengths, groups)
    return _ranked(table, strengths, covariance, count, level, reason, seed)


@dataclass(frozen=True, slots=True)
class _Matches:
    """Matches as arrays: (matches, 2) places of the systems, and (matches,) outcomes."""

    systems: tuple[Hashable, ...]
    sides: npt.NDArray[np.intp]
    outcome: Floats

    @classmethod
    def of(cls, matches: Iterable[Match]) -> _Matches:
        known: dict[Hashable, int] = {}
        sides, outcomes = [], []
        for a, b, outcome in matches:
            if a == b:
                raise ValueError(f"{a!r} is compared with itself.")
            if outcome not in (0.0, 0.5, 1.0):
                raise ValueError(f"An outcome is {outcome!r}: 1, 0, or 0.5 for a tie.")
            sides.append([known.setdefault(side, len(known)) for side in (a, b)])
            outcomes.append(float(outcome))
        places = np.array(sides, dtype=np.intp).reshape(-1, 2)
        return cls(tuple(known), places, np.array(outcomes, dtype=np.float64))

    def wins(self) -> Floats:
        """(systems, systems): how often the row was preferred to the column, ties one half."""
        size = len(self.systems)
        first, second = self.sides[:, 0], self.sides[:, 1]
        codes = np.concatenate([first * size + second, second * size + first])
        weights = np.concatenate([self.outcome, 1.0 - self.outcome])
        totals = np.bincount(codes, weights=weights, minlength=size * size)
        return totals.astype(np.float64).reshape(size, size)


def _maximum(wins: Floats, ridge: float) -> Floats:
    """Strengths of zero mean that maximise the likelihood, less ridge/2 · Σ strength²."""
    met = wins + wins.T
    size = len(wins)
    strengths = np.zeros(size)
    value = _likelihood(wins, strengths, ridge)
    for _ in range(200):
        gradient = (wins - met * _chances(strengths)).sum(axis=1) - ridge * strengths
        step = np.linalg.solve(_information(met, strengths) + ridge * np.eye(size), gradient)
        length, rounding = 1.0, 1e-12 * max(1.0, abs(value))
        while (tried := _likelihood(wins, strengths + length * step, ridge)) < value - rounding:
            length /= 2.0
            if length < 1e-8:
                break
        strengths = strengths + length * step
        strengths -= strengths.mean()
        value = tried
        if float(np.abs(step).max()) < 1e-12 * max(1.0, float(np.abs(strengths).max())):
            break
    return strengths


def _likelihood(wins: Floats, strengths: Floats, ridge: float) -> float:
    apart = strengths[:, None] - strengths[None, :]
    return float(-(wins * np.logaddexp(0.0, -apart)).sum() - ridge / 2.0 * strengths @ strengths)


def _chances(strengths: Floats) -> Floats:
    apart = strengths[:, None] - strengths[None, :]
    chances: Floats = 0.5 * (1.0 + np.tanh(apart / 2.0))
    return chances


def _information(met: Floats, strengths: Floats) -> Floats:
    """Fisher's information, made regular by a term that only the mean strength sees: it changes
    neither step nor covariance, for both are of zero mean."""
    chances = _chances(strengths)
    weight = met * chances * (1.0 - chances)
    information: Floats = np.diag(weight.sum(axis=1)) - weight
    return information + float(weight.mean()) + 1e-12


def _sandwich(
    table: _Matches, wins: Floats, strengths: Floats, groups: Clusters | None
) -> Floats | None:
    """Cluster-robust covariance of the strengths, times G/(G − 1); None where it is all 0."""
    size, n = len(strengths), table.outcome.size
    first, second = table.sides[:, 0], table.sides[:, 1]
    residual = table.outcome - _chances(strengths)[first, second]
    codes = np.arange(n) if groups is None else groups.codes
    units = n if groups is None else groups.count
    sums = np.zeros((units, size))
    np.add.at(sums, (codes, first), residual)
    np.add.at(sums, (codes, second), -residual)
    bread = np.linalg.inv(_information(wins + wins.T, strengths))
    meat = sums.T @ sums * (units / (units - 1))
    centre = np.eye(size) - 1.0 / size
    covariance: Floats = centre @ bread @ meat @ bread @ centre
    return covariance if float(np.diag(covariance).max()) > 1e-20 else None


def _ranked(
    table: _Matches,
    strengths: Floats,
    covariance: Floats | None,
    count: int | None,
    level: float,
    reason: str | None,
    seed: int,
) -> Ranking:
    order = np.argsort(-strengths, kind="stable")
    n = table.outcome.size
    best = None
    if covariance is not None:
        covariance = covariance[np.ix_(order, order)]
        best = _best(strengths[order], covariance, seed)
    elif reason is None:
        reason = "the outcomes show no variation to estimate the error from"
    standings = tuple(
        Standing(
            table.systems[place],
            rank + 1,
            Estimate(float(strengths[place]), None, n, count, reason=reason)
            if covariance is None
            else _with_interval(
                float(strengths[place]), math.sqrt(covariance[rank, rank]), n, count, level
            ),
            None if best is None else float(best[rank]),
            *_record(table, int(place)),
        )
        for rank, place in enumerate(order)
    )
    rows = None if covariance is None else tuple(map(tuple, covariance.tolist()))
    return Ranking(standings, n, count, level, rows, reason)


def _record(table: _Matches, place: int) -> tuple[int, int, int]:
    """Wins, ties and losses of one system."""
    first = table.outcome[table.sides[:, 0] == place]
    second = 1.0 - table.outcome[table.sides[:, 1] == place]
    own = np.concatenate([first, second])
    return tuple(int((own == outcome).sum()) for outcome in (1.0, 0.5, 0.0))  # type: ignore[return-value]


def _best(strengths: Floats, covariance: Floats, seed: int) -> Floats:
    """How often each system is strongest in draws from the strengths' normal distribution."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    noise = np.random.default_rng(seed).standard_normal((_DRAWS, len(strengths)))
    strongest = (strengths + noise @ root.T).argmax(axis=1)
    shares: Floats = np.bincount(strongest, minlength=len(strengths)) / _DRAWS
    return shares


def _with_interval(value: float, error: float, n: int, count: int | None, level: float) -> Estimate:
    half = t_quantile(level, (n if count is None else count) - 1) * error
    method = "sandwich, t" if count is None else "cluster-robust sandwich, t"
    interval = Interval(value - half, value + half, level, method)
    return Estimate(value, interval, n, count, error)


def _logistic(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(x / 2.0))
