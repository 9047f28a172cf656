"""The Batch API in OpenAI's own forms, over a real socket."""

import json
from dataclasses import replace

import pytest

import quilate
from quilate import errors
from quilate.messages import Image, Message
from quilate.models import ChoiceFormat, JsonFormat, Request, Response, Tool, ask
from quilate.sync import run
from quilate_adapters.openai import batch, model

FILE = {
    "id": "file_1", "object": "file", "bytes": 1, "created_at": 1, "filename": "requests.jsonl",
    "purpose": "batch", "status": "processed",
}  # fmt: skip
BATCH = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "created_at": 1,
    "input_file_id": "file_1", "completion_window": "24h", "status": "in_progress",
    "metadata": {"requests": "4"},
}  # fmt: skip


@pytest.fixture
def chat(canned):
    opened = model("gpt-4o-mini", base_url=canned.url, capabilities=("batch",))
    yield opened
    run(opened.aclose())


def line(number, body, status=200):
    answer = {"status_code": status, "request_id": "req_1", "body": body}
    return {"id": "r", "custom_id": str(number), "response": answer, "error": None}


def jsonl(*lines):
    return "\n".join(json.dumps(entry) for entry in lines).encode()


def test_requests_go_out_as_lines(chat, canned):
    canned.answer(FILE, BATCH)
    assert run(batch.submit(chat, [ask("uno"), ask("dos")])) == "batch_1"
    assert canned.paths == ["/v1/files", "/v1/batches"]
    content = canned.sent[0].split(b"\r\n\r\n")
    rows = next(part for part in content if part[:1] == b"{").split(b"\r\n")[0].splitlines()
    first, second = map(json.loads, rows)
    assert (first["custom_id"], first["url"]) == ("0", "/v1/chat/completions")
    assert second["body"]["messages"] == [{"role": "user", "content": "dos"}]
    assert canned.sent[1]["metadata"] == {"requests": "2"}


def test_results_may_be_larger_than_any_one_answer(chat, canned, golden):
    padded = {**golden("openai/chat_text"), "padding": "x" * 17 * 2**20}
    ended = {**BATCH, "status": "completed", "output_file_id": "out", "metadata": {"requests": "1"}}
    canned.answer(ended, jsonl(line(0, padded)))
    (found,) = run(batch.results(chat, "batch_1"))
    assert found.text


def test_results_in_order_with_each_failure_in_its_place(chat, canned, golden):
    ended = {**BATCH, "status": "expired", "output_file_id": "out", "error_file_id": "err"}
    failed = line(1, {"error": {"message": "too long", "code": "context_length_exceeded"}}, 400)
    expired = {
        "custom_id": "3", "response": None,
        "error": {"code": "batch_expired", "message": "late"},
    }  # fmt: skip
    canned.answer(
        ended,
        jsonl(line(2, golden("openai/chat_refusal")), line(0, golden("openai/chat_text"))),
        jsonl(failed, expired),
    )
    first, second, third, fourth = run(batch.results(chat, "batch_1"))
    assert isinstance(first, Response)
    assert first.text == "hola"
    assert isinstance(second, errors.ContextLengthExceeded)
    assert isinstance(third, errors.ContentRefused)
    assert isinstance(fourth, errors.DeadlineExceeded)
    assert canned.paths == [
        "/v1/batches/batch_1",
        "/v1/files/out/content",
        "/v1/files/err/content",
    ]


def test_it_is_asked_until_it_has_ended(chat, canned, golden):
    done = {**BATCH, "status": "completed", "output_file_id": "out", "metadata": {"requests": "1"}}
    whole = jsonl(line(0, golden("openai/chat_text")))
    canned.answer(FILE, BATCH, BATCH, done, whole)
    (only,) = run(batch.run(chat, [ask("uno")], poll_seconds=0.0))
    assert only.text == "hola"
    canned.answer(BATCH)
    assert run(batch.results(chat, "batch_1")) is None


