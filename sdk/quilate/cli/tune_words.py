"""What the commands of ``tune`` refuse and say in the words of the command line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quilate.errors import ConfigurationError, QuilateError

RECIPE_FIELDS = (
    "Rename the columns; or name a recipe here, which says it as `data: {train: {path: FILE, "
    "fields: {prompt: COLUMN}}}`, and the format as `format:` there."
)
_FLAGS = ("good_from", "bad_to", "at_least", "at_most", "distrusted")
_ARGUMENT = re.compile(rf"\b({'|'.join(_FLAGS)})(?:=(…|[\w.-]*\w))?")
_SENTENCE = re.compile(r"(?<=\.)\s")
_COLUMNS = re.compile(r"\b(?:fields|format)=")
_OTHERWISE = {
    "Name the metric of an evaluator `pairwise`, or use from_scores.": "Give --metric and "
    "--margin, to take pairs by their scores.",
    "Give corrections={SAMPLE ID: TEXT}.": "Give the suite's samples `references`.",
    "Ask for ties=False.": "Give --metric and --margin, to take pairs by their scores.",
}


@contextmanager
def command_words(fields: str = RECIPE_FIELDS) -> Iterator[None]:
    """Let errors of what is called inside name the command's options, where they name arguments of
    a Python function. `fields` says how the command is told which column is which."""
    try:
        yield
    except QuilateError as error:
        error.what = in_options(error.what)
        if error.remedy is not None:
            error.remedy = " ".join(
                fields if _COLUMNS.search(one) else in_options(_OTHERWISE.get(one, one))
                for one in _SENTENCE.split(error.remedy)
            )
        raise


def in_options(text: str) -> str:
    """A text with arguments written as options.

    >>> in_options('Give good_from=4, and bad_to=2.'), in_options("bad_to is 5.")
    ('Give --good-from 4, and --bad-to 2.', '--bad-to is 5.')
    >>> in_options("Give distrusted=True, to use it.")
    'Give --distrusted, to use it.'
    """
    return _ARGUMENT.sub(_option, text)


def _option(found: re.Match[str]) -> str:
    value = {None: "", "True": "", "…": " X"}.get(found[2], f" {found[2]}")
    return f"--{found[1].replace('_', '-')}{value}"


def refuse_source(out: Path, *sources: str) -> None:
    """Raise `ConfigurationError` where the file to write is one that is read: what it holds would
    be lost."""
    for source in sources:
        path = Path(source)
        if path.exists() and out.exists() and path.samefile(out):
            raise ConfigurationError(
                "The file to write is one that is read: what it holds would be lost.",
                where=str(out),
                remedy="Name another file to write; nothing was changed.",
            )
