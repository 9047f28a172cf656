"""An estimate as text."""

from quilate.reports.strings import Words
from quilate.stats import Estimate


def figure(words: Words, estimate: Estimate, *, sign: bool = False) -> str:
    """``0.62 [0.47, 0.75]``, or the value alone, or that there is none."""
    if estimate.value is None:
        return "—"
    value = words.number(estimate.value, sign=sign)
    if estimate.interval is None:
        return f"{value} ({words['no_interval']})"
    interval = estimate.interval
    return f"{value} {words.interval(interval.low, interval.high, sign=sign)}"
