"""How large a run must be: the smallest effect that it shows, and the samples that an effect asks
for, before a run and after one that decided nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtr, ndtri, stdtrit

from quilate.stats.comparison import Comparison
from quilate.stats.equivalence import Equivalence
from quilate.stats.estimates import Estimate
from quilate.stats.observations import check_share

_MOST = 10**9  # samples; what asks for more is not a plan


@dataclass(frozen=True, slots=True)
class MoreSamples:
    """How many samples a decision asks for, if the true difference is `effect`.

    `total` is the size of the run that decides with the asked power, `more` what it has beyond the
    `n` seen (0: these would do). Both are None where it cannot be told, and `reason` says why.
    With clusters, samples are taken to come in clusters like those seen.
    """

    more: int | None
    total: int | None
    n: int
    effect: float | None
    reason: str | None = None


def minimum_detectable_effect(
    std_error: float, *, level: float = 0.95, power: float = 0.8, df: float | None = None
) -> float:
    """Smallest true difference that a run with this `std_error` of the difference would show.

    A two-sided test at 1 − `level` finds it with probability `power`: (z_{α/2} + z_β) · SE
    (Miller 2024, arXiv:2411.00640); with `df`, t quantiles take the place of z, for few
    samples or clusters (Bloom 1995).

    Raises ValueError for a `std_error` that is not positive and finite, or `df` below 1.

    >>> round(minimum_detectable_effect(0.01), 4)
    0.028
    """
    check_share(level, "level")
    check_share(power, "power")
    _check_positive(std_error, "std_error")
    if df is not None and df < 1:
        raise ValueError(f"df must be 1 or more, not {df}.")
    tails = np.array([(1.0 + level) / 2.0, power])
    quantiles = ndtri(tails) if df is None else stdtrit(df, tails)
    return max(0.0, float(quantiles.sum())) * std_error


def samples_needed(
    std_deviation: float,
    effect: float,
    *,
    level: float = 0.95,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int:
    """Pairs of scores that show a true mean difference `effect` with probability `power`.

    `std_deviation` is that of the differences a − b (for one target against a fixed value, of its
    scores). The power is that of the two-sided t test at 1 − `level`, from the noncentral t
    distribution (Cohen 1988). `design_effect` is the variance with clusters over that without, by
    which the number is multiplied.

    Raises ValueError for a `std_deviation`, `effect` or `design_effect` that is not positive, and
    where more than 10⁹ would be needed.

    >>> samples_needed(0.5, 0.1)
    199
    """
    check_share(level, "level")
    check_share(power, "power")
    _check_positive(std_deviation, "std_deviation")
    _check_positive(effect, "effect")
    _check_positive(design_effect, "design_effect")
    ratio = effect / std_deviation

    def reached(n: int) -> float:
        return _power(ratio * math.sqrt(n), n - 1.0, level)

    found = _smallest(reached, power, start=2)
    total = None if found is None else math.ceil(found * design_effect - 1e-9)
    if total is None or total > _MOST:
        raise ValueError(
            f"An effect of {effect:g} with a standard deviation of {std_deviation:g} needs more "
            "than 10⁹ samples; ask for a larger effect."
        )
    return total


def more_samples_needed(
    found: Comparison | Estimate | Equivalence,
    *,
    effect: float | None = None,
    level: float | None = None,
    power: float = 0.8,
) -> MoreSamples:
    """How many more samples like those seen would decide, from the spread that they show.

    For a `Comparison`, or an `Estimate` of a difference: a two-sided t test shows that the
    difference is not 0. For an `Equivalence`: its question is answered "not worse" or
    "equivalent", or "worse" where the effect lies beyond the margin. `effect` is the true
    difference to plan for, on a's side as `Comparison` has it; without it the observed one is
    taken, which is a guess: it may be chance. `level` is that of `found` unless given.

    Raises ValueError for a `power` or `level` outside 0 to 1.

    >>> from quilate.stats.comparison import compare_paired
    >>> a, b = [1, 1, 0, 1, 0, 1, 1, 0] * 5, [1, 0, 0, 1, 0, 1, 1, 1] * 4 + [0] * 8
    >>> more_samples_needed(compare_paired(a, b), effect=0.1).more
    211
    """
    check_share(power, "power")
    difference = found if isinstance(found, Estimate) else found.difference
    if level is None:
        level = _level(found)
    check_share(level, "level")
    n, error = difference.n, difference.std_error
    effect = difference.value if effect is None else effect
    if effect is None or error is None or difference.df < 1:
        reason = difference.reason or "the samples show no spread to plan with"
        return MoreSamples(None, None, n, effect, reason)
    distances = _distances(found, effect)
    if min(distances) <= 0.0:
        return MoreSamples(
            None, None, n, effect, "no run decides: the effect lies on the limit that is tested"
        )
    two_sided = not isinstance(found, Equivalence)

    def reached(total: int) -> float:
        scale = math.sqrt(total / n) / error
        df = max((difference.df + 1.0) * total / n - 1.0, 1.0)
        if two_sided:
            return _power(distances[0] * scale, df, level)
        missed = sum(1.0 - _one_sided(distance * scale, df, level) for distance in distances)
        return max(1.0 - missed, 0.0)

    total = _smallest(reached, power, start=_least(found, effect, level))
    if total is None:
        return MoreSamples(None, None, n, effect, "more than 10⁹ samples: the effect is too small")
    return MoreSamples(max(total - n, 0), total, n, effect)


def _level(found: Comparison | Estimate | Equivalence) -> float:
    if isinstance(found, Estimate):
        return found.interval.level if found.interval else 0.95
    return found.level


def _distances(found: Comparison | Estimate | Equivalence, effect: float) -> tuple[float, ...]:
    """How far the effect lies from each limit that must be excluded."""
    if not isinstance(found, Equivalence):
        return (abs(effect),)
    good = effect if found.higher_is_better else -effect
    if found.question == "non-inferiority":
        return (abs(good + found.margin),)
    if abs(good) < found.margin:
        return (found.margin - good, found.margin + good)
    return (abs(good) - found.margin,)


def _least(found: Comparison | Estimate | Equivalence, effect: float, level: float) -> int:
    """The size below which no t test decides: where the rule of three limits it, what that asks."""
    if not isinstance(found, Equivalence) or found.width is None:
        return 2
    good = effect if found.higher_is_better else -effect
    ends = [(good + found.margin, found.width + good)]
    if good < -found.margin:
        ends = [(-found.margin - good, found.width - good)]
    elif found.question == "equivalence":
        above = (found.margin - good, found.width - good)
        beyond = (good - found.margin, found.width + good)
        ends = [*ends, above] if good < found.margin else [beyond]
    shares = [distance / room for distance, room in ends if distance < room]
    return max([2, *(math.ceil(math.log(1.0 - level) / math.log1p(-share)) for share in shares)])


def _power(noncentrality: float, df: float, level: float) -> float:
    """Of the two-sided t test at 1 − level."""
    t = float(stdtrit(df, (1.0 + level) / 2.0))
    return 1.0 - _below(df, noncentrality, t) + _below(df, noncentrality, -t)


def _one_sided(noncentrality: float, df: float, level: float) -> float:
    return 1.0 - _below(df, noncentrality, float(stdtrit(df, level)))


def _below(df: float, noncentrality: float, t: float) -> float:
    """Distribution function of noncentral t; where it is all but 0, scipy may give NaN."""
    share = float(nctdtr(df, noncentrality, t))
    return 0.0 if math.isnan(share) else share


def _smallest(reached: Callable[[int], float], power: float, *, start: int) -> int | None:
    """The smallest size at which `reached`, which grows with it, is at least `power`."""
    high = start
    while not reached(high) >= power:
        if high > _MOST:
            return None
        high *= 2
    low = max(high // 2, start - 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return high


def _check_positive(value: float, name: str) -> None:
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, not {value}.")
