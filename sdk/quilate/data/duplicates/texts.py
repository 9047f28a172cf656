"""The text of a row that duplicates are looked for in: one field, or several together."""

from collections.abc import Sequence

from quilate.data.steps import Row, text_of
from quilate.errors import ConfigurationError


def field_names(field: str | Sequence[str]) -> tuple[str, ...]:
    """The fields that an option names; raises `ConfigurationError`.

    >>> field_names("text"), field_names(["question", "answer"])
    (('text',), ('question', 'answer'))
    """
    names = (field,) if isinstance(field, str) else field
    if not isinstance(names, list | tuple) or not names:
        raise ConfigurationError(
            f"field is {field!r}.", remedy="Name a field, or several in a list."
        )
    for name in names:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{name!r} is no field's name.", remedy="Write a text.")
    return tuple(names)


def texts_of(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Each row's text; several fields on a line each."""
    if len(names) == 1:
        name = names[0]
        return [text_of(row, name) for row in rows]
    return ["\n".join([text_of(row, name) for name in names]) for row in rows]


def threshold_of(value: object) -> float:
    """A threshold above 0 and up to 1; raises `ConfigurationError`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.0 < value <= 1.0:  # type: ignore[operator]
        raise ConfigurationError(
            f"threshold is {value!r}.", remedy="Give a number above 0 and up to 1, such as 0.8."
        )
    return float(value)  # type: ignore[arg-type]
