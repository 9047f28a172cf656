"""The factory behind ``openai/NAME``."""

import os
from collections.abc import Collection

from quilate.errors import ConfigurationError
from quilate.providers import Endpoint
from quilate_adapters.openai.chat import OpenAIChat
from quilate_adapters.openai.connection import OFFICIAL, is_official
from quilate_adapters.openai.profiles import Api, profile
from quilate_adapters.openai.responses import OpenAIResponses


def endpoint(name: str, base_url: str | None, api_key: str | None) -> Endpoint:
    """Where `name` is served: at `base_url`, else at `OPENAI_BASE_URL`, else at OpenAI."""
    if base_url is None:
        base_url = os.environ.get("OPENAI_BASE_URL") or OFFICIAL
        api_key = api_key or (os.environ.get("OPENAI_API_KEY") or "").strip() or None
    return Endpoint("openai", name, base_url.rstrip("/"), api_key)


def model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    api: Api | None = None,
    capabilities: Collection[str] = (),
) -> OpenAIChat | OpenAIResponses:
    """The model `name` of OpenAI, or of the compatible server at `base_url`.

    The key comes from `api_key` or, for OpenAI and for a server named by `OPENAI_BASE_URL`, from
    `OPENAI_API_KEY`; a `base_url` given here never receives the environment's key. No connection
    opens before the first call.

    `api` None takes ``responses`` for OpenAI's reasoning models, because Chat Completions cannot
    give their reasoning back to them in a tool loop, and ``chat`` for all others, because it has
    `seed` and `stop`. `capabilities` names what the model has beyond what is known of it.

    >>> model("local", base_url="http://127.0.0.1:8080/v1").info.identity
    'openai:http://127.0.0.1:8080/v1:local'
    """
    at = endpoint(name, base_url, api_key)
    if api is None:
        api = "responses" if is_official(at.base_url) and profile(name).reasons else "chat"
    if api not in ("chat", "responses"):
        raise ConfigurationError(
            f"api is {api!r}.", where=f"openai/{name}", remedy="It is 'chat' or 'responses'."
        )
    made = OpenAIChat if api == "chat" else OpenAIResponses
    return made(at, capabilities=capabilities)
