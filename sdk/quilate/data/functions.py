"""A function of a row as a step."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

from quilate.data.steps import Add, Change, Drop, Row, Verdict
from quilate.errors import DataError


@dataclass(frozen=True, slots=True)
class FunctionStep:
    """A function of a row as a step. It returns True or None (the row stays), False (it goes), a
    text (it goes for that reason), a mapping (the row's new fields), or a verdict. It is given a
    row of its own, which it may change.

    >>> step = FunctionStep(lambda row: "too short" if len(row["text"]) < 3 else None)
    >>> list(step.apply([{"id": "1", "text": "a"}]))
    [Drop(reason='too short', detail='')]
    """

    function: Callable[[Row], Any]
    version: ClassVar[int] = 1

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """The function's answer on each row."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        name = getattr(self.function, "__name__", "function")
        try:
            said = self.function(own_copy(row))
        except Exception as error:
            raise DataError(
                f"The step '{name}' failed: {type(error).__name__}: {error}.",
                where=f"row {row.get('id')}",
                remedy="Mend the function; what was finished is kept.",
            ) from error
        if said is None or said is True:
            return None
        if said is False:
            return Drop(name)
        if isinstance(said, str):
            return Drop(said)
        if isinstance(said, Change | Drop | Add):
            return said
        if isinstance(said, Mapping):
            return _difference(row, said, name)
        raise DataError(
            f"The step '{name}' returned a {type(said).__name__}.",
            where=f"row {row.get('id')}",
            remedy="Return True, False, a reason, the row's new fields, or a verdict.",
        )


def own_copy(row: Row) -> dict[str, Any]:
    """A row that may be changed without changing this one."""
    return {
        name: deepcopy(value) if isinstance(value, list | dict) else value
        for name, value in row.items()
    }


def _difference(row: Row, said: Mapping[str, Any], name: str) -> Change | None:
    """What a new row changes; a field that it lacks is gone."""
    fields = {
        key: value for key, value in said.items() if key not in row or not same(row[key], value)
    }
    fields |= {key: None for key in row if key not in said and key != "id"}
    return Change(fields, (name,)) if fields else None


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are written alike: 1, 1.0 and true are three.

    >>> same(1, True), same([1], [1.0]), same({"a": [None]}, {"a": [None]})
    (False, False, True)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)
