"""Prompt templates: a text with declared, typed variables that becomes messages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from quilate.codec import digest
from quilate.errors import ConfigurationError
from quilate.messages import Message, Text
from quilate.prompts.source import FrontMatter, Section, normalised, split
from quilate.registry import nearest


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_SCALARS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": _is_int,
    "float": lambda value: _is_int(value) or isinstance(value, float),
    "bool": lambda value: isinstance(value, bool),
    "dict": lambda value: isinstance(value, Mapping),
}


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (list, tuple)) and all(fits(item) for item in value)


_TYPES = {**_SCALARS, **{f"list[{name}]": _list_of(fits) for name, fits in _SCALARS.items()}}


@dataclass(frozen=True, slots=True)
class Template:
    r"""A prompt with variables, read from a text or a file.

    A file may begin with front matter, YAML between two lines ``---``: `name`, `version`,
    `language`, `description`, and `variables` with their types (``str``, ``int``, ``float``,
    ``bool``, ``dict``, or ``list[…]`` of one of them). Lines ``[system]``, ``[user]`` and
    ``[assistant]`` begin a message each; without any, the text is one user message. A text without
    front matter declares nothing, and its variables are all ``str``. The bodies are Jinja
    templates, sandboxed, with undefined names refused. `digest` is the SHA-256 of the source, the
    same whatever its line ends.

    >>> template = Template.parse("[system]\nSé breve.\n[user]\n¿Qué es {{ thing }}?")
    >>> [message.text for message in template.render(thing="{{ una lista }}")]
    ['Sé breve.', '¿Qué es {{ una lista }}?']
    """

    name: str
    sections: tuple[Section, ...]
    variables: Mapping[str, str]
    digest: str
    language: str = ""
    version: str = ""
    description: str = ""
    where: str = field(default="<template>", compare=False)

    @classmethod
    def parse(cls, text: str, where: str = "<template>", *, name: str = "") -> "Template":
        """The template of a text; `where` is its place for errors, `name` for when it has none.

        Raises `ConfigurationError` with the line: of syntax, an unknown key or type, a variable
        that is used and not declared, or declared and not used.
        """
        source = normalised(text)
        front, sections = split(source, where)
        return cls(
            name=front.name or name,
            sections=sections,
            variables=_checked_variables(front, sections, where),
            digest=digest(source),
            language=front.language,
            version=front.version,
            description=front.description,
            where=where,
        )

    @classmethod
    def load(cls, path: str | Path) -> "Template":
        """The template of a UTF-8 file, named as the file unless it says otherwise.

        Raises `ConfigurationError` as `parse` does, and for a file that cannot be read.
        """
        path = Path(path)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise ConfigurationError(
                f"The template cannot be read: {error.strerror}.", where=str(path)
            ) from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise ConfigurationError(
                "The template is not UTF-8.",
                where=f"{path}:{line}",
                remedy="Save the file with the encoding UTF-8.",
            ) from None
        return cls.parse(text, str(path), name=path.stem)

    def render(self, /, **variables: Any) -> tuple[Message, ...]:
        """The messages, with each variable's value inserted as it is.

        Raises `ConfigurationError` for a variable that is missing, unknown or of another type,
        and, with the line, for what the template does wrong with them.
        """
        self._check(variables)
        return tuple(
            Message(section.role, (Text(self._fill(section, variables)),))
            for section in self.sections
        )

    def _check(self, values: Mapping[str, Any]) -> None:
        missing = [name for name in self.variables if name not in values]
        if missing:
            raise ConfigurationError(
                f"No value was given for {_quoted(missing)}.",
                where=self.where,
                remedy=f"The template's variables are: {_declaration(self.variables)}.",
            )
        for name, value in values.items():
            kind = self.variables.get(name)
            if kind is None:
                raise ConfigurationError(
                    f"The template has no variable '{name}'.",
                    where=self.where,
                    remedy=nearest(name, list(self.variables)),
                )
            if not _TYPES[kind](value):
                raise ConfigurationError(
                    f"The variable '{name}' must be {kind}, and is {_kind(value)}.",
                    where=self.where,
                    remedy="Give such a value, or declare another type in the front matter.",
                )

    def _fill(self, section: Section, values: dict[str, Any]) -> str:
        from jinja2.exceptions import SecurityError, TemplateError

        from quilate.prompts import sandbox

        try:
            return sandbox.render(section.body, values)
        except SecurityError as error:
            self._fail(section, error, "Templates cannot reach into Python objects.")
        except (
            TemplateError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            self._fail(section, error, "Mend this line, or the value that it is given.")

    def _fail(self, section: Section, error: Exception, remedy: str) -> NoReturn:
        from quilate.prompts import sandbox

        line = section.line + sandbox.line_of(error) - 1
        raise ConfigurationError(
            f"The template cannot be filled in: {error}.",
            where=f"{self.where}:{line}",
            remedy=remedy,
        ) from error


def _checked_variables(
    front: FrontMatter, sections: tuple[Section, ...], where: str
) -> dict[str, str]:
    """The declared variables, once they are known to be exactly those in use."""
    used = _used_variables(sections, where)
    if front.variables is None:
        return dict.fromkeys(used, "str")
    for name, kind in front.variables.items():
        place = f"{where}:{front.lines[f'variables.{name}']}"
        if kind not in _TYPES:
            raise ConfigurationError(
                f"The variable '{name}' has the unknown type '{kind}'.",
                where=place,
                remedy=f"Types: {', '.join(_TYPES)}.",
            )
        if name not in used:
            raise ConfigurationError(
                f"The variable '{name}' is declared and never used.",
                where=place,
                remedy="Use it, or take it out.",
            )
    for name, line in used.items():
        if name not in front.variables:
            raise ConfigurationError(
                f"The variable '{name}' is used and not declared.",
                where=f"{where}:{line}",
                remedy=f"Add '{name}: str' (or its type) to 'variables', or mend the name. "
                + nearest(name, list(front.variables)),
            )
    return dict(front.variables)


def _used_variables(sections: tuple[Section, ...], where: str) -> dict[str, int]:
    """Each variable's first line in the file."""
    from jinja2 import TemplateSyntaxError

    from quilate.prompts import sandbox

    used: dict[str, int] = {}
    for section in sections:
        try:
            names = sandbox.variables(section.body)
        except TemplateSyntaxError as error:
            raise ConfigurationError(
                f"The template is not valid Jinja: {(error.message or '').rstrip('.')}.",
                where=f"{where}:{section.line + error.lineno - 1}",
                remedy="Mend this line; for braces as text, write {{ '{{' }}.",
            ) from None
        for name, line in names.items():
            used.setdefault(name, section.line + line - 1)
    return used


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _declaration(variables: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in variables.items())


def _kind(value: Any) -> str:
    """A value's type as the declarations would say it."""
    if isinstance(value, (list, tuple)):
        kinds = sorted({type(item).__name__ for item in value})
        return f"{type(value).__name__}[{' | '.join(kinds)}]"
    return type(value).__name__
