"""Two JSON values, field by field: which leaves of one agree with the other's."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal

from quilate_evaluators.text.matching import normalized
from quilate_evaluators.text.numbers import answer_number

Compare = Literal["auto", "exact", "text", "number", "date", "ignore"]
COMPARES = ("auto", "exact", "text", "number", "date", "ignore")
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d")
_SHORT = 200  # characters
_ROUNDING = 1e-9  # of numbers with decimals; whole ones may be ids
_PLACE = re.compile(r"\[\d+\]")
_MARKED = re.compile(r"""[.\[\]"]""")


@dataclass(frozen=True, slots=True)
class Rule:
    """How a field is compared. ``auto``: numbers and truth values as they are, texts as ``text``.
    ``text`` folds case and white space; ``number`` reads numbers in texts too, within `tolerance`
    or the share `relative`; ``date`` takes ISO dates and day/month/year."""

    compare: Compare = "auto"
    tolerance: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Fields that agree, and how many each side has. `wrong` names some that do not."""

    right: int
    answered: int
    wanted: int
    wrong: tuple[str, ...] = ()


def leaves(value: Any) -> list[tuple[str, Any]]:
    """The leaves of a JSON value with their paths; an empty object or array is a leaf too.

    >>> leaves({"a": {"b": 1}, "c": ["x", "y"]})
    [('a.b', 1), ('c[0]', 'x'), ('c[1]', 'y')]
    """
    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, at = waiting.pop()
        if at and isinstance(at, dict | list):
            waiting += reversed(list(_inside(path, at)))
        else:
            found.append((path, at))
    return found


def _inside(path: str, value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield step(path, key), inner
    else:
        for at, inner in enumerate(value):
            yield f"{path}[{at}]", inner


def step(path: str, key: str) -> str:
    """The path of a key below another; a key that holds marks of paths is put in quotes.

    >>> step("a", "b"), step("", "a.b")
    ('a.b', '"a.b"')
    """
    key = json.dumps(key) if not key or _MARKED.search(key) else key
    return f"{path}.{key}" if path else key


def rule_of(path: str, rules: Mapping[str, Rule]) -> Rule:
    """The rule of a path: that of its longest beginning; ``[]`` stands for any place in an array.

    >>> rule_of("items[3].price", {"items[].price": Rule("number")}).compare
    'number'
    """
    return next((rules[above] for above in paths_above(path) if above in rules), Rule())


def paths_above(path: str) -> Iterator[str]:
    """A path and those above it, with ``[]`` for the places in arrays; the last is that of all.

    >>> list(paths_above("items[3].price"))
    ['items[].price', 'items[]', 'items', '']
    """
    general = _PLACE.sub("[]", path)
    while general:
        yield general
        general = general[: max(general.rfind("."), general.rfind("["), 0)]
    yield ""


def agree(said: Any, wanted: Any, rule: Rule, language: str | None = None) -> bool:
    """Whether two leaves agree under a rule.

    >>> agree("3 de mayo", "3 DE MAYO ", Rule()), agree("1.250,50 €", 1250.5, Rule("number"), "es")
    (True, True)
    >>> agree("3/5/2026", "2026-05-03", Rule("date"))
    True
    """
    if type(said) is type(wanted) and said == wanted:
        return True  # also two nulls, or two texts that are neither number nor date
    if rule.compare == "number":
        return _same_number(said, wanted, rule, language)
    if rule.compare == "date":
        one, other = _date(said), _date(wanted)
        return one is not None and one == other
    if isinstance(said, bool) or isinstance(wanted, bool) or rule.compare == "exact":
        return type(said) is type(wanted) and bool(said == wanted)
    if isinstance(said, int | float) and isinstance(wanted, int | float):
        return _near(said, wanted, rule)
    if rule.compare == "text":
        said, wanted = (
            each if isinstance(each, str) else _written(each) for each in (said, wanted)
        )
    if isinstance(said, str) and isinstance(wanted, str):
        return _folded(said) == _folded(wanted)
    return type(said) is type(wanted) and bool(said == wanted)


def _folded(text: str) -> str:
    return _folded_short(text) if len(text) <= _SHORT else normalized(text, "case", None)


@lru_cache(maxsize=4096)
def _folded_short(text: str) -> str:
    """Kept, because pairing the elements of arrays compares each text with many."""
    return normalized(text, "case", None)


def _written(value: Any) -> str:
    return "" if value is None else str(value)


def _near(said: float, wanted: float, rule: Rule) -> bool:
    try:
        gap, size = abs(said - wanted), abs(wanted)
        whole = said == int(said) and wanted == int(wanted)
        rounding = 0.0 if whole else _ROUNDING * size
        return gap <= max(rule.tolerance, rule.relative * size) + rounding
    except OverflowError:  # a whole number beyond any float
        return said == wanted


def _same_number(said: Any, wanted: Any, rule: Rule, language: str | None) -> bool:
    one, other = (_number(each, language) for each in (said, wanted))
    return one is not None and other is not None and _near(one, other, rule)


def _number(value: Any, language: str | None) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    found = answer_number(value, language) if isinstance(value, str) else None
    return None if found is None else found.value


def _date(value: Any) -> date | None:
    if not isinstance(value, str):
        return None
    text = value.strip()[:40]
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None
