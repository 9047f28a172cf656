"""Of a prompt's candidates: which say the same, which are kept, and as what example."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from quilate.messages import Message, Reasoning
from quilate.tuning.distillation.values import Candidate, Keep, Task
from quilate.tuning.examples import AnyExample, Example, Preference
from quilate.tuning.fingerprints import fold
from quilate.tuning.sources.asked import content_key


def completion_of(candidate: Candidate) -> tuple[Message, ...]:
    """What is learned of an answer: its message without what the teacher thought."""
    if candidate.response is None:
        return ()
    message = candidate.response.message
    parts = tuple(part for part in message.parts if not isinstance(part, Reasoning))
    return (Message("assistant", parts),)


def twins(completions: Sequence[tuple[Message, ...] | None]) -> list[int | None]:
    """For each completion, the place of an earlier one that is the same; None for a new one, and
    for None.

    >>> from quilate.messages import assistant
    >>> twins([(assistant("Lima"),), (assistant("Quito"),), (assistant("Lima "),)])
    [None, None, 0]
    """
    first: dict[str, int] = {}
    found: list[int | None] = []
    for place, turns in enumerate(completions):
        if turns is None:
            found.append(None)
            continue
        key = _key(turns)
        found.append(first.get(key))
        first.setdefault(key, place)
    return found


def _key(turns: tuple[Message, ...]) -> str:
    if len(turns) == 1 and not turns[0].tool_calls:
        return f"text:{turns[0].text.strip()}"
    return content_key(turns)


def agreement(texts: Sequence[str]) -> float | None:
    """The share of pairs of texts that say the same in folded words; None for fewer than two.

    >>> agreement(["Lima.", "lima", "Quito", "LIMA"])
    0.5
    """
    n = len(texts)
    if n < 2:
        return None
    groups = Counter(" ".join(fold(text)) for text in texts).values()
    return sum(count * (count - 1) for count in groups) / (n * (n - 1))


def chosen(
    task: Task, candidates: Sequence[Candidate], keep: Keep, source: Mapping[str, Any]
) -> list[AnyExample]:
    """The examples that a prompt's candidates give."""
    accepted = sorted(
        (one for one in candidates if one.accepted and one.twin is None),
        key=lambda one: (-one.rank, -_said_by(one, candidates), one.number),
    )
    if not accepted:
        return []
    if keep == "pairs":
        return _pair(task, accepted[0], candidates, source)
    kept = accepted[:1] if keep == "best" else sorted(accepted, key=lambda one: one.number)
    return [
        Example(
            f"{task.id}/{one.number}" if keep == "all" else task.id,
            task.prompt,
            completion_of(one),
            task.tools,
            {"source": dict(source) | _of(one)},
        )
        for one in kept
    ]


def _said_by(one: Candidate, candidates: Sequence[Candidate]) -> int:
    """How many candidates say the same: of equals, the commonest answer is the likeliest right
    (self-consistency: Wang et al. 2023, arXiv 2203.11171)."""
    mine = fold(one.text)
    return sum(fold(other.text) == mine for other in candidates if other.response is not None)


def _pair(
    task: Task, best: Candidate, candidates: Sequence[Candidate], source: Mapping[str, Any]
) -> list[AnyExample]:
    """The best against the worst that the filters scored, where that is truly worse."""
    assessed = [one for one in candidates if one.twin is None and _assessed(one)]
    worst = min(assessed, key=lambda one: (one.passed, one.rank, -one.number))
    if (worst.passed, worst.rank) >= (best.passed, best.rank):
        return []
    return [
        Preference(
            task.id,
            task.prompt,
            completion_of(best),
            completion_of(worst),
            task.tools,
            {"source": dict(source) | {"chosen": _of(best), "rejected": _of(worst)}},
        )
    ]


def _assessed(one: Candidate) -> bool:
    """Whether filters scored it: an answer that was cut off or failed teaches nothing, and of one
    that a filter could not score nobody knows that it is bad."""
    return one.accepted or (one.reason or "").endswith(":below")


def _of(one: Candidate) -> dict[str, Any]:
    found: dict[str, Any] = {"candidate": one.number}
    if one.scores:
        found["scores"] = dict(one.scores)
    if one.reason is not None:
        found["rejected_by"] = one.reason
    return found
