"""The text of a template file: its front matter and its sections, each with its line."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from quilate.errors import ConfigurationError
from quilate.registry import nearest

SectionRole = Literal["system", "user", "assistant"]

_ROLES = ("system", "user", "assistant")
_KEYS = ("name", "version", "language", "description", "variables")
_HEADER = re.compile(r"\[([a-z]+)\][ \t]*")


@dataclass(frozen=True, slots=True)
class Section:
    """One message's template, and the line of the file on which it begins."""

    role: SectionRole
    body: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a file says of itself; `lines` has the file's line of each key and variable."""

    name: str = ""
    version: str = ""
    language: str = ""
    description: str = ""
    variables: Mapping[str, str] | None = None
    lines: Mapping[str, int] = field(default_factory=dict)


def normalised(text: str) -> str:
    """Text without byte order mark, its lines ended as on Unix, the last one too."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def split(text: str, where: str) -> tuple[FrontMatter, tuple[Section, ...]]:
    """The parts of a normalised file; raises `ConfigurationError` with its line."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return FrontMatter(), _sections(lines, 0, where)
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() == "---"), None)
    if end is None:
        raise ConfigurationError(
            "The front matter that begins here has no end.",
            where=f"{where}:1",
            remedy="Close it with a line that is '---'.",
        )
    return _front_matter("\n".join(lines[1:end]), where), _sections(lines, end + 1, where)


def _sections(lines: list[str], start: int, where: str) -> tuple[Section, ...]:
    """Sections from the line with index `start` on; split before anything is filled in, so no
    value can make a section."""
    found: list[Section] = []
    role, first = None, start
    for number in range(start, len(lines)):
        header = _header(lines[number], f"{where}:{number + 1}")
        if header is not None:
            _close(found, role, lines, first, number, where)
            role, first = header, number + 1
    if role is None and not found:
        role = "user"
    _close(found, role, lines, first, len(lines), where)
    return tuple(found)


def _close(
    found: list[Section],
    role: SectionRole | None,
    lines: list[str],
    first: int,
    end: int,
    where: str,
) -> None:
    """Add the section of lines `first` to `end`, without the blank lines around it."""
    header = max(first, 1)  # its line in the file, counted from 1
    while first < end and not lines[first].strip():
        first += 1
    while end > first and not lines[end - 1].strip():
        end -= 1
    if role is None:
        if first < end:
            raise ConfigurationError(
                "There is text before the first section.",
                where=f"{where}:{first + 1}",
                remedy="Put a line such as [system] above it.",
            )
        return
    if first == end:
        raise ConfigurationError(
            f"The {role} message is empty.",
            where=f"{where}:{header}",
            remedy="Write its text, or take the section out.",
        )
    found.append(Section(role, "\n".join(lines[first:end]), first + 1))


def _header(line: str, where: str) -> SectionRole | None:
    match = _HEADER.fullmatch(line)
    if match is None:
        return None
    word = match[1]
    if word in _ROLES:
        return cast(SectionRole, word)
    close = difflib.get_close_matches(word, _ROLES, n=1, cutoff=0.7)
    if close:
        raise ConfigurationError(
            f"[{word}] is not a section.",
            where=where,
            remedy=f"Did you mean [{close[0]}]? For the text itself, write {{{{ '[{word}]' }}}}.",
        )
    return None


def _front_matter(text: str, where: str) -> FrontMatter:
    data, lines = _load_yaml(text, where)
    for key in data:
        if key not in _KEYS:
            raise ConfigurationError(
                f"The front matter has an unknown key '{key}'.",
                where=f"{where}:{lines.get(str(key), 2)}",
                remedy=nearest(str(key), list(_KEYS)),
            )
    texts = {
        key: _text(key, data[key], f"{where}:{lines[key]}") for key in data if key != "variables"
    }
    declared = data.get("variables")
    if "variables" in data and not _is_declaration(declared):
        raise ConfigurationError(
            "'variables' must map each variable's name to its type.",
            where=f"{where}:{lines['variables']}",
            remedy="Write, indented under it, lines such as 'question: str'.",
        )
    return FrontMatter(variables=dict(declared or {}), lines=lines, **texts)


def _is_declaration(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(kind, str) for name, kind in value.items()
    )


def _text(key: str, value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if key == "version" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ConfigurationError(
        f"YAML reads the {key} as {value!r}, which is not text.",
        where=where,
        remedy="Put it in quotes.",
    )


def _load_yaml(text: str, where: str) -> tuple[dict[Any, Any], dict[str, int]]:
    """The mapping, and the file's line of each key at its first two levels."""
    import yaml

    try:
        data = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(
            f"The front matter is not YAML: {getattr(error, 'problem', None) or error}.",
            where=f"{where}:{mark.line + 2 if mark else 1}",
            remedy="Write 'key: value' lines; put values with special characters in quotes.",
        ) from None
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise ConfigurationError(
            "The front matter is not a mapping.",
            where=f"{where}:2",
            remedy="Write 'key: value' lines. Known keys: " + ", ".join(_KEYS) + ".",
        )
    return data, _lines(tree)


def _lines(tree: Any) -> dict[str, int]:
    lines: dict[str, int] = {}
    for key, value in tree.value:
        lines[key.value] = key.start_mark.line + 2
        if key.value == "variables" and isinstance(value.value, list):
            for pair in value.value:
                if isinstance(pair, tuple):
                    lines["variables." + pair[0].value] = pair[0].start_mark.line + 2
    return lines
