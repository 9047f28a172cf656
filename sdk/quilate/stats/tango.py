"""Score test and interval for the difference of two proportions of the same samples.

Tango (1998), "Equivalence test and confidence interval for the difference in proportions for the
paired-sample design", Statistics in Medicine 17. Only the two discordant counts and the number of
pairs matter. It covers where the t interval of the differences does not: when few samples differ,
and when those that do nearly all favour one side.
"""

import math

from scipy.special import ndtr

from quilate.stats.estimates import Interval, z_quantile

_HALVINGS = 60  # of an interval at most 2 wide: below the spacing of floats


def score_statistic(above: int, below: int, n: int, difference: float) -> float:
    """Standard normal when the true difference is `difference`; positive when the data lie above.

    `above` and `below` count the pairs (of `n`) where only the first, only the second is 1. The
    variance is that at the likelihood's maximum under the hypothesis, which has a closed form.

    >>> round(score_statistic(12, 4, 40, 0.0), 6)  # McNemar's (b - c) / sqrt(b + c)
    2.0
    """
    excess = above - below - n * difference
    if excess == 0.0:
        return 0.0
    linear = (2 * n - above + below) * difference - above - below
    constant = -below * difference * (1.0 - difference)
    root = math.sqrt(max(linear**2 - 8.0 * n * constant, 0.0))
    only_second = (root - linear) / (4.0 * n)
    variance = n * (2.0 * only_second + difference * (1.0 - difference))
    return excess / math.sqrt(variance) if variance > 0.0 else math.copysign(math.inf, excess)


def tango_interval(above: int, below: int, n: int, *, level: float) -> Interval:
    """The differences that the score test accepts at 1 − `level`.

    >>> interval = tango_interval(0, 0, 20, level=0.95)
    >>> round(interval.high, 4) == round(1.96**2 / (20 + 1.96**2), 4)
    True
    """
    z = z_quantile(level)
    low, high = _lower(above, below, n, z), -_lower(below, above, n, z)
    return Interval(low, high, level, "Tango score")


def exceeds(above: int, below: int, n: int, difference: float) -> float:
    """One-sided p-value: small when the true difference is shown to be more than `difference`."""
    return float(ndtr(-score_statistic(above, below, n, difference)))


def _lower(above: int, below: int, n: int, z: float) -> float:
    """Where the statistic, which falls as the difference grows, passes `z`."""
    low, high = -1.0, (above - below) / n
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if score_statistic(above, below, n, middle) > z:
            low = middle
        else:
            high = middle
    return low
