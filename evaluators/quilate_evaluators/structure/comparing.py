"""Counting the fields of two JSON values that agree."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from quilate_evaluators.structure.fields import Rule, Tally, agree, leaves, rule_of, step

MAX_PAIRS = 1_000_000
"""Pairs of an answer's and a reference's leaves beyond which order counts, also where it need not:
what pairing costs grows with them."""
_GAP = object()  # stands where an element is wanted and none was said
_SHOWN = 8


def compare(
    said: Any,
    wanted: Any,
    rules: Mapping[str, Rule],
    *,
    lists: Literal["ordered", "unordered"] = "ordered",
    language: str | None = None,
) -> Tally:
    """How many leaves of two JSON values agree. Elements of arrays are compared by their place or,
    ``unordered``, paired by the Hungarian method so that most leaves agree.

    >>> compare({"tags": ["b", "a"]}, {"tags": ["a", "b"]}, {}, lists="unordered").right
    2
    """
    if lists == "unordered" and len(leaves(said)) * len(leaves(wanted)) <= MAX_PAIRS:
        # Nested too deeply to be paired, it is compared in its order.
        with suppress(RecursionError):
            said = _reordered(said, wanted, "", rules, language)
    answered = _counted(said, rules)
    expected = _counted(wanted, rules)
    right, wrong = 0, []
    for path, value in expected.items():
        if path not in answered:
            wrong.append(f"{path or 'the value'}: missing")
        elif agree(answered[path], value, rule_of(path, rules), language):
            right += 1
        else:
            wrong.append(f"{path or 'the value'}: {_short(answered[path])}, not {_short(value)}")
    wrong += [f"{path or 'the value'}: too much" for path in answered if path not in expected]
    return Tally(right, len(answered), len(expected), tuple(wrong[:_SHOWN]))


def _counted(value: Any, rules: Mapping[str, Rule]) -> dict[str, Any]:
    found = dict(leaves(value))
    return {
        path: leaf
        for path, leaf in found.items()
        if leaf is not _GAP and rule_of(path, rules).compare != "ignore"
    }


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _reordered(
    said: Any, wanted: Any, path: str, rules: Mapping[str, Rule], language: str | None
) -> Any:
    """What was said, with the elements of each array where those they agree with stand."""
    if isinstance(said, dict) and isinstance(wanted, dict):
        return {
            key: _reordered(value, wanted[key], step(path, key), rules, language)
            if key in wanted
            else value
            for key, value in said.items()
        }
    if not isinstance(said, list) or not isinstance(wanted, list):
        return said
    if not said or not wanted:
        return said
    from scipy.optimize import linear_sum_assignment

    inner = f"{path}[]"
    pairs = [[_reordered(one, other, inner, rules, language) for other in wanted] for one in said]
    shared = [
        [
            _shared(one, other, inner, rules, language)
            for one, other in zip(row, wanted, strict=True)
        ]
        for row in pairs
    ]
    rows, columns = linear_sum_assignment(shared, maximize=True)
    placed = {int(c): pairs[r][c] for r, c in zip(rows, columns, strict=True)}
    taken = {int(row) for row in rows}
    rest = [value for at, value in enumerate(said) if at not in taken]
    return [placed.get(at, _GAP) for at in range(len(wanted))] + rest


def _shared(
    one: Any, other: Any, path: str, rules: Mapping[str, Rule], language: str | None
) -> int:
    said = dict(leaves(one))
    return sum(
        inner in said and agree(said[inner], value, rule_of(_join(path, inner), rules), language)
        for inner, value in leaves(other)
    )


def _join(path: str, inner: str) -> str:
    return path + inner if not inner or inner.startswith("[") else f"{path}.{inner}"
