r"""Numbers as people write them, in Spanish and in English.

What a number alone leaves open is settled by these rules:

- Of a point and a comma in one number the last is the decimal one: 1.234,5 and 1,234.5.
- A separator that stands twice separates thousands, in groups of three digits: 1.234.567.
- One separator before exactly three digits (1.234) can be either. Then the language decides:
  Spanish has a decimal comma, except where CLDR has a point (Mexico, Central America, the
  Caribbean, the United States); every other language is read as English.
- Thousands may be set apart by spaces (1 234 567), plain or unbreakable, in groups of three.
- A fraction (3/4) is its value, also after a whole number (1 1/2). Other writings (1.5 × 10³, ½,
  2 mil 500) are brought to plain digits first, see `quilate_evaluators.text.notation`. Dates,
  times, versions and addresses are no numbers, and neither are digits behind a letter (A4).
- A word of magnitude multiplies: mil, k, thousand, millones, million, billion (10⁹), billón (10¹²);
  M, MM, B and bn beside a currency sign alone. "300 K" is a temperature, 300K is not.
- A number in words (tres) is not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from quilate_evaluators.text.notation import plain

Decimal = Literal["auto", "point", "comma", "either"]
DECIMALS = ("auto", "point", "comma", "either")
_POINT_REGIONS = frozenset(["mx", "us", "pr", "gt", "hn", "ni", "sv", "pa", "do", "419"])
_MAX_DIGITS = 400  # more than a float holds

_SPACE = "[ \u00a0\u2009\u202f]"
_TOKEN = re.compile(
    rf"""
    \d{{4}}-\d{{1,2}}-\d{{1,2}}(?!\d)  # a date, which is skipped
    | (?: (?<![\w)\]%])(?P<sign>[-−–+]) )?
      (?: (?P<currency>[$€£]){_SPACE}? )?
      (?P<digits> (?<![\w^])(?<!\d[.,/:])(?<!\^[-−+])
                  \d+ (?:(?:[.,/:]|{_SPACE})\d+)* (?:[eE][+-]?\d{{1,3}}\b)?
                | (?<![\w.,])[.,]\d+ )
    """,
    re.VERBOSE,
)
_PROPER = re.compile(r"(\d{1,9})/(\d{1,9})")
_GROUPED_BY_SPACES = re.compile(rf"\d{{1,3}}(?:{_SPACE}\d{{3}})+(?:[.,]\d+)?")
_AFTER = re.compile(
    rf"""{_SPACE}?(?: (?P<percent>%|(?:per\s?cent|por\sciento)\b)
      | (?P<word>mil\smillones|mil|(?-i:k)|(?<=\d)k|thousand|mill[oó]n|millones|millions?|billions?
                |bill[oó]n|billones)\b
      | (?P<money>(?-i:MM?|B|bn))\b(?P<after>{_SPACE}?[€$£])? )""",
    re.VERBOSE | re.IGNORECASE,
)
_MAGNITUDES = {
    **dict.fromkeys(("mil", "k", "thousand"), 1e3),
    **dict.fromkeys(("millon", "millones", "million", "millions"), 1e6),
    **dict.fromkeys(("mil millones", "billion", "billions"), 1e9),
    **dict.fromkeys(("billon", "billones"), 1e12),
}
_MONEY = {"M": 1e6, "MM": 1e6, "B": 1e9, "bn": 1e9}
_MARK = re.compile(r"####[ \t]*([^\n]*)|\\boxed\{([^{}\n]*)\}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text. `values` are its readings, the likelier first: two under the rule
    ``either``, where a separator can be either. `percent`: a per cent sign follows."""

    values: tuple[float, ...]
    percent: bool = False

    @property
    def value(self) -> float:
        """The likelier reading."""
        return self.values[0]


def decimal_mark(language: str | None) -> Literal["point", "comma"]:
    """The decimal mark of a language such as ``es`` or ``es-MX``; a point where none is given.

    >>> decimal_mark("es"), decimal_mark("es-MX"), decimal_mark("en"), decimal_mark(None)
    ('comma', 'point', 'point', 'point')
    """
    code, _, region = (language or "en").lower().replace("_", "-").partition("-")
    return "comma" if code == "es" and region not in _POINT_REGIONS else "point"


