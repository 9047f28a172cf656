"""Messages and their parts: the one form in which every provider's conversations are held.

All are frozen values compared by value; `quilate.codec` turns them to JSON and back. Parts keep
the provider's own ids and signatures, so that a conversation can be sent back unharmed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Role = Literal["system", "user", "assistant", "tool"]

# Parts are told apart in JSON by their field names alone, so none may take another's fields.
_STRICT = {"extra": "forbid", "ser_json_bytes": "base64", "val_json_bytes": "base64"}


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text."""

    text: str
    __pydantic_config__: ClassVar[Any] = _STRICT


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its bytes, or a URL that the provider fetches."""

    image: bytes | None = None
    url: str | None = None
    media_type: str = "image/png"
    __pydantic_config__: ClassVar[Any] = _STRICT


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound recording as bytes."""

    audio: bytes
    media_type: str = "audio/wav"
    __pydantic_config__: ClassVar[Any] = _STRICT


@dataclass(frozen=True, slots=True)
class File:
    """A document (such as a PDF) handed to the model as bytes."""

    file: bytes
    media_type: str = "application/pdf"
    name: str | None = None
    __pydantic_config__: ClassVar[Any] = _STRICT


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What the model thought; `id` and `signature` are the provider's, returned unchanged.

    `provider` names the adapter that made the part: it goes back to that one alone, because no
    other can read its signature. With `redacted` the thought is in `signature`, encrypted.
    """

    reasoning: str
    id: str | None = None
    signature: str | None = None
    provider: str | None = None
    redacted: bool = False
    __pydantic_config__: ClassVar[Any] = _STRICT


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool; `arguments` is the JSON object that it gave."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    __pydantic_config__: ClassVar[Any] = _STRICT


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered to the call with the same `id`."""

    id: str
    content: str
    is_error: bool = False
    __pydantic_config__: ClassVar[Any] = _STRICT


Part = Text | Image | Audio | File | Reasoning | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    >>> user("¿Qué hora es?").text
    '¿Qué hora es?'
    """

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the message asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def reasoning(self) -> str:
        """The reasoning parts, joined."""
        return "".join(part.reasoning for part in self.parts if isinstance(part, Reasoning))


def system(text: str) -> Message:
    """A system message of one text part."""
    return Message("system", (Text(text),))


def user(text: str) -> Message:
    """A user message of one text part."""
    return Message("user", (Text(text),))


def assistant(text: str) -> Message:
    """An assistant message of one text part."""
    return Message("assistant", (Text(text),))