def test_responses_in_a_batch(canned, golden):
    opened = model("m", base_url=canned.url, api="responses", capabilities=("batch",))
    done = {**BATCH, "status": "completed", "output_file_id": "out", "metadata": {"requests": "1"}}
    canned.answer(done, jsonl(line(0, golden("openai/responses_text"))))
    assert run(batch.results(opened, "batch_1"))[0].text == "hola"


def test_a_batch_that_was_not_taken(chat, canned):
    why = {"object": "list", "data": [{"message": "line 3 is wrong", "code": "x"}]}
    canned.answer({**BATCH, "status": "failed", "errors": why})
    with pytest.raises(errors.InvalidRequest, match="line 3 is wrong"):
        run(batch.results(chat, "batch_1"))


def test_what_no_batch_takes(chat, canned):
    with pytest.raises(errors.InvalidRequest, match="0 requests"):
        run(batch.submit(chat, []))
    with pytest.raises(errors.Unsupported, match="choices"):
        run(batch.submit(chat, [Request(ask("?").messages, format=ChoiceFormat(("a", "b")))]))
    with pytest.raises(errors.Unsupported, match="no batches"):
        run(batch.submit(model("m", base_url=canned.url), [ask("?")]))
    assert canned.paths == []


@pytest.mark.parametrize(
    ("name", "request_", "said"),
    [
        ("gpt-5", ask("?", temperature=0), "temperature"),
        ("gpt-4o", ask("?", max_tokens=0), "max_tokens is 0"),
        ("gpt-4o", replace(ask("?"), deadline=5.0), "deadlines"),
        ("gpt-3.5-turbo", Request((Message("user", (Image(b"x"),)),)), "images"),
        ("gpt-3.5-turbo", replace(ask("?"), format=JsonFormat({"type": "object"})), "JSON formats"),
        ("gpt-5-chat", replace(ask("?"), tools=(Tool("f", "", {}),)), "tools"),
        ("gpt-4o", replace(ask("?"), extra={"a": "\ud800"}), "half a surrogate"),
    ],
)
def test_what_the_model_cannot_take_is_refused_before_anything_is_sent(
    canned, monkeypatch, name, request_, said
):
    monkeypatch.setenv("HTTP_PROXY", canned.url.removesuffix("/v1"))
    for opened in (
        model(name, base_url="http://api.openai.com/v1", api_key="k"),
        quilate.model(f"openai/{name}@http://api.openai.com/v1", api_key="k"),
    ):
        with pytest.raises(errors.InvalidRequest, match=said):
            run(batch.submit(opened, [ask("fine"), request_]))
    assert canned.paths == []


def test_a_lenient_model_leaves_out_in_a_batch_too(canned):
    canned.answer(FILE, BATCH)
    opened = quilate.model(
        f"openai/m@{canned.url}", api="responses", capabilities=("batch",), unsupported="warn"
    )
    with pytest.warns(UserWarning, match="seed"):
        run(batch.submit(opened, [ask("?", seed=1)]))
    assert b"seed" not in canned.sent[0]


def test_lines_of_another_form_are_failures_in_their_place(chat, canned):
    odd = line(0, {"error": "as a text"}, status=500), line(1, {"error": [1]}, status="what")
    ended = {**BATCH, "status": "completed", "output_file_id": "out", "metadata": {"requests": "2"}}
    canned.answer(ended, jsonl(*odd))
    first, second = run(batch.results(chat, "batch_1"))
    assert isinstance(first, errors.ServerError) and "as a text" in str(first)
    assert isinstance(second, errors.MalformedReply)
    canned.answer(ended, b"5")
    with pytest.raises(errors.MalformedReply):
        run(batch.results(chat, "batch_1"))


def test_half_the_price():
    from quilate.models import Cost

    assert batch._discounted(Cost(1.0, "estimated")) == Cost(0.5, "estimated")
