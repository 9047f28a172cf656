"""HTTP endpoints as targets, over real sockets: an application in a thread, and llama.cpp's own
server behind a whole suite."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from quilate import errors
from quilate.evals import evaluate, load_suite
from quilate.evals.provenance import describe
from quilate.evaluators import Sample
from quilate.messages import assistant, system, user
from quilate.models import Cost, Usage
from quilate.sync import run
from quilate_adapters.http import replies, target

KEY = "a-secret-that-no-pattern-knows"
SAMPLE = Sample(
    "s1", "¿Qué es?", references=("nada",), language="es", metadata={"n": 3, "who": "x"}
)


class App:
    """Answers with what `replies` hold, the last again and again, and keeps what was sent."""

    def __init__(self):
        self.replies, self.sent = [(200, {}, b"")], []
        self.stall, self.left = threading.Event(), threading.Event()
        self.stalls = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.sent.append((self.command, self.path, dict(self.headers), body))
                if outer.stalls:
                    self.rfile.read(1)  # gives nothing as soon as the client hangs up
                    outer.left.set()
                    return
                more = len(outer.replies) > 1
                status, headers, body = outer.replies.pop(0) if more else outer.replies[0]
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/ask"

    def says(self, body, status=200, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies = [(status, headers, data)]


@pytest.fixture
def app():
    served = App()
    yield served
    served.http.shutdown()
    served.http.server_close()


def ask(url, sample=SAMPLE, **options):
    options = {"attempts": 1, **options}

    async def once():
        made = target(url, **options)
        try:
            return await made(sample)
        finally:
            await made.aclose()

    return run(once())


def test_the_body_is_filled_and_the_answer_found(app):
    app.says({"choices": [{"message": {"content": "hola"}}]})
    body = {
        "q": 'He said: "{{ question }}"',
        "messages": "{{ messages }}",
        "n": "{{ metadata.n }}",
        "deep": [{"lang": "{{ language | upper }}"}, 1, None, True],
    }
    output = ask(app.url, body=body, answer="choices[0].message.content")
    assert output.text == "hola"
    assert (output.hits, output.usage, output.cost) == (None, Usage(), Cost())
    method, _, headers, sent = app.sent[0]
    assert (method, headers["content-type"]) == ("POST", "application/json")
    assert json.loads(sent) == {
        "q": 'He said: "¿Qué es?"',
        "messages": [{"role": "user", "content": "¿Qué es?"}],
        "n": 3,
        "deep": [{"lang": "ES"}, 1, None, True],
    }


def test_a_sample_is_never_read_as_a_template_or_from_the_environment(app, monkeypatch):
    monkeypatch.setenv("QUILATE_TEST_KEY", KEY)
    app.says(b"ok")
    tricky = Sample("1", "${QUILATE_TEST_KEY} {{ metadata }}")
    ask(app.url, tricky, body={"q": "{{ question }}!"}, params={"q": "{{ question }}"})
    _, path, _, sent = app.sent[0]
    assert json.loads(sent) == {"q": "${QUILATE_TEST_KEY} {{ metadata }}!"}
    assert KEY not in path


def test_get_with_a_query_and_a_plain_reply(app):
    app.says("añ".encode())
    params = {"q": "{{ question }}", "n": "{{ metadata.n }}"}
    assert ask(app.url, method="get", params=params).text == "añ"
    method, path, _, sent = app.sent[0]
    assert (method, sent) == ("GET", b"")
    assert parse_qs(urlsplit(path).query) == {"q": ["¿Qué es?"], "n": ["3"]}


def test_a_conversation_and_a_text_body(app):
    app.says(b"ok")
    talk = Sample("1", (system("S"), user("a"), assistant("b"), user("c")))
    ask(app.url, talk, body="{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}")
    assert app.sent[0][3] == b"system:S;user:a;assistant:b;user:c;"
    assert app.sent[0][2]["content-type"].startswith("text/plain")


def test_contexts_usage_and_cost(app):
    reply = {
        "answer": "hola",
        "docs": [{"key": "d1", "body": "uno", "rank": 0.9}, {"key": "d2", "body": "dos"}],
        "tokens": {"prompt_tokens": 7, "completion_tokens": 2},
        "usd": 0.25,
    }
    app.says(reply)
    output = ask(
        app.url,
        answer="answer",
        contexts="docs[].{id: key, text: body, score: rank}",
        usage="tokens",
        cost="usd",
    )
    assert [(hit.passage.id, hit.passage.text) for hit in output.hits] == [
        ("d1", "uno"),
        ("d2", "dos"),
    ]
    assert output.hits[0].score == 0.9
    assert output.context == output.hits
    assert output.usage == Usage(7, 2)
    assert output.cost == Cost(0.25, "estimated")
    plain = ask(app.url, answer="answer", contexts="docs[].body")
    assert [hit.passage.id for hit in plain.hits] == ["1", "2"]


SSE = (
    b'event: x\r\ndata: {"t": "ho"}\r\n\r\n: a comment\ndata: {"t":\ndata: "la"}\n\n'
    b'data: {"docs": ["uno"]}\n\ndata: [DONE]\n\n'
)
JSONL = b'{"t": "ho"}\n\n{"t": "la"}\r\n{"docs": ["uno"]}'


@pytest.mark.parametrize(("form", "body"), [("sse", SSE), ("jsonl", JSONL)])
def test_streams_are_joined(app, form, body):
    app.says(body)
    output = ask(app.url, answer="t", contexts="docs", stream=form)
    assert output.text == "hola"
    assert [hit.passage.text for hit in output.hits] == ["uno"]


def test_a_key_comes_from_the_environment_and_is_never_shown(app, monkeypatch):
    monkeypatch.setenv("QUILATE_TEST_KEY", KEY)
    app.says(f"bad key {KEY}".encode(), 401, **{"x-request-id": "r7"})
    with pytest.raises(errors.AuthenticationError) as caught:
        ask(app.url, headers={"X-Key": "Token ${QUILATE_TEST_KEY}"})
    assert app.sent[0][2]["X-Key"] == f"Token {KEY}"
    assert KEY not in str(caught.value)
    assert (caught.value.status, caught.value.request_id) == (401, "r7")
    app.says(f"bad key {KEY}".encode(), 403)
    with pytest.raises(errors.PermissionDenied) as caught:
        ask(app.url, headers={"Authorization": f"Bearer {KEY}"})
    assert KEY not in str(caught.value)
    monkeypatch.delenv("QUILATE_TEST_KEY")
    with pytest.raises(errors.AuthenticationError, match="QUILATE_TEST_KEY is not set"):
        ask(app.url, headers={"X-Key": "${QUILATE_TEST_KEY}"})


@pytest.mark.parametrize(
    "sent",
    [
        {"body": {"user": {"api_key": KEY}, "q": "{{ question }}"}},
        {"body": [{"token": KEY}]},
        {"params": {"key": KEY}},
    ],
)
def test_a_secret_field_is_never_shown_and_is_not_in_the_record(app, sent):
    app.says(f"bad key {KEY}".encode(), 401)
    with pytest.raises(errors.AuthenticationError) as caught:
        ask(app.url, **sent)
    assert KEY not in str(caught.value) and "[redacted]" in str(caught.value)
    assert KEY not in json.dumps(target(app.url, **sent).provenance())
    assert KEY in app.sent[0][1] + app.sent[0][3].decode()


def test_a_secret_of_the_url_is_never_shown(app):
    app.says(f"bad key {KEY}".encode(), 401)
    with pytest.raises(errors.AuthenticationError) as caught:
        ask(f"{app.url}?access_token={KEY}")
    assert KEY not in str(caught.value)


def test_ordinary_fields_stay_in_the_record():
    body = {"max_tokens": 8, "keywords": "a b", "author": "Ann"}
    assert target("http://127.0.0.1:9/", body=body).provenance()["body"] == body


def test_the_record_of_a_run_holds_no_key(monkeypatch):
    monkeypatch.setenv("QUILATE_TEST_KEY", KEY)
    made = target(
        "http://127.0.0.1:9/", headers={"a": "${QUILATE_TEST_KEY}", "b": KEY}, body="{{ id }}"
    )
    said = run(describe(made))
    assert KEY not in json.dumps(said) + repr(made)
    assert said["headers"]["a"] == "${QUILATE_TEST_KEY}"
    assert said["body"] == "{{ id }}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.MalformedReply),
        (404, errors.ModelNotFound),
        (422, errors.InvalidRequest),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (503, errors.Overloaded),
    ],
)
def test_a_status_is_a_typed_error_with_what_was_said(app, status, kind):
    app.says(b"what went wrong", status, location="/elsewhere")
    with pytest.raises(kind, match=rf"{app.url}: HTTP {status}: what went wrong") as caught:
        ask(app.url)
    assert caught.value.status == status
    assert "base_url" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "body", "says"),
    [
        ({"answer": "a"}, b"<html>", "not JSON: '<html>'"),
        ({"answer": "a"}, b'{"b": 1}', "nothing at `a`: '{\"b\": 1}'"),
        ({"answer": "a"}, b'{"a": {"b": 1}}', "`a` is no text"),
        ({"answer": "a", "contexts": "a"}, b'{"a": "b"}', "`a` is no list"),
        ({"answer": "a", "contexts": "c"}, b'{"a": "b", "c": [{"id": 1}]}', "without a text"),
        ({"answer": "a", "cost": "a"}, b'{"a": "b"}', "`a` is no number"),
        ({"answer": "a", "stream": "sse"}, b"data: [DONE]\n\n", "nothing at `a`"),
        ({}, b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_malformed_reply_says_what_the_reply_was(app, options, body, says):
    app.says(body)
    with pytest.raises(errors.MalformedReply) as caught:
        ask(app.url, **options)
    assert says in str(caught.value)


def test_a_huge_reply_is_not_read(app, monkeypatch):
    monkeypatch.setattr("quilate_adapters.http.replies.MAX_BYTES", 1000)
    app.says(b"x" * 2000)
    with pytest.raises(errors.MalformedReply, match="larger than 1,000 bytes"):
        ask(app.url)


def test_a_reply_that_is_cut_off_is_a_broken_connection(app):
    app.says(b"half", **{"content-length": "100"})
    app.replies[0][1]["connection"] = "close"
    with pytest.raises(errors.ConnectionFailed):
        ask(app.url, timeout=10)


def test_what_may_pass_is_tried_again_and_what_may_not_is_not(app):
    app.replies = [
        (503, {"content-length": "0"}, b""),
        (200, {}, b"hola"),
    ]
    assert ask(app.url, attempts=3).text == "hola"
    assert len(app.sent) == 2
    app.says(b"{}")
    with pytest.raises(errors.MalformedReply):
        ask(app.url, answer="a", attempts=3)
    assert len(app.sent) == 3
    app.says(b"", 429, **{"retry-after": "100"})
    with pytest.raises(errors.RateLimited) as caught:
        ask(app.url, attempts=3)
    assert (len(app.sent), caught.value.retry_after) == (4, 100.0)


def test_no_server(app):
    app.http.server_close()
    with pytest.raises(errors.ConnectionFailed, match="address is right"):
        ask(app.url)


def test_a_timeout_and_a_cancellation_close_the_connection(app):
    app.stalls = True
    with pytest.raises(errors.DeadlineExceeded, match=r"0\.1 seconds"):
        ask(app.url, timeout=0.1)
    assert app.left.wait(10)
    app.left.clear()

    async def cancelled():
        made = target(app.url)
        task = asyncio.create_task(made(SAMPLE))
        while len(app.sent) < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(cancelled())
    assert app.left.wait(10)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "127.0.0.1/ask"}, "not a URL"),
        ({"answer": "a[["}, "`answer` is not a JMESPath"),
        ({"body": {"a": ["{{ question"]}}, r"`body\.a\[0\]` is not a valid template"),
        ({"body": {"a": "{{ questoin }}"}}, "Did you mean 'question'"),
        ({"params": {"a": "{{ references }}"}}, r"`params\.a` uses 'references'"),
        ({"stream": "xml"}, "sse or jsonl"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options, says):
    with pytest.raises(errors.ConfigurationError, match=says):
        target(**{"url": "http://127.0.0.1:9/", **options})


def test_metadata_that_a_sample_lacks(app):
    with pytest.raises(errors.ConfigurationError, match=r"`body\.a`.*metadata\.m"):
        ask(app.url, body={"a": "{{ metadata.m }}"})
    with pytest.raises(errors.ConfigurationError, match=r"`body\.a`"):
        ask(app.url, body={"a": "x{{ metadata.m }}"})
    assert not app.sent


SUITE = """\
name: served
samples:
  files: [questions.jsonl]
