# ruff: noqa: D102  # every protocol has the same methods, and `Chat` is the plainest
"""The replies of the three protocols that the fault server speaks, as their JSON and their events.

A protocol turns an `Asked` into a whole reply, or into the frames of its stream (server-sent
events, in order), and names its errors. Shapes are those of the SDKs' own type definitions.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from quilate.testing.faults.wrong import Wrong

SIGNATURE = "c2lnbmVkIGJ5IHRoZSBmYXVsdCBzZXJ2ZXI="
"""What the reasoning of a reply is signed with, where the protocol has signatures."""
SIGNED = ("/v1/responses", "/v1/messages")
"""The protocols that have them."""

_CREATED = 1_760_000_000
_PIECES = re.compile(r"\S+\s*|\s+")


class Called(NamedTuple):
    """A tool call of a reply."""

    id: str
    name: str
    arguments: str

    def pieces(self) -> tuple[str, str]:
        """The text of the arguments as a stream brings it."""
        middle = len(self.arguments) // 2
        return self.arguments[:middle], self.arguments[middle:]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: the answer echoes its last user text, a word being a token.

    A model called ``cached:N`` has read N of the input's tokens from its cache, ``reasoning:N``
    thinks N words before it answers, and ``calls:N`` calls N of the request's tools, in turn, in
    place of an answer.
    """

    number: int
    model: str
    text: str
    stream: bool
    input_tokens: int
    max_tokens: int | None
    stop: tuple[str, ...]
    tools: tuple[str, ...] = ()

    def _of(self, kind: str) -> int:
        head, _, number = self.model.partition(":")
        return int(number) if head == kind and number.isdigit() else 0

    @property
    def cached(self) -> int:
        """How many of the input's tokens were cached."""
        return min(self._of("cached"), self.input_tokens)

    @property
    def thought(self) -> list[str]:
        """The pieces of the reasoning before the answer."""
        return ["hm "] * self._of("reasoning")

    @property
    def calls(self) -> list[Called]:
        """The tool calls that are made in place of an answer."""
        return [
            Called(f"call_{n}", self.tools[n % len(self.tools)], json.dumps({"number": n}))
            for n in range(self._of("calls") if self.tools else 0)
        ]

    @property
    def output_tokens(self) -> int:
        """Words, those of the reasoning too; a call being one."""
        return len(self.thought) + len(self.answer()[0]) + len(self.calls)

    def answer(self) -> tuple[list[str], bool]:
        """The pieces of the echo, and whether `max_tokens` cut it."""
        if self.calls:
            return [], False
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
        tools=tuple(tool.get("function", tool).get("name", "") for tool in body.get("tools") or ()),
    )


def frame(data: Any, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{head}data: {text}\n\n".encode()


_Events = list[tuple[str, dict[str, Any]]]


class Chat:
    """OpenAI's Chat Completions."""

    request_id = b"x-request-id"
    first_delta = 1  # its place among the frames

    def whole(self, asked: Asked) -> dict[str, Any]:
        pieces, cut = asked.answer()
        text = None if asked.calls else "".join(pieces)
        reply = self._completion(asked, text, self._finish(asked, cut), asked.output_tokens)
        message = reply["choices"][0]["message"]
        if asked.thought:
            message["reasoning_content"] = "".join(asked.thought)
        if asked.calls:
            message["tool_calls"] = [self._call(call) for call in asked.calls]
        return reply

    def refusal(self, asked: Asked) -> dict[str, Any]:
        reply = self._completion(asked, None, "stop", 1)
        reply["choices"][0]["message"]["refusal"] = "I cannot help with that."
        return reply

    def _finish(self, asked: Asked, cut: bool) -> str:
        return "tool_calls" if asked.calls else "length" if cut else "stop"

    def _call(self, call: Called) -> dict[str, Any]:
        function = {"name": call.name, "arguments": call.arguments}
        return {"id": call.id, "type": "function", "function": function}

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

    def _usage(self, asked: Asked, n: int) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "prompt_tokens": asked.input_tokens,
            "completion_tokens": n,
            "total_tokens": asked.input_tokens + n,
        }
        if asked.cached:
            usage["prompt_tokens_details"] = {"cached_tokens": asked.cached}
        if asked.thought:
            usage["completion_tokens_details"] = {"reasoning_tokens": len(asked.thought)}
        return usage

    def frames(self, asked: Asked) -> list[bytes]:
        pieces, cut = asked.answer()
        deltas: list[dict[str, Any]] = [{"reasoning_content": piece} for piece in asked.thought]
        deltas += [{"content": piece} for piece in pieces]
        deltas += [delta for n, call in enumerate(asked.calls) for delta in self._deltas(n, call)]
        return self._frames(asked, deltas, self._finish(asked, cut), asked.output_tokens)

    def _deltas(self, n: int, call: Called) -> list[dict[str, Any]]:
        """A call's beginning, and the pieces of its arguments, which its place alone tells."""
        begun = {"index": n, **self._call(call._replace(arguments=""))}
        pieces = [{"index": n, "function": {"arguments": piece}} for piece in call.pieces()]
        return [{"tool_calls": [part]} for part in (begun, *pieces)]

    def refusal_frames(self, asked: Asked) -> list[bytes]:
        return self._frames(asked, [{"refusal": "I cannot "}, {"refusal": "help."}], "stop", 2)

    def _frames(
        self, asked: Asked, deltas: list[dict[str, Any]], finish: str, n: int
    ) -> list[bytes]:
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
        usage = self._usage(asked, n)
        return [*made, frame({**chunk, "choices": [], "usage": usage}), frame("[DONE]")]

    def error(self, asked: Asked, error: Wrong) -> dict[str, Any]:
        said = {"message": error.message, "type": error.openai, "code": error.code, "param": None}
        return {"error": said}

    def error_frame(self, asked: Asked, error: Wrong) -> bytes:
        return frame(self.error(asked, error))


