"""What a judge and people said of the same answers, side by side."""

import csv
import io
import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError, DataError
from quilate.evals.results import Item, Run
from quilate.evaluators import Metric
from quilate.judging.judges import judge_model, wrote
from quilate.judging.labelling import YES_OR_NO
from quilate.judging.labels import LARGEST, Label
from quilate.registry import nearest


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer with the judge's value and people's, on one scale.

    `human` is the mean of the labellers, `humans` each one's own. `group` is the source by which
    intervals are clustered. What is None is not known: the length of the answer in characters,
    whether it has Markdown in it, whether the judge's own model wrote it, what the judge said of it
    another time (`again`), and, for a verdict on a pair where 1 is *the first answer given*, what
    it said with the two exchanged (`swapped`, again of the same answer: 1 when it holds to it).
    """

    judge: float
    human: float
    target: str = ""
    group: str | None = None
    humans: Mapping[str, float] = field(default_factory=dict)
    length: int | None = None
    formatted: bool | None = None
    own: bool | None = None
    again: float | None = None
    swapped: float | None = None
    item: tuple[str, str, int] | None = None
    run: str = ""


def of_run(run: Run, labels: Iterable[Label], metric: str) -> list[Judgement]:
    """The items of a run that have both a score of `metric` and labels for it, in plan order.

    Raises `ConfigurationError` when there are none, and for a metric that the run has not.
    """
    if metric not in run.metrics:
        raise ConfigurationError(
            f"The run {run.id} has no metric '{metric}'.",
            remedy=nearest(metric, list(run.metrics)),
        )
    given: dict[tuple[str, str, int], dict[str, float]] = {}
    for label in labels:
        if label.run == run.id and label.metric == metric:
            given.setdefault(label.item, {})[label.labeller] = label.value
    judge = judge_model(run, metric)
    own = {target: wrote(run, target, judge) for target in run.targets}
    found = [one for item in run.items for one in _of_item(run, item, metric, given, own)]
    if not found:
        raise ConfigurationError(
            f"No answer of the run {run.id} has both a score of '{metric}' and a label for it.",
            remedy=f"Label some: quilate label {run.id} --metric {metric}",
        )
    return found


def _of_item(
    run: Run,
    item: Item,
    metric: str,
    given: Mapping[tuple[str, str, int], Mapping[str, float]],
    own: Mapping[str, bool | None],
) -> Iterator[Judgement]:
    key = item.target, item.sample_id, item.epoch
    humans = given.get(key)
    score = next((one for one in item.scores if one.metric == metric), None)
    if not humans or score is None or score.value is None or item.output is None:
        return
    text = item.output.text
    yield Judgement(
        score.value,
        statistics.fmean(humans.values()),
        item.target,
        run.samples[item.sample_id].group or item.sample_id,
        dict(humans),
        len(text),
        is_formatted(text),
        own[item.target],
        item=key,
        run=run.id,
    )


def is_formatted(text: str) -> bool:
    r"""Whether a text is laid out: a list, a heading, bold words, a table or code.

    >>> is_formatted("Yes:\n- one\n- two"), is_formatted("Yes, one and two.")
    (True, False)
    """
    lines = [line.lstrip() for line in text.splitlines()]
    marked = ("- ", "* ", "# ", "## ", "### ", "|", "```", "1. ", "1) ")
    return "**" in text or any(line.startswith(marked) for line in lines)


_NAMES = {
    "human": ("human", "label", "gold"),
    "judge": ("judge", "score", "verdict", "prediction"),
}


def of_file(path: Path, scale: Mapping[str, float]) -> list[Judgement]:
    """Recorded verdicts: JSON Lines or CSV with a row an answer.

    `human` (or `label`) is a person's label or a list of several people's, `judge` the judge's;
    numbers, or labels that `scale` gives a value. Besides: `group`, `target`, `answer` (its text,
    for length and format), `own` (the judge's own model wrote it), `again`, `swapped`.

    Raises `DataError` with file and line for a row that cannot be read.
    """
    found = []
    for number, row in _rows(path):
        try:
            found.append(_judgement(row, scale))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"This is no pair of judgements: {error}.",
                where=f"{path}:{number}",
                remedy="A row has `judge` and `human`, numbers or labels of the scale: "
                f"{', '.join(scale) or 'none is given (--scale bad=0,good=1)'}.",
            ) from None
    if not found:
        raise DataError("There are no rows here.", where=str(path))
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"The labels cannot be read: {error.strerror}.", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError(
            "The labels are not UTF-8.", where=str(path), remedy="Save them as UTF-8."
        ) from None
    if path.suffix.lower() == ".csv":
        yield from _table(path, text)
        return
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"This is no JSON: {error}.", where=f"{path}:{number}") from None
            if not isinstance(row, dict):
                raise DataError("A row is a JSON object.", where=f"{path}:{number}")
            yield number, row


def _table(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a CSV file, whose cells may hold line ends, with the line that each ends on."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in rows:
            if None in row:  # a comma in a text that is not quoted would cut it short
                raise csv.Error("there are more cells than names in the first line")
            yield rows.line_num, {name: cell for name, cell in row.items() if cell}
    except csv.Error as error:
        raise DataError(
            f"This is no CSV: {error}.",
            where=f"{path}:{rows.line_num}",
            remedy="Write it as CSV with commas and quoted texts, or as JSON Lines.",
        ) from None


def _judgement(row: Mapping[str, Any], scale: Mapping[str, float]) -> Judgement:
    said = _named(row, "human")
    people = said if isinstance(said, list) else [said]
    humans = {str(n): _value(one, scale) for n, one in enumerate(people, 1) if one is not None}
    if not humans:
        raise ValueError("nobody's label is in it")
    text = row.get("answer")
    return Judgement(
        _value(_named(row, "judge"), scale),
        statistics.fmean(humans.values()),
        str(row.get("target", "")),
        None if row.get("group") is None else str(row["group"]),
        humans,
        None if text is None else len(str(text)),
        None if text is None else is_formatted(str(text)),
        None if row.get("own") is None else _flag(row["own"]),
        None if row.get("again") is None else _value(row["again"], scale),
        None if row.get("swapped") is None else _value(row["swapped"], scale),
    )


def _named(row: Mapping[str, Any], what: str) -> Any:
    for name in _NAMES[what]:
        if row.get(name) is not None:
            return row[name]
    raise ValueError(f"it has no `{what}`, only {', '.join(map(str, row)) or 'nothing':.80}")


_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _flag(said: Any) -> bool:
    known = _FLAGS.get(str(said).strip().lower())
    if known is None:
        raise ValueError(f"`own` is {said!r:.80}, and is true or false")
    return known


def _value(said: Any, scale: Mapping[str, float]) -> float:
    if isinstance(said, str) and said in scale:
        return scale[said]
    if isinstance(said, bool):
        return float(said)
    try:
        value = float(said)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{said!r:.80} is no number and no label of the scale") from None
    if not math.isfinite(value):
        raise ValueError(f"{said!r} is not finite")
    if abs(value) > LARGEST:
        raise ValueError(f"{said!r:.80} is too large to reckon with")
    return value


def labels_of(metric: Metric, labels: Iterable[Label]) -> dict[str, float]:
    """What people could say of a metric's answers: its own labels (yes and no from 0 to 1), or
    those that were given where they are others (``--labels`` of ``quilate label``), each with its
    value."""
    usual = YES_OR_NO if metric.bounds == (0.0, 1.0) else ()
    declared = dict(metric.labels or usual)
    given = {one.label: one.value for one in labels if one.metric == metric.name}
    return declared if given.items() <= declared.items() else given


def scale_of(metric: Metric, judgements: Sequence[Judgement]) -> tuple[float, float]:
    """The ends of the scale: the metric's bounds, else the least and the greatest value said."""
    if metric.bounds is not None:
        return metric.bounds
    values = [value for one in judgements for value in (one.judge, one.human)]
    low, high = min(values), max(values)
    return (low, high) if low < high else (low, low + 1.0)
