"""`quilate probe` on the real model: in this process, and behind llama.cpp's own server."""

import json
import os
import socket
import subprocess
import sys

import pytest

FEATURES = ("max_tokens", "stop", "top_k", "json_schema bounds", "tool_choice named", "images")


def quilate(*words):
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "quilate.cli", *words],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def only(*features):
    return [word for feature in features for word in ("--only", feature)]


@pytest.mark.parametrize("server", [False, True])
def test_what_a_real_model_does(server, llama_server):
    model = f"openai/smollm2@{llama_server}/v1" if server else "llamacpp/smollm2-135m-instruct"
    done = quilate("probe", model, "--json", *only(*FEATURES))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == model
    assert tuple(report["features"]) == FEATURES
    for feature in ("max_tokens", "stop", "top_k", "json_schema bounds", "tool_choice named"):
        assert report["features"][feature]["standing"] == "honoured", report["features"][feature]
    assert report["features"]["images"]["standing"] == "rejected"
    assert report["calls"] > 10
    assert report["usage"]["output_tokens"] > 100


def test_the_table_for_people_and_the_one_for_documents():
    model = "llamacpp/smollm2-135m-instruct"
    done = quilate("probe", model, *only("usage", "images"))
    assert done.returncode == 0, done.stderr
    assert "honoured" in done.stdout
    assert "rejected" in done.stdout
    assert "calls, " in done.stdout
    done = quilate("probe", model, model, "--markdown", *only("images"))
    assert done.stdout.splitlines()[2] == "| images | rejected | rejected |"


def test_a_server_that_is_not_there_is_one_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        done = quilate("probe", f"openai/m@{address}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("error: ") == 1
    assert address in done.stderr
