# ruff: noqa: D102, D103, S311  # the functions are named by the fault that they make
"""An HTTP server that echoes and that fails as told: OpenAI's Chat Completions and Responses, and
Anthropic's Messages, over real sockets. Prints its address, serves until its standard input closes.

    python -m quilate.testing.faults.server

What a request gets is in its model's name (or, before that, in its header ``x-fault``):

- ``fault:KIND``, ``fault:KIND=SECONDS`` (of a wait, or of Retry-After), ``fault:KIND*TIMES`` (the
  first TIMES requests for that name fail, later ones do not);
- ``mix:SHARE:SEED``: that share of the requests for the name fails, with the kinds of `MIX`,
  always in the same order;
- any other name: an answer, the echo of the last user text, a word being a token. For
  ``cached:N``, ``reasoning:N`` and ``calls:N`` see `wire.Asked`.

Kinds are those of `wrong.WRONG` (HTTP statuses and errors), ``429-retry-after``, and those of
`BROKEN`. ``POST /control`` sets `limit` (requests in flight above it get a 429 at once),
`latency` (seconds before an answer), `huge_bytes`, and with ``reset`` zeroes the counters, which
``GET /control`` gives: requests by kind, `max_attempts` (of one user text), `in_flight`,
`max_in_flight`, `disconnected` (by the client, while it waited), `billed` requests and
`billed_tokens` (those answered wholly), and the `last` request's path and body.
"""

import asyncio
import base64
import json
import random
import socket
import struct
import sys
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quilate.testing.faults.wire import Asked, Chat, Messages, Responses, asked, frame
from quilate.testing.faults.wrong import WRONG

PROTOCOLS = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/messages": Messages(),
}
BROKEN = (
    "slow",  # the first byte comes late
    "stall",  # the reply stops in the middle, and the connection stays open
    "cut",  # the connection is closed in the middle
    "hangup",  # the connection is reset before the first byte
    "ended",  # the reply ends, well-formed as HTTP, before the answer does
    "truncated",  # JSON that stops in the middle
    "html",  # 200, and a page
    "shape",  # 200, and JSON that is something else
    "utf8",  # bytes that are no UTF-8
    "huge",  # an answer without end
    "duplicated",  # each event of a stream twice
    "reordered",  # the event after the last delta comes before the first
    "error-event",  # an error in the middle of a stream
    "refusal",  # the model refuses
)
MIX = (
    "429", "429-retry-after=0.01", "500", "503", "529", "slow=0.05", "stall", "cut", "hangup",
    "ended", "truncated", "html", "utf8", "huge", "duplicated", "reordered", "error-event",
)  # fmt: skip
LONGEST_STALL = 60.0
HTML = b"<!doctype html><title>Gateway</title><p>Please sign in.</p>"
STREAM_ONLY = ("duplicated", "reordered", "error-event")
PLACEHOLDER = "\ue000"


@dataclass
class State:
    """Settings, and what was counted."""

    limit: int | None = None
    latency: float = 0.0
    huge_bytes: int = 32 * 2**20
    requests: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    number: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    disconnected: int = 0
    billed: int = 0
    billed_tokens: int = 0
    last: dict[str, Any] = field(default_factory=dict)

    def reset(self) -> None:
        for counter in (self.requests, self.attempts, self.names):
            counter.clear()
        self.max_in_flight, self.disconnected = self.in_flight, 0
        self.billed, self.billed_tokens, self.last = 0, 0, {}

    def set(self, wanted: dict[str, Any]) -> None:
        if wanted.get("reset"):
            self.reset()
        for name in {"limit", "latency", "huge_bytes"} & wanted.keys():
            setattr(self, name, wanted[name])

    def report(self) -> dict[str, Any]:
        plain = ("limit", "latency", "huge_bytes", "in_flight", "max_in_flight", "disconnected")
        more = ("billed", "billed_tokens", "last")
        counted = {name: getattr(self, name) for name in (*plain, *more)}
        attempts = max(self.attempts.values(), default=0)
        total = self.requests.total()
        return {**counted, "requests": self.requests, "total": total, "max_attempts": attempts}


STATE = State()
SOCKETS: dict[int, asyncio.Transport] = {}


