"""The steps ``fields`` and ``where``: which fields a row has, and which rows there are."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from quilate.data.cleaning.options import check_flag, check_text, texts, wrong
from quilate.data.steps import Change, Drop, Row, Verdict
from quilate.errors import DataError
from quilate.registry import nearest


@dataclass(frozen=True, slots=True)
class Fields:
    """Renames fields (`rename`: old to new), then takes away those in `drop`, or all but those in
    `keep`, then sets those in `constant`, the same in every row. The ``id`` always stays.

    Raises `ConfigurationError` for options that contradict each other, and `DataError` where a
    field would be renamed over another.

    >>> step = Fields(rename={"body": "text"}, drop="url", constant={"source": "wiki"})
    >>> next(iter(step.apply([{"id": "1", "body": "Hola", "url": "/"}]))).fields
    {'body': None, 'url': None, 'text': 'Hola', 'source': 'wiki'}
    """

    rename: Mapping[str, str] | None = None
    keep: str | Sequence[str] | None = None
    drop: str | Sequence[str] | None = None
    constant: Mapping[str, Any] | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for option in ("rename", "constant"):
            value = getattr(self, option)
            if value is not None and not isinstance(value, Mapping):
                wrong("fields", option, value, "Write names with values, such as {old: new}.")
        for option in ("keep", "drop"):
            if getattr(self, option) is not None:
                given = texts("fields", option, getattr(self, option))
                object.__setattr__(self, option, given)
        if self.keep is not None and self.drop is not None:
            wrong("fields", "drop", self.drop, "Give keep or drop, not both.")
        if not (self.rename or self.keep or self.drop or self.constant):
            wrong("fields", "rename", self.rename, "Give rename, keep, drop or constant.")
        self._check_names()

    def _check_names(self) -> None:
        renamed = self.rename or {}
        for option, name in (
            *(("rename", name) for pair in renamed.items() for name in pair),
            *(("drop", name) for name in self.drop or ()),
            *(("constant", name) for name in self.constant or {}),
        ):
            check_text("fields", option, name)
            if name == "id":
                wrong("fields", option, name, "The id names the row, and stays.")
        if len(set(renamed.values())) < len(renamed):
            wrong("fields", "rename", dict(renamed), "Give each field a name of its own.")
        for name, value in (self.constant or {}).items():
            if value is None:
                wrong("fields", "constant", name, "A field without a value is taken away: `drop`.")

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """The changes to each row's fields."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        after = self._renamed(row)
        if self.drop is not None:
            after = {name: value for name, value in after.items() if name not in self.drop}
        if self.keep is not None:
            after = {name: after[name] for name in after if name == "id" or name in self.keep}
        after |= self.constant or {}
        changed: dict[str, Any] = {name: None for name in row if name not in after}
        changed |= {name: one for name, one in after.items() if _differs(row, name, one)}
        return Change(changed, ("fields",)) if changed else None

    def _renamed(self, row: Row) -> dict[str, Any]:
        renamed = self.rename or {}
        after: dict[str, Any] = {}
        for name, value in row.items():
            new = renamed.get(name, name)
            if new in after or (new != name and new in row and new not in renamed):
                raise DataError(
                    f"The field '{name}' cannot be called '{new}': the row has a field of that "
                    "name.",
                    where=f"row {row.get('id')}",
                    remedy=f"Rename or drop '{new}' in a step before.",
                )
            after[new] = value
        return after


