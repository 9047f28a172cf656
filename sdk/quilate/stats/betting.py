"""Evidence on a bounded mean that may be looked at any time: bets, and the intervals they leave.

The wealth of a gambler who bets, at fair odds, that a mean exceeds a null value is a martingale if
the null holds, so it ever reaches 1/α with probability α at most (Ville 1939). Wealth is thus
evidence (an *e-value*): a test that stops when it reaches 1/α keeps its level (Waudby-Smith &
Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B 86). With values in
[0, 1], betting a share θ of what may be staked against a mean of m or less multiplies wealth by
1 − θ + θ·x/m. Wealth is spread evenly over fixed θ, so nothing is tuned to the data; and as each
factor falls in m, so does wealth: the means that are not refuted form an interval.

For paired 0/1 scores and a null difference of 0, concordant pairs leave wealth as it is, and
discordant ones multiply it by 1 + θ or 1 − θ: this is the mixture likelihood ratio of a fair coin
on the discordant pairs, McNemar's question, so that case needs no test of its own.
"""

import math

import numpy as np
import numpy.typing as npt

from quilate.stats.estimates import Interval
from quilate.stats.observations import Bounds, Floats, as_floats, check_bounds, check_share

METHOD = "betting, any time"
# Shares of the largest stake, denser towards 0, where small effects of long runs have their best.
BETS: Floats = ((np.arange(32) + 0.5) / 32) ** 1.5
_LARGEST_BET = 0.98  # less than all, so that wealth is never lost whole
_LARGEST_PACED = 0.9
_ROUNDING = 1e-9
_PRECISION = 1e-9  # of the end of an interval
_LARGEST_SURPLUS = 1e6  # of log wealth, which is infinite where a null is impossible
LOG_2 = math.log(2.0)


def confidence_sequence(
    values: npt.ArrayLike,
    bounds: Bounds,
    *,
    level: float = 0.95,
    population: int | None = None,
    horizon: int | None = None,
) -> Interval:
    """Interval of a bounded mean after these values, of a sequence that holds at all n together.

    Unlike a t interval it may be computed after each value, and the run stopped when it is narrow
    enough. Without values it is `bounds`. `population` and `horizon`: see `SequentialTest`.

    Raises ValueError for values outside `bounds`, or more values than `population`.

    >>> interval = confidence_sequence([1.0, 0.0] * 50, (0.0, 1.0))
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.342, 0.658)
    """
    check_share(level, "level")
    x = as_floats(values)
    check_bounds(x, bounds)
    check_population(population, x.size)
    low, high = bounds
    units = (x - low) / (high - low)
    ends = confidence_set(units, level, population=population, horizon=horizon)
    return Interval(low + ends[0] * (high - low), low + ends[1] * (high - low), level, METHOD)


def log_wealth(
    units: Floats,
    null: float,
    *,
    population: int | None = None,
    horizon: int | None = None,
    enough: float = 0.0,
) -> Floats:
    """Log of the wealth after each value, of bets that the mean of `units` exceeds `null`.

    `units` (rows, n) lie in [0, 1]; the result has the same shape. Infinite from where the values
    seen leave no room for the null in a `population`. With a `horizon` one half of the capital
    goes to `PacedBets` that aim at deciding, at e^`enough`, alone.
    """
    before = np.cumsum(units, axis=-1) - units
    seen = np.arange(units.shape[-1])
    total = np.full(units.shape, -np.inf)
    for bet in BETS:
        factors = log_factor(units, null, bet, before=before, seen=seen, population=population)
        np.logaddexp(total, np.cumsum(factors, axis=-1), out=total)
    total -= math.log(BETS.size)
    if horizon is None:
        return total
    paced = PacedBets(np.full(units.shape[0], null), enough + LOG_2, horizon)
    path = np.empty(units.shape)
    for place in range(units.shape[1]):
        paced.take(units[:, place])
        path[:, place] = paced.log_wealth
    return shared(total, path)


def check_population(population: int | None, n: int) -> None:
    """Raise ValueError for a population of none, or one with fewer than `n` values."""
    if population is None:
        return
    if population < 1:
        raise ValueError(f"population must be 1 or more, not {population}.")
    if n > population:
        raise ValueError(
            f"{n} values from a population of {population}; give each sample once, or leave the "
            "population out."
        )


def log_factor(
    x: Floats,
    null: Floats | float,
    bet: Floats | float,
    *,
    before: Floats,
    seen: npt.NDArray[np.intp],
    population: int | None,
) -> Floats:
    """Log of what a bet on each `x` multiplies wealth by; `before` is the sum of the `seen` values.

    From a population, the mean that the null leaves to the values that remain is what is bet
    against, and the bet grows as they become few: so does what each of them tells.
    """
    if population is None:
        result: Floats = np.log1p(bet * (x / null - 1.0))
        return result
    remaining = population - seen
    room = population * null - before
    nothing = _ROUNDING * population
    left = np.maximum(room, nothing) / remaining
    share = np.minimum(bet * population / remaining, _LARGEST_BET)
    # With no room left only zeros are possible: then there is nothing to bet on.
    factor = np.where(room > nothing, np.log1p(share * (x / left - 1.0)), 0.0)
    return np.where(x - room > nothing, np.inf, factor)


