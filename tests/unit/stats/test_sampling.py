"""Stratified and two-stage estimates against their definitions and finite populations."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quilate.stats import mean, neyman_allocation, stratified_mean, two_stage_mean

repeatable = settings(deadline=None, derandomize=True)


def test_stratified_mean_by_hand():
    # W = (0.75, 0.25), means 0.75 and 0.25, s^2 = 1/4 each: SE^2 = (0.5625 + 0.0625) / 16; the
    # degrees of freedom (0.5625 + 0.0625)^2 / ((0.5625^2 + 0.0625^2) / 3).
    values = [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    result = stratified_mean(values, ["a"] * 4 + ["b"] * 4, {"a": 3, "b": 1})
    assert result.value == 0.625
    assert result.std_error == pytest.approx(math.sqrt(0.625 / 16))
    assert result.df == pytest.approx(0.625**2 / ((0.5625**2 + 0.0625**2) / 3))
    half = scipy.stats.t.ppf(0.975, result.df) * result.std_error
    assert result.interval.high == pytest.approx(0.625 + half)
    assert stratified_mean(values, list("aaaabbbb"), {"a": 0.75, "b": 0.25}) == result


def test_two_strata_of_one_size_are_welchs_t_test():
    # Half of the difference of two means has Welch's error and degrees of freedom.
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, 7), rng.normal(0, 3, 12)
    result = stratified_mean(np.concatenate([x, -y]), ["x"] * 7 + ["y"] * 12, {"x": 1, "y": 1})
    welch = scipy.stats.ttest_ind(x, y, equal_var=False)
    assert result.value / result.std_error == pytest.approx(welch.statistic)
    assert result.df == pytest.approx(welch.df)


def test_stratified_variance_is_unbiased_over_all_samples_of_a_small_population():
    population = {"a": [1.0, 2.0, 4.0, 9.0], "b": [10.0, 11.0, 15.0]}
    sizes = {name: len(values) for name, values in population.items()}
    results = [
        stratified_mean([*first, *second], ["a"] * 2 + ["b"] * 2, sizes, finite=True)
        for first in itertools.combinations(population["a"], 2)
        for second in itertools.combinations(population["b"], 2)
    ]
    values = np.array([result.value for result in results])
    assert values.mean() == pytest.approx(52 / 7)
    squared = np.mean([result.std_error**2 for result in results])
    assert squared == pytest.approx(values.var())


def test_a_whole_population_leaves_no_error_in_its_strata():
    values, strata = [1.0, 2.0, 4.0, 7.0], ["a", "a", "b", "b"]
    result = stratified_mean(values, strata, {"a": 2, "b": 2}, finite=True)
    assert result.interval is None and "no spread" in result.reason
    assert result.value == 3.5


def two_stage_population(rng, clusters=60):
    sizes = rng.integers(2, 12, clusters)
    return {c: rng.normal(rng.normal(0, 1), 1, sizes[c]) for c in range(clusters)}


def test_two_stage_mean_covers_the_mean_of_a_finite_population():
    rng = np.random.default_rng(2)
    population = two_stage_population(rng)
    truth = np.concatenate(list(population.values())).mean()
    covered, errors, values = 0, [], []
    for _ in range(1500):
        drawn = rng.choice(60, 20, replace=False).tolist()
        parts = {c: rng.choice(population[c], max(2, len(population[c]) // 2), replace=False)
                 for c in drawn}  # fmt: skip
        result = two_stage_mean(
            np.concatenate(list(parts.values())),
            [c for c, part in parts.items() for _ in part],
            {c: len(cluster) for c, cluster in population.items()},
            population=60,
        )
        covered += truth in result.interval
        errors.append(result.std_error**2)
        values.append(result.value)
    assert covered / 1500 == pytest.approx(0.945, abs=0.02)
    assert np.mean(errors) == pytest.approx(np.var(values), rel=0.1)


def test_two_stage_mean_by_hand():
    # Means 0.5 and 1, sizes 10 and 30: value 35/40; residuals 10 * (0.5 - 0.875) and
    # 30 * (1 - 0.875), so s_r^2 = 2 * 3.75^2 and SE^2 = s_r^2 / (2 * 20^2).
    values, clusters = [1.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"]
    result = two_stage_mean(values, clusters, {"a": 10, "b": 30})
    assert result.value == 0.875
    assert result.std_error == pytest.approx(math.sqrt(2 * 3.75**2 / 800))
    # Of 8 clusters: (1 - 2/8) times that, and 10^2 (1 - 2/10) 0.5 / 2 / (2 * 8 * 20^2).
    finite = two_stage_mean(values, clusters, {"a": 10, "b": 30}, population=8)
    expected = 0.75 * 2 * 3.75**2 / 800 + 100 * 0.8 * 0.5 / 2 / 6400
    assert finite.std_error == pytest.approx(math.sqrt(expected))
    assert (finite.clusters, finite.df) == (2, 1)


def test_whole_clusters_of_one_size_are_the_cluster_robust_mean():
    rng = np.random.default_rng(3)
    values, clusters = rng.random(20), [index // 4 for index in range(20)]
    plain = mean(values, clusters=clusters)
    result = two_stage_mean(values, clusters, dict.fromkeys(range(5), 4))
    assert (result.value, result.std_error) == pytest.approx((plain.value, plain.std_error))
    assert result.interval.low == pytest.approx(plain.interval.low)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (stratified_mean([], [], {}), "no values"),
        (stratified_mean([1.0, 0.0, 1.0], ["a", "a", "b"], {"a": 1, "b": 1}), "one value"),
        (stratified_mean([1.0] * 4, list("aabb"), {"a": 1, "b": 1}), "no spread"),
        (two_stage_mean([], [], {}), "no values"),
        (two_stage_mean([1.0, 0.0], ["a", "a"], {"a": 5}), "one cluster"),
        (two_stage_mean([1.0, 1.0], ["a", "b"], {"a": 5, "b": 5}), "no spread"),
        (two_stage_mean([1.0, 0.0], ["a", "b"], {"a": 5, "b": 5}, population=9), "one value"),
    ],
)
def test_what_has_no_interval_has_a_reason(result, words):
    assert result.interval is None and words in result.reason


def test_neyman_allocation_by_hand_and_by_costs():
    sizes, deviations = {"a": 400, "b": 300, "c": 100}, {"a": 1.0, "b": 2.0, "c": 6.0}
    assert neyman_allocation(80, sizes, deviations) == {"a": 20, "b": 30, "c": 30}
    costs = {"a": 1.0, "b": 1.0, "c": 9.0}
    assert neyman_allocation(60, sizes, deviations, costs=costs) == {"a": 20, "b": 30, "c": 10}
    # c holds 100 only; the rest is shared 2 : 3.
    assert neyman_allocation(400, sizes, deviations) == {"a": 120, "b": 180, "c": 100}


@repeatable
@given(
    st.lists(st.tuples(st.integers(2, 12), st.floats(0, 3)), min_size=2, max_size=3),
    st.floats(0, 1),
)
def test_neyman_allocation_is_the_best_of_all(strata, share):
    sizes = {name: size for name, (size, _) in enumerate(strata)}
    deviations = {name: deviation for name, (_, deviation) in enumerate(strata)}
    least, most = 2 * len(strata), sum(sizes.values())
    total = round(least + share * (most - least))
    found = neyman_allocation(total, sizes, deviations)
    assert sum(found.values()) == total
    assert all(2 <= found[name] <= sizes[name] for name in sizes)

    def variance(counts):
        return sum((sizes[h] * deviations[h]) ** 2 / count for h, count in enumerate(counts))

    every = itertools.product(*(range(2, size + 1) for size in sizes.values()))
    best = min(variance(counts) for counts in every if sum(counts) == total)
    # Rounding to whole samples may miss the best by a little.
    assert variance(list(found.values())) <= best * 1.1 + 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stratified_mean([1.0], ["a"], {}), "nothing for 'a'"),
        (lambda: stratified_mean([1.0], ["a"], {"a": 0}), "positive and finite"),
        (lambda: stratified_mean([1.0], ["a"], {"a": 1, "b": 1}), "needs values"),
        (lambda: stratified_mean([1.0, 0.5, 1.0], ["a"] * 3, {"a": 2}, finite=True), "more values"),
        (lambda: stratified_mean([1.0], ["a", "b"], {"a": 1, "b": 1}), "2 labels for 1 values"),
        (lambda: two_stage_mean([1.0, 2.0], ["a", "a"], {"a": 1}), "more values"),
        (
            lambda: two_stage_mean([1.0, 2.0], ["a", "b"], {"a": 1, "b": 1}, population=1),
            "were drawn",
        ),
        (lambda: two_stage_mean([2.0], ["a"], {"a": 1}, bounds=(0.0, 1.0)), "outside the bounds"),
        (lambda: neyman_allocation(3, {"a": 9, "b": 9}, {"a": 1, "b": 1}), "ask for 4 to 18"),
        (lambda: neyman_allocation(5, {"a": 9, "b": 9}, {"a": 1}), "nothing for 'b'"),
        (lambda: neyman_allocation(5, {"a": 9, "b": 9}, {"a": 1, "b": -1}), "must be positive"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
