"""The texts of evaluation sets: what must not be in the training data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quilate.data.decontamination.words import pieces_of
from quilate.data.files.reading import read_rows
from quilate.data.files.rejected import Rejected
from quilate.data.shards import content_digest
from quilate.data.steps import Row
from quilate.errors import ConfigurationError, DataError
from quilate.evaluators import Sample

Fields = str | Sequence[str] | Mapping[str, str]
"""Which columns are looked for: their names; or, as in a suite, sample fields to columns, of which
``input`` and ``id`` are read."""

_USUAL = ("input", "question", "prompt", "instruction", "problem", "query", "text")


@dataclass(frozen=True, slots=True)
class EvaluationText:
    """A text of the sample `id` in the evaluation file `file`."""

    file: str
    id: str
    text: str


def evaluation_files(against: Sequence[str]) -> list[Path]:
    """The files that `against` names: paths, or ``dataset:NAME`` and ``dataset:NAME/PART`` for
    what a package registers in the group ``quilate.datasets``.

    Raises `DataError` for a file that is not there.
    """
    from quilate.evals.samples import sample_files

    if not against:
        raise ConfigurationError(
            "`against` names no evaluation set.", remedy="Write against: [evaluation.jsonl]."
        )
    return [
        Path(file) for name in against for file in sample_files(name, Path(), within="pipeline")
    ]


def digests_of(against: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of each file's content, by its path."""
    return {str(file): content_digest(file) for file in evaluation_files(against)}


def read_texts(files: Iterable[Path], fields: Fields | None = None) -> list[EvaluationText]:
    """The texts of evaluation files (JSON Lines, CSV, or whatever else a pipeline reads).

    Every column of `fields` is a text of its own: of a question and its context, either is found
    without the other. A file needs one of them, and each must be in some file. Unless said, it is
    of each row the first that has a text of ``input``, ``question``, ``prompt``, ``instruction``,
    ``problem``, ``query`` and ``text``. Raises `DataError` for a malformed row and for one without
    such a text, since a set that was read in part would prove nothing, and for a file without rows.
    """
    texts: list[EvaluationText] = []
    read = [(file, _whole_rows(file, fields)) for file in files]
    _check_named(read, fields)
    for file, rows in read:
        columns = _columns(rows, fields, file)
        for row in rows:
            found = list(_texts(row, columns, file.name))
            if not found:
                raise DataError(
                    f"The sample '{row['id']}' of the evaluation set holds no text in "
                    f"{_listed(columns)}.",
                    where=str(file),
                    remedy="Say which columns hold the questions: fields: [COLUMN]; or take it "
                    "out: a set that is read in part proves nothing.",
                )
            texts += found if fields is not None else found[:1]
    return texts


def sample_texts(samples: Iterable[Sample], name: str = "") -> Iterator[EvaluationText]:
    """The questions of samples; of a conversation, what its user says."""
    for sample in samples:
        if isinstance(sample.input, str):
            yield EvaluationText(name, sample.id, sample.input)
        else:
            for message in sample.input:
                if message.role == "user" and message.text.strip():
                    yield EvaluationText(name, sample.id, message.text)


def _whole_rows(file: Path, fields: Fields | None) -> list[Row]:
    named = {"id": fields["id"]} if isinstance(fields, Mapping) and "id" in fields else None
    rows = []
    for row in read_rows(file, fields=named):
        if isinstance(row, Rejected):
            raise DataError(
                f"A row of the evaluation set cannot be read: {row.reason}.",
                where=row.where,
                remedy="Mend it: a set that is read in part proves nothing.",
            )
        rows.append(row)
    return rows


def _check_named(read: Sequence[tuple[Path, Sequence[Row]]], fields: Fields | None) -> None:
    """Raise `DataError` for a column that no file has: what it means would not be looked for."""
    there = {name for _, rows in read for row in rows for name in row}
    missing = [name for name in _named(fields) if name not in there]
    if missing:
        what = "set has" if len(read) == 1 else "sets have"
        raise DataError(
            f"The evaluation {what} no column {_listed(missing)}.",
            where=", ".join(str(file) for file, _ in read),
            remedy="There are: " + (", ".join(sorted(there)) or "none") + ".",
        )


def _named(fields: Fields | None) -> list[str]:
    if isinstance(fields, Mapping):
        return [fields.get("input", "input")]
    return [fields] if isinstance(fields, str) else list(fields or ())


def _columns(rows: Sequence[Row], fields: Fields | None, file: Path) -> list[str]:
    """The columns of a file that hold its texts."""
    there = {name for row in rows for name in row}
    if fields is None:
        usual = [name for name in _USUAL if name in there]
        if not usual:
            raise DataError(
                "The evaluation set has none of the columns " + ", ".join(_USUAL) + ".",
                where=str(file),
                remedy="Say which hold its questions: fields: [COLUMN]. It has: "
                + (", ".join(sorted(there)) or "none"),
            )
        return usual
    named = _named(fields)
    columns = [name for name in named if name in there]
    if not columns:
        raise DataError(
            f"The evaluation set has no column {_listed(named)}."
            if named
            else "`fields` names no column.",
            where=str(file),
            remedy="It has: " + (", ".join(sorted(there)) or "none") + ".",
        )
    return columns


def _texts(row: Row, columns: Sequence[str], file: str) -> Iterator[EvaluationText]:
    for column in columns:
        text = "\n".join(pieces_of(row.get(column)))
        if text.strip():
            yield EvaluationText(file, str(row["id"]), text)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
