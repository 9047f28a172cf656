"""Rows of figures that take several epochs: their intervals, coverage, comparisons, reports."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from sample_runs import make_run

from quilate.codec import to_data
from quilate.evals.results import Failure, Item, Run
from quilate.evaluators import Metric, Output, Sample, Score
from quilate.reports.frames import to_pandas
from quilate.reports.html import page_of
from quilate.reports.junit import to_xml
from quilate.reports.summary import LeftOut, summarize
from quilate.reports.tallies import TOO_FEW
from quilate.reports.terminal import render
from quilate.stats import compare_paired, estimate

ALL = ["mean", "pass@2", "pass^2", "majority@3", "best@3"]


def make(
    values: dict[str, list[list[float | str | None]]],
    reducers: list[str],
    groups: list[str] | None = None,
    **metric: object,
) -> Run:
    """Targets to samples × epochs: a score, None for one that does not apply, "error" for one that
    failed, "pending" for one that is still to come."""
    shape = next(iter(values.values()))
    items = [
        _item(target, sample, epoch, value)
        for target, rows in values.items()
        for sample, row in enumerate(rows)
        for epoch, value in enumerate(row)
        if value != "pending"
    ]
    samples = {
        str(n): Sample(str(n), f"{n}?", group=groups[n] if groups else None)
        for n in range(len(shape))
    }
    return Run(
        "r1", "tries", "", "finished", tuple(values), {"m": Metric("m", **metric)}, samples, items,  # type: ignore[arg-type]
        len(values) * len(shape) * len(shape[0]), {"reducers": reducers},
    )  # fmt: skip


def _item(target: str, sample: int, epoch: int, value: float | str | None) -> Item:
    if value == "error":
        return Item(target, str(sample), epoch, failure=Failure("timeout", "No answer."))
    if value is None:
        score = Score.unscored("m", "it does not apply")
    else:
        score = Score.of("m", float(value))
    return Item(target, str(sample), epoch, Output("x"), (score,))


def draws(seed: int, samples: int, epochs: int, share: float) -> list[list[float]]:
    rng = random.Random(seed)
    hardness = [rng.random() for _ in range(samples)]
    return [[float(rng.random() < share * hard * 2) for _ in range(epochs)] for hard in hardness]


def test_each_reducer_is_a_row_of_its_own_after_its_metric() -> None:
    summary = summarize(make({"a": draws(1, 30, 4, 0.5)}, ALL))
    assert [metric.name for metric in summary.metrics] == [
        "m", "m pass@2", "m pass^2", "m majority@3", "m best@3",
    ]  # fmt: skip
    values = [summary.cells[metric.name, "a"].estimate.value for metric in summary.metrics]
    assert values[2] < values[0] < values[1] <= values[4]


def test_intervals_are_over_samples_and_clustered() -> None:
    rows = draws(2, 40, 3, 0.5)
    groups = [f"doc {n // 4}" for n in range(40)]
    cell = summarize(make({"a": rows}, ["pass^2"], groups)).cells["m pass^2", "a"]
    figures = [sum(row) * (sum(row) - 1) / 6 for row in rows]
    expected = estimate(figures, clusters=groups)
    assert cell.estimate.value == pytest.approx(expected.value)
    assert cell.estimate.std_error == pytest.approx(expected.std_error)
    assert (cell.estimate.n, cell.estimate.clusters) == (40, 10)
    assert summarize(make({"a": rows}, ["pass^2"])).cells["m pass^2", "a"].estimate.clusters is None


def test_targets_are_compared_by_their_reduced_figures() -> None:
    a, b = draws(3, 60, 3, 0.8), draws(3, 60, 3, 0.2)
    summary = summarize(make({"a": a, "b": b}, ["mean", "pass^3"]))
    pair = next(pair for pair in summary.pairs if pair.metric == "m pass^3")
    expected = compare_paired(
        [float(all(row)) for row in a], [float(all(row)) for row in b], bounds=(0.0, 1.0)
    )
    assert pair.comparison.difference == expected.difference
    assert pair.winner == "a"
    assert {pair.metric for pair in summary.pairs} == {"m", "m pass^3"}


def test_a_graded_metric_is_left_out_with_the_reason() -> None:
    run = make({"a": [[0.5, 0.25, 1.0], [0.0, 0.75, 1.0]]}, ALL)
    summary = summarize(run)
    assert [metric.name for metric in summary.metrics] == ["m", "m best@3"]
    assert summary.left_out == (
        LeftOut("m", ("pass@2", "pass^2", "majority@3"), "graded: a try neither passes nor fails"),
    )
    english, spanish = render(run, lang="en", width=120), render(run, lang="es", width=120)
    assert "m pass@2, pass^2, majority@3: graded: a try neither passes nor fails" in english
    assert "m pass@2, pass^2, majority@3: graduada: un intento ni acierta ni falla" in spanish
    assert "graduada: un intento ni acierta ni falla" in page_of(run, lang="es")


def test_the_mean_stays_where_no_reducer_fits_and_leaves_where_one_does() -> None:
    graded = summarize(make({"a": [[0.5, 0.25], [0.0, 0.75]]}, ["pass@2"]))
    assert [metric.name for metric in graded.metrics] == ["m"]
    binary = summarize(make({"a": [[0.0, 1.0], [0.0, 0.0]]}, ["pass@2"]))
    assert [metric.name for metric in binary.metrics] == ["m pass@2"]
    assert binary.cells["m", "a"].estimate.value == 0.25  # there to be read, not shown


def test_of_a_metric_where_lower_is_better_the_best_is_the_least() -> None:
    run = make({"a": [[0.0, 1.0], [1.0, 1.0]]}, [*ALL[:3], "best@2"], higher_is_better=False)
    summary = summarize(run)
    assert [metric.name for metric in summary.metrics] == ["m", "m best@2"]
    assert summary.cells["m best@2", "a"].estimate.value == 0.5
    assert summary.left_out[0].reason == "lower is better: a 1 is no pass"


def test_coverage_counts_the_samples_that_have_enough_epochs() -> None:
    rows = [
        [1.0, 1.0, 0.0], [1.0, "error", "error"], [None, None, 1.0], [1.0, 0.0, "error"],
        [1.0, "pending", "pending"],
    ]  # fmt: skip
    summary = summarize(make({"a": rows}, ["mean", "pass@2"]))
    cell = summary.cells["m pass@2", "a"]
    coverage = cell.coverage
    assert (coverage.planned, coverage.scored, coverage.pending) == (5, 2, 1)
    assert (coverage.unscored, coverage.errors) == ({TOO_FEW: 1}, {TOO_FEW: 1})
    assert cell.estimate.value == 1.0
    # At worst the missing epochs fail: of samples 0, 1, 3, 4, pass@2 1, 2/3, 2/3, 2/3.
    assert cell.range == (pytest.approx(0.75), 1.0)
    assert summary.cells["m", "a"].coverage.planned == 15


def test_reports_of_runs_with_reducers_hold_together() -> None:
    run = replace(make_run(24, epochs=3, seed=5), provenance={"reducers": ALL})
    summary = summarize(run)
    names = [metric.name for metric in summary.metrics]
    assert "exact_match pass@2" in names
    assert "token_f1 pass@2" not in names
    json.dumps([to_data(cell) for cell in summary.cells.values()], allow_nan=False)
    page = page_of(run, lang="en")
    assert "<b>exact_match majority@3</b>" in page
    shown = page.partition('<select id="metric">')[2].partition("</select>")[0]
    assert shown.count("<option") == len(run.metrics)  # the samples have the raw scores alone
    assert "exact_match pass^2" in render(run, lang="es", width=100)
    assert set(to_pandas(run)["metric"].dropna()) == set(run.metrics)
    assert "pass@2" not in to_xml(run)


def test_the_tau_bench_table_comes_out_of_a_report() -> None:
    """tau-bench's README, airline, TC (gpt-4o): 0.420 0.273 0.220 0.200. Of its 50 recorded tasks
    10 passed all of 4 trials, 4 three, 10 two, 12 one."""
    passes = [4] * 10 + [3] * 4 + [2] * 10 + [1] * 12 + [0] * 14
    rows = [[1.0] * c + [0.0] * (4 - c) for c in passes]
    run = make({"gpt-4o": rows}, [f"pass^{k}" for k in (1, 2, 3, 4)])
    cells = summarize(run).cells
    figures = [cells[f"m pass^{k}", "gpt-4o"].estimate.value or 0.0 for k in (1, 2, 3, 4)]
    assert [f"{value:.3f}" for value in figures] == ["0.420", "0.273", "0.220", "0.200"]
