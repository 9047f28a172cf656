"""Cutting documents into passages of a bounded number of tokens, with exact offsets.

Both chunkers lay the text out as *units*, sentences where they fit, and join neighbours into
chunks. Each unit and each chunk is counted once, so the work grows with the text, not its square.

The identifier of a chunk is its document's and a digest of its own words: ``guide.md#5f0c…``. So
a chunk that an edit elsewhere merely moves keeps its identifier, and a sync embeds again only the
chunks whose words changed. A document that fits whole keeps its own identifier.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from quilate.codec import digest
from quilate.errors import ConfigurationError
from quilate.retrieval.sentences import sentences_with_breaks
from quilate.retrieval.tokens import CountTokens, estimate_tokens
from quilate.retrievers import Document, Passage

_KINDS = ("character", "word", "after heading", "wrap", "sentence", "line", "paragraph", "heading")
_STRENGTH = {kind: strength for strength, kind in enumerate(_KINDS)}
_HEADING = re.compile(r"#{1,6}\s")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is never cut; `tokens` counts the white space before it too."""

    start: int
    end: int
    tokens: int
    strength: int


def recursive(
    document: Document,
    *,
    size: int = 256,
    overlap: int = 32,
    count_tokens: CountTokens = estimate_tokens,
) -> list[Passage]:
    r"""Cut at the strongest break in reach: paragraph, then line, sentence, word, character.

    Chunks have at most `size` tokens by `count_tokens` (a single character may exceed it) and
    repeat at most `overlap` tokens of the one before, in whole sentences or words. Always
    ``document.text[p.start:p.end] == p.text``. Raises `ConfigurationError` unless
    0 <= overlap < size.

    >>> text = "Uno dos.\n\nTres cuatro."
    >>> [p.text for p in recursive(Document("d", text), size=4, overlap=0)]
    ['Uno dos.', 'Tres cuatro.']
    """
    return _chunks(document, size, overlap, count_tokens, _strongest_break)


def sentence(
    document: Document,
    *,
    size: int = 256,
    overlap: int = 32,
    count_tokens: CountTokens = estimate_tokens,
) -> list[Passage]:
    """Fill each chunk with as many whole sentences as fit, across paragraphs; else as
    `recursive`.

    >>> [p.text for p in sentence(Document("d", "Uno dos. Tres. Cuatro."), size=6, overlap=0)]
    ['Uno dos. Tres.', 'Cuatro.']
    """
    return _chunks(document, size, overlap, count_tokens, _latest_break)


_Cut = Callable[[Sequence[_Unit], Sequence[int], int, int, int], int]
"""Where to end the chunk that starts at unit `first` and could reach `last`, beyond `done`."""


def _chunks(
    document: Document, size: int, overlap: int, count_tokens: CountTokens, cut: _Cut
) -> list[Passage]:
    if not 0 <= overlap < size:
        raise ConfigurationError(
            f"Chunks of {size} tokens cannot overlap by {overlap}.",
            remedy="Choose 0 <= overlap < size; an eighth of the size is usual.",
        )
    # What a counter adds to every text (a prefix, special tokens) counts once a chunk, not a unit.
    fixed = count_tokens("")
    if fixed >= size:
        raise ConfigurationError(
            f"Chunks of {size} tokens have no room: {fixed} are taken by what the counter adds.",
            remedy=f"Choose a size well above {fixed}.",
        )

    def count(text: str) -> int:
        return count_tokens(text) - fixed

    units = list(_units(document.text, size - fixed, count))
    return _passages(document, _spans(document.text, units, size - fixed, overlap, count, cut))


