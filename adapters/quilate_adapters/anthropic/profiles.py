"""What each model takes: Anthropic's, by its documentation, and other servers', by trial.

Anthropic's API of the SDK's version (2026-10-21) has no ``temperature``, ``top_p``, ``top_k`` or
``seed`` at all. How thinking is asked for, whether it can be turned off, and whether a tool call
can be forced differ from model to model. A name that is not in the table is taken for a newer
model: it gets what the newest have in common.

Other servers have what llama.cpp's was seen to honour. It ignores ``tools``, ``tool_choice``,
``seed``, ``thinking``, ``output_config`` and documents without a word, so none of those is
declared, and Quilate emulates or refuses them; who knows that a server does better opens the
model with ``capabilities=[…]``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

KNOWN_FEATURES = frozenset(
    [
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "max_tokens",
        "stop",
        "reasoning",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "json_schema",
        "images",
        "files",
        "count_tokens",
        "batch",
    ]
)
"""Every capability that this adapter can translate."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How to speak to a model.

    `thinking` is how it is asked to think: by an effort, or by a budget of tokens. `off` is the
    ``thinking`` that turns it off: empty where leaving it out does, None where nothing does.
    `claude` False: some other server, which gets no cache hints and whose thoughts need no
    signature.
    """

    features: frozenset[str]
    thinking: Literal["adaptive", "budget"] = "adaptive"
    off: Mapping[str, Any] | None = field(default_factory=dict)
    context_length: int | None = None
    default_max_tokens: int = 16_384
    claude: bool = True


_COMMON = KNOWN_FEATURES - {"temperature", "top_p", "top_k", "seed", "tool_choice"}
_FORCED = _COMMON | {"tool_choice"}
_M = 1_000_000

_DISABLED = {"type": "disabled"}
_ALWAYS = Profile(_COMMON, off=None, context_length=_M)
_ALWAYS_FORCED = Profile(_FORCED, off=None, context_length=_M)
_SWITCHED = Profile(_FORCED, off=_DISABLED, context_length=_M)
_ASKED = Profile(_FORCED, context_length=_M)
_BUDGET = Profile(_FORCED, thinking="budget", context_length=200_000)

CLAUDE: Mapping[str, Profile] = {
    "claude-fable-5-2": _ALWAYS,
    "claude-fable-5-1": _ALWAYS,
    "claude-fable-5": _ALWAYS_FORCED,
    "claude-mythos-5-2": _ALWAYS,
    "claude-mythos-5-1": _ALWAYS,
    "claude-mythos-5": _ALWAYS_FORCED,
    "claude-opus-5-5": _ALWAYS,
    "claude-opus-5": _SWITCHED,
    "claude-sonnet-5-5": Profile(_COMMON, off={"type": "between_tools"}, context_length=_M),
    "claude-sonnet-5": _SWITCHED,
    "claude-haiku-5-5": _SWITCHED,
    "claude-opus-4-8": _ASKED,
    "claude-opus-4-7": _ASKED,
    "claude-opus-4-6": _ASKED,
    "claude-sonnet-4-6": _ASKED,
    "claude-opus-4-5": _BUDGET,
    "claude-sonnet-4-5": _BUDGET,
    "claude-haiku-4-5": _BUDGET,
}
_NEWER = Profile(_COMMON, off=None)

_OTHER_SERVER = Profile(
    frozenset({"stream", "temperature", "top_p", "top_k", "max_tokens", "stop", "count_tokens"}),
    thinking="budget",
    off=_DISABLED,
    default_max_tokens=4096,
    claude=False,
)

_DATED = re.compile(r"-(\d{8}|latest)$")


def profile_of(name: str, *, claude: bool) -> Profile:
    """The profile of a model at Anthropic (`claude`), or at another server.

    >>> profile_of("claude-haiku-4-5-20251001", claude=True).thinking
    'budget'
    >>> "tools" in profile_of("smollm2", claude=False).features
    False
    """
    if not claude:
        return _OTHER_SERVER
    return CLAUDE.get(_DATED.sub("", name), _NEWER)
