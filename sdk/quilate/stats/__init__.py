"""Intervals, paired comparison of targets, and agreement of a judge with a reference.

Pure functions on arrays of scores; results are frozen values that hold no NaN: where a figure
cannot be had it is None, and `reason` says why. Loads numpy and scipy: import it where it is used.
"""

from quilate.stats.agreement import auroc, cohen_kappa, spearman
from quilate.stats.comparison import (
    Comparison,
    compare_paired,
    holm,
    holm_adjust,
    minimum_detectable_effect,
)
from quilate.stats.estimates import Estimate, Interval, estimate, mean, proportion, wilson

__all__ = [
    "Comparison",
    "Estimate",
    "Interval",
    "auroc",
    "cohen_kappa",
    "compare_paired",
    "estimate",
    "holm",
    "holm_adjust",
    "mean",
    "minimum_detectable_effect",
    "proportion",
    "spearman",
    "wilson",
]