def _spans(
    text: str,
    units: Sequence[_Unit],
    size: int,
    overlap: int,
    count_tokens: CountTokens,
    cut: _Cut,
) -> list[tuple[int, int]]:
    """The chunks as offsets. `totals[i]` is the tokens of all units before the i-th."""

    def tokens(first: int, last: int) -> int:
        return count_tokens(text[units[first].start : units[last - 1].end])

    totals = [0, *accumulate(unit.tokens for unit in units)]
    spans: list[tuple[int, int]] = []
    first = done = 0
    while done < len(units):
        last = max(bisect_right(totals, totals[first] + size) - 1, first + 1)
        # Counted together, units can be more than their sum: then the most that fit.
        if last > first + 1 and tokens(first, last) > size:
            more = range(first + 2, last)
            last = first + 1 + bisect_right(more, size, key=partial(tokens, first))
        if last <= done:  # what would be repeated leaves no room for what is new
            first += 1
            continue
        if last < len(units):
            last = cut(units, totals, first, last, done)
        spans.append((units[first].start, units[last - 1].end))
        done = last
        first = max(bisect_left(totals, totals[last] - overlap), first + 1)
        while first < last and tokens(first, last) > overlap:
            first += 1
    return spans


def _strongest_break(
    units: Sequence[_Unit], totals: Sequence[int], first: int, last: int, done: int
) -> int:
    """The latest of the strongest breaks that leave the chunk at least half full."""
    half = bisect_left(totals, (totals[first] + totals[last]) / 2, first, last)
    earliest = max(half, first + 1, done + 1)
    return max(range(earliest, last + 1), key=lambda at: (units[at].strength, at))


def _latest_break(
    units: Sequence[_Unit], totals: Sequence[int], first: int, last: int, done: int
) -> int:
    return last


def _units(text: str, size: int, count_tokens: CountTokens) -> Iterator[_Unit]:
    """Sentences, or what too long ones must be cut into, in order. A Markdown heading parts
    more than a paragraph, and stays with what it heads."""
    end, headed = 0, False
    for start, stop, found in sentences_with_breaks(text):
        heads = found != "sentence" and _HEADING.match(text, start) is not None
        kind = "after heading" if headed else "heading" if heads else found
        headed = heads
        for unit in _cut_sentence(text, end, start, stop, size, count_tokens, kind):
            yield unit
            end = unit.end


def _cut_sentence(
    text: str, before: int, start: int, end: int, size: int, count: CountTokens, kind: str
) -> Iterator[_Unit]:
    tokens = count(text[before:end])
    if tokens <= size:
        yield _Unit(start, end, max(tokens, 1), _STRENGTH[kind])
        return
    for match in _WORD.finditer(text, start, end):
        if match.start() > start:
            kind = "wrap" if "\n" in text[before : match.start()] else "word"
        tokens = count(text[before : match.end()])
        if tokens <= size:
            yield _Unit(match.start(), match.end(), max(tokens, 1), _STRENGTH[kind])
        else:
            yield from _halves(text, match.start(), match.end(), size, count, kind)
        before = match.end()


def _halves(
    text: str, start: int, end: int, size: int, count: CountTokens, kind: str
) -> Iterator[_Unit]:
    """A word too long for a chunk, halved until its pieces fit: log-linear in its length."""
    tokens = count(text[start:end])
    if tokens <= size or end - start == 1:
        yield _Unit(start, end, max(tokens, 1), _STRENGTH[kind])
        return
    middle = (start + end) // 2
    yield from _halves(text, start, middle, size, count, kind)
    yield from _halves(text, middle, end, size, count, "character")


def _passages(document: Document, spans: Sequence[tuple[int, int]]) -> list[Passage]:
    text = document.text
    whole = len(spans) == 1
    seen: Counter[str] = Counter()
    passages = []
    for start, end in spans:
        name = document.id if whole else f"{document.id}#{digest(text[start:end])[:12]}"
        seen[name] += 1
        if seen[name] > 1:  # the same words again: told apart by which time they come
            name = f"{name}.{seen[name]}"
        passages.append(
            Passage(
                name, text[start:end], document.id, start, end, document.title, document.metadata
            )
        )
    return passages
