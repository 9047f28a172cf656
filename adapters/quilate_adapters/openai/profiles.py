"""What OpenAI's own models take, as one table, and what any compatible server is known to take.

Sources: the SDK's type definitions (3.54), OpenAI's model pages, and pydantic-ai's profiles (2.68),
whose cells were verified against the live API in October 2026.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from quilate.models import FEATURES, Capabilities

Api = Literal["chat", "responses"]

_SAMPLING = ("temperature", "top_p", "logprobs")
_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_COMPATIBLE = {
    # What a server may ignore without a word is not here (llama.cpp's ignores tools that the
    # model's template has no place for, and with its Responses API even JSON schemas).
    "chat": (*_SAMPLING, "stream", "top_k", "seed", "max_tokens", "stop", "json_schema"),
    "responses": ("stream", "temperature", "top_p", "max_tokens"),
}


TRANSLATED = FEATURES - {"choices", "choice_logprobs", "loglikelihood", "count_tokens"}
"""Every capability that this adapter can translate."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A family of models. `efforts` are what it takes for `Request.reasoning` (empty: it does not
    reason), `on` says that it reasons unless told not to, and `lacks` names missing features."""

    efforts: tuple[str, ...] = ()
    on: bool = False
    lacks: tuple[str, ...] = ()

    @property
    def reasons(self) -> bool:
        """Whether the model can reason."""
        return bool(self.efforts)


_ALL = ("none", "low", "medium", "high")
_ALWAYS = Profile(("low", "medium", "high"), on=True)
_BY_DEFAULT = Profile(_ALL, on=True)
_ON_REQUEST = Profile(_ALL)
_PRO = Profile(("medium", "high"), on=True)
_FIXED = Profile(("medium",), on=True)
_TEXT_ONLY = ("images", "files", "json_schema")

# The longest matching beginning of a name decides.
_PROFILES = {
    "gpt-6": _BY_DEFAULT,
    "gpt-6-astra": _ALWAYS,
    "gpt-6.1-sol": _ALWAYS,
    "gpt-6.2": _ALWAYS,  # newer than the tables: as its predecessors' strictest
    "gpt-5": _ALWAYS,
    "gpt-5.1": _ON_REQUEST,
    "gpt-5.1-codex": _ALWAYS,
    "gpt-5.1-chat": _FIXED,
    "gpt-5.2": _ON_REQUEST,
    "gpt-5.2-chat": _FIXED,
    "gpt-5.2-pro": _PRO,
    "gpt-5.3": _ON_REQUEST,
    "gpt-5.3-chat": _FIXED,
    "gpt-5.4": _ON_REQUEST,
    "gpt-5.4-pro": _PRO,
    "gpt-5.5": _BY_DEFAULT,
    "gpt-5.5-pro": _PRO,
    "gpt-5.6": _BY_DEFAULT,
    "gpt-5-chat": Profile(lacks=_TOOLS),
    "gpt-5-pro": Profile(("high",), on=True),
    "o1": _ALWAYS,
    "o1-mini": Profile(("medium",), on=True, lacks=(*_TOOLS, *_TEXT_ONLY)),
    "o1-preview": Profile(("medium",), on=True, lacks=(*_TOOLS, *_TEXT_ONLY)),
    "o3": _ALWAYS,
    "o3-mini": Profile(("low", "medium", "high"), on=True, lacks=("images", "files")),
    "o4": _ALWAYS,
    "gpt-4o-2024-05-13": Profile(lacks=("json_schema",)),
    "chatgpt-4o": Profile(lacks=(*_TOOLS, "json_schema")),
    "gpt-4": Profile(lacks=_TEXT_ONLY),
    "gpt-4o": Profile(),
    "gpt-4.1": Profile(),
    "gpt-4-turbo": Profile(lacks=("files", "json_schema")),
    "gpt-3.5": Profile(lacks=_TEXT_ONLY),
}
_DECIDES = ("gpt-6-luna",)


def profile(name: str) -> Profile:
    """The profile of an OpenAI model; a fine-tuned one (``ft:gpt-…``) has its base's.

    >>> profile("o3-mini-2025-01-31").reasons, profile("gpt-4o-mini").reasons
    (True, False)
    """
    name = name.removeprefix("ft:")
    found = [start for start in _PROFILES if name.startswith(start)]
    return _PROFILES[max(found, key=len)] if found else Profile()


def official(name: str, api: Api) -> Capabilities:
    """What OpenAI's own endpoint takes for a model."""
    known = profile(name)
    has = {"stream", "max_tokens", "json_schema", "images", "files", "batch", *_TOOLS}
    if not known.on:
        has.update(_SAMPLING)
        if api == "chat":
            has.update(("seed", "stop"))
    if known.reasons:
        has.add("reasoning")
    if "audio" in name and api == "chat":
        has = (has | {"audio"}) - {"images", "files", "json_schema"}
    if name in _DECIDES:
        has.add("decide")
    return Capabilities.declared(*sorted(has - set(known.lacks)))


def compatible(api: Api, lacks: Collection[str] = ()) -> Capabilities:
    """What a compatible server takes, less what is known that it `lacks`."""
    return Capabilities.declared(*sorted(set(_COMPATIBLE[api]) - set(lacks)))
