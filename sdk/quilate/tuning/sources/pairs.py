"""Preferences from runs: by a judge of pairs, or by scores that differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quilate.errors import ConfigurationError
from quilate.evals.results import Item, Run
from quilate.judging.labels import Label
from quilate.messages import assistant
from quilate.tuning.examples import Preference
from quilate.tuning.sources.asked import Exchange, content_key, exchange
from quilate.tuning.sources.passing import Bar, People, known, people_of, values_of
from quilate.tuning.sources.runs import item_id, items_of, source_of
from quilate.tuning.sources.values import Gathered, Skipped, Unusable, gathered

Which = Literal["best_worst", "all"]


def from_pairwise(
    run: Run,
    *,
    metric: str = "pairwise_win",
    target: str | None = None,
    labels: Iterable[Label] = (),
    distrusted: bool = False,
) -> Gathered[Preference]:
    """What a judge of pairs (the evaluator ``pairwise``) preferred in both orders, as preferences.

    Where the output won it is chosen, and what it was compared with is rejected; where it lost, the
    other way about. A ``tie`` (which is also a verdict that turned with the order) is left out,
    and so is what is ``unscored``, ``failed``, has no other answer any more (``no_other``), answers
    the same (``same``), or was chosen though cut at its token limit (``truncated``). People's
    `labels` count before the judge.

    Raises `ConfigurationError` for a metric that is no judge's of pairs, and for a judge that
    labels speak against unless `distrusted`; `DataError` where nothing is preferred.
    """
    from quilate.judging.against import other_answer
    from quilate.judging.judges import described_as

    described = described_as(run, known(run, metric, distrusted).name)
    if not (isinstance(described, dict) and described.get("against")):
        raise ConfigurationError(
            f"'{metric}' of the run {run.id} compares no pairs.",
            remedy="Name the metric of an evaluator `pairwise`, or use from_scores.",
        )
    wanted = (Bar(run.metrics[metric], None, None),)
    people = people_of(run, labels)
    found: list[Preference] = []
    skipped: list[Skipped] = []
    for item in items_of(run, target):
        try:
            value = values_of(item, wanted, people)[metric]
            if value == 0.5:
                raise Unusable("tie")
            other = other_answer(run, metric, run.samples[item.sample_id])
            found.append(_preferred(run, item, value, other, wanted, people))
        except Unusable as why:
            skipped.append(Skipped(item_id(run, item), why.reason, why.detail))
    return gathered(found, skipped, what="output of the run", remedy="Ask for ties=False.")


def _preferred(
    run: Run, item: Item, value: float, other: str | None, wanted: Sequence[Bar], people: People
) -> Preference:
    if other is None or not other.strip():
        raise Unusable("no_other", "what it was compared with is not there any more")
    asked, won = exchange(run, item), value > 0.5
    if won:
        asked.check_whole()
    against = (assistant(other),)
    if other.strip() == (item.output.text.strip() if item.output else ""):
        raise Unusable("same", "both answers are equal")
    source = source_of(run, item, {wanted[0].metric.name: value}, people)
    source |= asked.provenance | {"kind": "pairwise", "chosen": "output" if won else "other"}
    chosen, rejected = (asked.completion, against) if won else (against, asked.completion)
    key = item_id(run, item)
    return Preference(key, asked.prompt, chosen, rejected, asked.tools, {"source": source})


@dataclass(frozen=True, slots=True)
class _Scored:
    """An item, its run, and its value, greater for better."""

    run: Run
    item: Item
    value: float
    better: float


def from_scores(
    *runs: Run,
    metric: str,
    margin: float,
    target: str | None = None,
    pairs: Which = "best_worst",
    labels: Iterable[Label] = (),
    distrusted: bool = False,
) -> Gathered[Preference]:
    """Preferences between outputs to one sample whose values under a `metric` differ by `margin` at
    the least: of one run's epochs or targets, or of several runs.

    A sample is the same in two runs when its id and its input are. ``best_worst`` pairs the best
    output with the worst; ``all`` pairs every two that differ enough. The prompt is that of the
    chosen output; `metadata["source"]["same_prompt"]` says whether the rejected one was asked the
    same. People's `labels` count before the score.

    Left out are samples with a single output (``alone``) or none that differ enough (``close``),
    outputs that are ``unscored`` or ``failed``, and pairs whose better output was cut at its token
    limit (``truncated``). Raises as `from_pairwise`.
    """
    if not runs:
        raise ConfigurationError("No run is given.", remedy="Give one run or several.")
    if not margin > 0:
        raise ConfigurationError(f"margin is {margin!r}.", remedy="Give a number above 0.")
    if pairs not in ("best_worst", "all"):
        raise ConfigurationError(f"pairs is {pairs!r}.", remedy="It is best_worst or all.")
    given = list(labels)
    skipped: list[Skipped] = []
    by_sample: dict[tuple[str, str], list[_Scored]] = {}
    for run in {run.id: run for run in runs}.values():
        people = people_of(run, given)
        for one in _scored(run, metric, target, people, skipped, distrusted):
            sample = run.samples[one.item.sample_id]
            asked = sample.input if isinstance(sample.input, str) else content_key(sample.input)
            by_sample.setdefault((sample.id, asked), []).append(one)
    found: list[Preference] = []
    for (sample_id, _), outputs in by_sample.items():
        _pair(sample_id, outputs, metric, margin, pairs, found, skipped)
    return gathered(found, skipped, what="sample", remedy="Give a smaller margin, or more epochs.")


def _scored(
    run: Run,
    metric: str,
    target: str | None,
    people: People,
    skipped: list[Skipped],
    distrusted: bool,
) -> list[_Scored]:
    measured = known(run, metric, distrusted)
    sign = 1.0 if measured.higher_is_better else -1.0
    found = []
    for item in items_of(run, target):
        try:
            value = values_of(item, (Bar(measured, None, None),), people)[metric]
        except Unusable as why:
            skipped.append(Skipped(item_id(run, item), why.reason, why.detail))
        else:
            found.append(_Scored(run, item, value, sign * value))
    return found


def _pair(
    sample_id: str,
    outputs: Sequence[_Scored],
    metric: str,
    margin: float,
    pairs: Which,
    found: list[Preference],
    skipped: list[Skipped],
) -> None:
    """Enter the pairs of one sample."""
    if len(outputs) < 2:
        skipped.append(Skipped(sample_id, "alone", "it has one output"))
        return
    ranked = sorted(outputs, key=lambda one: -one.better)  # stable: of equals, the first
    both = [
        (best, worst)
        for at, best in enumerate(ranked)
        for worst in ranked[at + 1 :]
        # Not exactly: 0.9 - 0.6 is less than 0.3.
        if best.better - worst.better >= margin - 1e-9
    ]
    if pairs == "best_worst":
        both = [pair for pair in both if pair[0] is ranked[0] and pair[1] is ranked[-1]]
    if not both:
        skipped.append(Skipped(sample_id, "close", f"no two differ by {margin:g}"))
    seen: set[str] = set()
    for best, worst in both:
        key = f"{item_id(best.run, best.item)}>{item_id(worst.run, worst.item)}"
        try:
            found.append(_preference(key, best, worst, metric, seen))
        except Unusable as why:
            skipped.append(Skipped(key, why.reason, why.detail))


def _preference(key: str, best: _Scored, worst: _Scored, metric: str, seen: set[str]) -> Preference:
    chosen, rejected = exchange(best.run, best.item), exchange(worst.run, worst.item)
    chosen.check_whole()
    if content_key(chosen.completion) == content_key(rejected.completion):
        raise Unusable("same", "both outputs are equal, and their scores are not")
    content = content_key(chosen.prompt, chosen.completion, rejected.completion)
    if content in seen:
        raise Unusable("duplicate", "an earlier pair is the same")
    seen.add(content)
    source: dict[str, Any] = {
        "kind": "scores",
        "metric": metric,
        "sample": best.item.sample_id,
        "same_prompt": chosen.prompt == rejected.prompt,
        "chosen": _side(best, chosen),
        "rejected": _side(worst, rejected),
    }
    return Preference(
        key, chosen.prompt, chosen.completion, rejected.completion, chosen.tools, {"source": source}
    )


def _side(one: _Scored, asked: Exchange) -> dict[str, Any]:
    return {
        "run": one.run.id,
        "target": one.item.target,
        "epoch": one.item.epoch,
        "value": one.value,
    } | asked.provenance
