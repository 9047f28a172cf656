"""Checks of the answers themselves: empty ones, and those that look cut off."""

import re
from collections.abc import Iterator

from quilate.tuning.lint.context import Context
from quilate.tuning.lint.reading import Reading
from quilate.tuning.lint.values import Finding

_LONG = 200  # characters from which an answer without an end looks cut off
_ENDS = re.compile(r"""[.!?…。!?؟।:;)\]}>»"'”’`*_|~\d%€$=\u2600-\U0010ffff]\s*$""")
_LIST = re.compile(r"(?:^|\n)\s*(?:[-*•+]|\d+[.)])\s[^\n]*\s*$")
_CODE = re.compile(r"^\s*```", re.MULTILINE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_CLOSES = {"}": "{", "]": "["}


def empty(row: Reading, context: Context) -> Iterator[Finding]:
    """``empty_answer``: the assistant says nothing."""
    last = row.example.completion[-1:] or ()
    if not last:
        yield row.finding("drop", "empty_answer", "it has no completion")
    elif last[0].role == "assistant" and not last[0].text.strip() and not last[0].tool_calls:
        yield row.finding("drop", "empty_answer", "its last turn holds no text and no call")


def cut_off(row: Reading, context: Context) -> Iterator[Finding]:
    """``cut_off``: the answer looks as if its end were missing: brackets of JSON or a block of code
    that never close, or a long text that stops without any mark."""
    if not row.example.completion:
        return
    text = row.example.completion[-1].text.strip()
    if len(_CODE.findall(text)) % 2:
        yield row.finding("warning", "cut_off", "a block of code does not end")
    elif text[:1] in ("{", "[") and _open_brackets(text):
        yield row.finding("warning", "cut_off", "JSON whose brackets do not close")
    elif len(text) > _LONG and not _ENDS.search(text) and not _LIST.search(text):
        yield row.finding("warning", "cut_off", f"it stops at {text[-20:]!r}")


def _open_brackets(text: str) -> bool:
    """Whether a text that begins as JSON ends inside a bracket or a string.

    >>> _open_brackets('{"a": [1, 2'), _open_brackets('{"a": "}"}'), _open_brackets('{"a": "b')
    (True, False, True)
    """
    bare = _STRING.sub(lambda found: "" if _closed(found[0]) else "{", text)
    depth: list[str] = []
    for letter in bare:
        if letter in "{[":
            depth.append(letter)
        elif letter in _CLOSES and (not depth or depth.pop() != _CLOSES[letter]):
            return False  # not JSON after all
    return bool(depth)


def _closed(string: str) -> bool:
    return len(string) > 1 and string.endswith('"')
