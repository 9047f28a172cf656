"""Every prompt that is shipped, ours and third parties', found through entry points.

A distribution names its folders of prompts in the group ``quilate.prompts``, as packages:
``mine = "my_package.prompts"``. In them, ``NAME.LANG.md`` is the prompt NAME in a language. An
evaluator says which prompts it uses in an attribute `prompts` of its class; without one it uses
those of its own name.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from quilate import registry
from quilate.errors import ConfigurationError, QuilateError, UnknownName
from quilate.prompts.replacing import load, replacement
from quilate.prompts.template import Template

GROUP = "quilate.prompts"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A shipped prompt in one language: its `source`, its `template`, and its `place`, the file.
    `package` is what ships it."""

    name: str
    language: str
    package: str
    place: str
    source: str
    template: Template

    def as_data(self) -> dict[str, Any]:
        """What the catalogue says of it, as plain data, without its text."""
        return {
            "name": self.name,
            "language": self.language,
            "version": self.template.version,
            "description": self.template.description,
            "variables": dict(self.template.variables),
            "digest": self.template.digest,
            "package": self.package,
            "place": self.place,
        }


def catalogue() -> tuple[Prompt, ...]:
    """Every shipped prompt, by name and language.

    Raises `ConfigurationError` for a folder that is not there and for a file that is no template.

    >>> {prompt.language for prompt in catalogue() if prompt.name == "rag"} == {"en", "es"}
    True
    """
    found = (prompt for point in entry_points(group=GROUP) for prompt in _of(point))
    return tuple(sorted(found, key=lambda prompt: (prompt.name, prompt.language, prompt.package)))


def find(name: str, language: str | None = None) -> tuple[Prompt, ...]:
    """The prompts of that name, or those that the evaluator of that name uses, in one `language`
    or in all. Raises `UnknownName` with the nearest."""
    known = catalogue()
    wanted = [name, *used_by(name)]
    named = [prompt for one in dict.fromkeys(wanted) for prompt in known if prompt.name == one]
    if not named:
        raise UnknownName(
            f"There is no prompt named '{name}', and no evaluator of that name has one.",
            remedy=_nearest(name, known),
        )
    chosen = [prompt for prompt in named if language in (None, prompt.language)]
    if not chosen:
        spoken = sorted({prompt.language for prompt in named})
        raise ConfigurationError(
            f"The prompt '{name}' is not there in the language '{language}'.",
            remedy=f"It is there in: {', '.join(spoken)}.",
        )
    return tuple(chosen)


def used_by(evaluator: str) -> tuple[str, ...]:
    """The names of the prompts that an evaluator says it uses; none for what is no evaluator, or
    what cannot be loaded."""
    try:
        made = registry.factory("evaluators", evaluator)
    except (QuilateError, ImportError, AttributeError):
        return ()
    said = getattr(made, "prompts", ())
    return said if isinstance(said, tuple) else ()


def _nearest(name: str, known: Sequence[Prompt]) -> str:
    prompts = list(dict.fromkeys(prompt.name for prompt in known))
    names = [*prompts, *(one for one in registry.names("evaluators") if used_by(one))]
    close = difflib.get_close_matches(name, names, n=1)
    return registry.nearest(name, close or prompts)


def _of(point: EntryPoint) -> Iterator[Prompt]:
    for file in sorted(_folder(point).iterdir(), key=lambda file: file.name):
        stem, dot, suffix = file.name.rpartition(".")
        name, parted, language = stem.rpartition(".")
        if not (dot and suffix == "md" and parted and name and language):
            continue
        used = replacement(file.name) or file
        template = load(file)
        source = used.read_text(encoding="utf-8")
        yield Prompt(name, language, point.value, str(used), source, template)


def _folder(point: EntryPoint) -> Traversable:
    """The folder of a package, found from its topmost one: nothing below that is imported."""
    top, *below = point.value.split(".")
    try:
        folder = files(top).joinpath(*below)
    except ModuleNotFoundError:
        folder = None
    if folder is None or not folder.is_dir():
        raise ConfigurationError(
            f"The entry point '{point.name}' names a folder of prompts that is not there: "
            f"{point.value}.",
            where=f"the group {GROUP}",
            remedy="Name a package, such as my_package.prompts, that the wheel holds.",
        )
    return folder
