"""What a source gives: examples, and what it left out and why."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

from quilate.errors import DataError
from quilate.tuning.examples import AnyExample

E = TypeVar("E", bound=AnyExample, covariant=True)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of a source that gave no example: its `id`, a `reason` (a short constant word),
    and a `detail` of its own."""

    id: str
    reason: str
    detail: str = ""


class Unusable(Exception):
    """Raised inside a source by what gives no example; the source enters it as a `Skipped`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Gathered(Sequence[E], Generic[E]):
    """The examples of a source, as a sequence, with what it left out.

    >>> from quilate.tuning.sources import from_rows
    >>> found = from_rows([{"question": "2 + 2?", "answer": "4"}, {"question": "Why?"}])
    >>> len(found), found.reasons
    (1, {'no_completion': 1})
    """

    examples: tuple[E, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def reasons(self) -> dict[str, int]:
        """How much was left out, by reason, the commonest first."""
        return dict(Counter(one.reason for one in self.skipped).most_common())

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[E]:
        return iter(self.examples)

    @overload
    def __getitem__(self, index: int) -> E: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[E, ...]: ...
    def __getitem__(self, index: int | slice) -> E | tuple[E, ...]:
        return self.examples[index]


def gathered(
    examples: Sequence[E], skipped: Sequence[Skipped], *, what: str, remedy: str
) -> Gathered[E]:
    """The examples of a source. Raises `DataError` when it gave none, with the reasons."""
    if examples:
        return Gathered(tuple(examples), tuple(skipped))
    reasons = Counter(one.reason for one in skipped).most_common(4)
    told = ", ".join(f"{count} {reason}" for reason, count in reasons)
    first = next((f" ({one.id}: {one.detail})" for one in skipped if one.detail), "")
    why = f"{told}{first}" if told else "there is nothing here"
    raise DataError(f"No {what} gives an example: {why}.", remedy=remedy)
