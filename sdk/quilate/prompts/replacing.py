"""Prompts of one's own in the place of shipped ones: files of the same names in a folder."""

import os
from collections.abc import Hashable
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from quilate.errors import ConfigurationError
from quilate.prompts.template import Template

FOLDER = "QUILATE_PROMPTS"
"""The variable of the environment that names the folder."""


def replacement(file_name: str) -> Path | None:
    """The file that takes the place of a shipped ``NAME.LANG.md``; None where there is none.

    Raises `ConfigurationError` when the folder that is named is not there.
    """
    named = os.environ.get(FOLDER)
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise ConfigurationError(
            "The folder of your prompts is not there.",
            where=str(folder),
            remedy=f"Correct the variable {FOLDER}, or unset it.",
        )
    file = folder / file_name
    return file if file.is_file() else None


def load(shipped: Traversable) -> Template:
    """A shipped prompt, or the one in its place, which must take the same variables. It is read
    once.

    Raises `ConfigurationError` as `Template.load` does, and for other variables.
    """
    return _loaded(cast(Hashable, shipped), replacement(shipped.name))


@cache
def _loaded(shipped: Any, own: Path | None) -> Template:
    name = shipped.name.rpartition(".")[0].rpartition(".")[0]
    template = Template.parse(shipped.read_text(encoding="utf-8"), str(shipped), name=name)
    if own is None:
        return template
    found = Template.load(own)
    if found.variables != template.variables:
        wanted = ", ".join(f"{key}: {kind}" for key, kind in template.variables.items())
        raise ConfigurationError(
            f"The prompt '{name}' does not take the variables of the shipped one.",
            where=str(own),
            remedy=f"Declare and use these: {wanted or 'none'}.",
        )
    return found