class Responses(Chat):
    """OpenAI's Responses."""

    first_delta = 4

    def whole(self, asked: Asked) -> dict[str, Any]:
        pieces, cut = asked.answer()
        items = [item for _, item in self._said(asked, pieces, cut)]
        return self._response(asked, items, asked.output_tokens, cut)

    def refusal(self, asked: Asked) -> dict[str, Any]:
        part = {"type": "refusal", "refusal": "I cannot help with that."}
        return self._response(asked, [self._item(asked, part, status="completed")], 1, False)

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
        self, asked: Asked, items: list[dict[str, Any]] | None, n: int, cut: bool
    ) -> dict[str, Any]:
        status = "in_progress" if items is None else "incomplete" if cut else "completed"
        usage = {
            "input_tokens": asked.input_tokens,
            "input_tokens_details": {"cached_tokens": asked.cached, "cache_write_tokens": 0},
            "output_tokens": n,
            "output_tokens_details": {"reasoning_tokens": len(asked.thought)},
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
            "output": items or [],
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": None if items is None else usage,
        }

    def _said(self, asked: Asked, pieces: list[str], cut: bool) -> list[tuple[_Events, Any]]:
        """Each item of the output: the events that bring it, and itself."""
        made: list[tuple[_Events, Any]] = []
        if asked.thought:
            made.append(self._thinking(asked, len(made)))
        if not asked.calls:
            status = "incomplete" if cut else "completed"
            made.append(self._written(asked, len(made), "output_text", "text", pieces, status))
        for call in asked.calls:
            made.append(self._calling(call, len(made)))
        return made

    def frames(self, asked: Asked) -> list[bytes]:
        pieces, cut = asked.answer()
        return self._frames_of(asked, self._said(asked, pieces, cut), asked.output_tokens, cut)

    def refusal_frames(self, asked: Asked) -> list[bytes]:
        pieces = ["I cannot ", "help."]
        said = self._written(asked, 0, "refusal", "refusal", pieces, "completed")
        return self._frames_of(asked, [said], len(pieces), False)

    def _frames_of(
        self, asked: Asked, said: list[tuple[_Events, Any]], n: int, cut: bool
    ) -> list[bytes]:
        begun = {"response": self._response(asked, None, 0, False)}
        end = self._response(asked, [item for _, item in said], n, cut)
        events: _Events = [
            ("response.created", begun),
            ("response.in_progress", begun),
            *(event for events, _ in said for event in events),
            (f"response.{end['status']}", {"response": end}),
        ]
        return [
            frame({"type": name, "sequence_number": n, **data}, name)
            for n, (name, data) in enumerate(events)
        ]

    def _brought(self, index: int, begun: Any, within: _Events, item: Any) -> tuple[_Events, Any]:
        return [
            ("response.output_item.added", {"output_index": index, "item": begun}),
            *within,
            ("response.output_item.done", {"output_index": index, "item": item}),
        ], item

    def _written(
        self, asked: Asked, index: int, kind: str, key: str, pieces: list[str], status: str
    ) -> tuple[_Events, Any]:
        whole = "".join(pieces)
        empty, part = self._text(""), self._text(whole)
        if kind == "refusal":
            empty, part = {"type": kind, key: ""}, {"type": kind, key: whole}
        at = {"item_id": f"msg_{asked.number}", "output_index": index, "content_index": 0}
        more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        within: _Events = [
            ("response.content_part.added", {**at, "part": empty}),
            *((f"response.{kind}.delta", {**at, **more, "delta": piece}) for piece in pieces),
            (f"response.{kind}.done", {**at, **more, key: whole}),
            ("response.content_part.done", {**at, "part": part}),
        ]
        begun = self._item(asked, status="in_progress")
        return self._brought(index, begun, within, self._item(asked, part, status=status))

    def _thinking(self, asked: Asked, index: int) -> tuple[_Events, Any]:
        pieces, whole = asked.thought, "".join(asked.thought)
        begun = {"id": f"rs_{asked.number}", "type": "reasoning", "summary": []}
        at = {"item_id": begun["id"], "output_index": index, "summary_index": 0}
        part, name = {"type": "summary_text", "text": whole}, "response.reasoning_summary"
        within: _Events = [
            (f"{name}_part.added", {**at, "part": {**part, "text": ""}}),
            *((f"{name}_text.delta", {**at, "delta": piece}) for piece in pieces),
            (f"{name}_text.done", {**at, "text": whole}),
            (f"{name}_part.done", {**at, "part": part}),
        ]
        item = {**begun, "summary": [part], "encrypted_content": SIGNATURE}
        return self._brought(index, begun, within, item)

    def _calling(self, call: Called, index: int) -> tuple[_Events, Any]:
        item = {
            "id": f"fc_{index}",  # not the call's own id, which is the one to answer to
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }
        at = {"item_id": item["id"], "output_index": index}
        name = "response.function_call_arguments"
        within: _Events = [
            *((f"{name}.delta", {**at, "delta": piece}) for piece in call.pieces()),
            (f"{name}.done", {**at, "name": call.name, "arguments": call.arguments}),
        ]
        begun = {**item, "status": "in_progress", "arguments": ""}
        return self._brought(index, begun, within, item)

    def error_frame(self, asked: Asked, error: Wrong) -> bytes:
        said = {"code": error.code or error.openai, "message": error.message, "param": None}
        return frame({"type": "error", "sequence_number": 99, **said}, "error")


