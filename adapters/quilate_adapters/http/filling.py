"""What is sent: a structure whose strings are templates over the sample, and values from the
environment."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from quilate.errors import AuthenticationError, ConfigurationError
from quilate.evaluators import Sample
from quilate.registry import nearest

NAMES = ("question", "input", "messages", "id", "language", "group", "metadata")
"""What a template may use. The references are not among them: they are what is asked for."""

_ALONE = re.compile(r"\s*\{\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}\}\s*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


def check(body: Any, where: str, path: str = "body") -> None:
    """Raise `ConfigurationError` for a template that is not valid or uses an unknown name."""
    from jinja2 import TemplateSyntaxError

    from quilate.prompts import sandbox

    for place, text in _strings(body, path):
        try:
            used = sandbox.variables(text)
        except TemplateSyntaxError as error:
            raise ConfigurationError(
                f"`{place}` is not a valid template: {(error.message or '').rstrip('.')}.",
                where=where,
                remedy="Mend it; for braces as text, write {{ '{{' }}.",
            ) from None
        for name in used:
            if name not in NAMES:
                raise ConfigurationError(
                    f"`{place}` uses '{name}', which no sample has.",
                    where=where,
                    remedy=nearest(name, list(NAMES)),
                )


def values_of(sample: Sample) -> dict[str, Any]:
    """What templates see of a sample; `messages` are objects of ``role`` and ``content``."""
    if isinstance(sample.input, str):
        messages = [{"role": "user", "content": sample.input}]
    else:
        messages = [{"role": turn.role, "content": turn.text} for turn in sample.input]
    return {
        "question": sample.question,
        "input": sample.input if isinstance(sample.input, str) else messages,
        "messages": messages,
        "id": sample.id,
        "language": sample.language,
        "group": sample.group,
        "metadata": dict(sample.metadata),
    }


def filled(body: Any, values: Mapping[str, Any], where: str, path: str = "body") -> Any:
    """The structure with its templates filled in. A string that is one variable alone, such as
    ``{{ messages }}``, becomes its value, whatever its type.

    >>> filled({"q": "{{ question }}?", "n": "{{ metadata.n }}"},
    ...        {"question": "qué", "metadata": {"n": 3}}, "here")
    {'q': 'qué?', 'n': 3}
    """
    if isinstance(body, Mapping):
        return {key: filled(value, values, where, f"{path}.{key}") for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [filled(value, values, where, f"{path}[{n}]") for n, value in enumerate(body)]
    if not isinstance(body, str):
        return body
    alone = _ALONE.fullmatch(body)
    if alone:
        found: Any = values
        for name in alone[1].split("."):
            if not isinstance(found, Mapping) or name not in found:
                raise _unfilled(path, where, f"the sample has no '{alone[1]}'")
            found = found[name]
        return found
    return _rendered(body, values, where, path)


def _rendered(text: str, values: Mapping[str, Any], where: str, path: str) -> str:
    from jinja2 import TemplateError

    from quilate.prompts import sandbox

    try:
        return sandbox.render(text, dict(values))
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise _unfilled(path, where, str(error)) from None


def _unfilled(path: str, where: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"`{path}` cannot be filled in: {why}.", where=where)


def _strings(body: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(body, str):
        yield path, body
    elif isinstance(body, Mapping):
        for key, value in body.items():
            yield from _strings(value, f"{path}.{key}")
    elif isinstance(body, list | tuple):
        for number, value in enumerate(body):
            yield from _strings(value, f"{path}[{number}]")


def from_environment(text: str, where: str, secrets: set[str]) -> str:
    """The text with each ``${NAME}`` as the environment has it, which is a secret from then on.

    Raises `AuthenticationError` for a variable that is not set: to be mended outside the suite.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise AuthenticationError(
                f"The environment variable {match[1]} is not set.",
                where=where,
                provider="http",
                remedy=f"Set {match[1]}.",
            )
        secrets.add(found)
        return found

    return _VARIABLE.sub(value, text)
