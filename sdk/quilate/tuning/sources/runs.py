"""Examples from the good outputs of a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quilate.evals.results import Item, Run
from quilate.judging.labels import Label
from quilate.tuning.examples import Example
from quilate.tuning.sources.asked import Exchange, content_key, exchange
from quilate.tuning.sources.passing import Bar, People, bars, people_of, targets_of, values_of
from quilate.tuning.sources.values import Gathered, Skipped, Unusable, gathered


def from_run(
    run: Run,
    *,
    metric: str | Sequence[str],
    at_least: float | None = None,
    at_most: float | None = None,
    target: str | None = None,
    labels: Iterable[Label] = (),
    distrusted: bool = False,
) -> Gathered[Example]:
    """The outputs of a run that pass, as supervised examples.

    An output passes when each named `metric` reaches `at_least` (or stays within `at_most` where
    lower is better); without either, it must have the best value there is. Where people gave
    `labels` for an item (`quilate.judging.labels.read_labels`), theirs count and not the score. The
    prompt is what the model was really asked, where the run's journal holds it; else the sample's
    input (`metadata["source"]["prompt_from"]` says which).

    Left out are outputs that are ``below`` the limit, ``unscored``, ``failed``, ``empty``,
    ``truncated`` at their token limit, and a ``duplicate`` of an earlier one. Raises
    `ConfigurationError` as `bars` does, and for an unknown target; `DataError` where none passes.

    Samples of a suite that is to judge the tuned model must not be trained on: see
    `quilate.tuning.exclusion`.
    """
    wanted = bars(run, metric, at_least, at_most, distrusted=distrusted)
    people = people_of(run, labels)
    chosen = targets_of(run, target)
    found: list[Example] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for item in run.items:
        if item.target not in chosen:
            continue
        try:
            found.append(_example(run, item, wanted, people, seen))
        except Unusable as why:
            skipped.append(Skipped(item_id(run, item), why.reason, why.detail))
    return gathered(found, skipped, what="output of the run", remedy="Lower the limit.")


def _example(
    run: Run, item: Item, wanted: Sequence[Bar], people: People, seen: set[str]
) -> Example:
    values = values_of(item, wanted, people)
    for bar in wanted:
        if not bar.passes(values[bar.metric.name]):
            raise Unusable("below", f"{bar.metric.name} is {values[bar.metric.name]:g}")
    found = exchange(run, item)
    found.check_whole()
    new_content(seen, found)
    metadata = {"source": source_of(run, item, values, people) | found.provenance}
    return Example(item_id(run, item), found.prompt, found.completion, found.tools, metadata)


def new_content(seen: set[str], found: Exchange) -> None:
    """Enter a prompt with its completion; raises `Unusable` where it was there already."""
    key = content_key(found.prompt, found.completion)
    if key in seen:
        raise Unusable("duplicate", "an earlier output has the same prompt and the same text")
    seen.add(key)


def item_id(run: Run, item: Item) -> str:
    """What names an item among all runs."""
    return f"{run.id}/{item.target}/{item.sample_id}/{item.epoch}"


def source_of(run: Run, item: Item, values: Mapping[str, float], people: People) -> dict[str, Any]:
    """Where an output came from: its run, target, sample, epoch, and its values."""
    labelled = sorted(set(people.get((item.target, item.sample_id, item.epoch), {})) & set(values))
    group = run.samples[item.sample_id].group
    return {
        "kind": "run",
        "run": run.id,
        "target": item.target,
        "sample": item.sample_id,
        "epoch": item.epoch,
        "scores": dict(values),
        **({"group": group} if group is not None else {}),
        **({"labelled": labelled} if labelled else {}),
    }


def items_of(run: Run, target: str | None) -> Iterator[Item]:
    """The items of one target of a run, or of all."""
    chosen = targets_of(run, target)
    return (item for item in run.items if item.target in chosen)
