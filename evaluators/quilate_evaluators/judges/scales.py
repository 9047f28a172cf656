"""What a rubric is given from YAML: its criteria, its scale, its steps and its examples."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError, DataError
from quilate_evaluators.options import texts, wrong

DEFAULT_SCALE = {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0, "5": 5.0}
SOLE = "rubric"
"""The name of a criterion that has none."""

_QUOTE = "YAML reads yes, no, on and off as true and false: put labels in quotes."


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the label that it was given, by hand; `criterion` None: under each."""

    text: str
    label: str
    question: str = ""
    criterion: str | None = None


def criteria_of(value: Any) -> dict[str, str]:
    """Criteria by name: one in plain words, or several named ones.

    >>> criteria_of("The answer is polite.")
    {'rubric': 'The answer is polite.'}
    """
    named = {SOLE: value} if isinstance(value, str) else value
    if not isinstance(named, Mapping) or not named:
        wrong("rubric", "criteria", value, "Give a criterion in words, or several as NAME: WORDS.")
    for name, words in named.items():
        known = isinstance(name, str) and isinstance(words, str)
        if not known or not name.strip() or not words.strip():
            wrong("rubric", "criteria", value, "Each name, and each criterion, is a text.")
    return {name: words.strip() for name, words in named.items()}


def scale_of(value: Any) -> dict[str, float]:
    """The values of labels, from worst to best; a list's are 0, 1, 2 …

    >>> scale_of(["bad", "fair", "good"])
    {'bad': 0.0, 'fair': 1.0, 'good': 2.0}
    """
    if isinstance(value, list | tuple):
        value = {label: place for place, label in enumerate(value)}
    if not isinstance(value, Mapping):
        wrong("rubric", "scale", value, "Give labels with their values, or labels, worst first.")
    found: dict[str, float] = {}
    for label, worth in value.items():
        if isinstance(label, bool) or not isinstance(label, str | int):
            wrong("rubric", "scale", value, _QUOTE)
        number = isinstance(worth, int | float) and not isinstance(worth, bool)
        if not str(label).strip() or not number or not math.isfinite(worth):
            wrong("rubric", "scale", value, "Each label has a finite number as its value.")
        found[str(label)] = float(worth)
    if len({label.casefold() for label in found}) < len(value):
        wrong("rubric", "scale", value, "Two labels are the same but for their case.")
    if len(set(found.values())) < 2:
        wrong("rubric", "scale", value, "It needs two labels of different values at the least.")
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def steps_of(value: Any, criteria: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The steps of each criterion: those of a mapping by name, else the same for all."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(criteria, texts("rubric", "steps", value))
    for name in value:
        if name not in criteria:
            wrong("rubric", "steps", name, f"The criteria are {', '.join(criteria)}.")
    return {name: texts("rubric", "steps", value.get(name, ())) for name in criteria}


def examples_of(
    value: Any, criteria: Mapping[str, str], scale: Mapping[str, float]
) -> tuple[Example, ...]:
    """Labelled examples, from a JSON Lines file or a list of objects with ``text``, ``label`` and,
    where they have them, ``question`` and ``criterion``. Raises `DataError` with the line."""
    if isinstance(value, str | Path):
        rows = _lines(Path(value))
    else:
        if not isinstance(value, Sequence):
            wrong("rubric", "examples", value, "Give a JSON Lines file, or a list of examples.")
        rows = [(f"examples[{place}]", row) for place, row in enumerate(value)]
    return tuple(_example(where, row, criteria, scale) for where, row in rows)


def _lines(path: Path) -> list[tuple[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The examples of 'rubric' cannot be read: {error}.",
            where=str(path),
            remedy="Give a JSON Lines file in UTF-8.",
        ) from None
    rows = []
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append((f"{path}:{number}", json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"The example is not JSON: {error}.",
                    where=f"{path}:{number}",
                    remedy="Write one JSON object a line.",
                ) from None
    return rows


def _example(
    where: str, row: Any, criteria: Mapping[str, str], scale: Mapping[str, float]
) -> Example:
    if isinstance(row, Example):
        row = {"text": row.text, "label": row.label, "question": row.question} | (
            {} if row.criterion is None else {"criterion": row.criterion}
        )
    fields = row if isinstance(row, Mapping) else {}
    text, label = fields.get("text"), fields.get("label")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    question, criterion = fields.get("question", ""), fields.get("criterion")
    if not isinstance(text, str) or not isinstance(question, str) or label not in scale:
        raise DataError(
            f"The example's label is {label!r} and its text is {text!r:.60}.",
            where=where,
            remedy=f"`text` is a text, and `label` one of {', '.join(scale)}.",
        )
    if criterion is not None and criterion not in criteria:
        raise DataError(
            f"The example is of the criterion {criterion!r}.",
            where=where,
            remedy=f"The criteria are {', '.join(criteria)}.",
        )
    return Example(text, str(label), question, criterion)
