"""Choosing what of the retrieved passages fits into a prompt."""

from collections.abc import Sequence
from dataclasses import replace

from quilate.retrieval.sentences import sentences
from quilate.retrieval.tokens import CountTokens, estimate_tokens
from quilate.retrievers import Hit, Passage


def numbered(number: int, passage: Passage) -> str:
    r"""A passage as a prompt shows it, under the number by which answers cite it.

    >>> numbered(1, Passage("a#1", "Luz.", title="Faros"))
    '[1] Faros\nLuz.'
    """
    title = f"{passage.title}\n" if passage.title else ""
    return f"[{number}] {title}{passage.text}"


def pack(
    hits: Sequence[Hit], *, budget: int, count_tokens: CountTokens = estimate_tokens
) -> tuple[Hit, ...]:
    """The hits to show, in their order, that take at most `budget` tokens as `numbered`.

    What an earlier hit shows already is cut from a later one of the same document. A hit that
    does not fit is passed over for shorter ones after it; when none fits, the first is shown as
    far as its whole sentences do. What is shown always stands verbatim at its offsets.

    >>> hits = [Hit(Passage("a", "uno dos"), 2.0), Hit(Passage("b", "tres"), 1.0)]
    >>> [hit.passage.id for hit in pack(hits, budget=5)]
    ['a']
    """
    shown: list[Hit] = []
    left = budget
    for hit in hits:
        passage = _unshown(hit.passage, [earlier.passage for earlier in shown])
        if passage is None:
            continue
        tokens = count_tokens(numbered(len(shown) + 1, passage))
        if tokens <= left:
            shown.append(replace(hit, passage=passage))
            left -= tokens
    if not shown and hits:
        beginning = _beginning(hits[0].passage, budget, count_tokens)
        return (replace(hits[0], passage=beginning),) if beginning else ()
    return tuple(shown)


def _unshown(passage: Passage, shown: Sequence[Passage]) -> Passage | None:
    """The part of a passage that does not stand in `shown`; None when there is none."""
    for other in shown:
        if other.id == passage.id:
            return None
        if other.document_id != passage.document_id or not passage.document_id:
            continue
        rest = _outside(passage, other)
        if rest is not passage:
            # White space went with what was cut, so another may touch the rest only now.
            return None if rest is None else _unshown(rest, shown)
    return passage


def _outside(passage: Passage, other: Passage) -> Passage | None:
    """A passage without what it shares with the beginning or the end of `other`."""
    start, end = passage.start, passage.end
    if other.start <= start < other.end:
        start = other.end
    if other.start < end <= other.end:
        end = other.start
    if (start, end) == (passage.start, passage.end):
        return passage
    return _part(passage, start - passage.start, end - passage.start)


def _beginning(passage: Passage, budget: int, count_tokens: CountTokens) -> Passage | None:
    """As many of a passage's first sentences as fit."""
    best = None
    for _, end in sentences(passage.text):
        part = _part(passage, 0, end)
        if part is None or count_tokens(numbered(1, part)) > budget:
            break
        best = part
    return best


def _part(passage: Passage, start: int, end: int) -> Passage | None:
    """``passage.text[start:end]`` without outer white space, as a passage; None when empty."""
    text = passage.text[start:end] if start < end else ""
    if not text.strip():
        return None
    start += len(text) - len(text.lstrip())
    text = text.strip()
    first = passage.start + start
    return replace(passage, text=text, start=first, end=first + len(text))
