"""How texts and tool results are divided into parts and turns, where a format does not say it.

Chat formats join the texts of a turn, give each tool result a turn of its own, and some have no
ids of calls. The column ``shape`` says how it was, and nothing else: no text is in it. Where it no
longer fits (somebody edited a turn), it is passed over, and the turns are read as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quilate.messages import Image, Message, Part, Reasoning, Text, ToolCall, ToolResult
from quilate.tuning.formats.values import Row

Shape = list[list[Any]]
"""For each message its role, then an entry a part: ``{"text": LENGTH}``, ``{"call": ID}`` …"""


def shape_of(messages: Sequence[Message]) -> Shape:
    """The shape of messages.

    >>> from quilate.messages import user
    >>> shape_of([user("Hola")])
    [['user', {'text': 4}]]
    """
    return [[message.role, *map(_entry, message.parts)] for message in messages]


def _entry(part: Part) -> Row:
    match part:
        case Text():
            return {"text": len(part.text)}
        case Reasoning():
            about = {"id": part.id, "signature": part.signature, "provider": part.provider}
            kept = {key: value for key, value in about.items() if value is not None}
            return {"reasoning": len(part.reasoning), **kept}
        case ToolCall():
            return {"call": part.id}
        case ToolResult():
            return {"result": part.id, **({"is_error": True} if part.is_error else {})}
        case Image(url=str()):
            return {"image": part.media_type}
        case _:
            return {"image": None}


def reshaped(messages: tuple[Message, ...], shape: Any) -> tuple[Message, ...]:
    """The messages in that shape, or as they are where it does not fit them."""
    turns = iter(messages)
    try:
        found = tuple(_message(wanted, turns) for wanted in shape)
    except (StopIteration, RuntimeError, LookupError, TypeError, ValueError, AttributeError):
        return messages
    return messages if next(turns, None) is not None else found


def _message(wanted: list[Any], turns: Iterator[Message]) -> Message:
    role, entries = wanted[0], wanted[1:]
    taken = [next(turns) for _ in range(len(entries) if role == "tool" else 1)]
    if not taken or any(turn.role != role for turn in taken):
        raise ValueError("other turns")
    pool = _Pool([part for turn in taken for part in turn.parts])
    parts = tuple(pool.take(entry) for entry in entries)
    pool.close()
    return Message(role, parts)


class _Pool:
    """The parts of some turns, given out again piece by piece."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._texts = "".join(part.text for part in parts if isinstance(part, Text))
        self._thoughts = "".join(part.reasoning for part in parts if isinstance(part, Reasoning))
        self._rest = [part for part in parts if not isinstance(part, Text | Reasoning)]

    def take(self, entry: Mapping[str, Any]) -> Part:
        """The part of that entry; raises ValueError or LookupError where it is not there."""
        if "text" in entry:
            piece, self._texts = _cut(self._texts, entry["text"])
            return Text(piece)
        if "reasoning" in entry:
            piece, self._thoughts = _cut(self._thoughts, entry["reasoning"])
            name, signature, provider = map(entry.get, ("id", "signature", "provider"))
            return Reasoning(piece, name, signature, provider)
        return _named(self._rest.pop(0), entry)

    def close(self) -> None:
        """Raise ValueError where something is left over."""
        if self._texts or self._thoughts or self._rest:
            raise ValueError("more than the shape says")


def _cut(text: str, length: int) -> tuple[str, str]:
    if not 0 <= length <= len(text):
        raise ValueError("another length")
    return text[:length], text[length:]


def _named(part: Part, entry: Mapping[str, Any]) -> Part:
    match part:
        case ToolCall() if "call" in entry:
            return ToolCall(str(entry["call"]), part.name, part.arguments)
        case ToolResult() if "result" in entry:
            return ToolResult(str(entry["result"]), part.content, bool(entry.get("is_error")))
        case Image() if "image" in entry:
            kind = entry["image"] or part.media_type
            return Image(part.image, part.url, kind)
    raise ValueError("another kind of part")
