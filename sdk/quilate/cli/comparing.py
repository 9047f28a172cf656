"""``quilate compare``: two runs, paired by sample, with what differs between them."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quilate.errors import ConfigurationError
from quilate.evals.results import Run
from quilate.evaluators import Metric
from quilate.registry import nearest
from quilate.reports.strings import Words, language
from quilate.reports.visible import visible
from quilate.stats import Comparison, compare_paired, holm_adjust, minimum_detectable_effect

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one pair of targets. `comparison` is of B against A; `detectable` the smallest
    true difference that would have been shown four times in five, None where none that the
    metric's bounds allow would."""

    metric: str
    target_a: str
    target_b: str
    a: float
    b: float
    comparison: Comparison
    detectable: float | None

    @property
    def p(self) -> float:
        """The p-value, adjusted for the rows beside it."""
        adjusted = self.comparison.p_adjusted
        return self.comparison.p_value if adjusted is None else adjusted


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not the same in both runs; None where a run has none."""

    setting: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs compared. `skipped` says which samples and metrics could not be paired."""

    a: Run
    b: Run
    rows: tuple[Row, ...]
    shared_samples: int
    differences: tuple[Difference, ...]
    skipped: tuple[str, ...]


def compare_runs(a: Run, b: Run, *, metrics: Sequence[str] = ()) -> RunComparison:
    """B against A on the samples that both have, by the metrics that both have.

    Samples are the same when their id, input and references are. The one target of each run is a
    pair, whatever its name; else those of the same name are. Epochs are averaged first, intervals
    are clustered by `Sample.group`, and p-values adjusted after Holm (1979) over all rows.

    Raises `ConfigurationError` for runs with nothing in common, and for an unknown metric.
    """
    samples = {key for key, sample in a.samples.items() if _same(sample, b.samples.get(key))}
    if not samples:
        raise ConfigurationError(
            f"The runs {a.id} and {b.id} have no samples in common (same id, input, references).",
            remedy="Compare runs over the same samples.",
        )
    pairs, chosen = _targets(a, b), _metrics(a, b, metrics)
    drafts, skipped = [], list(_left_out(a, b, len(samples)))
    for metric in chosen:
        for left, right in pairs:
            x, y = _means(a, left, metric.name), _means(b, right, metric.name)
            shared = [key for key in a.samples if key in samples and key in x and key in y]
            if len(shared) < 2:
                skipped.append(f"{metric.name} ({left}): {len(shared)} scored pairs, too few")
                continue
            drafts.append((metric.name, left, right, *_compared(a, metric, shared, x, y)))
    family = holm_adjust([draft[-1] for draft in drafts])
    level = 1.0 - (1.0 - LEVEL) / max(len(family), 1)
    rows = tuple(
        Row(*draft[:-1], comparison, _detectable(comparison, level, a.metrics[draft[0]]))
        for draft, comparison in zip(drafts, family, strict=True)
    )
    return RunComparison(a, b, rows, len(samples), tuple(differences(a, b)), tuple(skipped))


def _same(one: Any, other: Any) -> bool:
    return other is not None and (one.input, one.references) == (other.input, other.references)


def _targets(a: Run, b: Run) -> list[tuple[str, str]]:
    if len(a.targets) == len(b.targets) == 1:
        return [(a.targets[0], b.targets[0])]
    common = [(name, name) for name in a.targets if name in b.targets]
    if not common:
        raise ConfigurationError(
            f"The runs have no target in common: {', '.join(a.targets)} and "
            f"{', '.join(b.targets)}.",
            remedy="Runs of several targets are compared by the targets' names.",
        )
    return common


def _metrics(a: Run, b: Run, wanted: Sequence[str]) -> list[Metric]:
    common = [name for name in a.metrics if name in b.metrics]
    for name in wanted or ([] if common else [""]):
        if name not in common:
            said = f"the metric '{name}'" if name else "a metric"
            raise ConfigurationError(
                f"The runs do not both have {said}.", remedy=nearest(name, common)
            )
    return [a.metrics[name] for name in common if not wanted or name in wanted]


def _means(run: Run, target: str, metric: str) -> dict[str, float]:
    """Sample id to the mean over its scored epochs."""
    values: dict[str, list[float]] = defaultdict(list)
    for item in run.items:
        for score in item.scores if item.target == target else ():
            if score.metric == metric and score.value is not None:
                values[item.sample_id].append(score.value)
    return {sample: statistics.fmean(found) for sample, found in values.items()}


def _compared(
    run: Run, metric: Metric, shared: list[str], x: Mapping[str, float], y: Mapping[str, float]
) -> tuple[float, float, Comparison]:
    before, after = [x[key] for key in shared], [y[key] for key in shared]
    groups = [run.samples[key].group for key in shared]
    low, high = metric.bounds or (float("inf"), float("-inf"))
    within = all(low <= value <= high for value in before + after)
    comparison = compare_paired(
        after,
        before,
        clusters=groups if any(group is not None for group in groups) else None,
        level=LEVEL,
        bounds=metric.bounds if within else None,
        higher_is_better=metric.higher_is_better,
    )
    return statistics.fmean(before), statistics.fmean(after), comparison


def _detectable(comparison: Comparison, level: float, metric: Metric) -> float | None:
    found = comparison.difference
    if not found.std_error or found.df < 1:
        return None
    smallest = minimum_detectable_effect(found.std_error, level=level, df=found.df)
    low, high = metric.bounds or (float("-inf"), float("inf"))
    return smallest if smallest <= high - low else None