class Connection(HttpToolsProtocol):
    """uvicorn's, with the transport at hand: ASGI has no way to reset a connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")  # or head and body wait for each other's ACK
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        SOCKETS[transport.get_extra_info("peername")[1]] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.scope is not None and self.client is not None:
            SOCKETS.pop(self.client[1], None)
        super().connection_lost(exc)


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the ways to answer it."""

    asked: Asked
    protocol: Any
    key: str
    port: int
    receive: Any
    send: Any

    async def head(self, status: int, kind: str, *headers: tuple[bytes, bytes]) -> None:
        """The beginning of a reply."""
        own = (
            (b"content-type", kind.encode()),
            (self.protocol.request_id, b"req_%d" % self.asked.number),
        )
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*own, *headers]}
        )

    async def body(self, data: bytes, more: bool = False) -> None:
        """A further part of the reply, the last one unless `more`."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, data: bytes, *headers: tuple[bytes, bytes]) -> None:
        """A whole reply of JSON."""
        length = (b"content-length", b"%d" % len(data))
        await self.head(status, "application/json", length, *headers)
        await self.body(data)

    async def wait(self, seconds: float) -> bool:
        """Wait; True when the client went away meanwhile."""
        try:
            await asyncio.wait_for(self.receive(), seconds)
        except TimeoutError:
            return False
        STATE.disconnected += 1
        return True

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        transport = SOCKETS.get(self.port)
        return transport is not None and not transport.is_closing()


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def fault_of(name: str, number: int) -> str:
    """The fault that the model's name asks for, for its request of that number; "" for none."""
    head, _, rest = name.partition(":")
    if head == "fault":
        kind, _, times = rest.partition("*")
        return kind if not times or number < int(times) else ""
    if head == "mix":
        share, _, _ = rest.partition(":")
        drawn = random.Random(f"{name}:{number}")
        return drawn.choice(MIX) if drawn.random() < float(share) else ""
    return ""


async def serve(call: Call, fault: str) -> None:
    """Answer a request, with a fault."""
    kind, _, number = fault.partition("=")
    seconds = float(number) if number else None
    if kind in STREAM_ONLY and not call.asked.stream:
        kind = ""
    STATE.requests[kind or "ok"] += 1
    if not kind:
        await answer(call)
    elif kind.removesuffix("-retry-after") in WRONG:
        await refuse(call, kind, seconds)
    else:
        await BREAK[kind](call, seconds)


async def answer(call: Call, frames: list[bytes] | None = None, data: bytes | None = None) -> None:
    """What was asked for (or other frames or data in its place), and its bill."""
    if STATE.latency and await call.wait(STATE.latency):
        return
    left = (b"x-ratelimit-remaining-requests", b"99")
    if isinstance(call.protocol, Messages):
        left = (b"anthropic-ratelimit-requests-remaining", b"99")
    if call.asked.stream:
        await call.head(200, "text/event-stream", left)
        for part in frames or call.protocol.frames(call.asked):
            await call.body(part, more=True)
        await call.body(b"")
    else:
        await call.whole(200, data or encoded(call.protocol.whole(call.asked)), left)
    if call.is_open:
        STATE.billed += 1
        STATE.billed_tokens += call.asked.input_tokens + call.asked.output_tokens


async def refuse(call: Call, kind: str, seconds: float | None) -> None:
    """An HTTP error; a 401 and a 403 quote the key, as providers do."""
    wrong = WRONG[kind.removesuffix("-retry-after")]
    said = replace(wrong, message=wrong.message.replace("{key}", call.key))
    wait = (b"retry-after", f"{0.01 if seconds is None else seconds:g}".encode())
    headers = [wait] if kind.endswith("retry-after") else []
    await call.whole(wrong.status, encoded(call.protocol.error(call.asked, said)), *headers)


async def slow(call: Call, seconds: float | None) -> None:
    if not await call.wait(0.2 if seconds is None else seconds):
        await answer(call)


