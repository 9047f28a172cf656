"""Examples from rows: a question or prompt, and the answer to learn."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from quilate.messages import system
from quilate.tuning.examples import Example
from quilate.tuning.sources.columns import (
    check_fields,
    checked_row,
    column,
    rest_of,
    row_id,
    rows_of,
    value_of,
)
from quilate.tuning.sources.turns import as_completion, as_prompt
from quilate.tuning.sources.values import Gathered, Skipped, Unusable, gathered

T = TypeVar("T")

_FIELDS = ("id", "system", "prompt", "completion")
REMEDY = 'Say which column is which: fields={"prompt": COLUMN}.'


def from_rows(
    rows: Iterable[Mapping[str, Any]],
    *,
    fields: Mapping[str, str] | None = None,
    system: str | None = None,
    name: str = "rows",
) -> Gathered[Example]:
    """Supervised examples from rows.

    The prompt is in ``prompt``, ``question``, ``input`` or ``instruction``; the completion in
    ``completion``, ``answer``, ``output`` or ``response``; ``system`` and ``id`` may be there too.
    `fields` says which column is which, where a row has several of these or others. A prompt or a
    completion is a text, or a list of ``{"role": …, "content": …}``. `system` is put before
    prompts that have no system turn of their own. Other columns are kept in
    ``metadata["fields"]``, and ``metadata["source"]`` says which row of `name` it was.

    Rows that give no example are in `Gathered.skipped`: ``no_prompt``, ``no_completion``,
    ``empty``, ``not_text``, ``ambiguous``, ``repeated_id``, ``not_a_row``… Raises `DataError` where
    no row gives one, and `ConfigurationError` for `fields` that are none.

    >>> rows = [{"question": "¿Capital del Perú?", "answer": "Lima"}]
    >>> found = from_rows(rows, system="Be brief.")
    >>> [turn.text for turn in (*found[0].prompt, *found[0].completion)]
    ['Be brief.', '¿Capital del Perú?', 'Lima']
    """
    mapped = check_fields(fields, _FIELDS)
    found, skipped = made_of(
        rows, mapped, name, lambda row, key, at: _example(row, key, at, mapped, system, name)
    )
    return gathered(found, skipped, what="row", remedy=REMEDY)


def made_of(
    rows: Iterable[Mapping[str, Any]],
    fields: Mapping[str, str],
    name: str,
    make: Callable[[Mapping[str, Any], str, int], T],
) -> tuple[list[T], list[Skipped]]:
    """What `make` makes of each row, its id and its number, and the rows that give nothing."""
    found: list[T] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for number, row in rows_of(rows):
        key = f"{name}-{number}"
        try:
            whole = checked_row(row)
            key = row_id(whole, number, fields, name)
            made = make(whole, key, number)
            if key in seen:
                raise Unusable("repeated_id", "another row has this id")
        except Unusable as why:
            skipped.append(Skipped(key, why.reason, why.detail))
        else:
            seen.add(key)
            found.append(made)
    return found, skipped


def _example(
    row: Mapping[str, Any],
    key: str,
    number: int,
    fields: Mapping[str, str],
    given: str | None,
    name: str,
) -> Example:
    prompt = as_prompt(value_of(row, "prompt", fields))
    completion = as_completion(value_of(row, "completion", fields))
    own = column(row, "system", fields)
    said = row[own] if own is not None else given
    if said is not None and not isinstance(said, str):
        raise Unusable("not_text", f"the system turn is a {type(said).__name__}")
    if said and prompt[0].role != "system":
        prompt = (system(said), *prompt)
    used = (own, *(column(row, one, fields) for one in ("id", "prompt", "completion")))
    metadata: dict[str, Any] = {"source": {"kind": "rows", "name": name, "row": number}}
    if rest := rest_of(row, used):
        metadata["fields"] = rest
    return Example(key, prompt, completion, metadata=metadata)