class Messages:
    """Anthropic's Messages."""

    request_id = b"request-id"
    first_delta = 3

    def whole(self, asked: Asked) -> dict[str, Any]:
        pieces, cut = asked.answer()
        content = [block for block, _ in self._blocks(asked, pieces)]
        return self._message(asked, content, self._reason(asked, cut), asked.output_tokens)

    def refusal(self, asked: Asked) -> dict[str, Any]:
        return self._message(asked, [], "refusal", 1)

    def _reason(self, asked: Asked, cut: bool) -> str:
        if asked.calls:
            return "tool_use"
        stopped = any(stop in asked.text for stop in asked.stop)
        return "max_tokens" if cut else "stop_sequence" if stopped else "end_turn"

    def _message(
        self, asked: Asked, content: list[dict[str, Any]], reason: str | None, n: int
    ) -> dict[str, Any]:
        # What the cache gave is not among the input's tokens.
        usage: dict[str, Any] = {"input_tokens": asked.input_tokens - asked.cached}
        if asked.cached:
            usage |= {"cache_read_input_tokens": asked.cached, "cache_creation_input_tokens": 0}
        return {
            "id": f"msg_{asked.number}",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {**usage, **self._written(asked, n)},
        }

    def _written(self, asked: Asked, n: int) -> dict[str, Any]:
        if not asked.thought:
            return {"output_tokens": n}
        details = {"thinking_tokens": len(asked.thought)}
        return {"output_tokens": n, "output_tokens_details": details}

    def _blocks(
        self, asked: Asked, pieces: list[str]
    ) -> list[tuple[dict[str, Any], list[dict[str, str]]]]:
        """The blocks of an answer, each with the deltas that bring it."""
        made: list[tuple[dict[str, Any], list[dict[str, str]]]] = []
        if asked.thought:
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in asked.thought]
            deltas.append({"type": "signature_delta", "signature": SIGNATURE})
            thought = {"type": "thinking", "thinking": "".join(asked.thought)}
            made.append(({**thought, "signature": SIGNATURE}, deltas))
        if not asked.calls:
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
            made.append(({"type": "text", "text": "".join(pieces)}, deltas))
        for call in asked.calls:
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in call.pieces()]
            block = {"type": "tool_use", "id": call.id, "name": call.name}
            made.append(({**block, "input": json.loads(call.arguments)}, deltas))
        return made

    def frames(self, asked: Asked) -> list[bytes]:
        pieces, cut = asked.answer()
        return self._frames(asked, pieces, self._reason(asked, cut))

    def refusal_frames(self, asked: Asked) -> list[bytes]:
        return self._frames(asked, [], "refusal")

    def _frames(self, asked: Asked, pieces: list[str], reason: str) -> list[bytes]:
        blocks: list[dict[str, Any]] = []
        for index, (block, deltas) in enumerate(self._blocks(asked, pieces)):
            blocks += [
                {"type": "content_block_start", "index": index, "content_block": _emptied(block)},
                *({"type": "content_block_delta", "index": index, "delta": d} for d in deltas),
                {"type": "content_block_stop", "index": index},
            ]
        end = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": self._written(asked, asked.output_tokens if pieces or asked.calls else 1),
        }
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": self._message(asked, [], None, 1)},
            blocks[0],
            {"type": "ping"},
            *blocks[1:],
            end,
            {"type": "message_stop"},
        ]
        return [frame(event, event["type"]) for event in events]

    def error(self, asked: Asked, error: Wrong) -> dict[str, Any]:
        said = {"type": error.anthropic, "message": error.message}
        return {"type": "error", "error": said, "request_id": f"req_{asked.number}"}

    def error_frame(self, asked: Asked, error: Wrong) -> bytes:
        return frame(self.error(asked, error), "error")


def _emptied(block: dict[str, Any]) -> dict[str, Any]:
    """A block as a stream begins it."""
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}
