"""An answer as the page to label it shows it: plain data, which the page inserts as text.

What would sway a labeller is left out: the target, the judge's score, what another labeller said,
and whether a citation was verified.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeGuard

from quilate.evaluators import Citation, Output, Sample
from quilate.judging.against import other_answer
from quilate.judging.labelling import Sheet
from quilate.messages import Audio, File, Image, Message, Part, Text, ToolCall, ToolResult
from quilate.retrievers import Hit

References = Literal["folded", "open", "never"]
Pieces = list[list[Any]]
"""Text in pieces: each is [text], or [text, n] where it is marked and belongs to `n`."""
_SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp"}


def view(
    sheet: Sheet, n: int, *, show_target: bool = False, references: References = "folded"
) -> dict[str, Any]:
    """The answer at place `n` of a sheet, with what it answers and what the model was shown."""
    item = sheet.item(n)
    sample = sheet.run.samples[item.sample_id]
    output = item.output or Output("")
    hits = output.context if output.context is not None else output.hits
    given = sheet.given(n)
    other = other_answer(sheet.run, sheet.metric.name, sample)
    if references == "never" and other in sample.references:
        other = None
    return {
        "n": n,
        "key": sheet.entries[n].key,
        "sample": sample.id,
        "lang": sample.language,
        "turns": _turns(sample),
        "question": _said(_asked(sample)),
        "answer": _answer(output, hits or ()),
        "other": other,
        "passages": [_passage(hit, place, output) for place, hit in enumerate(hits or (), 1)],
        "references": [] if references == "never" else list(sample.references),
        "target": item.target if show_target else None,
        "given": given and {"label": given.label, "note": given.note, "at": given.at},
    }


def _turns(sample: Sample) -> list[Mapping[str, Any]]:
    """What else was said in a conversation than the question, in its order."""
    asked = _asked(sample)
    if isinstance(sample.input, str):
        return []
    return [{"role": one.role, **_said(one)} for one in sample.input if one is not asked]


def _asked(sample: Sample) -> Message:
    """The question: the last message of the user, with all its parts."""
    if isinstance(sample.input, str):
        return Message("user", (Text(sample.input),))
    users = [message for message in sample.input if message.role == "user"]
    return users[-1] if users else Message("user", ())


def _said(message: Message) -> Mapping[str, Any]:
    """A message as text, and its images as addresses that hold them."""
    images = [_image(part) for part in message.parts if _is_shown(part)]
    texts = [_text(part) for part in message.parts if not _is_shown(part)]
    return {"text": "\n".join(filter(None, texts)), "images": images}


def _is_shown(part: Part) -> TypeGuard[Image]:
    """Whether a part is an image that a browser shows. Nothing is fetched: one that is elsewhere
    is named."""
    return isinstance(part, Image) and part.image is not None and part.media_type in _SHOWN


def _image(part: Image) -> str:
    return f"data:{part.media_type};base64,{base64.b64encode(part.image or b'').decode()}"


def _text(part: Part) -> str:
    match part:
        case Text(text):
            return text
        case Image():
            return f"[{part.media_type}{': ' + part.url if part.url else ''}]"
        case Audio():
            return f"[{part.media_type}]"
        case File():
            return f"[{part.media_type}{': ' + part.name if part.name else ''}]"
        case ToolCall():
            return f"{part.name}({json.dumps(part.arguments, ensure_ascii=False, default=str)})"
        case ToolResult():
            return part.content
        case _:  # what the model thought is no part of what was said
            return ""


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
