"""Which answers of a run one person labels under one metric, in which order, and how far they are.

Everything here is without the page, which is in `page`.
"""

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from quilate.errors import ConfigurationError
from quilate.evals.results import Item, Run
from quilate.evals.store import Items
from quilate.evaluators import Metric
from quilate.judging.labels import Label, append_label, read_labels
from quilate.registry import nearest

YES_OR_NO = (("no", 0.0), ("yes", 1.0))
"""The labels of a metric that names none."""

Identity = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Choice:
    """A label that can be given, what it counts as, and the key that gives it ("" for none)."""

    label: str
    value: float
    key: str = ""


class Entry(NamedTuple):
    """One answer to label. `key` names it to the page, and tells nothing of the target."""

    key: str
    item: Identity


def chosen_metric(run: Run, name: str | None) -> Metric:
    """The metric to label: the one named, else the first that a model judged, else the first.

    Raises `ConfigurationError` for one that the run has not, or that people cannot give.
    """
    usual = [metric for metric in run.metrics.values() if not metric.of_judge]
    if name is None and usual:
        return next((metric for metric in usual if metric.judged), usual[0])
    if name is None:
        raise ConfigurationError(f"The run {run.id} has no metric that could be labelled.")
    if name not in run.metrics:
        raise ConfigurationError(
            f"The run {run.id} has no metric '{name}'.",
            remedy=nearest(name, list(run.metrics)),
        )
    if run.metrics[name].of_judge:
        raise ConfigurationError(
            f"'{name}' tells of the judge, not of the answer: people cannot give it.",
            remedy=f"Label what the judge scores: {', '.join(one.name for one in usual)}.",
        )
    return run.metrics[name]


def choices_of(metric: Metric, given: str | None = None) -> tuple[Choice, ...]:
    """The labels of a metric, or those given as ``bad=0,ok=0.5,good=1``.

    Keys are 1 to 9 in the order of the labels; labels that are all single digits are their own
    keys. Raises `ConfigurationError` for what is no such list, and for a value out of bounds.

    >>> [(one.key, one.label, one.value) for one in choices_of(Metric("m"), "bad=0,good=1")]
    [('1', 'bad', 0.0), ('2', 'good', 1.0)]
    >>> [one.key for one in choices_of(Metric("m", bounds=(0, 2)), "0=0,1=1,2=2")]
    ['0', '1', '2']
    """
    pairs = scale_from(given) if given is not None else metric.labels or YES_OR_NO
    low, high = metric.bounds or (-math.inf, math.inf)
    for label, value in pairs:
        if not low <= value <= high:
            raise ConfigurationError(
                f"The label '{label}' counts as {value:g}, and '{metric.name}' goes from "
                f"{low:g} to {high:g}.",
                remedy="Give labels with values in that range: --labels bad=…,good=….",
            )
    own = all(len(label) == 1 and label in "0123456789" for label, _ in pairs)
    keys = [label if own else str(n) if n < 10 else "" for n, (label, _) in enumerate(pairs, 1)]
    return tuple(Choice(*pair, key) for pair, key in zip(pairs, keys, strict=True))


def scale_from(text: str, option: str = "--labels") -> list[tuple[str, float]]:
    """Labels with their values, from ``bad=0,ok=0.5,good=1`` as `option` was given.

    Raises `ConfigurationError` for what is no such list.
    """
    pairs = []
    for part in text.split(","):
        label, equals, number = (piece.strip() for piece in part.rpartition("="))
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not label or not math.isfinite(value):
            raise ConfigurationError(
                f"'{part.strip()}' is no label with a value.",
                where=option,
                remedy=f"Write each as NAME=NUMBER: {option} bad=0,ok=0.5,good=1.",
            )
        pairs.append((label, value))
    if len({label for label, _ in pairs}) < len(pairs) or len(pairs) < 2:
        raise ConfigurationError("A choice is between two labels or more, each once.", where=option)
    if len({value for _, value in pairs}) < 2:
        raise ConfigurationError(
            f"All labels count as {pairs[0][1]:g}, so that they tell nothing apart.",
            where=option,
            remedy=f"Give them different numbers: {option} bad=0,good=1.",
        )
    return pairs