targets:
  whole:
    http:
      url: URL/v1/chat/completions
      body: {model: smol, messages: "{{ messages }}", max_tokens: 8, temperature: 0}
      answer: choices[0].message.content
      usage: usage
  streamed:
    http:
      url: URL/v1/chat/completions
      body: {model: smol, messages: "{{ messages }}", max_tokens: 8, temperature: 0, stream: true}
      answer: choices[0].delta.content
      stream: sse
  lost:
    http: {url: URL/nowhere, answer: a}
evaluators: [token_f1]
"""


def test_a_whole_suite_through_a_real_server(llama_server, tmp_path):
    (tmp_path / "questions.jsonl").write_text(
        '{"id": "1", "input": "Name the capital of France.", "references": ["Paris"]}\n'
        '{"id": "2", "input": "Say hello.", "references": ["hello"]}\n'
    )
    (tmp_path / "suite.yaml").write_text(SUITE.replace("URL", llama_server))
    done = evaluate(load_suite(tmp_path / "suite.yaml"), store=tmp_path / "store")
    items = {(item.target, item.sample_id): item for item in done.items}
    assert len(items) == 6
    for sample in "12":
        whole, streamed = items["whole", sample].output, items["streamed", sample].output
        assert whole.text
        assert whole.text == streamed.text
        assert 0 < whole.usage.output_tokens <= 8
        assert items["whole", sample].scores[0].status == "scored"
        assert items["lost", sample].failure.kind == "not_found"


def test_what_cannot_be_right_is_told_when_it_is_opened():
    for options, said in [({"attempts": 0}, "attempts is 0"), ({"body": {"a": {1}}}, "not JSON")]:
        with pytest.raises(errors.ConfigurationError, match=said):
            target("http://127.0.0.1:9/ask", **options)


def test_no_secret_is_shown():
    opened = target(
        "http://h/ask?key=k-1&lang=es&token=${TOKEN}", params={"api_key": "k-2", "q": "{question}"}
    )
    told = repr(opened) + opened.where + json.dumps(opened.provenance())
    assert "k-1" not in told and "k-2" not in told
    assert opened.where == "http://h/ask?key=…&lang=…&token=${TOKEN}"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_server_sent_events_with_any_line_end(end):
    frames = ['data: {"t": "a"}', "", ": note", 'data: {"t": "b"}', "", ""]

    async def pieces():
        for byte in end.join(frames).encode():
            yield bytes([byte])

    async def read():
        return [event async for event in replies.events(replies.lines(pieces()), "sse")]

    assert run(read()) == ['{"t": "a"}', '{"t": "b"}']


def test_paths_that_do_not_fit_and_errors_in_a_stream(app):
    app.says({"n": 3})
    with pytest.raises(errors.MalformedReply, match="does not fit the reply"):
        ask(app.url, answer="length(n)")
    app.says(b'data: {"t": "half"}\n\ndata: {"error": "out of memory"}\n\n')
    with pytest.raises(errors.MalformedReply, match=r"holds an error.*out of memory"):
        ask(app.url, answer="t", stream="sse")
    with pytest.raises(errors.InvalidRequest, match="UTF-8 cannot encode"):
        ask(app.url, Sample("s", "a\ud800"), body={"q": "{{ question }}"})


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5"])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(errors.ConfigurationError, match="timeout"):
        target("http://127.0.0.1:9/", timeout=timeout)


@pytest.mark.parametrize("cost", ["-3", "Infinity", "NaN"])
def test_a_cost_that_cannot_be_is_malformed(app, cost):
    app.says(f'{{"a": "x", "c": {cost}}}'.encode())
    with pytest.raises(errors.MalformedReply):
        ask(app.url, answer="a", cost="c", attempts=1)
