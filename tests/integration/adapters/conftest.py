"""A server on loopback that answers with what a test puts into it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden"


class Canned:
    """Answers each request with the next of `replies` (the last for ever): a value as JSON, a list
    as a stream of events, bytes as they are, a number as an error of that status;
    and keeps what was sent."""

    def __init__(self):
        self.status, self.headers, self.replies = 200, {}, [{}]
        self.sent, self.sent_headers, self.paths = [], [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.sent.append(data if data[:1] != b"{" else json.loads(data))
                self.do_GET()

            def do_GET(self):
                outer.paths.append(self.path)
                outer.sent_headers.append({k.lower(): v for k, v in self.headers.items()})
                status, kind, data = outer._next()
                self.send_response(status)
                headers = {"content-type": kind, "content-length": str(len(data))}
                for name, value in (headers | outer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def _next(self):
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, int):
            return reply, "application/json", b'{"error": {"message": "not now"}}'
        return self.status, *self._body(reply)

    def _body(self, reply):
        if isinstance(reply, bytes):
            return "application/json", reply
        if isinstance(reply, list):
            events = "".join(f"data: {json.dumps(event)}\n\n" for event in reply)
            return "text/event-stream", f"{events}data: [DONE]\n\n".encode()
        return "application/json", json.dumps(reply).encode()

    def answer(self, *replies):
        """Answer with these, one after the other."""
        self.replies = list(replies)

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def canned():
    server = Canned()
    yield server
    server.close()


@pytest.fixture
def golden():
    """Reads a capture of ``tests/golden``."""
    return lambda name: json.loads((GOLDEN / f"{name}.json").read_text())
