"""What formats are, and what exporting and reading give."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from quilate.data.files.rejected import Rejected
from quilate.tuning.examples import AnyExample

Row = dict[str, Any]
"""A line of the file, as JSON has it."""


class NotCarried(Exception):
    """Raised by a format that cannot hold an example (writing) or is not given one (reading);
    `reason` is a constant word, `detail` says it in a sentence."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Format:
    """A training format: what it holds, and how an example becomes a row and a row an example.

    `kind` is the class of examples that it holds, `columns` are those by which it is known, and
    `optional` those that it may have besides. `write` is told whether the file has a column of
    tools. A format for which `arrow` is true is loaded by Hugging Face `datasets`, whose guesses at
    types the exporter guards against; `messages` are its columns that hold lists of turns.
    """

    name: str
    title: str
    kind: type[AnyExample]
    columns: tuple[str, ...]
    write: Callable[[Any, bool], Row]
    read: Callable[[Row, str], AnyExample]
    optional: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An example that a format cannot hold, and why."""

    id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """A written file: how many rows it has, and which examples it could not hold.

    `dates` are columns whose every text looks like a date: `datasets.load_dataset("json")` makes
    them times, unless it is told their types by ``features=``. `inexact` are the ids of examples
    with fractions in the arguments of tool calls, whose last digits it changes (0.3 becomes
    0.30000000000000004), because calls with differing arguments are JSON to it.
    """

    path: Path
    format: str
    rows: int
    refused: tuple[Refused, ...] = ()
    dates: tuple[str, ...] = ()
    inexact: tuple[str, ...] = ()

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many examples were refused, by reason, the commonest first."""
        return dict(Counter(one.reason for one in self.refused).most_common())


class Loaded(NamedTuple):
    """The examples of a file, and its rows that hold none, with line and reason."""

    examples: tuple[AnyExample, ...]
    rejected: tuple[Rejected, ...]
