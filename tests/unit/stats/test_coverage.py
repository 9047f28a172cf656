"""The coverage benchmark: its designs have the truth that they claim, and it keeps its promises."""

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks._coverage_designs import DESIGNS


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_each_design_draws_what_has_the_truth_that_it_states(design):
    rng = np.random.default_rng(1)
    drawn = [design.draw(rng, 200) for _ in range(150)]
    errors = np.array([result.value - truth for result, truth in drawn])
    assert abs(errors.mean()) < 4 * errors.std() / np.sqrt(errors.size)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_promised_intervals_cover(design):
    if design.promised_from is None:
        pytest.skip("nothing is promised")
    n, runs = design.promised_from, 800
    if n > 500:
        runs = 400
    assert coverage.covered(design, n, runs) == pytest.approx(0.9525, abs=0.0125 + 3.5 * 0.0077)


def test_false_alarms_of_the_tests_keep_to_the_level():
    for name, p_value in coverage.null_p_values().items():
        rng = np.random.default_rng(7)
        alarms = sum(p_value(rng) <= 0.05 for _ in range(300)) / 300
        assert alarms <= 0.05 + 3.5 * (0.05 * 0.95 / 300) ** 0.5, name
