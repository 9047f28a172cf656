"""Local servers by their names."""

import pytest

from quilate.models import ask
from quilate.sync import run
from quilate_adapters import local_servers


@pytest.mark.parametrize(
    ("name", "variable", "port"),
    [
        ("vllm", "VLLM_HOST", 8000),
        ("llama-server", "LLAMA_SERVER_HOST", 8080),
        ("ollama", "OLLAMA_HOST", 11434),
        ("lmstudio", "LMSTUDIO_HOST", 1234),
    ],
)
def test_addresses(monkeypatch, name, variable, port):
    make = getattr(local_servers, name.replace("-", "_"))
    monkeypatch.delenv(variable, raising=False)
    info = make("m").info
    assert (info.name, info.provider) == (f"{name}/m", name)
    assert info.identity.partition(":capab")[0] == f"{name}:http://127.0.0.1:{port}/v1:m"
    for given, address in {
        "0.0.0.0": f"http://127.0.0.1:{port}/v1",
        "box:99": "http://box:99/v1",
        "https://box/v1/": "https://box/v1",
        "box:8000/v1": "http://box:8000/v1",
        "box/models": f"http://box:{port}/models/v1",
        "::1": f"http://[::1]:{port}/v1",
        "[fd00::1]:99": "http://[fd00::1]:99/v1",
        "::": f"http://[::1]:{port}/v1",
    }.items():
        monkeypatch.setenv(variable, given)
        assert make("m").info.identity.startswith(f"{name}:{address}:m")
    assert "http://h/v1" in make("m", base_url="http://h/v1").info.identity


def test_what_a_server_ignores_is_not_declared():
    assert local_servers.ollama("m").info.capabilities.has("tools")
    assert not local_servers.ollama("m").info.capabilities.has("top_k")
    assert not local_servers.llama_server("m").info.capabilities.has("tools")
    told = local_servers.llama_server("m", capabilities=("tools", "images")).info.capabilities
    assert told.has("tools") and told.has("images")


def test_real_server(llama_server, monkeypatch):
    monkeypatch.setenv("LLAMA_SERVER_HOST", llama_server)
    monkeypatch.setenv("OPENAI_API_KEY", "never-sent-to-a-local-server")
    opened = local_servers.llama_server("any")
    response = run(opened.generate(ask("Hi", max_tokens=3)))
    assert response.usage.output_tokens == 3
    assert "SmolLM2" in response.model
