"""The figures of a distillation: reckoned, and as text."""

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from quilate.models import FREE, Cost, Usage
from quilate.tuning.distillation.choosing import agreement
from quilate.tuning.distillation.filtering import Check
from quilate.tuning.distillation.values import Candidate, Distilled, Tally, Task

if TYPE_CHECKING:
    from quilate.stats import Estimate

Finished = Sequence[tuple[Task, Sequence[Candidate]]]
"""The prompts whose candidates are all known."""


def acceptance(finished: Finished) -> "Estimate":
    """The share of candidates that were accepted; prompts are the clusters."""
    from quilate.stats import proportion

    values = [float(one.accepted) for _, candidates in finished for one in candidates]
    clusters = [task.id for task, candidates in finished for _ in candidates]
    return proportion(values, clusters=clusters)


def answered(finished: Finished) -> "Estimate":
    """The share of prompts with an accepted candidate."""
    from quilate.stats import proportion

    return proportion([float(any(one.accepted for one in found)) for _, found in finished])


def mean_agreement(finished: Finished) -> "Estimate | None":
    """The mean over prompts of the share of pairs of candidates that say the same."""
    from quilate.stats import mean

    shares = [
        agreement([one.text for one in candidates if one.response is not None])
        for _, candidates in finished
    ]
    known = [share for share in shares if share is not None]
    return mean(known, bounds=(0.0, 1.0)) if known else None


def reasons(finished: Finished) -> dict[str, int]:
    """Why candidates were not accepted, the commonest first."""
    found = Counter(one.reason for _, candidates in finished for one in candidates if one.reason)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def tallies(finished: Finished, checks: Sequence[Check]) -> dict[str, Tally]:
    """What each filter did with the distinct answers that reached it."""
    return {check.name: _tally(finished, place, check.name) for place, check in enumerate(checks)}


def _tally(finished: Finished, place: int, name: str) -> Tally:
    from quilate.stats import proportion

    values, clusters = [], []
    why: Counter[str] = Counter()
    for task, candidates in finished:
        for one in candidates:
            if one.twin is not None or one.passed < place or not _reached(one):
                continue
            values.append(float(one.passed > place))
            clusters.append(task.id)
            if one.passed == place and one.reason is not None:
                why[one.reason.rpartition(":")[2]] += 1
    rate = proportion(values, clusters=clusters)
    return Tally(len(values), int(sum(values)), why["below"], why["unscored"], why["error"], rate)


def _reached(one: Candidate) -> bool:
    return one.accepted or ":" in (one.reason or "")


def bill(
    paid: Sequence[tuple[str, Usage, Cost]],
) -> tuple[Usage, Cost, dict[str, tuple[Usage, Cost]]]:
    """What calls used and cost: in all, and by model."""
    by: dict[str, tuple[Usage, Cost]] = {}
    for model, usage, cost in paid:
        known = by.get(model)
        by[model] = (usage, cost) if known is None else (known[0] + usage, known[1] + cost)
    usage = reduce(add, (usage for usage, _ in by.values()), Usage())
    costs = [cost for _, cost in by.values()]
    return usage, reduce(add, costs) if costs else FREE, by


def summary(found: Distilled) -> str:
    """The figures as text."""
    lines = [
        f"{len(found.examples)} examples of {found.prompts} prompts, "
        f"{found.candidates} candidates each",
        f"  candidates accepted  {_share(found.acceptance)}",
        f"  prompts answered     {_share(found.answered)}",
    ]
    if found.agreement is not None:
        lines.append(f"  candidates agree     {_share(found.agreement)}")
    lines += [
        f"  {name}: {one.passed} of {one.seen} passed, {_share(one.rate)}; {one.below} below, "
        f"{one.unscored} unscored, {one.errors} errors"
        for name, one in found.filters.items()
    ]
    told = ", ".join(f"{count} {reason}" for reason, count in found.reasons.items())
    lines += [f"  not accepted: {told}"] if told else []
    lines += [f"  {found.duplicates} repeat another of their prompt"] if found.duplicates else []
    lines.append(f"  {found.usage.total_tokens} tokens, {_money(found.cost)}")
    lines += [f"  stopped: {found.stopped} {found.unfinished} left."] if found.stopped else []
    lines += [f"  {note}" for note in found.notes]
    return "\n".join(lines)


def _share(one: "Estimate") -> str:
    if one.value is None:
        return f"unknown ({one.reason})"
    interval = one.interval
    within = f" ({interval.low:.1%} to {interval.high:.1%})" if interval is not None else ""
    return f"{one.value:.1%}{within}"


def _money(cost: Cost) -> str:
    known = "unknown cost" if cost.usd is None else f"{cost.usd:.4f} USD"
    return known if cost.basis == "exact" or cost.usd is None else f"{known} ({cost.basis})"
