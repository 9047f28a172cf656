"""The steps that are registered, with their options and what they are for."""

import dataclasses
import inspect
from typing import Any

from quilate import registry
from quilate.data.cleaning.options import as_yaml
from quilate.errors import MissingDependency


def step_entries() -> list[dict[str, Any]]:
    """Each step's name, the first sentence of what it does, and its options with their defaults
    as YAML (``needed`` for one that has none).

    >>> next(one["summary"] for one in step_entries() if one["name"] == "exact_duplicates")[-1]
    '.'
    """
    entries = []
    for name in registry.names("steps"):
        try:
            step = registry.factory("steps", name)
        except MissingDependency as error:
            entries.append({"name": name, "summary": str(error), "options": {}})
            continue
        entries.append({"name": name, "summary": _summary(step), "options": _options(step)})
    return entries


def _summary(step: Any) -> str:
    text = inspect.getdoc(step) or ""
    return " ".join(text.split("\n\n")[0].split())


def _options(step: Any) -> dict[str, str]:
    if not dataclasses.is_dataclass(step):
        return {}
    return {field.name: _default(field) for field in dataclasses.fields(step) if field.init}


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default is not dataclasses.MISSING:
        return as_yaml(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return as_yaml(field.default_factory())
    return "needed"
