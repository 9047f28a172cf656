"""Functions that a step calls and the user brings: in Python, or in a file, ``FILE.py:NAME``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from quilate.errors import ConfigurationError
from quilate.python_files import load_object


def hook_file(given: Any) -> str | None:
    """The file of a hook written as ``FILE.py:NAME``; None for anything else.

    >>> hook_file("score.py:harm"), hook_file("refusal")
    ('score.py', None)
    """
    if not isinstance(given, str) or ".py:" not in given:
        return None
    return given.rpartition(":")[0]


def hook(given: Any, where: str) -> Callable[..., Any]:
    """The function that a hook names, or is. A path is relative to the pipeline's folder, or to the
    current one. Raises `ConfigurationError`, which names `where`."""
    found = given if callable(given) else load_object(str(given), Path(), where)
    if not callable(found):
        raise ConfigurationError(
            f"'{given}' is no function.", where=where, remedy="Name a function of a text."
        )
    function: Callable[..., Any] = found
    return function
