"""The usual local servers by their names: ``ollama/qwen3`` needs no address.

Each is the openai adapter at the server's default address, which its own environment variable
or `base_url` changes. What such a server ignores without a word is not declared, so that Quilate
emulates it; `capabilities=("tools", …)` says that this server and model do have it.
"""

import os
from collections.abc import Collection
from functools import partial

from quilate.providers import Endpoint, feature_names
from quilate_adapters.openai.chat import OpenAIChat

# Ollama answers 400 for tools that the model's template lacks, so they are safe to declare; it
# ignores `tool_choice`. vLLM's log-probabilities, guided JSON and forced calls hold for any model;
# calls at will need a parser named at its start, and are a 400 without.
_ALSO = {"ollama": ("tools",), "vllm": ("tools", "tool_choice")}
_LACKS = {"ollama": ("top_k", "logprobs"), "lmstudio": ("logprobs",)}


def _open(
    provider: str,
    variable: str,
    port: int,
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    capabilities: Collection[str] = (),
) -> OpenAIChat:
    """A model of the server: at `base_url`, at what its variable says, or at its usual port.

    >>> ollama("qwen3").info.name
    'ollama/qwen3'
    """
    address = base_url or _address(os.environ.get(variable, ""), port)
    more = feature_names(capabilities)
    return OpenAIChat(
        Endpoint(provider, name, address.rstrip("/"), api_key),
        capabilities=(*_ALSO.get(provider, ()), *more),
        lacks=tuple(set(_LACKS.get(provider, ())) - set(more)),
    )


vllm = partial(_open, "vllm", "VLLM_HOST", 8000)
ollama = partial(_open, "ollama", "OLLAMA_HOST", 11434)
lmstudio = partial(_open, "lmstudio", "LMSTUDIO_HOST", 1234)
# It serves the one model that it was started with, whatever the name; `Response.model` says which.
llama_server = partial(_open, "llama-server", "LLAMA_SERVER_HOST", 8080)


def _address(host: str, port: int) -> str:
    """A URL from what an ``…_HOST`` variable may hold: a host, a host and port, or a URL.

    >>> _address("192.168.1.7", 11434), _address("https://box/", 1), _address("[fd00::1]:99", 1)
    ('http://192.168.1.7:11434/v1', 'https://box/v1', 'http://[fd00::1]:99/v1')
    """
    host = host.strip().rstrip("/").removesuffix("/v1")
    if "://" in host:
        return f"{host}/v1"
    server, slash, path = host.partition("/")
    if server.count(":") > 1 and "[" not in server:  # an IPv6 address alone
        server = f"[{server}]"
    name, colon, given = server.rpartition(":")
    if not colon or given.endswith("]"):
        name, given = server, ""
    # A server told to listen everywhere is reached here.
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(name, name)  # noqa: S104
    return f"http://{name}:{given or port}{slash}{path}/v1"
