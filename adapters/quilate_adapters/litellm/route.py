"""Which model litellm is to ask, where, and what it takes."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from quilate.codec import digest
from quilate.errors import ModelNotFound, redact
from quilate.models import Capabilities
from quilate.providers import Endpoint
from quilate_adapters.litellm.loading import litellm
from quilate_adapters.openai import profiles

_SECRET = re.compile(r"(?i)key|token|secret|password|credential")
# Our features, and what litellm calls the parameters that carry them.
_PARAMETERS = {
    "stream": ("stream",),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "seed": ("seed",),
    "stop": ("stop",),
    "max_tokens": ("max_tokens",),
    "logprobs": ("logprobs", "top_logprobs"),
    "tools": ("tools",),
    "tool_choice": ("tools", "tool_choice"),
    "parallel_tool_calls": ("tools", "parallel_tool_calls"),
}
# Our features, and litellm's functions that say whether a model has them.
_QUESTIONS = {
    "json_schema": ("response_format", "supports_response_schema"),
    "reasoning": ("reasoning_effort", "supports_reasoning"),
    "images": (None, "supports_vision"),
    "audio": (None, "supports_audio_input"),
    "files": (None, "supports_pdf_input"),
}


@dataclass(frozen=True, slots=True)
class Route(Endpoint):
    """A model by litellm's name (``groq/llama-…``); without a `base_url` litellm knows where it is
    served, and takes the key from the environment when there is none here."""

    def __post_init__(self) -> None:
        if self.base_url or self.key is not None:
            known = self.base_url or "https://localhost"  # for the key's own check
            Endpoint(self.provider, self.name, known, self.key)

    @property
    def where(self) -> str:
        """The place, for errors."""
        return Endpoint.where.fget(self) if self.base_url else f"{self.provider}/{self.name}"  # type: ignore[attr-defined]

    @property
    def quota(self) -> str:
        """One for each provider, address and key."""
        return digest(self.name.partition("/")[0], self.base_url, self.key or "")[:16]

    def quiet(self, what: object) -> str:
        """The text of an error without the key, also where it came from the environment."""
        text = Endpoint.quiet(self, what)
        for name, value in os.environ.items():
            if len(value) >= 8 and _SECRET.search(name):
                text = text.replace(value, "[redacted]")
        return text

    @property
    def compatible(self) -> bool:
        """Whether this is a server of the user's that speaks like OpenAI's."""
        return bool(self.base_url) and self.name.startswith("openai/")


def capabilities(at: Route) -> Capabilities:
    """What litellm says that the model takes; raises `ModelNotFound` for a provider that it does
    not know. What a compatible server takes it cannot know: that is what all of them do."""
    if at.compatible:
        return profiles.compatible("chat")
    module = litellm()
    provider = provider_of(at)
    short = module.get_llm_provider(at.name)[0]
    given = set(module.get_supported_openai_params(short, custom_llm_provider=provider) or ())
    has = {name for name, wanted in _PARAMETERS.items() if given.issuperset(wanted)}
    if "max_completion_tokens" in given:
        has.add("max_tokens")
    for name, (parameter, question) in _QUESTIONS.items():
        if (parameter is None or parameter in given) and _says(module, question, short, provider):
            has.add(name)
    return Capabilities.declared(*sorted(has))


def surroundings(at: Route) -> Iterator[str]:
    """What in the environment leads litellm to another server of the provider, as ``NAME=VALUE``:
    its answers are another model's."""
    if at.base_url:
        return
    prefix = re.sub(r"\W", "_", provider_of(at)).upper()
    for name in ("API_BASE", "BASE_URL", "API_BASE_URL", "URL", "ENDPOINT", "API_VERSION"):
        value = os.environ.get(f"{prefix}_{name}")
        if value:
            yield f"{prefix}_{name}={redact(value)}"


def provider_of(at: Route) -> str:
    """The provider, by the name that litellm has for it."""
    module = litellm()
    try:
        return str(module.get_llm_provider(at.name)[1])
    except module.exceptions.BadRequestError:
        raise ModelNotFound(
            f"litellm knows no provider of '{at.name}'.",
            provider=at.provider,
            where=at.where,
            remedy="Write litellm/PROVIDER/MODEL; https://docs.litellm.ai/docs/providers lists "
            "the providers.",
        ) from None


def _says(module: Any, question: str, name: str, provider: str) -> bool:
    ask = getattr(module, question, None) or getattr(module.utils, question)
    return bool(ask(model=name, custom_llm_provider=provider))