def read_numbers(
    text: str, language: str | None = None, *, decimal: Decimal = "auto"
) -> list[Number]:
    """The numbers in a text, in order. `decimal` takes the place of the language's decimal mark;
    ``either`` keeps both readings of a number that has two.

    >>> [each.value for each in read_numbers("De 1.234,5 a 2 millones, un 12 %", "es")]
    [1234.5, 2000000.0, 12.0]
    >>> read_numbers("1.234", "es")[0].value, read_numbers("1.234", "en")[0].value
    (1234.0, 1.234)
    """
    return [
        number
        for found in _TOKEN.finditer(plain(text))
        if found["digits"]
        for number in _of_token(found, language, decimal)
    ]


def answer_number(
    text: str,
    language: str | None = None,
    *,
    decimal: Decimal = "auto",
    place: Literal["last", "first"] = "last",
) -> Number | None:
    r"""The number that an answer comes to: what its last ``#### 42`` or ``\boxed{42}`` marks, else
    its last number, or its first; None where there is none.

    >>> answer_number("3 + 4 = 7\n#### 7, not 8").value, answer_number("No lo sé.")
    (7.0, None)
    """
    text = plain(text)
    marks = list(_MARK.finditer(text))
    if marks:
        marked = read_numbers(marks[-1][1] or marks[-1][2] or "", language, decimal=decimal)
        return marked[0] if marked else None
    tokens = [found for found in _TOKEN.finditer(text) if found["digits"]]
    for found in reversed(tokens) if place == "last" else tokens:
        numbers = list(_of_token(found, language, decimal))
        if numbers:
            return numbers[-1 if place == "last" else 0]
    return None


def _of_token(found: re.Match[str], language: str | None, decimal: Decimal) -> Iterator[Number]:
    """The numbers of one run of digits: those that spaces part, unless they part thousands."""
    stated = decimal_mark(language) if decimal in ("auto", "either") else decimal
    mark, either = "," if stated == "comma" else ".", decimal == "either"
    run = re.sub(_SPACE, " ", found["digits"])
    pieces = [run.replace(" ", "")] if _GROUPED_BY_SPACES.fullmatch(run) else run.split(" ")
    after = _AFTER.match(found.string, found.end())
    whole = len(pieces) == 2 and pieces[0].isdecimal() and _PROPER.fullmatch(pieces[1])
    if whole and int(whole[1]) < int(whole[2]):
        pieces = [f"{int(pieces[0]) * int(whole[2]) + int(whole[1])}/{whole[2]}"]
    for at, piece in enumerate(pieces):
        values = _readings(piece, mark, either)
        last = after if at == len(pieces) - 1 else None
        if found["sign"] not in (None, "+") and at == 0:
            values = tuple(-value for value in values)
        if last is not None and last["word"]:
            word = " ".join(last["word"].lower().split()).replace("ó", "o")
            values = tuple(value * _MAGNITUDES[word] for value in values)
        elif last is not None and last["money"] and (found["currency"] or last["after"]):
            values = tuple(value * _MONEY[last["money"]] for value in values)
        if values:
            yield Number(values, percent=last is not None and last["percent"] is not None)


def _readings(piece: str, mark: str, either: bool) -> tuple[float, ...]:
    """What one number may mean, the likelier first; nothing for a date, a time or a version."""
    if ":" in piece or len(piece) > _MAX_DIGITS:
        return ()
    if "/" in piece:
        parts = piece.split("/")
        plain = len(parts) == 2 and all(part.isdecimal() for part in parts)
        return (int(parts[0]) / int(parts[1]),) if plain and int(parts[1]) else ()
    body, _, power = piece.lower().partition("e")
    forms = tuple(_forms(body, mark))
    return tuple(
        value
        for value in (float(f"{form}e{power or 0}") for form in forms[: 2 if either else 1])
        if value not in (float("inf"), float("-inf"))
    )


def _forms(body: str, mark: str) -> Iterator[str]:
    """The number in Python's writing, once or, where a separator can be either, twice."""
    separators = [char for char in body if char in ".,"]
    if not separators:
        yield body
        return
    last = separators[-1]
    head, _, tail = body.rpartition(last)
    if len(set(separators)) == 2:
        if separators.count(last) == 1 and _grouped(head, separators[0]):
            yield f"{_digits(head)}.{tail}"
    elif len(separators) > 1:
        if _grouped(body, last):
            yield _digits(body)
    elif not (_grouped(body, last) and head[0] != "0"):
        yield f"{head or 0}.{tail}"
    elif last == mark:
        yield from (f"{head}.{tail}", head + tail)
    else:
        yield from (head + tail, f"{head}.{tail}")


def _grouped(text: str, separator: str) -> bool:
    first, *others = text.split(separator)
    return 1 <= len(first) <= 3 and all(len(group) == 3 for group in others)


def _digits(text: str) -> str:
    return text.replace(".", "").replace(",", "")