def _left_out(a: Run, b: Run, shared: int) -> Iterator[str]:
    for name, run in (("A", a), ("B", b)):
        if len(run.samples) > shared:
            yield f"{len(run.samples) - shared} samples of {name} have no equal in the other run"
        if run.status != "finished":
            yield f"{name} is not finished: {len(run.items)} of {run.planned} items"


def differences(a: Run, b: Run) -> Iterator[Difference]:
    """The settings, models, versions and code in which two runs differ, by their path, as far as
    they are recorded: of Python code, that of the functions that are targets.

    What changes no answer is left out (the suite's place, a replay), and so is the plan's hash,
    whose parts are there.
    """
    left, right = dict(_leaves(a.provenance)), dict(_leaves(b.provenance))
    for path in {**left, **right}:
        if path not in _NEUTRAL and left.get(path) != right.get(path):
            yield Difference(path, left.get(path), right.get(path))


_NEUTRAL = ("suite.path", "suite.concurrency", "replay", "plan_sha256")


def _leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, data


def as_json(found: RunComparison) -> str:
    """The comparison as one line of JSON."""
    from quilate.codec import to_data

    data = {
        "a": found.a.id,
        "b": found.b.id,
        "level": LEVEL,
        "shared_samples": found.shared_samples,
        "rows": [_figures(row) for row in found.rows],
        "differences": [to_data(one) for one in found.differences],
        "skipped": list(found.skipped),
    }
    return json.dumps(data, ensure_ascii=False)


def _figures(row: Row) -> dict[str, Any]:
    comparison = row.comparison
    interval = comparison.difference.interval
    return {
        "metric": row.metric,
        "targets": [row.target_a, row.target_b],
        "a": row.a,
        "b": row.b,
        "difference": comparison.difference.value,
        "interval": [interval.low, interval.high] if interval else None,
        "p": comparison.p_value,
        "p_adjusted": row.p,
        "test": comparison.test,
        "n": comparison.n,
        "detectable": row.detectable,
        "better": _BETTER[comparison.verdict],
    }


_BETTER = {"a better": "b", "b better": "a", "no difference shown": None}  # B was the first


def show(found: RunComparison, *, lang: str | None = None) -> None:
    """Print the comparison for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    words, console = Words(language(lang)), Console()
    said = _SAID[words.lang]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(words["metric"], overflow="fold")
    for name in ("A", "B", "B − A", words["p_adjusted"], words["pairs"]):
        table.add_column(name, no_wrap=True)
    for row in found.rows:
        table.add_row(
            Text(visible(_title(row))),
            words.number(row.a),
            words.number(row.b),
            _difference(words, row.comparison),
            words.p_value(row.p),
            words.count(row.comparison.n),
        )
    lines = [
        f"A: {found.a.name}  {found.a.id}",
        f"B: {found.b.name}  {found.b.id}",
        f"{words.count(found.shared_samples)} {said['shared']}",
    ]
    _print(console, lines)
    if found.rows:
        console.print(table)
    _print(console, [f"• {_title(row)}: {_verdict(words, row)}" for row in found.rows])
    _print(console, list(found.skipped), "yellow")
    _print(console, [said["differ"] if found.differences else said["equal"]], "bold")
    _print(console, [f"  {d.setting}: {_brief(d.a)} → {_brief(d.b)}" for d in found.differences])


def _print(console: Any, lines: Sequence[str], style: str = "") -> None:
    for line in lines:
        console.print(visible(line), style=style, markup=False, highlight=False)


def _title(row: Row) -> str:
    same = row.target_a == row.target_b
    return f"{row.metric} ({row.target_a if same else f'{row.target_a} → {row.target_b}'})"


def _difference(words: Words, comparison: Comparison) -> str:
    found = comparison.difference
    value = words.number(found.value or 0.0, sign=True)
    if found.interval is None:
        return value
    return f"{value} {words.interval(found.interval.low, found.interval.high, sign=True)}"


def _verdict(words: Words, row: Row) -> str:
    said, better = _SAID[words.lang], _BETTER[row.comparison.verdict]
    if better:
        return said["better"].format(better.upper())
    if row.comparison.ties == row.comparison.n:
        return said["ties"].format(words.count(row.comparison.n))
    if row.detectable is None:
        return f"{said['none']}; {said['blind']}"
    return f"{said['none']}; {said['seen'].format(words.number(row.detectable))}"


_SAID = {
    "en": {
        "shared": "samples in common",
        "differ": "What differs between the runs:",
        "equal": "No difference is recorded in settings, models, code or samples.",
        "better": "{} is better",
        "ties": "no difference: all {} pairs are equal",
        "none": "no significant difference",
        "seen": "could have seen ≥ {}",
        "blind": "too few pairs to see any",
    },
    "es": {
        "shared": "muestras en común",
        "differ": "En qué difieren las ejecuciones:",
        "equal": "No consta ninguna diferencia de ajustes, modelos, código o muestras.",
        "better": "{} es mejor",
        "ties": "sin diferencia: los {} pares son iguales",
        "none": "sin diferencia significativa",
        "seen": "se habría visto una ≥ {}",
        "blind": "muy pocos pares para ver alguna",
    },
}


def _brief(value: Any) -> str:
    text = "—" if value is None else " ".join(str(value).split())
    return text if len(text) <= 32 else f"{text[:24]}…"