class Sheet:
    """What one person labels: the answers, their order, and the labels given so far.

    Only answers that the metric scored are in it: the others cannot measure it. `failed` and
    `unscored` say how many those are. Their order is that of a hash of metric and item: it is the
    same for every labeller (unless `shuffle_own`) and in every run, the first `sample` of it are a
    random draw, and a run that has grown keeps it. Methods may be called from several threads.

    Raises `ConfigurationError` where there is nothing to label, `DataError` for a broken file.
    """

    def __init__(
        self,
        run: Run,
        metric: Metric,
        choices: Sequence[Choice],
        labeller: str,
        path: Path,
        *,
        sample: int | None = None,
        shuffle_own: bool = False,
    ) -> None:
        self.run, self.metric, self.choices = run, metric, tuple(choices)
        self.labeller, self.path = labeller, path
        self.failed = self.unscored = 0
        ordered = sorted(Entry(_key(run, metric, one), one) for one in self._labellable())
        if not ordered:
            raise ConfigurationError(
                f"No answer of the run {run.id} has a score of '{metric.name}' yet.",
                remedy="Label another metric (--metric NAME), or finish the run first: "
                f"quilate resume {run.id} --retry-errors",
            )
        drawn = ordered[:sample]
        if shuffle_own:
            drawn.sort(key=lambda entry: _hash(labeller, entry.key))
        self.entries = tuple(drawn)
        self._numbers = {entry.key: n for n, entry in enumerate(drawn)}
        self._known = {entry.key: entry.item for entry in ordered}
        self._lock = threading.Lock()
        self._given: dict[Identity, Label] = {}
        self._kept_here = set[Identity]()
        self.reload()

    def __len__(self) -> int:
        return len(self.entries)

    def _labellable(self) -> Iterator[Identity]:
        items = self.run.items
        for item in items.without_outputs() if isinstance(items, Items) else items:
            scores = {score.metric: score.value for score in item.scores}
            if item.failure is not None:
                self.failed += 1
            elif scores.get(self.metric.name) is None:
                self.unscored += 1
            else:
                yield item.target, item.sample_id, item.epoch

    def reload(self) -> None:
        """Read the labels again, so that those which another process gave are known."""
        with self._lock:
            labels = read_labels(self.path) if self.path.exists() else []
            self._given = {label.item: label for label in labels if self._is_mine(label)}

    def _is_mine(self, label: Label) -> bool:
        mine = (self.run.id, self.metric.name, self.labeller)
        return (label.run, label.metric, label.labeller) == mine

    def given(self, n: int) -> Label | None:
        """The label of the answer at place `n`, if it has one."""
        return self._given.get(self.entries[n].item)

    @property
    def labelled(self) -> int:
        """How many of the answers have a label of this person."""
        return sum(entry.item in self._given for entry in self.entries)

    @property
    def kept_here(self) -> int:
        """How many answers were labelled here; one that was labelled anew counts once."""
        return len(self._kept_here)

    @property
    def last(self) -> int | None:
        """The place of the answer that was labelled last."""
        times = [(label.at, n) for n in range(len(self)) if (label := self.given(n)) is not None]
        return max(times)[1] if times else None

    def after(self, n: int) -> int | None:
        """The next place without a label after `n`, from the beginning again after the end."""
        places = [*range(n + 1, len(self)), *range(max(n, 0))]
        return next((place for place in places if self.given(place) is None), None)

    def place(self, key: str) -> int | None:
        """The place of the answer with this key; None for one that was not drawn."""
        return self._numbers.get(key)

    def item(self, n: int) -> Item:
        """The answer at place `n`, read from the run."""
        return _read(self.run, self.entries[n].item)

    def keep(self, key: str, label: str, note: str = "") -> Label:
        """Keep a label of an answer; it is on disk when this returns. Raises `StoreError` where it
        cannot be written, and `ConfigurationError` for another answer or label than are here."""
        item = self._known.get(key)
        value = {choice.label: choice.value for choice in self.choices}.get(label)
        if item is None or value is None:
            raise ConfigurationError("There is no such answer or label here.")
        with self._lock:
            made = Label(
                self.run.id, *item, self.metric.name, label, value, self.labeller, note=note
            )
            kept = append_label(self.path, made)
            self._given = {**self._given, item: kept}
            self._kept_here.add(item)
        return kept


def _key(run: Run, metric: Metric, item: Identity) -> str:
    """By which answers are shuffled: the same samples come first in each run, so that labels of two
    runs are of the same samples and tell how the runs differ."""
    # The one target of each run is compared with the other's, whatever its name.
    told = item if len(run.targets) > 1 else item[1:]
    return _hash(metric.name, *map(str, told))


def _hash(*parts: str) -> str:
    text = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _read(run: Run, wanted: Identity) -> Item:
    target, sample, epoch = wanted
    of = run.items.of([(target, sample)]) if isinstance(run.items, Items) else run.items
    return next(
        item for item in of if (item.target, item.sample_id, item.epoch) == (target, sample, epoch)
    )


def progress_of(sheet: Sheet) -> Mapping[str, int | None]:
    """How far a sheet is: all answers, those with a label, the first without and the last with."""
    return {
        "total": len(sheet),
        "labelled": sheet.labelled,
        "at": sheet.after(-1),
        "last": sheet.last,
    }