def _differs(row: Row, name: str, value: Any) -> bool:
    if name not in row:
        return True
    before = row[name]
    return before is not value and (type(before) is not type(value) or before != value)


Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Where:
    """Keeps the rows that fulfil every condition of `all`, and at least one of `any` if given.

    A condition is data, not code: a ``field`` (``metadata.source`` is one inside another) with one
    or more of ``equals``, ``in`` (a list), ``at_least``, ``at_most`` (numbers with numbers, texts
    with texts), ``matches`` (a regular expression, found anywhere in a text) and ``exists`` (true
    or false); ``not: true`` turns it round. A value of another type fulfils none of them.

    >>> step = Where(all=[{"field": "stars", "at_least": 3}, {"field": "lang", "in": ["es"]}])
    >>> list(step.apply([{"id": "1", "stars": 4, "lang": "es"}, {"id": "2", "stars": 1}]))
    [None, Drop(reason='stars at_least', detail='')]
    """

    all: Sequence[Mapping[str, Any]] = ()
    any: Sequence[Mapping[str, Any]] = ()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not self.all and not self.any:
            wrong("where", "all", self.all, "Give a list of conditions.")
        for option in ("all", "any"):
            given = getattr(self, option)
            given = [given] if isinstance(given, Mapping) else given
            if not isinstance(given, list | tuple):
                wrong("where", option, given, "Give a list of conditions.")
            for condition in given:
                _tests(option, condition)
            object.__setattr__(self, option, tuple(given))

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """Other rows are dropped: for the first condition of `all` that they do not fulfil, or for
        ``no condition of any``."""
        every = [(condition["field"], _tests("all", condition)) for condition in self.all]
        either = [(condition["field"], _tests("any", condition)) for condition in self.any]
        return [_verdict(row, every, either) for row in rows]


_Tests = list[tuple[str, Test]]


def _verdict(
    row: Row, every: Sequence[tuple[str, _Tests]], either: Sequence[tuple[str, _Tests]]
) -> Verdict:
    for field, tests in every:
        value = _value(row, field)
        for name, test in tests:
            if not test(value):
                return Drop(f"{field} {name}")
    if either and not any(
        all(test(_value(row, field)) for _, test in tests) for field, tests in either
    ):
        return Drop("no condition of any")
    return None


def _value(row: Row, field: str) -> Any:
    """A field of a row; ``a.b`` is that of an object in it, unless the row has one of that name."""
    if field in row:
        return row[field]
    value: Any = row
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _tests(option: str, condition: Any) -> _Tests:
    """The tests of a condition, by name; raises `ConfigurationError`."""
    if not isinstance(condition, Mapping) or "field" not in condition:
        wrong("where", option, condition, "Write conditions such as {field: stars, at_least: 3}.")
    check_text("where", f"{option}.field", condition["field"])
    asked = {name: given for name, given in condition.items() if name not in ("field", "not")}
    check_flag("where", f"{option}.not", turned := condition.get("not", False))
    if not asked:
        wrong("where", option, dict(condition), f"Add one of: {', '.join(_MAKERS)}.")
    tests = []
    for name, given in asked.items():
        if name not in _MAKERS:
            wrong("where", option, name, nearest(str(name), ["field", "not", *_MAKERS]))
        tests.append((name, _MAKERS[name](given)))
    if not turned:
        return tests
    return [("not " + " ".join(asked), lambda value: not all(test(value) for _, test in tests))]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: Any, given: Any) -> bool:
    """Equal, where true is no 1."""
    return bool(isinstance(value, bool) == isinstance(given, bool) and value == given)


def _bound(name: str, given: Any, *, below: bool) -> Test:
    if not (isinstance(given, str) or (_is_number(given) and math.isfinite(given))):
        wrong("where", name, given, "Give a number or a text.")

    def test(value: Any) -> bool:
        fits = isinstance(value, str) if isinstance(given, str) else _is_number(value)
        return bool(fits and (value <= given if below else value >= given))

    return test


def _in(given: Any) -> Test:
    if not isinstance(given, list | tuple):
        wrong("where", "in", given, "Give a list.")
    return lambda value: any(_same(value, one) for one in given)


def _matches(given: Any) -> Test:
    check_text("where", "matches", given)
    try:
        pattern = re.compile(given)
    except (re.error, OverflowError, RecursionError) as error:
        wrong("where", "matches", given, f"It is no regular expression: {error}.")
    return lambda value: isinstance(value, str) and pattern.search(value) is not None


def _exists(given: Any) -> Test:
    check_flag("where", "exists", given)
    return lambda value: (value is not None) is given


_MAKERS: dict[str, Callable[[Any], Test]] = {
    "equals": lambda given: lambda value: _same(value, given),
    "in": _in,
    "at_least": lambda given: _bound("at_least", given, below=False),
    "at_most": lambda given: _bound("at_most", given, below=True),
    "matches": _matches,
    "exists": _exists,
}
