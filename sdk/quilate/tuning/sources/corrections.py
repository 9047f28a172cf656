"""Examples from the outputs of a run that are not good, with the right answers in their place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from quilate.evals.results import Item, Run
from quilate.judging.labels import Label
from quilate.messages import Message, assistant
from quilate.tuning.examples import AnyExample, Example, Preference
from quilate.tuning.sources.asked import Exchange, content_key, exchange, prompt_of
from quilate.tuning.sources.passing import bars, people_of, values_of
from quilate.tuning.sources.runs import item_id, items_of, source_of
from quilate.tuning.sources.values import Gathered, Skipped, Unusable, gathered

E = TypeVar("E", bound=AnyExample)

Corrections = Mapping[str, str] | Mapping[tuple[str, str, int], str]
"""Right answers, by sample id, or by an item's target, sample and epoch."""


def corrected(
    run: Run,
    *,
    metric: str | Sequence[str],
    at_least: float | None = None,
    at_most: float | None = None,
    target: str | None = None,
    corrections: Corrections | None = None,
    labels: Iterable[Label] = (),
    distrusted: bool = False,
) -> Gathered[Example]:
    """The outputs of a run that do not pass, each with the right answer as its completion.

    What passes is decided as in `from_run`. The right answer is the one in `corrections`, else the
    sample's first reference; `metadata["source"]["corrected_by"]` is ``person`` or ``reference``. A
    reference is often a bare key ("18") where the model should say more: look whether yours are
    what a model should learn to say. People's labels hold verdicts and no texts, so they say which
    outputs to correct, and not how.

    Left out are outputs that ``passed``, that have ``no_correction``, are ``unscored`` or
    ``failed``, and a ``duplicate``. Raises as `from_run`.
    """
    wrong = _wrong(run, metric, at_least, at_most, target, corrections, labels, distrusted)
    return _gather(wrong, _as_example)


def corrected_pairs(
    run: Run,
    *,
    metric: str | Sequence[str],
    at_least: float | None = None,
    at_most: float | None = None,
    target: str | None = None,
    corrections: Corrections | None = None,
    labels: Iterable[Label] = (),
    distrusted: bool = False,
) -> Gathered[Preference]:
    """The same as preferences: the right answer is chosen, the output rejected."""
    wrong = _wrong(run, metric, at_least, at_most, target, corrections, labels, distrusted)
    return _gather(wrong, _as_preference)


_Source = dict[str, object]
_Wrong = tuple[str, Exchange, tuple[Message, ...], _Source]
_Found = Iterator[_Wrong | Skipped]


def _wrong(
    run: Run,
    metric: str | Sequence[str],
    at_least: float | None,
    at_most: float | None,
    target: str | None,
    corrections: Corrections | None,
    labels: Iterable[Label],
    distrusted: bool,
) -> _Found:
    wanted = bars(run, metric, at_least, at_most, distrusted=distrusted)
    people = people_of(run, labels)
    for item in items_of(run, target):
        key = item_id(run, item)
        try:
            values = values_of(item, wanted, people)
            if all(bar.passes(values[bar.metric.name]) for bar in wanted):
                raise Unusable("passed")
            answer, by = _answer(run, item, corrections or {})
            source = source_of(run, item, values, people) | {"corrected_by": by}
            yield key, _asked(run, item), (assistant(answer),), source
        except Unusable as why:
            yield Skipped(key, why.reason, why.detail)


def _answer(run: Run, item: Item, corrections: Corrections) -> tuple[str, str]:
    by: dict[object, str] = {key: text for key, text in corrections.items()}
    given = by.get((item.target, item.sample_id, item.epoch), by.get(item.sample_id))
    if given is not None:
        if not isinstance(given, str) or not given.strip():
            raise Unusable("no_correction", "the correction is no text")
        return given, "person"
    references = run.samples[item.sample_id].references
    found = next((one for one in references if one.strip()), None)
    if found is None:
        raise Unusable("no_correction", "there is no correction, and the sample has no reference")
    return found, "reference"


def _asked(run: Run, item: Item) -> Exchange:
    try:
        return exchange(run, item)
    except Unusable:  # the output is empty, which is what is corrected
        return Exchange(prompt_of(run.samples[item.sample_id]), ())


def _as_example(one: _Wrong) -> Example:
    key, asked, answer, source = one
    metadata = {"source": source | asked.provenance | {"completion_from": source["corrected_by"]}}
    return Example(key, asked.prompt, answer, asked.tools, metadata)


def _as_preference(one: _Wrong) -> Preference:
    key, asked, answer, source = one
    if not asked.completion:
        raise Unusable("empty", "the output has no text to be rejected")
    metadata = {"source": source | asked.provenance}
    return Preference(key, asked.prompt, answer, asked.completion, asked.tools, metadata)


def _gather(wrong: _Found, make: Callable[[_Wrong], E]) -> Gathered[E]:
    found: list[E] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for one in wrong:
        if isinstance(one, Skipped):
            skipped.append(one)
            continue
        try:
            made = make(one)
        except Unusable as why:
            skipped.append(Skipped(one[0], why.reason, why.detail))
            continue
        key = content_key(*_contents(made))
        if key in seen:
            skipped.append(Skipped(made.id, "duplicate", "an earlier one is the same"))
            continue
        seen.add(key)
        found.append(made)
    return gathered(
        found, skipped, what="output of the run", remedy="Give corrections={SAMPLE ID: TEXT}."
    )


def _contents(made: AnyExample) -> tuple[tuple[Message, ...], ...]:
    if isinstance(made, Preference):
        return made.prompt, made.chosen, made.rejected
    return made.prompt, made.completion
