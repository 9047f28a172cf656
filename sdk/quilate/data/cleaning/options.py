"""Checks of the options of steps, which come from YAML: a wrong one is named, with a remedy."""

import math
from collections.abc import Iterable
from typing import Any, NoReturn

import yaml

from quilate.errors import ConfigurationError
from quilate.registry import nearest

_READ_AS = {
    False: "no, off and false as false",
    True: "yes, on and true as true",
    None: "null, ~ and nothing as null",
}


def as_yaml(value: Any) -> str:
    """An option's value as one line of YAML, which can be copied into a pipeline.

    >>> as_yaml(None), as_yaml(("a", "no")), as_yaml({2: 0.2}), as_yaml("[{kind}]")
    ('null', "[a, 'no']", '{2: 0.2}', "'[{kind}]'")
    """
    try:
        return yaml.dump(
            value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=math.inf,
            sort_keys=False,
        ).removesuffix("\n...\n").rstrip("\n")  # fmt: skip
    except yaml.YAMLError:  # an object made in Python
        return repr(value)


class _Dumper(yaml.SafeDumper):
    """Writes tuples as lists."""


_Dumper.add_representer(tuple, yaml.SafeDumper.represent_list)


def wrong(step: str, option: str, value: Any, remedy: str) -> NoReturn:
    """Raise the error of an option.

    >>> wrong("length", "min", "long", "Give a number.")
    Traceback (most recent call last):
    quilate.errors.ConfigurationError: The option 'min' of the step 'length' is 'long'. Give a \
number.
    """
    if isinstance(value, bool | None) and remedy.startswith("Give a text"):
        remedy += f" YAML reads {_READ_AS[value]}: write it in quotes where the text is meant."
    shown = repr(value) if isinstance(value, str) else as_yaml(value)
    shown = shown if len(shown) <= 100 else f"{shown[:100]}…"
    raise ConfigurationError(
        f"The option '{option}' of the step '{step}' is {shown}.", remedy=remedy
    )


def check_number(
    step: str, option: str, value: Any, *, low: float = 0.0, high: float = math.inf
) -> None:
    """That the value is a finite number from `low` to `high`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        to = "" if high == math.inf else f" to {high:g}"
        wrong(step, option, value, f"Give a number from {low:g}{to}.")


def check_count(step: str, option: str, value: Any, *, low: int = 0) -> None:
    """That the value is a whole number, `low` or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        wrong(step, option, value, f"Give a whole number, {low} or more.")


def check_flag(step: str, option: str, value: Any) -> None:
    """That the value is true or false."""
    if not isinstance(value, bool):
        wrong(step, option, value, "Write true or false.")


def check_text(step: str, option: str, value: Any) -> None:
    """That the value is a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        wrong(step, option, value, "Give a text.")


def check_choice(step: str, option: str, value: Any, choices: Iterable[str]) -> None:
    """That the value is one of `choices`."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        wrong(step, option, value, nearest(str(value), known))


def texts(step: str, option: str, value: Any, choices: Iterable[str] | None = None) -> Any:
    """The value as a tuple of texts: one text, or a list of them (of `choices`, if given), not
    empty.

    >>> texts("repair_text", "field", "text"), texts("repair_text", "field", ["a", "b"])
    (('text',), ('a', 'b'))
    """
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not given:
        wrong(step, option, value, "Give a text, or a list of texts.")
    for one in given:
        check_text(step, option, one)
        if choices is not None:
            check_choice(step, option, one, choices)
    return tuple(given)


def set_texts(step: Any, name: str, option: str, choices: Iterable[str] | None = None) -> None:
    """Let an option of a frozen step be the tuple that it stands for."""
    object.__setattr__(step, option, texts(name, option, getattr(step, option), choices))
