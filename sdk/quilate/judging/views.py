"""An answer as the page to label it shows it: plain data, which the page inserts as text.

What would sway a labeller is left out: the target, the judge's score, what another labeller said,
and whether a citation was verified.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from quilate.evaluators import Citation, Output, Sample
from quilate.judging.labelling import Sheet
from quilate.messages import Message
from quilate.retrievers import Hit

References = Literal["folded", "open", "never"]
Pieces = list[list[Any]]
"""Text in pieces: each is [text], or [text, n] where it is marked and belongs to `n`."""


def view(
    sheet: Sheet, n: int, *, show_target: bool = False, references: References = "folded"
) -> dict[str, Any]:
    """The answer at place `n` of a sheet, with what it answers and what the model was shown."""
    item = sheet.item(n)
    sample = sheet.run.samples[item.sample_id]
    output = item.output or Output("")
    hits = output.context if output.context is not None else output.hits
    given = sheet.given(n)
    return {
        "n": n,
        "key": sheet.entries[n].key,
        "sample": sample.id,
        "lang": sample.language,
        "turns": _turns(sample),
        "question": sample.question,
        "answer": _answer(output, hits or ()),
        "passages": [_passage(hit, place, output) for place, hit in enumerate(hits or (), 1)],
        "references": [] if references == "never" else list(sample.references),
        "target": item.target if show_target else None,
        "given": given and {"label": given.label, "note": given.note, "at": given.at},
    }


def _turns(sample: Sample) -> list[Mapping[str, str]]:
    """What was said before the question, in a conversation."""
    if isinstance(sample.input, str):
        return []
    turns = list(sample.input)
    users = [n for n, message in enumerate(turns) if message.role == "user"]
    asked = users[-1] if users else -1
    return [
        {"role": message.role, "text": _said(message)}
        for n, message in enumerate(turns)
        if n != asked
    ]


def _said(message: Message) -> str:
    others = [f"[{type(part).__name__}]" for part in message.parts if not hasattr(part, "text")]
    return " ".join(filter(None, (message.text, *others)))


def _answer(output: Output, hits: Iterable[Hit]) -> Pieces:
    places = {hit.passage.id: place for place, hit in enumerate(hits, 1)}
    spans = [
        (one.start, one.end, places[one.passage_id])
        for one in output.citations
        if one.passage_id in places
    ]
    return pieces(output.text, spans)


def _passage(hit: Hit, place: int, output: Output) -> Mapping[str, Any]:
    passage = hit.passage
    spans = [span for one in output.citations for span in _quote(one, passage.id, place)]
    return {"title": passage.title or passage.id, "text": pieces(passage.text, spans)}


def _quote(citation: Citation, passage: str, place: int) -> list[tuple[int, int, int]]:
    """Where the words that a citation quotes stand in a passage."""
    start, end = citation.quote_start, citation.quote_end
    if citation.passage_id != passage or start is None or end is None:
        return []
    return [(start, end, place)]


def pieces(text: str, spans: Iterable[tuple[int, int, int]]) -> Pieces:
    """A text cut at the spans (start, end, n) in it; one that overlaps an earlier one is left out.

    >>> pieces("It is so [1].", [(9, 12, 1)])
    [['It is so '], ['[1]', 1], ['.']]
    """
    found: Pieces = []
    at = 0
    for start, end, n in sorted(spans):
        if not at <= start < end <= len(text):
            continue
        found += [[text[at:start]]] if start > at else []
        found.append([text[start:end], n])
        at = end
    return found + ([[text[at:]]] if at < len(text) else [])
