"""YAML with places: what a file says, the line of each key, and errors that name it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from quilate.errors import ConfigurationError
from quilate.registry import nearest

Place = tuple[str | int, ...]


def load(path: Path, what: str = "suite") -> tuple[Any, Mapping[Place, int]]:
    """The content of a YAML file and the line (from 1) of each key and list entry; `what` says in
    errors what the file should be (a suite, a pipeline, a recipe).

    Raises `ConfigurationError` for a missing, unreadable, empty or malformed file, and for a key
    that stands twice.
    """
    text = _read(path, what)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        places: dict[Place, int] = {}
        if node is not None:
            _walk(node, (), places, path)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigurationError(
            f"This is not valid YAML: {problem}.",
            where=f"{path}{line}",
            remedy="Check indentation, quotes and colons near that line.",
        ) from None
    if not isinstance(data, dict):
        raise ConfigurationError(
            "The file is empty." if data is None else "The file is not a mapping of keys.",
            where=str(path),
            remedy=_START[what],
        )
    return data, places


_START = {
    "suite": "`quilate new DIR` writes a suite to start from.",
    "pipeline": "Write at least `name:`, `source:` and `steps:`.",
    "recipe": "Write at least `name:`, `base:` and `data: {train: FILE}`.",
}
# The command that prints what a file may hold.
_SCHEMAS = {
    "suite": "quilate schema",
    "pipeline": "quilate schema pipeline",
    "recipe": "quilate schema recipe",
}


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            "There is no such file.",
            where=str(path),
            remedy="Check the path, or start a project with `quilate new DIR`."
            if what == "suite"
            else "Check the path.",
        ) from None
    except IsADirectoryError:
        raise ConfigurationError(
            f"This is a folder, not a {what} file.",
            where=str(path),
            remedy=f"Name the file, such as {path / f'{what}.yaml'}.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The file is not UTF-8 (byte {error.start}).",
            where=str(path),
            remedy="Save it as UTF-8.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The file cannot be read: {error.strerror}.", where=str(path)
        ) from None


def _walk(node: yaml.Node, place: Place, places: dict[Place, int], path: Path) -> None:
    places[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigurationError(
                    f"The key '{key.value}' stands twice.",
                    where=f"{path}:{line}",
                    remedy="Keep one of the two.",
                )
            seen.add(key.value)
            _walk(value, (*place, key.value), places, path)
            places[(*place, key.value)] = line
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _walk(value, (*place, number), places, path)


def explain(
    error: ValidationError,
    model: type[BaseModel],
    path: Path,
    places: Mapping[Place, int],
    what: str = "suite",
) -> ConfigurationError:
    """The first problem that pydantic found, as one error with its line and the remedy."""
    # A key misspelt is also a key missing; the first says more. Where a value may be of several
    # kinds, it was meant to be the one that fits furthest.
    found = error.errors(include_url=False)
    deepest = max(found, key=lambda each: len(_written(tuple(each["loc"]), places)))
    first = next((each for each in found if each["type"] == "extra_forbidden"), deepest)
    place = tuple(first["loc"])
    written = _written(place, places)
    where = f"{path}:{places.get(written, 1)}"
    dotted = ".".join(map(str, (*written, place[-1]) if first["type"] == "missing" else written))
    if first["type"] == "extra_forbidden":
        known = sorted(_fields_at(model, place[:-1]))
        return ConfigurationError(
            f"Unknown key '{place[-1]}'.", where=where, remedy=nearest(str(place[-1]), known)
        )
    if first["type"] == "missing":
        return ConfigurationError(f"The key '{dotted}' is missing.", where=where, remedy="Add it.")
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    return ConfigurationError(
        f"`{dotted}` is not right: {message}." if dotted else f"This is not right: {message}.",
        where=where,
        remedy=f"`{_SCHEMAS[what]}` prints what the file may hold.",
    )


def _written(place: Place, places: Mapping[Place, int]) -> Place:
    """The steps of a place that stand in the file: pydantic's names of a union's branches do not,
    and neither does a key that is missing."""
    found: Place = ()
    for step in place:
        if (*found, step) in places:
            found = (*found, step)
    return found


def _fields_at(model: type[BaseModel], place: Place) -> set[str]:
    """The keys that may stand at `place`: follow fields, and the values of dicts and unions."""
    current: set[Any] = {model}
    for step in place:
        following: set[Any] = set()
        for kind in current:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                field = kind.model_fields.get(str(step))
                following |= _models_in(field.annotation) if field else set()
            else:
                following |= _models_in(kind)
        # A step into a dictionary or a union's branch names no field; stay where we are.
        current = following or current
    return {
        name
        for kind in current
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name in kind.model_fields
    }


def _models_in(annotation: Any) -> set[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for part in get_args(annotation) for found in _models_in(part)}
