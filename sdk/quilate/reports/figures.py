"""An estimate as text."""

import math

from quilate.reports.strings import Words
from quilate.stats import Estimate

_NOISE = 1e-9  # what rounding leaves of nothing


def figure(words: Words, estimate: Estimate, *, sign: bool = False) -> str:
    """``0.62 [0.47, 0.75]``, or the value alone, or that there is none; with a `sign`, that of a
    difference."""
    if estimate.value is None:
        return "—"
    digits = decimals(estimate) if sign else 2
    value = words.number(estimate.value, sign=sign, digits=digits)
    if estimate.interval is None:
        return f"{value} ({words['no_interval']})"
    interval = estimate.interval
    return f"{value} {words.interval(interval.low, interval.high, sign=sign, digits=digits)}"


def decimals(difference: Estimate) -> int:
    """As many as it takes to tell a difference from 0 where its interval does, and an interval
    from a point: two, save for what is small, as seconds may be."""
    interval = difference.interval
    if interval is None:
        return 2
    ends = sorted((abs(interval.low), abs(interval.high)))
    telling = ends[interval.low <= 0.0 <= interval.high]
    if telling >= 0.005 or telling < _NOISE:
        return 2
    return 1 - math.floor(math.log10(telling))
