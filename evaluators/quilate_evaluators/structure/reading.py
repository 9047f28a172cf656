"""The JSON value of an answer."""

from typing import Any, Literal

from quilate.evaluators import Output
from quilate.middleware.json_schema import find, parse

Extract = Literal["whole", "first"]
EXTRACTS = ("whole", "first")


class NoJson(ValueError):
    """The text is no JSON; the message says why."""


def read(text: str, extract: Extract) -> Any:
    r"""The JSON value of a text: of the ``whole`` of it, or of the ``first`` object or array in it,
    such as one in a code fence. Raises `NoJson`, also for NaN and what is nested too deeply.

    >>> read('Here: ```json\n{"a": 1}\n```', "first")
    {'a': 1}
    """
    try:
        return parse(text if extract == "whole" else find(text))
    except RecursionError:
        raise NoJson("it is nested too deeply") from None
    except ValueError as error:
        raise NoJson(str(error)[:200]) from None


def read_answer(output: Output, extract: Extract) -> Any:
    """`read` of the answer, which is kept as it is: what looks like a citation may be data."""
    return read(output.text.strip(), extract)
