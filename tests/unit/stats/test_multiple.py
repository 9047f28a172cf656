"""Adjusted p-values against statsmodels."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from quilate.stats import benjamini_hochberg, holm

repeatable = settings(deadline=None, derandomize=True)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@repeatable
@given(P_VALUES)
def test_holm_agrees_with_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


@repeatable
@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_statsmodels(p_values):
    expected = list(multipletests(p_values, method="fdr_bh")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(expected)


@repeatable
@given(P_VALUES)
def test_benjamini_hochberg_lies_between_the_p_values_and_holm(p_values):
    adjusted = zip(p_values, benjamini_hochberg(p_values), holm(p_values), strict=True)
    assert all(p <= fdr + 1e-12 and fdr <= fwer + 1e-12 for p, fdr, fwer in adjusted)


def test_the_15_p_values_of_benjamini_and_hochberg_1995():
    # Their section 4.1 (thrombolysis in myocardial infarction): at 0.05 the procedure rejects the
    # four smallest, Bonferroni's (and Holm's) the three smallest.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
                0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip
    assert sum(p <= 0.05 for p in benjamini_hochberg(p_values)) == 4
    assert sum(p <= 0.05 for p in holm(p_values)) == 3


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_nothing_and_nonsense(adjust):
    assert adjust([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust([0.1, 1.2])
    with pytest.raises(ValueError, match="finite"):
        adjust([0.1, float("nan")])
