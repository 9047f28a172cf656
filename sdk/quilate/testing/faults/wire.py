# ruff: noqa: D102  # every protocol has the same methods, and `Chat` is the plainest
"""The replies of the three protocols that the fault server speaks, as their JSON and their events.

A protocol turns an `Asked` into a whole reply, or into the frames of its stream (server-sent
events, in order), and names its errors. Shapes are those of the SDKs' own type definitions.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_CREATED = 1_760_000_000
_PIECES = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: the answer echoes its last user text, a word being a token."""

    number: int
    model: str
    text: str
    stream: bool
    input_tokens: int
    max_tokens: int | None
    stop: tuple[str, ...]

    def answer(self) -> tuple[list[str], bool]:
        """The pieces of the echo, and whether `max_tokens` cut it."""
        text = self.text
        for stop in self.stop:
            text = text.partition(stop)[0]
        pieces = _PIECES.findall(text)
        limit = self.max_tokens
        return (pieces, False) if limit is None else (pieces[:limit], len(pieces) > limit)


def texts(content: Any) -> str:
    """The text of a message's content, a string or parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or () if isinstance(part, dict))


def asked(body: dict[str, Any], number: int) -> Asked:
    """A request of any of the protocols, read."""
    turns = body.get("messages", body.get("input"))
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    said = [texts(turn.get("content")) for turn in turns or ()]
    said += [texts(body.get("system")), texts(body.get("instructions"))]
    users = [texts(t.get("content")) for t in turns or () if t.get("role") == "user"]
    limits = (body.get(n) for n in ("max_tokens", "max_completion_tokens", "max_output_tokens"))
    stop = body.get("stop") or body.get("stop_sequences") or ()
    return Asked(
        number=number,
        model=str(body.get("model", "")),
        text=users[-1] if users else "",
        stream=bool(body.get("stream")),
        input_tokens=sum(len(text.split()) for text in said),
        max_tokens=next((limit for limit in limits if limit is not None), None),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def frame(data: Any, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{head}data: {text}\n\n".encode()


class Chat:
    """OpenAI's Chat Completions."""

    request_id = b"x-request-id"
    first_delta = 1  # its place among the frames

    def whole(self, asked: Asked) -> dict[str, Any]:
        pieces, cut = asked.answer()
        return self._completion(asked, "".join(pieces), "length" if cut else "stop", len(pieces))

    def refusal(self, asked: Asked) -> dict[str, Any]:
        reply = self._completion(asked, None, "stop", 1)
        reply["choices"][0]["message"]["refusal"] = "I cannot help with that."
        return reply

    def _completion(self, asked: Asked, text: str | None, finish: str, n: int) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {
            "id": f"chatcmpl-{asked.number}",
            "object": "chat.completion",
            "created": _CREATED,
            "model": asked.model,
            "choices": [choice],
            "usage": self._usage(asked, n),
        }

    def _usage(self, asked: Asked, n: int) -> dict[str, int]:
        total = asked.input_tokens + n
        return {
            "prompt_tokens": asked.input_tokens,
            "completion_tokens": n,
            "total_tokens": total,
        }

    def frames(self, asked: Asked) -> list[bytes]:
        pieces, cut = asked.answer()
        deltas = [{"content": piece} for piece in pieces]
        return self._frames(asked, deltas, "length" if cut else "stop")

    def refusal_frames(self, asked: Asked) -> list[bytes]:
        return self._frames(asked, [{"refusal": "I cannot "}, {"refusal": "help."}], "stop")

    def _frames(self, asked: Asked, deltas: list[dict[str, str]], finish: str) -> list[bytes]:
        chunk = {
            "id": f"chatcmpl-{asked.number}",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": asked.model,
        }
        parts = [({"role": "assistant", "content": ""}, None), *((delta, None) for delta in deltas)]
        made = [
            frame({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
            for delta, reason in [*parts, ({}, finish)]
        ]
        usage = self._usage(asked, len(deltas))
        return [*made, frame({**chunk, "choices": [], "usage": usage}), frame("[DONE]")]

    def error(self, asked: Asked, error: "Wrong") -> dict[str, Any]:
        said = {"message": error.message, "type": error.openai, "code": error.code, "param": None}
        return {"error": said}

    def error_frame(self, asked: Asked, error: "Wrong") -> bytes:
        return frame(self.error(asked, error))


class Responses(Chat):
    """OpenAI's Responses."""

    first_delta = 4

    def whole(self, asked: Asked) -> dict[str, Any]:
        pieces, cut = asked.answer()
        return self._response(asked, self._text("".join(pieces)), len(pieces), cut)

    def refusal(self, asked: Asked) -> dict[str, Any]:
        part = {"type": "refusal", "refusal": "I cannot help with that."}
        return self._response(asked, part, 1, False)

    def _text(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def _item(self, asked: Asked, *parts: dict[str, Any], status: str) -> dict[str, Any]:
        return {
            "id": f"msg_{asked.number}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": list(parts),
        }

    def _response(
        self, asked: Asked, part: dict[str, Any] | None, n: int, cut: bool
    ) -> dict[str, Any]:
        status = "in_progress" if part is None else "incomplete" if cut else "completed"
        usage = {
            "input_tokens": asked.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": n,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked.input_tokens + n,
        }
        return {
            "id": f"resp_{asked.number}",
            "object": "response",
            "created_at": _CREATED,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": None,
            "metadata": {},
            "model": asked.model,
            "output": [] if part is None else [self._item(asked, part, status=status)],
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": None if part is None else usage,
        }

    def frames(self, asked: Asked) -> list[bytes]:
        pieces, cut = asked.answer()
        return self._written(asked, "output_text", "text", pieces, cut)

    def refusal_frames(self, asked: Asked) -> list[bytes]:
        return self._written(asked, "refusal", "refusal", ["I cannot ", "help."], False)

    def _written(
        self, asked: Asked, kind: str, key: str, pieces: list[str], cut: bool
    ) -> list[bytes]:
        whole = "".join(pieces)
        empty, part = self._text(""), self._text(whole)
        if kind == "refusal":
            empty, part = {"type": kind, key: ""}, {"type": kind, key: whole}
        at = {"item_id": f"msg_{asked.number}", "output_index": 0, "content_index": 0}
        begun = {"response": self._response(asked, None, 0, False)}
        end = self._response(asked, part, len(pieces), cut)
        item, done = self._item(asked, status="in_progress"), end["output"][0]
        more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        events: list[tuple[str, dict[str, Any]]] = [
            ("response.created", begun),
            ("response.in_progress", begun),
            ("response.output_item.added", {"output_index": 0, "item": item}),
            ("response.content_part.added", {**at, "part": empty}),
            *((f"response.{kind}.delta", {**at, **more, "delta": piece}) for piece in pieces),
            (f"response.{kind}.done", {**at, **more, key: whole}),
            ("response.content_part.done", {**at, "part": part}),
            ("response.output_item.done", {"output_index": 0, "item": done}),
            (f"response.{end['status']}", {"response": end}),
        ]
        return [
            frame({"type": name, "sequence_number": n, **data}, name)
            for n, (name, data) in enumerate(events)
        ]

    def error_frame(self, asked: Asked, error: "Wrong") -> bytes:
        said = {"code": error.code or error.openai, "message": error.message, "param": None}
        return frame({"type": "error", "sequence_number": 99, **said}, "error")


class Messages:
    """Anthropic's Messages."""

    request_id = b"request-id"
    first_delta = 3

    def whole(self, asked: Asked) -> dict[str, Any]:
        pieces, cut = asked.answer()
        content = [{"type": "text", "text": "".join(pieces)}]
        return self._message(asked, content, self._reason(asked, cut), len(pieces))

    def refusal(self, asked: Asked) -> dict[str, Any]:
        return self._message(asked, [], "refusal", 1)

    def _reason(self, asked: Asked, cut: bool) -> str:
        stopped = any(stop in asked.text for stop in asked.stop)
        return "max_tokens" if cut else "stop_sequence" if stopped else "end_turn"

    def _message(
        self, asked: Asked, content: list[dict[str, Any]], reason: str | None, n: int
    ) -> dict[str, Any]:
        return {
            "id": f"msg_{asked.number}",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {"input_tokens": asked.input_tokens, "output_tokens": n},
        }

    def frames(self, asked: Asked) -> list[bytes]:
        pieces, cut = asked.answer()
        return self._frames(asked, pieces, self._reason(asked, cut))

    def refusal_frames(self, asked: Asked) -> list[bytes]:
        return self._frames(asked, [], "refusal")

    def _frames(self, asked: Asked, pieces: list[str], reason: str) -> list[bytes]:
        start = {"type": "message_start", "message": self._message(asked, [], None, 1)}
        block = {"type": "text", "text": ""}
        deltas = [
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in pieces
        ]
        end = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": len(pieces) or 1},
        }
        events: list[dict[str, Any]] = [
            start,
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
            *deltas,
            {"type": "content_block_stop", "index": 0},
            end,
            {"type": "message_stop"},
        ]
        return [frame(event, event["type"]) for event in events]

    def error(self, asked: Asked, error: "Wrong") -> dict[str, Any]:
        said = {"type": error.anthropic, "message": error.message}
        return {"type": "error", "error": said, "request_id": f"req_{asked.number}"}

    def error_frame(self, asked: Asked, error: "Wrong") -> bytes:
        return frame(self.error(asked, error), "error")


@dataclass(frozen=True, slots=True)
class Wrong:
    """An error as each provider names it."""

    status: int
    openai: str
    code: str | None
    anthropic: str
    message: str


WRONG = {
    "400": Wrong(400, "invalid_request_error", None, "invalid_request_error", "Bad parameter."),
    "context": Wrong(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_request_error",
        "prompt is too long: 200001 tokens > 200000 maximum context length",
    ),
    "content-filter": Wrong(
        400,
        "invalid_request_error",
        "content_filter",
        "invalid_request_error",
        "Output blocked by content filtering policy",
    ),
    "401": Wrong(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "authentication_error",
        "Incorrect API key provided: {key}.",
    ),
    "403": Wrong(
        403, "invalid_request_error", "permission_denied", "permission_error", "Not for {key}."
    ),
    "404": Wrong(
        404,
        "invalid_request_error",
        "model_not_found",
        "not_found_error",
        "The model does not exist.",
    ),
    "413": Wrong(
        413, "invalid_request_error", None, "request_too_large", "The request is too large."
    ),
    "429": Wrong(429, "requests", "rate_limit_exceeded", "rate_limit_error", "Slow down."),
    "500": Wrong(500, "server_error", None, "api_error", "Internal error."),
    "503": Wrong(503, "server_error", None, "overloaded_error", "Try again later."),
    "529": Wrong(529, "overloaded_error", None, "overloaded_error", "Overloaded."),
}
"""By the name of the fault; ``{key}`` in a message becomes the key that the request carried."""
