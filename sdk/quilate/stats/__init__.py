"""Intervals, paired comparison of targets, and agreement of a judge with a reference.

Pure functions on arrays of scores; results are frozen values that hold no NaN: where a figure
cannot be had it is None, and `reason` says why. Loads numpy and scipy: import it where it is used.
"""

from quilate.stats.agreement import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    gwet_ac2,
    percent_agreement,
)
from quilate.stats.association import auroc, kendall, pearson, spearman
from quilate.stats.betting import confidence_sequence
from quilate.stats.calibration import (
    CalibrationError,
    ReliabilityBin,
    brier_score,
    expected_calibration_error,
    reliability_curve,
    spiegelhalter,
)
from quilate.stats.comparison import Comparison, compare_paired, holm_adjust
from quilate.stats.equivalence import Equivalence, equivalence, non_inferiority
from quilate.stats.estimates import Estimate, Interval, estimate, mean, proportion, wilson
from quilate.stats.krippendorff import krippendorff_alpha
from quilate.stats.multiple import benjamini_hochberg, holm
from quilate.stats.power import (
    MoreSamples,
    minimum_detectable_effect,
    more_samples_needed,
    samples_needed,
)
from quilate.stats.ppi import PpiEstimate, ppi_difference, ppi_mean
from quilate.stats.prevalence import Prevalence, corrected_prevalence
from quilate.stats.ranking import Ranking, Standing, bradley_terry
from quilate.stats.recalibration import (
    IsotonicScaling,
    PlattScaling,
    isotonic_scaling,
    platt_scaling,
)
from quilate.stats.repeats import best_of_n, majority_at_k, pass_at_k, pass_hat_k
from quilate.stats.sampling import neyman_allocation, stratified_mean, two_stage_mean
from quilate.stats.sequential import Replay, SequentialTest, replay
from quilate.stats.variance import VarianceComponents, variance_components

__all__ = [
    "CalibrationError",
    "Comparison",
    "Equivalence",
    "Estimate",
    "Interval",
    "IsotonicScaling",
    "MoreSamples",
    "PlattScaling",
    "PpiEstimate",
    "Prevalence",
    "Ranking",
    "ReliabilityBin",
    "Replay",
    "SequentialTest",
    "Standing",
    "VarianceComponents",
    "auroc",
    "benjamini_hochberg",
    "best_of_n",
    "bradley_terry",
    "brier_score",
    "cohen_kappa",
    "compare_paired",
    "confidence_sequence",
    "corrected_prevalence",
    "equivalence",
    "estimate",
    "expected_calibration_error",
    "fleiss_kappa",
    "gwet_ac1",
    "gwet_ac2",
    "holm",
    "holm_adjust",
    "isotonic_scaling",
    "kendall",
    "krippendorff_alpha",
    "majority_at_k",
    "mean",
    "minimum_detectable_effect",
    "more_samples_needed",
    "neyman_allocation",
    "non_inferiority",
    "pass_at_k",
    "pass_hat_k",
    "pearson",
    "percent_agreement",
    "platt_scaling",
    "ppi_difference",
    "ppi_mean",
    "proportion",
    "reliability_curve",
    "replay",
    "samples_needed",
    "spearman",
    "spiegelhalter",
    "stratified_mean",
    "two_stage_mean",
    "variance_components",
    "wilson",
]
