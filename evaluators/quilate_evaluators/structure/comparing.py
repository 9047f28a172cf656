"""Counting the fields of two JSON values that agree."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from quilate_evaluators.structure.fields import Rule, Tally, agree, leaves, rule_of, step

MAX_PAIRS = 250_000
"""Pairs of the leaves of two arrays beyond which the order counts of what is not equal, also where
it need not: what pairing costs grows with them."""
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
    if lists == "unordered":
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
    places = _equals(said, wanted, rules)  # of the wanted: where what agrees with it stands
    taken = set(places.values())
    rows = [row for row in range(len(said)) if row not in taken]
    columns = [column for column in range(len(wanted)) if column not in places]
    below = f"{path}[]"

    def paired(row: int, column: int) -> Any:
        return _reordered(said[row], wanted[column], below, rules, language)

    # Each pair is made once: made again, it would cost twice as much for each level of nesting.
    if _size(said, rows) * _size(wanted, columns) <= MAX_PAIRS:
        pairs = {(r, c): paired(r, c) for r in rows for c in columns}
        shared = [
            [_shared(pairs[r, c], wanted[c], below, rules, language) for c in columns] for r in rows
        ]
        found = [(rows[r], columns[c]) for r, c in _assigned(shared)]
    else:
        found = list(zip(rows, columns, strict=False))
        pairs = {(r, c): paired(r, c) for r, c in found}
    matched = {c: pairs[r, c] for r, c in found}
    matched |= {column: said[row] for column, row in places.items()}
    used = {r for r, _ in found}
    rest = [said[row] for row in rows if row not in used]
    return [matched.get(column, _GAP) for column in range(len(wanted))] + rest


def _equals(said: list[Any], wanted: list[Any], rules: Mapping[str, Rule]) -> dict[int, int]:
    """For what is wanted and said in the same words, the place where it is said: no other pairing
    has more leaves that agree, unless a tolerance lets two agree that a third tells apart."""
    if any(rule.tolerance or rule.relative for rule in rules.values()):
        return {}
    there: dict[str, list[int]] = {}
    for row in reversed(range(len(said))):
        there.setdefault(json.dumps(said[row], sort_keys=True), []).append(row)
    keys = enumerate(json.dumps(one, sort_keys=True) for one in wanted)
    return {column: there[key].pop() for column, key in keys if there.get(key)}


def _size(values: list[Any], places: list[int]) -> int:
    return sum(len(leaves(values[place])) for place in places)


def _assigned(shared: list[list[int]]) -> list[tuple[int, int]]:
    """The pairs of a row and a column that have the most in common, all together."""
    if not shared or not shared[0]:
        return []
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(shared, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


def _shared(
    one: Any, other: Any, path: str, rules: Mapping[str, Rule], language: str | None
) -> int:
    said = dict(leaves(one))
    count = 0
    for inner, value in leaves(other):
        if inner in said and said[inner] is not _GAP:
            rule = rule_of(_join(path, inner), rules)
            count += rule.compare != "ignore" and agree(said[inner], value, rule, language)
    return count


def _join(path: str, inner: str) -> str:
    return path + inner if not inner or inner.startswith("[") else f"{path}.{inner}"
