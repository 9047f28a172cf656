"""The geometry of the charts: a dot and an interval for each target, one chart a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quilate.evaluators import Metric
from quilate.reports import wording
from quilate.reports.strings import Words
from quilate.reports.summary import Cell, Summary


@dataclass(frozen=True, slots=True)
class Mark:
    """One target's line: positions in per cent of the chart's width, None where there is none."""

    number: int
    target: str
    label: str
    note: str
    at: float | None
    low: float | None = None
    high: float | None = None
    worst: float | None = None
    best: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric: its marks, its axis, and the text that says all of it."""

    metric: Metric
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    description: str


def charts(words: Words, summary: Summary) -> list[Chart]:
    """A chart for each metric that has a figure."""
    return [
        _chart(words, metric, [summary.cells[metric.name, target] for target in summary.targets])
        for metric in summary.metrics
        if any(
            summary.cells[metric.name, one].estimate.value is not None for one in summary.targets
        )
    ]


def _chart(words: Words, metric: Metric, cells: Sequence[Cell]) -> Chart:
    low, high = _axis(metric, cells)
    marks = tuple(_mark(words, number, cell, low, high) for number, cell in enumerate(cells))
    steps = [low + (high - low) * step / 4 for step in range(5)]
    ticks = tuple((_place(step, low, high), words.number(step)) for step in steps)
    said = "; ".join(f"{mark.target}: {mark.label}" for mark in marks)
    return Chart(metric, marks, ticks, said)


def _mark(words: Words, number: int, cell: Cell, low: float, high: float) -> Mark:
    estimate, interval, span = cell.estimate, cell.estimate.interval, cell.range
    note = wording.coverage(words, cell.coverage) or ""
    if estimate.value is None:
        return Mark(number, cell.target, words["not_scored"], "", None)
    return Mark(
        number,
        cell.target,
        wording.figure(words, estimate),
        note,
        at=_place(estimate.value, low, high),
        low=None if interval is None else _place(interval.low, low, high),
        high=None if interval is None else _place(interval.high, low, high),
        worst=None if span is None else _place(span[0], low, high),
        best=None if span is None else _place(span[1], low, high),
    )


def _axis(metric: Metric, cells: Sequence[Cell]) -> tuple[float, float]:
    """The metric's bounds; without them, what the figures and their intervals span."""
    seen = [cell.estimate.value for cell in cells if cell.estimate.value is not None]
    for interval in (cell.estimate.interval for cell in cells):
        seen += [] if interval is None else [interval.low, interval.high]
    low, high = metric.bounds or (0.0, 0.0)
    low, high = min(low, *seen), max(high, *seen)
    return (low, high) if math.isfinite(high - low) and high > low else (low, low + 1.0)


def _place(value: float, low: float, high: float) -> float:
    """Where a value stands: 1 to 99 per cent, so that no mark is cut."""
    return round(1 + 98 * (value - low) / (high - low), 2)
