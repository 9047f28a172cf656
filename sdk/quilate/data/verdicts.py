"""The verdicts of one step on one shard: kept as a file, and laid upon the rows again.

What is cached of a step is not its rows but what it said of them: little, where most rows stay as
they are. From it come the rows after the step, the report and the quarantine.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from quilate.data.files.writing import whole
from quilate.data.seals import sealed, unsealed
from quilate.data.steps import Add, Change, Drop, Row, Verdict
from quilate.errors import DataError, redact

_EXAMPLES = 3  # of each reason, in the report
_MOST_EXAMPLES = 60
_MOST_REASONS, _OTHERS = 1000, "other reasons"
_SHOWN = 300  # characters of a field in an example


@dataclass(slots=True)
class Tally:
    """What a step did: rows before and after, and how many for which reason; of rows that have no
    field which it reads, this is told as ``lacking``. Each example tells an id, a reason, and the
    fields before and after."""

    rows_in: int = 0
    rows_out: int = 0
    changed: int = 0
    dropped: int = 0
    added: int = 0
    reasons: dict[str, Counter[str]] = field(
        default_factory=lambda: {"dropped": Counter(), "changed": Counter(), "added": Counter()}
    )
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count another shard in."""
        for name in ("rows_in", "rows_out", "changed", "dropped", "added"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, counts in other.reasons.items():
            for reason, n in counts.items():
                self.count(kind, reason, n)
        for example in other.examples:
            self._example(example)

    def count(self, did: str, reason: str, n: int = 1) -> None:
        """Count a reason; beyond the first thousand, they are told as one."""
        counts = self.reasons.setdefault(did, Counter())
        counts[reason if reason in counts or len(counts) < _MOST_REASONS else _OTHERS] += n

    def look(self, rows: Sequence[Row], names: Iterable[str]) -> None:
        """Count the rows that have none of the fields by these names."""
        for name in names:
            if n := sum(name not in row for row in rows):
                self.count("lacking", _lacking(name), n)

    def lacks(self, name: str) -> bool:
        """Whether there are rows, and none has the field."""
        counts: Mapping[str, int] = self.reasons.get("lacking", {})
        return 0 < self.rows_in == counts.get(_lacking(name), 0)

    def wants(self, did: str, reason: str) -> bool:
        """Whether there is room for one more example of a reason."""
        if len(self.examples) >= _MOST_EXAMPLES:
            return False
        return (
            sum((one["did"], one["reason"]) == (did, reason) for one in self.examples) < _EXAMPLES
        )

    def _example(self, example: dict[str, Any]) -> None:
        if self.wants(example["did"], example["reason"]):
            self.examples.append(example)

    def as_data(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rows_in": self.rows_in,
            "kept": self.rows_in - self.changed - self.dropped,
            "changed": self.changed,
            "dropped": self.dropped,
            "added": self.added,
            "rows_out": self.rows_out,
            "reasons": {
                kind: dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
                for kind, counts in self.reasons.items()
            },
            "examples": self.examples,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Tally":
        """What `as_data` gave."""
        names = ("rows_in", "rows_out", "changed", "dropped", "added")
        reasons = {kind: Counter(counts) for kind, counts in data["reasons"].items()}
        return cls(
            **{name: data[name] for name in names}, reasons=reasons, examples=data["examples"]
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What a step said of a shard: at most one entry for each row that it touched, as
    ``[position, kind, …]``; and new `columns`, one value a row."""

    entries: Sequence[Sequence[Any]]
    columns: Mapping[str, Sequence[Any]]
    tally: Tally

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        """The rows after the step."""
        touched = {entry[0]: entry for entry in self.entries}
        return [
            after
            for at, row in enumerate(rows)
            for after in _after(self._with_columns(row, at), touched.get(at))
        ]

    def _with_columns(self, row: Row, at: int) -> Row:
        if not self.columns:
            return row
        return {**row, **{name: values[at] for name, values in self.columns.items()}}

    def drops(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str, str]]:
        """The rows that were dropped, each with its reason and detail."""
        for at, kind, *rest in self.entries:
            if kind == "drop":
                yield rows[at], rest[0], rest[1]

    def added(self) -> list[str]:
        """The ids of the rows that were added."""
        return [row["id"] for _, kind, *rest in self.entries if kind == "add" for row in rest[0]]

    def write(self, file: Path, step: str = "", rows: Sequence[Row] = ()) -> "Said":
        """Keep it, and give it as it will be read: the file is there whole, or not at all. Raises
        `DataError` that names the `step` and the row for values that JSON cannot hold."""
        try:
            text = self._encoded()
        except (TypeError, ValueError) as error:
            raise self._unwritable(step, rows, error) from None
        with whole(file) as stream:
            stream.write(sealed(text))
        return _decoded(text)

    def _encoded(self) -> bytes:
        data = {
            "entries": self.entries,
            "columns": self.columns,
            "tally": self.tally.as_data(),
        }
        return json.dumps(data, ensure_ascii=False, allow_nan=False, default=_plain).encode("utf-8")

    def _unwritable(self, step: str, rows: Sequence[Row], error: Exception) -> DataError:
        for entry in self.entries:
            try:
                json.dumps(entry, allow_nan=False, default=_plain).encode("utf-8")
            except (TypeError, ValueError) as found:
                where = f"row {rows[entry[0]].get('id')}" if entry[0] < len(rows) else None
                return DataError(
                    f"The step '{step}' gave a value that JSON cannot hold: {found}.",
                    where=where,
                    remedy="Give texts, finite numbers, true, false, none, lists and objects.",
                )
        return DataError(f"The step '{step}' gave values that JSON cannot hold: {error}.")

    @classmethod
    def read(cls, file: Path) -> "Said | None":
        """What was kept; None when there is nothing, or a damaged file: that part is done again."""
        try:
            return _decoded(unsealed(file.read_bytes()))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _decoded(text: bytes) -> Said:
    data = json.loads(text)
    return Said(data["entries"], data["columns"], Tally.from_data(data["tally"]))


def _lacking(name: str) -> str:
    return f"no field '{name}'"


def _plain(value: Any) -> Any:
    """A number of numpy's as JSON has it."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    raise TypeError(f"a {type(value).__name__}")


def _after(row: Row, entry: Sequence[Any] | None) -> Iterable[Row]:
    if entry is None:
        return (row,)
    _, kind, *rest = entry
    if kind == "drop":
        return ()
    if kind == "add":
        return (row, *rest[0])
    return (changed(row, rest[0]),)


def changed(row: Row, fields: Mapping[str, Any]) -> Row:
    """The row with fields new or replaced; those of None are gone."""
    gone = {name for name, value in fields.items() if value is None}
    return {name: value for name, value in {**row, **fields}.items() if name not in gone}


def said_of(
    rows: Sequence[Row],
    verdicts: Iterable[Verdict],
    columns: Mapping[str, Sequence[Any]] | None = None,
    reads: Iterable[str] = (),
) -> Said:
    """What a step's verdicts on the rows of a shard come to, when it `reads` these fields.

    >>> said = said_of([{"id": "1"}, {"id": "2"}], [None, Drop("short")])
    >>> said.apply([{"id": "1"}, {"id": "2"}]), said.tally.dropped
    ([{'id': '1'}], 1)
    """
    tally = Tally(rows_in=len(rows))
    tally.look(rows, reads)
    entries = []
    for at, (row, verdict) in enumerate(zip(rows, verdicts, strict=True)):
        if verdict is not None:
            entries.append(_entry(at, row, verdict, tally))
    gone = {entry[0] for entry in entries if entry[1] == "drop"}
    for values in (columns or {}).values():
        stay = (one for at, one in enumerate(values) if at not in gone)
        tally.reasons["changed"].update(one for one in stay if isinstance(one, str))
    if columns:
        tally.changed = len(rows) - tally.dropped
    tally.rows_out = len(rows) - tally.dropped + tally.added
    return Said(entries, columns or {}, tally)


def _entry(at: int, row: Row, verdict: Change | Drop | Add, tally: Tally) -> list[Any]:
    if isinstance(verdict, Drop):
        tally.dropped += 1
        tally.count("dropped", _told(verdict.reason))
        _show(tally, row, "dropped", verdict)
        return [at, "drop", verdict.reason, verdict.detail]
    if isinstance(verdict, Add):
        tally.added += len(verdict.rows)
        tally.count("added", _told(verdict.reason), len(verdict.rows))
        _show(tally, row, "added", verdict)
        return [at, "add", [dict(one) for one in verdict.rows]]
    # A step may say why it left a row as it is.
    did = "changed" if verdict.fields else "kept"
    tally.changed += did == "changed"
    for said in verdict.reasons:
        tally.count(did, _told(said))
    if verdict.reasons:
        _show(tally, row, did, verdict)
    return [at, "change", dict(verdict.fields)]


def _show(tally: Tally, row: Row, did: str, verdict: Change | Drop | Add) -> None:
    """Keep an example, where one is wanted: to mask the personal data of every row would take
    longer than most steps do."""
    reason = _told(verdict.reasons[0] if isinstance(verdict, Change) else verdict.reason)
    if not tally.wants(did, reason):
        return
    example: dict[str, Any] = {"id": _masked(str(row.get("id"))), "did": did, "reason": reason}
    if isinstance(verdict, Drop):
        example["detail"] = _masked(verdict.detail[: 2 * _SHOWN])
        example["before"] = _brief(row)
    elif isinstance(verdict, Add):
        example["after"] = _brief(verdict.rows[0]) if verdict.rows else {}
    else:
        example["before"] = _brief({name: row.get(name) for name in verdict.fields})
        example["after"] = _brief(verdict.fields)
    tally.examples.append(example)


def _brief(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, their long texts cut, and without personal data: examples are read by more people
    than the rows are."""
    shown: dict[str, Any] = {}
    for name, value in list(fields.items())[:12]:
        text = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
        )
        long = len(text) > _SHOWN
        masked = _masked(text[: 10 * _SHOWN])
        if long or masked != text:
            shown[name] = masked[:_SHOWN] + ("…" if long else "")
        else:
            shown[name] = value
    return shown


@lru_cache(maxsize=4096)
def _told(reason: str) -> str:
    """A reason as the report has it: a user's own may hold a row's text."""
    return _masked(reason[:_SHOWN])


def _masked(text: str) -> str:
    from quilate.pii import find_pii

    for found in reversed(find_pii(text)):
        text = f"{text[: found.start]}[{found.kind}]{text[found.end :]}"
    return redact(text)
