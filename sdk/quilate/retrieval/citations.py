"""Finding citations in an answer and checking their quotes against the passages shown.

A citation is a marker with the number of a passage, ``[1]`` or ``[1, 3]``. It claims words as the
passage's own when they stand quoted in it, ``[1: "words"]``, or right before it, ``«words» [1]``.
A claimed quote is verified when the passage holds it word for word, apart from what typography may
change: white space, the shape of quotation marks, Unicode composition, and the full stop or comma
that closes the quote.

Every scan is linear in the answer's length, whatever the answer holds.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from quilate.evaluators import Citation
from quilate.retrievers import Hit

_DOUBLE, _SINGLE = '"“”„‟«»', "'‘’‚‛‹›"
# At most twenty numbers: a longer list is data, and would be a citation for each of them.
_OPENING = re.compile(
    r"\[\s*+(?P<numbers>\d{1,4}(?:\s*+,\s*+\d{1,4}){0,19}+)\s*+(?P<then>[:\]])\s*+"
)
_INNER_END = re.compile(rf"([{_DOUBLE}])\s*+\]|([{_SINGLE}])\s*+\]")
_OPENS_OF = {'"': '"“„', "”": '“„"', "»": "«"}
_CODE = re.compile(r"```.*?```|`[^`\n]*+`", re.DOTALL)
_ONE_QUOTE = dict.fromkeys(map(ord, _DOUBLE + _SINGLE), "'")
_EDGE = " .,;:…"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Marker:
    start: int
    end: int
    numbers: tuple[int, ...]
    quote: Span | None


@dataclass(frozen=True, slots=True)
class _Folded:
    """A text in plain form; its i-th character stands for ``original[starts[i]:ends[i]]``."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def cite(answer: str, context: Sequence[Hit]) -> tuple[Citation, ...]:
    """The citations of an answer, in order, each checked against the passage that it names.

    `context` holds the hits as they were shown, the first under number 1. A marker of several
    numbers gives a citation for each. What stands in Markdown code is no marker: ``row[1]``.

    >>> from quilate.retrievers import Passage
    >>> hits = [Hit(Passage("a", "Lima fue fundada en 1535."), 1.0)]
    >>> [(c.passage_id, c.status) for c in cite('Fue «fundada en 1535» [1], o no [2].', hits)]
    [('a', 'verified'), (None, 'no_such_passage')]
    """

    # A quote that comes back costs nothing, which also bounds the work on hostile answers.
    @cache
    def place(number: int, quote: str) -> Span | None:
        return _place(quote, passage(number))

    @cache
    def passage(number: int) -> _Folded:
        return _fold(context[number - 1].passage.text)

    return tuple(
        citation
        for marker in _markers(answer)
        for citation in _citations(answer, marker, context, place)
    )


def _citations(
    answer: str,
    marker: _Marker,
    context: Sequence[Hit],
    place: Callable[[int, str], Span | None],
) -> Iterator[Citation]:
    text = answer[marker.start : marker.end]
    quote = answer[slice(*marker.quote)] if marker.quote else ""
    for number in marker.numbers:
        head = (text, marker.start, marker.end)
        if not 1 <= number <= len(context):
            yield Citation(*head, None, quote or None, "no_such_passage")
            continue
        passage_id = context[number - 1].passage.id
        if not quote.strip(_EDGE):
            yield Citation(*head, passage_id, None, "no_quote")
        elif found := place(number, quote):
            yield Citation(*head, passage_id, quote, "verified", *found)
        else:
            yield Citation(*head, passage_id, quote, "not_in_passage")


def _markers(answer: str) -> Iterator[_Marker]:
    code = [match.span() for match in _CODE.finditer(answer)]
    inner_ends: tuple[list[int], list[int]] = ([], [])
    for match in _INNER_END.finditer(answer):
        inner_ends[match[1] is None].append(match.start())
    at = before = 0
    while opening := _OPENING.search(answer, at):
        at = opening.end()
        nearest = bisect_right(code, (opening.start(), len(answer))) - 1
        if nearest >= 0 and opening.start() < code[nearest][1]:
            continue
        quote: Span | None
        if opening["then"] == "]":
            end = opening.end("then")
            quote = _quote_before(answer, before, opening.start())
        else:
            quote = _quote_inside(answer, opening.end(), inner_ends)
            if quote is None:
                continue
            end = answer.index("]", quote[1]) + 1
        numbers = dict.fromkeys(int(number) for number in opening["numbers"].split(","))
        yield _Marker(opening.start(), end, tuple(numbers), quote)
        at = before = end


def _quote_inside(answer: str, at: int, ends: tuple[list[int], list[int]]) -> Span | None:
    """The words between a quotation mark at `at` and the nearest one like it before a bracket."""
    mark = answer[at : at + 1]
    if not mark or mark not in _DOUBLE + _SINGLE:
        return None
    closing = ends[mark in _SINGLE]
    nearest = bisect_left(closing, at + 1)
    return (at + 1, closing[nearest]) if nearest < len(closing) else None


def _quote_before(answer: str, low: int, high: int) -> Span | None:
    """The words quoted right before `high`, looking back no further than the last marker."""
    region = answer[low:high].rstrip()
    if region.endswith((".", ",", ";", ":")):
        region = region[:-1]
    opens = _OPENS_OF.get(region[-1:])
    if opens is None:
        return None
    start = max(region.rfind(mark, 0, len(region) - 1) for mark in opens)
    return (low + start + 1, low + len(region) - 1) if start >= 0 else None


def _place(quote: str, passage: _Folded) -> Span | None:
    """Where a passage holds a quote as whole words, in offsets of its original text."""
    folded = _fold(quote).text
    for wanted in dict.fromkeys((folded.strip(), folded.strip(_EDGE))):
        at = passage.text.find(wanted)
        while at >= 0:
            last = at + len(wanted)
            if _whole_words(passage.text, at, last):
                return passage.starts[at], passage.ends[last - 1]
            at = passage.text.find(wanted, at + 1)
    return None


def _whole_words(text: str, start: int, end: int) -> bool:
    """Whether no word is cut at either end: "13" does not stand in "1301"."""
    cut_before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    cut_after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (cut_before or cut_after)


def _fold(text: str) -> _Folded:
    """The text composed (NFC), each run of white space one space, each quotation mark one kind."""
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, composed in _composed(text):
        for letter in composed.translate(_ONE_QUOTE):
            if letter.isspace() and letters and letters[-1] == " ":
                ends[-1] = end
                continue
            letters.append(" " if letter.isspace() else letter)
            starts.append(start)
            ends.append(end)
    return _Folded("".join(letters), starts, ends)


def _composed(text: str) -> Iterator[tuple[int, int, str]]:
    """Pieces of a text that compose with none of their neighbours, as (start, end, NFC)."""
    if unicodedata.is_normalized("NFC", text):
        yield from ((at, at + 1, letter) for at, letter in enumerate(text))
        return
    start, piece = 0, ""
    for at, letter in enumerate(text):
        joined = unicodedata.normalize("NFC", piece + letter)
        if piece and not unicodedata.combining(letter) and joined == piece + letter:
            yield start, at, piece
            start, piece = at, letter
        else:
            piece = joined
    if piece:
        yield start, len(text), piece