def mixed(log_wealth: Floats) -> Floats:
    """Log of the mean wealth over the bets, the last axis."""
    result: Floats = np.logaddexp.reduce(log_wealth, axis=-1) - math.log(BETS.size)
    return result


class PacedBets:
    """Gamblers who aim to reach e^`goal` within `horizon` values, each against a null of its own.

    Each stakes what, were luck as good as the goal needs, would just take it there by the end:
    √(2·need / (s²·left)), where s² is the mean square about the null so far (after Voráček &
    Orabona 2025, "STaR-Bets", arXiv:2505.22422). Where the whole run is needed this has nearly the
    power of a test at its end alone. `nulls` (k,) and each x (k,) lie in [0, 1].
    """

    PRIOR = 2  # as if so many values had been seen at the ends of [0, 1]

    def __init__(self, nulls: Floats, goal: Floats | float, horizon: int) -> None:
        self.nulls, self.goal, self.horizon = nulls, goal, horizon
        self.log_wealth: Floats = np.zeros(nulls.shape)
        self._seen = 0
        self._squares = np.full(nulls.shape, self.PRIOR * 0.25)

    def take(self, x: Floats | float) -> None:
        """Bet on the next values; beyond the horizon, no more."""
        gain = x - self.nulls
        left = self.horizon - self._seen
        if left > 0:
            need = np.maximum(self.goal - self.log_wealth, 0.0)
            square = self._squares / (self.PRIOR + self._seen)
            stake = np.minimum(np.sqrt(2.0 * need / (square * left)), _LARGEST_PACED / self.nulls)
            self.log_wealth = self.log_wealth + np.log1p(stake * gain)
        self._squares = self._squares + gain**2
        self._seen += 1


def confidence_set(
    units: Floats, level: float, *, population: int | None = None, horizon: int | None = None
) -> Bounds:
    """The means in [0, 1] that neither side has refuted, each with half of the error."""
    enough = math.log(2.0 / (1.0 - level))
    low = _lower_end(units, enough, population, horizon)
    high = 1.0 - _lower_end(1.0 - units, enough, population, horizon)
    if population is not None:  # what the values seen leave possible
        low = max(low, float(units.sum()) / population)
        high = min(high, (float(units.sum()) + population - units.size) / population)
    # Rounding must not turn the ends round when all is known.
    return min(low, high), max(low, high)


def _lower_end(units: Floats, enough: float, population: int | None, horizon: int | None) -> float:
    """The mean at which log wealth, which falls with the null, is `enough`; 0 if it is nowhere."""
    from scipy.optimize import brentq  # slow to import, and needed at the end of a test alone

    counted = _counted(units) if population is None else None

    def surplus(null: float) -> float:
        wealth = _final_wealth(units, null, population, counted)
        if horizon is not None:
            paced = _paced(units, null, enough + LOG_2, horizon)
            wealth = float(np.logaddexp(wealth, paced)) - LOG_2
        return min(wealth - enough, _LARGEST_SURPLUS)

    if units.size == 0 or surplus(_ROUNDING) < 0.0:
        return 0.0
    # Nearly always it lies some standard errors below the mean: look there first.
    low, high = _ROUNDING, 1.0
    step = 1.0 / math.sqrt(units.size)
    null = min(float(units.mean()), 1.0 - _ROUNDING)
    while null > low:
        if surplus(null) >= 0.0:
            low = null
            break
        null, high, step = null - step, null, 2.0 * step
    return 1.0 if surplus(high) >= 0.0 else float(brentq(surplus, low, high, xtol=_PRECISION))


def _counted(units: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Equal values once, with their numbers: without a population their order does not matter."""
    values, counts = np.unique(units, return_counts=True)
    return values, counts


def _final_wealth(
    units: Floats,
    null: float,
    population: int | None,
    counted: tuple[Floats, npt.NDArray[np.intp]] | None,
) -> float:
    """Log of the mixture's wealth after all values."""
    x, counts = (units, None) if counted is None else counted
    factors = log_factor(
        x[:, None],
        null,
        BETS,
        before=(np.cumsum(x) - x)[:, None],
        seen=np.arange(x.size)[:, None],
        population=population,
    )
    return float(mixed(factors.sum(axis=0) if counts is None else counts @ factors))


def _paced(units: Floats, null: float, goal: float, horizon: int) -> float:
    """Log of the wealth of `PacedBets` after all values, for one null: what NumPy would spend on
    each step is a hundred times the step."""
    wealth, prior = 0.0, PacedBets.PRIOR
    squares, largest = prior * 0.25, _LARGEST_PACED / null
    for seen, unit in enumerate(units[:horizon].tolist()):
        need = max(goal - wealth, 0.0)
        gain = unit - null
        stake = math.sqrt(2.0 * need * (prior + seen) / (squares * (horizon - seen)))
        wealth += math.log1p(min(stake, largest) * gain)
        squares += gain * gain
    return wealth


def shared(mixture: Floats, paced: Floats) -> Floats:
    """Log of the wealth of two gamblers who began with one half each."""
    result: Floats = np.logaddexp(mixture, paced) - LOG_2
    return result
