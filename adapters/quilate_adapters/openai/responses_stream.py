"""The events of a streamed Responses reply."""

from collections.abc import Iterator, Mapping
from typing import Any

from quilate.models import Event, ReasoningDelta, TextDelta, ToolCallDelta
from quilate.providers import Endpoint, malformed
from quilate_adapters.openai.faults import sent_error
from quilate_adapters.openai.settings import text_of

_ENDS = ("response.completed", "response.incomplete", "response.failed")
_THOUGHTS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class Reading:
    """Takes a stream's events one by one and gives ours; `whole` is the reply once it has come.

    Each event has a number where the server gives one, so that what comes twice or out of order is
    known; the text's pieces must be the whole's text in any case. Both raise `MalformedReply`.
    """

    def __init__(self, at: Endpoint) -> None:
        self._at = at
        self._number = -1
        self._calls: dict[str, tuple[str, str]] = {}
        self._thought = 0
        self._texts: list[str] = []
        self.whole: Mapping[str, Any] | None = None

    def add(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """The events of an event."""
        self._in_order(event.get("sequence_number"))
        kind = event["type"]
        if kind == "error":
            raise sent_error(self._at, event)
        if kind in _ENDS:
            self._end(event["response"])
        elif kind == "response.output_text.delta":
            self._texts.append(text_of(self._at, event["delta"]))
            yield TextDelta(event["delta"])
        elif kind in _THOUGHTS:
            yield from self._think(event)
        elif kind == "response.output_item.added":
            self._begin(event["item"])
        elif kind == "response.function_call_arguments.delta":
            call = self._calls.get(event["item_id"])
            if call is None:
                raise malformed(self._at, "A piece of a tool call came before its beginning.")
            yield ToolCallDelta(*call, text_of(self._at, event["delta"]))

    def _begin(self, item: Mapping[str, Any]) -> None:
        if item.get("type") == "function_call":
            self._calls[item.get("id") or item["call_id"]] = item["call_id"], item["name"]

    def _in_order(self, number: int | None) -> None:
        if number is None:
            return
        if number <= self._number:
            raise malformed(self._at, f"The stream's event {number} came out of order.")
        self._number = number

    def _think(self, event: Mapping[str, Any]) -> Iterator[Event]:
        paragraph = event.get("summary_index") or 0
        if paragraph > self._thought:
            yield ReasoningDelta("\n\n")
        self._thought = paragraph
        yield ReasoningDelta(text_of(self._at, event["delta"]))

    def _end(self, reply: Mapping[str, Any]) -> None:
        if reply.get("error"):
            raise sent_error(self._at, reply["error"])
        said = "".join(
            content.get("text") or ""
            for item in reply.get("output") or ()
            if item.get("type") == "message"
            for content in item.get("content") or ()
        )
        if said != "".join(self._texts):
            raise malformed(self._at, "The pieces of the stream are not its whole text.")
        self.whole = reply