async def half(call: Call) -> None:
    """A reply up to its middle."""
    if call.asked.stream:
        frames = call.protocol.frames(call.asked)
        await call.head(200, "text/event-stream")
        await call.body(b"".join(frames[: len(frames) // 2 + 1]), more=True)
    else:
        data = encoded(call.protocol.whole(call.asked))
        await call.head(200, "application/json", (b"content-length", b"%d" % len(data)))
        await call.body(data[: len(data) // 2], more=True)


async def stall(call: Call, seconds: float | None) -> None:
    await half(call)
    await call.wait(LONGEST_STALL if seconds is None else seconds)


async def cut(call: Call, _: float | None) -> None:
    await half(call)  # an app that returns before its reply is whole has its connection closed


async def hangup(call: Call, _: float | None) -> None:
    transport = SOCKETS[call.port]
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def ended(call: Call, _: float | None) -> None:
    if call.asked.stream:
        await half(call)
        await call.body(b"")
    else:
        await call.whole(200, b"")


async def truncated(call: Call, _: float | None) -> None:
    if not call.asked.stream:
        data = encoded(call.protocol.whole(call.asked))
        return await call.whole(200, data[: len(data) // 2])
    frames = call.protocol.frames(call.asked)
    middle = len(frames) // 2
    broken = frames[middle].rstrip()[:-9] + b"\n\n"
    await call.head(200, "text/event-stream")
    await call.body(b"".join([*frames[:middle], broken]))


async def html(call: Call, _: float | None) -> None:
    await call.head(200, "text/html; charset=utf-8")
    await call.body(HTML)


async def shape(call: Call, _: float | None) -> None:
    if not call.asked.stream:
        return await call.whole(200, b'{"status":"ok","data":[1,2]}')
    await call.head(200, "text/event-stream")
    await call.body(frame({"status": "ok"}) * 3 + frame("[DONE]"))


async def utf8(call: Call, _: float | None) -> None:
    marked = replace(call.asked, text=f"{call.asked.text} {PLACEHOLDER}", max_tokens=None, stop=())
    broken = call.protocol.whole(marked), call.protocol.frames(marked)
    bad = b"\xff\xfe"
    whole = encoded(broken[0]).replace(PLACEHOLDER.encode(), bad)
    frames = [part.replace(PLACEHOLDER.encode(), bad) for part in broken[1]]
    await answer(call, frames, whole)


async def huge(call: Call, _seconds: float | None) -> None:
    """Words without end, up to `huge_bytes`; stops where the client does."""
    if call.asked.stream:
        one = replace(call.asked, text="palabra ", max_tokens=None, stop=())
        frames = call.protocol.frames(one)
        at = call.protocol.first_delta
        start, part, end = b"".join(frames[:at]), frames[at] * 512, b"".join(frames[at + 1 :])
        await call.head(200, "text/event-stream")
    else:
        marked = replace(call.asked, text=PLACEHOLDER, max_tokens=None, stop=())
        data = encoded(call.protocol.whole(marked))
        start, _, end = data.partition(PLACEHOLDER.encode())
        part = b"palabra " * 8192
        await call.head(200, "application/json")
    await call.body(start, more=True)
    for _ in range(STATE.huge_bytes // len(part)):
        if not call.is_open:
            return
        await call.body(part, more=True)
    await call.body(end)


async def duplicated(call: Call, _: float | None) -> None:
    await answer(call, [part for part in call.protocol.frames(call.asked) for _ in range(2)])


async def reordered(call: Call, _: float | None) -> None:
    frames = call.protocol.frames(call.asked)
    at = call.protocol.first_delta
    pieces, _cut = call.asked.answer()
    frames.insert(at, frames.pop(at + len(pieces)))
    await answer(call, frames)


async def error_event(call: Call, _: float | None) -> None:
    frames = call.protocol.frames(call.asked)
    wrong = call.protocol.error_frame(call.asked, WRONG["529"])
    await call.head(200, "text/event-stream")
    await call.body(b"".join([*frames[: len(frames) // 2], wrong]))


async def refusal(call: Call, _: float | None) -> None:
    frames = call.protocol.refusal_frames(call.asked)
    await answer(call, frames, encoded(call.protocol.refusal(call.asked)))


BREAK = {kind: globals()[kind.replace("-", "_")] for kind in BROKEN}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    path, body = scope["path"], await read(receive)
    if body is None:
        return None
    protocol = PROTOCOLS.get(path)
    if protocol is None:
        return await other(path, body, send)
    STATE.number += 1
    STATE.last = {"path": path, "body": body}
    call_asked = asked(body, STATE.number)
    headers = dict(scope["headers"])
    key = headers.get(b"x-api-key") or headers.get(b"authorization", b"").partition(b" ")[2]
    call = Call(call_asked, protocol, key.decode("latin-1"), scope["client"][1], receive, send)
    named = headers.get(b"x-fault", b"").decode() or fault_of(
        call_asked.model, STATE.names[call_asked.model]
    )
    STATE.names[call_asked.model] += 1
    STATE.attempts[call_asked.text] += 1
    STATE.in_flight += 1
    try:
        if STATE.limit is not None and STATE.in_flight > STATE.limit:
            STATE.requests["limited"] += 1
            return await refuse(call, "429", None)
        STATE.max_in_flight = max(STATE.max_in_flight, STATE.in_flight)
        await serve(call, named)
    finally:
        STATE.in_flight -= 1


async def read(receive: Any) -> dict[str, Any] | None:
    """The body as JSON; empty for one that is none. None where the client went away before its
    request was whole: nobody has asked anything."""
    data, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        data += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        found = json.loads(data) if data else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


async def other(path: str, body: dict[str, Any], send: Any) -> None:
    """What needs no fault: the control, the models, embeddings, and the count of tokens."""
    status = 200
    if path == "/control":
        STATE.set(body)
        reply: Any = STATE.report()
    elif path == "/v1/models":
        names = [{"id": name, "object": "model", "owned_by": "faults"} for name in ("echo",)]
        reply = {"object": "list", "data": names}
    elif path == "/v1/embeddings":
        reply = embeddings(body)
    elif path == "/v1/messages/count_tokens":
        reply = {"input_tokens": asked(body, 0).input_tokens}
    else:
        status, reply = 404, {"error": {"message": f"There is no {path}.", "type": "not_found"}}
    data = encoded(reply)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Eight numbers for each text, drawn by the text."""
    given = body.get("input", [])
    texts = [given] if isinstance(given, str) else given
    data = []
    for index, text in enumerate(texts):
        drawn = random.Random(zlib.crc32(str(text).encode()))
        vector: Any = [drawn.uniform(-1, 1) for _ in range(8)]
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<8f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(len(str(text).split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": body.get("model", ""), "usage": usage}


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(
        app, http=Connection, ws="none", lifespan="off", access_log=False, log_config=None,
        log_level="critical", proxy_headers=False, timeout_keep_alive=60,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.force_exit = True  # stalled replies are not waited for

    def stop_with_input() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_with_input, daemon=True).start()
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
