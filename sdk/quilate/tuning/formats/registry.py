"""The formats by name, and which one a row is in."""

from collections.abc import Mapping

from quilate.errors import DataError
from quilate.registry import nearest
from quilate.tuning.examples import AnyExample, Example, Judged, Preference
from quilate.tuning.formats import (
    alpaca,
    openai,
    openai_preference,
    sharegpt,
    trl_kto,
    trl_messages,
    trl_preference,
    trl_prompt_completion,
)
from quilate.tuning.formats.values import Format, Row

FORMATS: Mapping[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        trl_prompt_completion,
        trl_messages,
        trl_preference,
        trl_kto,
        sharegpt,
        alpaca,
        openai,
        openai_preference,
    )
}
"""Every training format, by its name."""

_DEFAULTS: Mapping[type[AnyExample], str] = {
    Example: "prompt-completion",
    Preference: "preference",
    Judged: "kto",
}


def format_named(name: str) -> Format:
    """The format of that name; raises `DataError`.

    >>> format_named("kto").columns
    ('prompt', 'completion', 'label')
    """
    found = FORMATS.get(name.replace("_", "-"))
    if found is None:
        raise DataError(
            f"There is no training format '{name}'.", remedy=nearest(name, list(FORMATS))
        )
    return found


def default_format(kind: type[AnyExample]) -> str:
    """The name of the format in which examples of a class are written where none is named.

    >>> default_format(Preference)
    'preference'
    """
    return _DEFAULTS[kind]


def detect(row: Row) -> Format:
    """The format of a row, by its columns; raises `DataError` where none or several fit.

    >>> detect({"prompt": [], "completion": []}).name
    'prompt-completion'
    """
    present = {column for column, value in row.items() if value is not None}
    fits = [one for one in FORMATS.values() if present.issuperset(one.columns)]
    # Rows for KTO are prompt–completion with a label.
    widest = [
        one for one in fits if not any(set(one.columns) < set(other.columns) for other in fits)
    ]
    if {one.name for one in widest} == {"messages", "openai"}:
        return FORMATS["openai" if _is_openai(row) else "messages"]
    if len(widest) == 1:
        return widest[0]
    columns = ", ".join(sorted(map(str, present))) or "none"
    if widest:
        names = " and ".join(one.name for one in widest)
        raise DataError(
            f"Several formats fit these columns ({columns:.200}): {names}.",
            remedy="Say which one it is: format=…",
        )
    known = "; ".join(f"{one.name}: {', '.join(one.columns)}" for one in FORMATS.values())
    raise DataError(
        f"No training format has these columns ({columns:.200}).",
        remedy=f'Known are {known}. Rename columns by fields={{"prompt": COLUMN}}.',
    )


def _is_openai(row: Row) -> bool:
    """Whether turns have what only OpenAI's files have. (Both are read alike but for weights.)"""
    turns = row.get("messages")
    return "parallel_tool_calls" in row or (
        isinstance(turns, list)
        and any(isinstance(turn, dict) and turn.get("weight") is not None for turn in turns)
    )
