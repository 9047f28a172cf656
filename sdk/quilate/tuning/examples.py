"""What is trained on: prompts with the completions to learn, preferred, or judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from quilate.messages import Message
from quilate.models import Tool

Kind = Literal["supervised", "preference", "judged"]


@dataclass(frozen=True, slots=True)
class Example:
    """A supervised example: after `prompt`, the model is to say `completion`.

    `completion` holds the assistant's turns alone that are learned (one, unless tool calls and
    their results stand between them: then tool turns too). `tools` are those that may be called.
    `metadata` says where it came from.

    >>> from quilate.messages import assistant, user
    >>> Example("1", (user("2 + 2?"),), (assistant("4"),)).completion[0].text
    '4'
    """

    id: str
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preference:
    """Two completions of one prompt, of which `chosen` is the better (DPO)."""

    id: str
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A completion that was found good or bad by itself (KTO)."""

    id: str
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    good: bool
    tools: tuple[Tool, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


AnyExample = Example | Preference | Judged
