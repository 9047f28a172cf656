import asyncio
import base64
import json
from dataclasses import replace

import pytest

from quilate.errors import ReplayMiss, StoreError
from quilate.evals.results import Call
from quilate.messages import Audio, File, Image, Message, Reasoning, Text, ToolCall
from quilate.middleware import Replayed, Stored, call_key, standard
from quilate.middleware.cassette import JsonlCassette, cassette, export_cassette
from quilate.models import Request, Response, Usage, ask, reply
from quilate.testing import ScriptedModel

# Scripted by a function: the identity is of the name alone.
INFO = ScriptedModel(lambda request: "").info
SECRET = "sk-abcdefghijklmnop1234"


async def record(path, *questions):
    model = Stored(ScriptedModel(lambda r: f"re: {r.messages[0].text}"), JsonlCassette(path))
    return [await model.generate(ask(question)) for question in questions]


async def replay(path, request):
    cassette = JsonlCassette(path)
    return await Replayed(INFO, cassette, recorded=cassette.requests).generate(request)


def test_record_then_replay_from_the_file_alone(tmp_path):
    path = tmp_path / "tapes" / "calls.jsonl"
    live = asyncio.run(record(path, "¿uno?", "¿dos?", "¿uno?"))
    assert [json.loads(line)["model"] for line in path.read_text().splitlines()] == [
        "scripted/scripted",
        "scripted/scripted",
    ]
    assert "¿uno?" in path.read_text()
    assert asyncio.run(replay(path, ask("¿dos?"))) == live[1]


def test_a_miss_shows_the_nearest_recorded_prompt(tmp_path):
    path = tmp_path / "calls.jsonl"
    asyncio.run(record(path, "Name the capital of Peru", "Count to ten"))
    with pytest.raises(ReplayMiss) as miss:
        asyncio.run(replay(path, ask("Name the capital of Chile")))
    lines = str(miss.value).splitlines()
    assert "-Name the capital of Peru" in lines
    assert "+Name the capital of Chile" in lines


def test_secrets_are_not_written(tmp_path):
    path = tmp_path / "calls.jsonl"
    request = replace(
        ask(f"my key is {SECRET}"),
        extra={"headers": {"Authorization": "Basic Zm9vOmJhcg=="}, "api_key": "short", "n": 1},
    )
    model = ScriptedModel(f"you said {SECRET}")
    asyncio.run(Stored(model, JsonlCassette(path)).generate(request))
    text = path.read_text()
    assert SECRET not in text
    assert "Zm9v" not in text
    assert "short" not in text
    # The key is of the true request, so that the same program still finds its answer.
    replayed = asyncio.run(Replayed(model, JsonlCassette(path)).generate(request))
    assert replayed.text == "you said [redacted]"


def test_a_last_line_cut_by_a_kill_is_overwritten(tmp_path):
    path = tmp_path / "calls.jsonl"
    asyncio.run(record(path, "uno"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    asyncio.run(record(path, "dos"))
    assert [json.loads(line)["request"]["messages"] for line in path.read_text().splitlines()]
    assert {r.messages[0].text for r in JsonlCassette(path).requests()} == {"uno", "dos"}


@pytest.mark.parametrize("bad", ["{", '{"key": "k"}', "[]", '{"key":"k","request":1,"response":2}'])
def test_a_malformed_line_is_named(tmp_path, bad):
    path = tmp_path / "calls.jsonl"
    asyncio.run(record(path, "uno"))
    with path.open("a") as file:
        file.write(bad + "\n")
    with pytest.raises(StoreError, match="not a recorded call") as failure:
        JsonlCassette(path).requests()
    assert failure.value.where == f"{path}:2"


def test_a_cassette_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        JsonlCassette(tmp_path).requests()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        asyncio.run(record(tmp_path / "file" / "calls.jsonl", "x"))
    with pytest.raises(StoreError, match="cannot be written"):
        export_cassette([], tmp_path / "file" / "calls.jsonl")


def test_export_of_a_runs_calls(tmp_path):
    path = tmp_path / "calls.jsonl"
    request = Request(ask("¿?").messages, deadline=3.0)
    answer = reply("sí", usage=Usage(1, 2))
    call = Call(call_key(INFO.identity, request), INFO.name, request, answer)
    assert export_cassette([call], path) == 1
    assert asyncio.run(replay(path, request)) == answer
    assert [file.name for file in tmp_path.iterdir()] == ["calls.jsonl"]


def test_calls_are_recorded_once_then_answered_without_a_model(tmp_path):
    path = tmp_path / "calls.jsonl"
    script = ScriptedModel("uno dos", name="m")
    live = standard(script)
    with cassette(path):
        assert live.ask("¿?").text == live.ask("¿?").text == "uno dos"
    assert script.calls == 1
    gone = standard(ScriptedModel("uno dos", name="m"))
    with cassette(path, record=False):
        *_, last = gone.ask_stream("¿?")
        assert last.response.text == gone.ask("¿?").text == "uno dos"
        with pytest.raises(ReplayMiss, match=r"-¿\?\n\+¿Qué\?"):
            gone.ask("¿Qué?")


def test_bytes_signatures_and_ids_are_kept_as_they_are_and_words_are_not(tmp_path):
    path, key = tmp_path / "calls.jsonl", "-sk-AbCdEfGhIjKlMnOp"
    data = base64.urlsafe_b64decode(f"{key}AAAA")
    thought = Reasoning(f"so {key}", id=key, signature=key, provider="p")
    call = ToolCall(key, "f", {"image": key, "signature": [key], "id": {"token": key}})
    opaque = (Image(data), Audio(data), File(data), Image(data, media_type="image/jpeg"))
    request = Request((Message("user", (*opaque, Text(f"my {key}"))),), extra={"id": key})
    answer = Response(Message("assistant", (thought, call)), id=key)
    model = ScriptedModel(lambda _: answer)
    asyncio.run(Stored(model, JsonlCassette(path)).generate(request))
    (read,) = JsonlCassette(path).requests()
    hidden = "-[redacted]"
    assert read.messages[0].parts == (*opaque, Text(f"my {hidden}"))
    assert read.extra == {"id": hidden}
    replayed = asyncio.run(Replayed(model, JsonlCassette(path)).generate(request))
    arguments = {"image": hidden, "signature": [hidden], "id": {"token": hidden}}
    parts = (replace(thought, reasoning=f"so {hidden}"), replace(call, arguments=arguments))
    assert replayed == replace(answer, message=Message("assistant", parts))
