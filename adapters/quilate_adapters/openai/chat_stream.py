"""The chunks of a streamed completion, put together into the completion they are pieces of."""

from collections.abc import Iterator, Mapping
from typing import Any

from quilate.models import Event, ReasoningDelta, TextDelta, ToolCallDelta
from quilate.providers import Endpoint, malformed
from quilate_adapters.openai.chat_request import REASONING_FIELDS
from quilate_adapters.openai.settings import text_of


class Assembly:
    """Takes chunks one by one, gives their events, and holds the completion so far.

    What comes twice or out of order and can be told to, raises `MalformedReply`.
    """

    def __init__(self, at: Endpoint) -> None:
        self._at = at
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._logprobs: list[Any] | None = None
        self._last: dict[str, Any] = {}
        self._usage: Any = None
        self._chunk: Mapping[str, Any] | None = None
        self.finish: str | None = None

    def add(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """The events of a chunk."""
        if not isinstance(chunk.get("choices"), list):
            raise malformed(self._at, "An event of the stream is not a piece of a completion.")
        if self.finish is not None and chunk == self._chunk:
            raise malformed(self._at, "The end of the answer came twice.")
        self._chunk = chunk
        self._last = {**self._last, **chunk}
        self._usage = chunk.get("usage") or self._usage
        if not chunk["choices"]:
            return
        choice = chunk["choices"][0]
        delta = choice.get("delta") or {}
        events = [*self._said(delta), *self._called(delta)]
        if events and self.finish is not None:
            raise malformed(self._at, "A piece of the answer came after its end.")
        found = choice.get("logprobs") or {}
        if found.get("content") is not None:
            if self._logprobs is None:
                self._logprobs = []
            self._logprobs += found["content"]
        self.finish = choice.get("finish_reason") or self.finish
        yield from events

    def completion(self) -> dict[str, Any]:
        """The whole, in the form of a reply that was not streamed."""
        texts = {name: "".join(pieces) for name, pieces in self._texts.items()}
        message: dict[str, Any] = {"role": "assistant", "content": None, **texts}
        if self._calls:
            for index, pieces in self._arguments.items():
                self._calls[index]["function"]["arguments"] = "".join(pieces)
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": self.finish}
        if self._logprobs is not None:
            choice["logprobs"] = {"content": self._logprobs}
        whole = {**self._last, "object": "chat.completion", "choices": [choice]}
        return {**whole, "usage": self._usage}

    def _said(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        for name in ("content", "refusal", *REASONING_FIELDS):
            piece = delta.get(name)
            if not piece:
                continue
            if name in REASONING_FIELDS and self._thinks_elsewhere(name):
                continue  # a server that says the same in both fields
            piece = text_of(self._at, piece)
            self._texts.setdefault(name, []).append(piece)
            if name == "content":
                yield TextDelta(piece)
            elif name != "refusal":
                yield ReasoningDelta(piece)

    def _thinks_elsewhere(self, name: str) -> bool:
        return any(field in self._texts for field in REASONING_FIELDS if field != name)

    def _called(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        for position, piece in enumerate(delta.get("tool_calls") or ()):
            index = piece.get("index", position)
            function = piece.get("function") or {}
            name, written = function.get("name"), text_of(self._at, function.get("arguments") or "")
            call = self._calls.get(index)
            if call is None:
                if not name or not piece.get("id"):
                    raise malformed(self._at, "A piece of a tool call came before its beginning.")
                call = {"id": piece["id"], "type": "function", "function": {"name": name}}
                self._calls[index] = call
                self._arguments[index] = []
            elif self._arguments[index] and name and piece.get("id") == call["id"]:
                raise malformed(self._at, f"The beginning of the tool call '{name}' came twice.")
            self._arguments[index].append(written)
            yield ToolCallDelta(call["id"], call["function"]["name"], written)
