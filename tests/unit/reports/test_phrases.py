"""Reports in Spanish say in Spanish what our evaluators say."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
from sample_runs import make_run

import quilate_evaluators
from quilate import registry
from quilate.evaluators import Metric, Score
from quilate.reports.html import page_of
from quilate.reports.phrases import spanish
from quilate.reports.terminal import render
from quilate.testing import ScriptedModel

OURS = [
    name
    for name in registry.names("evaluators")
    # `code_passes` is refused until there is a sandbox, so it describes nothing.
    if "quilate_" in registry.home("evaluators", name) and name != "code_passes"
]


# Options without which there is no such evaluator.
NEEDED: dict[str, dict[str, object]] = {
    "regex": {"pattern": "."},
    "rubric": {"criteria": "It is right."},
    "jury": {"models": [ScriptedModel(name="a"), ScriptedModel(name="b")], "judge": "groundedness"},
}


@pytest.mark.parametrize("name", OURS)
def test_every_metric_is_described_in_spanish(name: str) -> None:
    known = inspect.signature(registry.factory("evaluators", name)).parameters
    options = {"model": ScriptedModel()} if "model" in known else {}
    options |= NEEDED.get(name, {})
    for metric in registry.evaluator(name, **options).metrics:
        assert metric.description
        assert spanish(metric.description) != metric.description


def texts(path: Path) -> list[str]:
    """The texts of a module that begin as reasons do."""
    found = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
    ]
    return [
        one
        for one in found
        if isinstance(one, str) and re.match(r"the (sample|target|answer)\b", one)
    ]


HOME = Path(quilate_evaluators.__file__).parent
REASONS = {path.relative_to(HOME).as_posix(): texts(path) for path in sorted(HOME.rglob("*.py"))}


@pytest.mark.parametrize("module", [module for module, reasons in REASONS.items() if reasons])
def test_every_reason_is_given_in_spanish(module: str) -> None:
    assert [reason for reason in REASONS[module] if spanish(reason) == reason] == []


def test_the_terminal_and_the_page_use_them() -> None:
    run = make_run(4, targets=("only",), hostile=False)
    score = Score.unscored("mrr", "the target retrieves nothing")
    metrics = {
        "mrr": Metric("mrr", "One over the rank of the first gold passage."),
        "own": Metric("own", "Mine alone."),
    }
    scores = (score, Score.of("own", 1.0))
    items = [replace(item, scores=scores, failure=None) for item in run.items]
    run = replace(run, metrics=metrics, items=items)
    assert "mrr: el sistema no recupera nada × 4" in render(run, lang="es")
    assert "mrr: the target retrieves nothing × 4" in render(run, lang="en")
    page = page_of(run, lang="es")
    assert page.count("el sistema no recupera nada") == 5  # under the table, and with each item
    assert "the target retrieves nothing" not in page
    assert "Mine alone." in page


def test_descriptions_stand_over_the_charts_in_spanish() -> None:
    run = make_run(4, hostile=False)
    said = "Share of the gold passages among the first 4."
    metrics = {**run.metrics, "recall@4": Metric("recall@4", said)}
    page = page_of(replace(run, metrics=metrics), lang="es")
    assert "Proporción de pasajes de referencia entre los 4 primeros." in page
