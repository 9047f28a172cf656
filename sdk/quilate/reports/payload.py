"""The samples of a run as plain data for the page's script.

Texts, passages and model calls are held once and referred to by number or key: a prompt that all
samples share, or a passage that many of them retrieved, costs its length once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from quilate.codec import to_data
from quilate.evals.results import Call, Item, Run
from quilate.evaluators import Citation, Output, Sample, Score
from quilate.messages import Message, Part, Text, ToolCall, ToolResult
from quilate.models import ChoiceFormat, JsonFormat, Request
from quilate.reports.strings import Words
from quilate.retrievers import Hit, Passage

_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def as_json(data: Any) -> str:
    r"""JSON that can stand inside a ``<script>`` element: nothing in it can end the element.

    >>> as_json({"text": "</script>"})
    '{"text":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def payload(run: Run, words: Words) -> dict[str, Any]:
    """Everything that the samples' part of the page shows."""
    return _Payload(run, words).data()


class _Payload:
    """Numbers texts and passages as they are met."""

    def __init__(self, run: Run, words: Words) -> None:
        self.run, self.words = run, words
        self.texts: dict[str, int] = {}
        self.passages: dict[tuple[str, str, str], int] = {}
        self.rows: list[dict[str, Any]] = []
        self.calls: dict[str, dict[str, Any] | None] = {}
        self.targets = {name: number for number, name in enumerate(run.targets)}
        self.metrics = {name: number for number, name in enumerate(run.metrics)}

    def data(self) -> dict[str, Any]:
        items: dict[str, list[dict[str, Any]]] = {}
        for item in self.run.items:
            items.setdefault(item.sample_id, []).append(self._item(item))
        samples = [
            self._sample(sample) | {"items": items.get(sample.id, [])}
            for sample in self.run.samples.values()
        ]
        return {
            "targets": list(self.run.targets),
            "metrics": [to_data(metric) for metric in self.run.metrics.values()],
            "samples": samples,
            "calls": self.calls,
            "passages": self.rows,
            "texts": list(self.texts),
        }

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def _passage(self, passage: Passage) -> int:
        key = (passage.id, passage.title, passage.text)
        known = self.passages.get(key)
        if known is None:
            known = self.passages[key] = len(self.rows)
            self.rows.append(
                {"id": passage.id, "title": passage.title, "text": self._text(passage.text)}
            )
        return known

    def _sample(self, sample: Sample) -> dict[str, Any]:
        talk = () if isinstance(sample.input, str) else sample.input
        return kept(
            id=sample.id,
            question=sample.question,
            messages=self._messages(talk) if len(talk) > 1 else [],
            references=list(sample.references),
            gold=list(sample.gold),
            unanswerable=sample.answerable is False,
            group=sample.group,
            language=sample.language,
            metadata={name: str(value) for name, value in sample.metadata.items()},
        )

    def _item(self, item: Item) -> dict[str, Any]:
        failure = item.failure
        for key in (*item.calls, *(key for keys in item.score_calls.values() for key in keys)):
            if key not in self.calls:
                call = self.run.call(key)
                self.calls[key] = None if call is None else self._call(call)
        return kept(
            target=self.targets[item.target],
            epoch=item.epoch,
            seconds=round(item.seconds, 3),
            failure=f"{failure.kind}: {failure.message}" if failure else None,
            scores=[self._score(score) for score in item.scores],
            calls=list(item.calls),
            judged={name: list(keys) for name, keys in item.score_calls.items()},
            **(self._output(item.output) if item.output else {}),
        )

    def _output(self, output: Output) -> dict[str, Any]:
        shown = None if output.context is None else {hit.passage.id for hit in output.context}
        passages = {hit.passage.id: hit.passage for hit in output.hits or output.context or ()}
        return {
            "text": output.text,
            "hits": [self._hit(hit, shown) for hit in output.hits or output.context or ()],
            "retrieves": output.hits is not None,
            "citations": [_citation(one, output.text, passages) for one in output.citations],
            "abstained": output.abstained,
            "tokens": [output.usage.input_tokens, output.usage.output_tokens],
        }

    def _hit(self, hit: Hit, shown: set[str] | None) -> dict[str, Any]:
        return kept(
            passage=self._passage(hit.passage),
            score=round(hit.score, 6),
            ranks=dict(hit.ranks),
            hidden=shown is not None and hit.passage.id not in shown,
        )

    def _score(self, score: Score) -> dict[str, Any]:
        decision = score.decision
        return kept(
            metric=self.metrics.get(score.metric, -1),
            value=None if score.value is None else round(score.value, 6),
            status=None if score.status == "scored" else score.status,
            reason=score.reason and self.words.phrase(score.reason),
            explanation=score.explanation,
            evidence=list(score.evidence),
            shares=_shares(decision.probabilities) if decision else None,
            source=decision.source if decision else None,
            mass=None if decision is None or decision.mass is None else round(decision.mass, 4),
        )

    def _call(self, call: Call) -> dict[str, Any]:
        response = call.response
        choices = response.choice_logprobs or {}
        return kept(
            model=call.model,
            messages=self._messages(call.request.messages),
            settings=_settings(call.request),
            reply=self._text(_message_text(response.message)),
            finish=response.finish_reason,
            choices=_shares({label: math.exp(value) for label, value in choices.items()}),
        )

    def _messages(self, messages: tuple[Message, ...]) -> list[tuple[str, int]]:
        return [(message.role, self._text(_message_text(message))) for message in messages]


def kept(**fields: Any) -> dict[str, Any]:
    """The fields that say something. Zero does."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and value is not False and value not in ("", [], {})
    }


def _shares(probabilities: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(label, round(share, 4)) for label, share in probabilities.items()]


def _citation(citation: Citation, answer: str, passages: Mapping[str, Passage]) -> dict[str, Any]:
    passage = passages.get(citation.passage_id or "")
    quoted = passage is not None and citation.quote_start is not None
    return kept(
        marker=citation.marker,
        span=_utf16(answer, citation.start, citation.end),
        passage=citation.passage_id,
        quote=citation.quote,
        status=citation.status,
        quoted=_utf16(passage.text, citation.quote_start or 0, citation.quote_end or 0)
        if passage is not None and quoted
        else None,
    )


def _utf16(text: str, start: int, end: int) -> tuple[int, int]:
    """Offsets in characters as the browser counts them, in UTF-16 units."""
    before, inside = text[:start], text[start:end]
    first = len(before) + sum(character > "\uffff" for character in before)
    return first, first + len(inside) + sum(character > "\uffff" for character in inside)


def _settings(request: Request) -> str:
    settings = [f"{name} {value}" for name, value in to_data(request.sampling).items()]
    if isinstance(request.format, ChoiceFormat):
        settings.append("one of: " + " / ".join(request.format.choices))
    elif isinstance(request.format, JsonFormat):
        settings.append(f"JSON: {request.format.name}")
    settings += [f"tool {tool.name}" for tool in request.tools]
    return ", ".join(settings)


def _message_text(message: Message) -> str:
    return "\n".join(map(_part_text, message.parts))


def _part_text(part: Part) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, ToolCall):
        return f"[{part.name}({json.dumps(dict(part.arguments), ensure_ascii=False)})]"
    if isinstance(part, ToolResult):
        return f"[{part.id}: {part.content}]"
    return f"[{type(part).__name__}]"
