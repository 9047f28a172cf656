"""Checks of options that come from YAML: a wrong one is named, with the evaluator and a remedy."""

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from quilate.errors import ConfigurationError
from quilate.evaluators import Sample


def wrong(evaluator: str, option: str, value: Any, remedy: str) -> NoReturn:
    """Raise the error of an option.

    >>> wrong("numeric", "tolerance", "wide", "Give a number.")
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: The option 'tolerance' of 'numeric' is 'wide'. Give a number.
    """
    shown = repr(value)
    shown = shown if len(shown) <= 100 else f"{shown[:100]}…"
    raise ConfigurationError(
        f"The option '{option}' of '{evaluator}' is {shown}.", remedy=remedy
    ) from None


def check_choice(evaluator: str, option: str, value: Any, choices: Iterable[str]) -> None:
    """That the value is one of `choices`."""
    if not isinstance(value, str) or value not in tuple(choices):
        wrong(evaluator, option, value, f"Write one of: {', '.join(choices)}.")


def check_flag(evaluator: str, option: str, value: Any) -> None:
    """That the value is true or false."""
    if not isinstance(value, bool):
        wrong(evaluator, option, value, "Write true or false.")


def check_number(
    evaluator: str, option: str, value: Any, *, low: float = 0.0, high: float = math.inf
) -> None:
    """That the value is a finite number from `low` to `high`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        to = "" if high == math.inf else f" to {high:g}"
        wrong(evaluator, option, value, f"Give a number from {low:g}{to}.")


def check_text(evaluator: str, option: str, value: Any) -> None:
    """That the value is a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        wrong(evaluator, option, value, "Give a text.")


def texts(evaluator: str, option: str, value: Any) -> tuple[str, ...]:
    """The value as texts: one text, or a list of them.

    >>> texts("includes", "values", ["yes", "sí"])
    ('yes', 'sí')
    """
    given: Sequence[Any] = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        wrong(evaluator, option, value, "Give a text, or a list of texts (quote numbers).")
    if any(not one.strip() for one in given):
        wrong(evaluator, option, value, "Leave out the empty text.")
    return tuple(given)


def no_metadata(samples: Sequence[Sample], *keys: str) -> str | None:
    """That no sample has any of `keys` in its metadata, for a `misfit`; with the key that was
    perhaps meant.

    >>> no_metadata([Sample("1", "?", metadata={"choice": ["a", "b"]})], "choices")
    "needs `choices` in the metadata, which no sample has (some have 'choice')"
    """
    if any(sample.metadata.get(key) is not None for sample in samples for key in keys):
        return None
    there = sorted({key for sample in samples for key in sample.metadata})
    close = [one for key in keys for one in get_close_matches(key, there, n=1)]
    meant = f" (some have '{close[0]}')" if close else ""
    named = " or ".join(f"`{key}`" for key in keys)
    return f"needs {named} in the metadata, which no sample has{meant}"
