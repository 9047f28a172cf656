"""The events of a stream, put together to the message that would have come whole."""

import json
from collections.abc import Iterator
from typing import Any

from quilate.errors import ConnectionFailed, MalformedReply
from quilate.models import Event, ReasoningDelta, TextDelta, ToolCallDelta
from quilate.providers import Endpoint, malformed
from quilate_adapters.anthropic.faults import error_within

# A delta's kind: the field of its piece, and the kind of block that it belongs to.
_PIECES = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", None),
}


class Assembly:
    """A message as it comes.

    Events that come twice or out of order are a `MalformedReply` wherever their order shows it
    (a repeated delta looks like any other). Kinds of events that did not exist when this was
    written are passed over, as the API asks of its clients.
    """

    def __init__(self, at: Endpoint, *, headless: bool = False) -> None:
        self._at, self._headless = at, headless
        self._message: dict[str, Any] | None = None
        self._block: dict[str, Any] | None = None
        self._pieces: list[str] = []
        self.complete = False

    def feed(self, event: Any) -> Iterator[Event]:
        """Take the next event of the wire; gives those of our own that come of it."""
        try:
            yield from self._take(event)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise malformed(
                self._at, f"An event of the stream cannot be read: {type(error).__name__} {error}."
            ) from None

    def message(self) -> dict[str, Any]:
        """The whole; raises `ConnectionFailed` where the stream stopped before its end."""
        if self._message is None or not self.complete:
            raise ConnectionFailed(
                "The stream ended before the answer did.",
                provider=self._at.provider,
                where=self._at.where,
                remedy="Try again.",
            )
        return self._message

    def _take(self, event: Any) -> Iterator[Event]:
        kind = event.get("type")
        if kind == "message_start":
            self._expect(self._message is None, kind)
            self._message = {**event["message"], "content": []}
        elif kind == "content_block_start":
            yield from self._start(event)
        elif kind == "content_block_delta":
            yield from self._delta(event)
        elif kind == "content_block_stop":
            yield from self._stop(event)
        elif kind == "message_delta":
            self._finish(event)
        elif kind == "message_stop":
            self._expect(self._block is None and self._is_ending, kind)
            self.complete = True
        elif kind == "error" or "error" in event:
            raise error_within(self._at, event)

    def _start(self, event: dict[str, Any]) -> Iterator[Event]:
        if self._message is None and self._headless:
            # llama.cpp leaves message_start out when the first token is part of a character.
            self._message = {"type": "message", "role": "assistant", "content": []}
        expected = None if self._message is None else len(self._message["content"])
        in_order = self._block is None and event["index"] == expected and not self._is_ending
        self._expect(in_order, event["type"])
        self._block, self._pieces = dict(event["content_block"]), []
        kind = self._block["type"]
        if kind in ("text", "thinking") and self._block.get(kind):
            yield from self._grow(self._block[kind])

    def _delta(self, event: dict[str, Any]) -> Iterator[Event]:
        block, delta = self._open(event), event["delta"]
        kind = delta["type"]
        if kind in _PIECES:
            name, owner = _PIECES[kind]
            self._expect(owner in (None, block["type"]), kind)
            yield from self._grow(delta[name])
        elif kind == "signature_delta":
            block["signature"] = delta["signature"]
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]

    def _grow(self, piece: str) -> Iterator[Event]:
        """A further piece of the open block, as an event where it is one of ours."""
        block = self._block
        if not piece or block is None:
            return
        self._pieces.append(piece)
        if block["type"] == "text":
            yield TextDelta(piece)
        elif block["type"] == "thinking":
            yield ReasoningDelta(piece)
        elif block["type"] == "tool_use":
            yield ToolCallDelta(block["id"], block["name"], piece)

    def _stop(self, event: dict[str, Any]) -> Iterator[Event]:
        block = self._open(event)
        written, kind = "".join(self._pieces), block["type"]
        if kind in ("text", "thinking"):
            block[kind] = written
        elif written:
            block["input"] = self._arguments(block, written)
        elif kind == "tool_use":
            yield from self._grow(json.dumps(block["input"]))
        self._whole["content"].append(block)
        self._block = None

    def _finish(self, event: dict[str, Any]) -> None:
        self._expect(self._message is not None and self._block is None, event["type"])
        self._whole.update(event["delta"])
        counted = {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
        self._whole["usage"] = {**(self._whole.get("usage") or {}), **counted}

    def _arguments(self, block: dict[str, Any], written: str) -> Any:
        try:
            return json.loads(written)
        except ValueError as error:
            raise malformed(
                self._at,
                f"The arguments of the tool call '{block.get('name')}' are no JSON: {error}.",
            ) from None

    @property
    def _is_ending(self) -> bool:
        """Whether the reason to stop has come, after which no block does."""
        return self._message is not None and bool(self._message.get("stop_reason"))

    @property
    def _whole(self) -> dict[str, Any]:
        assert self._message is not None  # noqa: S101  # blocks open only within a message
        return self._message

    def _open(self, event: dict[str, Any]) -> dict[str, Any]:
        """The block that an event is of, which must be the open one."""
        if self._block is None or event["index"] != len(self._whole["content"]):
            raise self._disorder(event["type"])
        return self._block

    def _expect(self, met: bool, kind: str) -> None:
        if self.complete or not met:
            raise self._disorder(kind)

    def _disorder(self, kind: str) -> MalformedReply:
        return malformed(
            self._at,
            f"The stream's events are repeated or out of order: {kind} came where it cannot.",
        )
