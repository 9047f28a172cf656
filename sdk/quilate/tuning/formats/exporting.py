"""Examples to a file that a trainer reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from quilate.data.files.writing import json_line, whole
from quilate.errors import DataError
from quilate.tuning.examples import AnyExample
from quilate.tuning.formats.arrow import check_numbers, dates, guard
from quilate.tuning.formats.exact import row_of
from quilate.tuning.formats.registry import default_format, format_named
from quilate.tuning.formats.values import Exported, Format, NotCarried, Refused, Row


def export(
    examples: Iterable[AnyExample],
    path: str | Path,
    format: str | None = None,
    *,
    extras: bool = True,
) -> Exported:
    """Write examples as JSON Lines in a training format (left out: the one for their kind, which is
    ``prompt-completion``, ``preference`` or ``kto``).

    The file appears when it is whole. Examples that the format cannot hold are not written, and
    told with their ids and the reason. With `extras` the file has the columns ``id``,
    ``metadata`` and ``shape`` besides, so that `read` gives back exactly the same examples; without
    them it has what the format knows and nothing else, and ids, metadata and the division of texts
    into parts are not in it.

    Raises `DataError` for an unknown format, for no examples, where the format holds none of them,
    and where the file cannot be written.

    >>> import tempfile
    >>> from quilate.messages import assistant, user
    >>> from quilate.tuning.examples import Example
    >>> file = Path(tempfile.mkdtemp()) / "train.jsonl"
    >>> export([Example("1", (user("2 + 2?"),), (assistant("4"),))], file).rows
    1
    """
    given, path = list(examples), Path(path)
    if not given:
        raise DataError("There are no examples to write.", where=str(path))
    chosen = format_named(format or default_format(type(given[0])))
    rows, ids, refused = _rows(given, chosen, extras)
    if not rows:
        first = refused[0]
        raise DataError(
            f"None of {len(refused):,} examples can be written as {chosen.title}: {first.detail} "
            f"({first.reason}, in {first.id:.80}).",
            where=str(path),
            remedy="Choose another format.",
        )
    inexact, times = _guarded(rows, chosen) if chosen.arrow else ((), ())
    with whole(path) as stream:
        stream.writelines(map(json_line, rows))
    changed = tuple(ids[at] for at in inexact)
    return Exported(path, chosen.name, len(rows), tuple(refused), times, changed)


def _guarded(rows: Sequence[Row], format: Format) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The rows made safe from the guesses of `datasets`; which rows and columns are not."""
    size = sum(len(json_line(row)) for row in rows)
    return tuple(guard(rows, format.messages, size)), tuple(dates(rows))


def _rows(
    examples: Sequence[AnyExample], format: Format, extras: bool
) -> tuple[list[Row], list[str], list[Refused]]:
    """The rows, all with the same columns, their ids, and what the format does not hold."""
    tools = any(example.tools for example in examples)
    rows: list[Row] = []
    ids: list[str] = []
    refused: list[Refused] = []
    for example in examples:
        try:
            rows.append(_row(example, format, tools, extras))
        except NotCarried as why:
            refused.append(Refused(example.id, why.reason, why.detail))
        else:
            ids.append(example.id)
    return rows, ids, refused


def _row(example: AnyExample, format: Format, tools: bool, extras: bool) -> Row:
    if type(example) is not format.kind:
        raise NotCarried(
            "other_kind",
            f"{format.title} holds examples of kind {format.kind.__name__}, "
            f"not {type(example).__name__}",
        )
    if extras and not example.id:
        raise NotCarried("no_id", "its id is empty")
    row = row_of(example, format, tools=tools, extras=extras)
    if format.arrow:
        check_numbers(row)
    try:
        json_line(row)
    except UnicodeEncodeError:
        raise NotCarried("half_a_character", "a lone surrogate is no text") from None
    return row
