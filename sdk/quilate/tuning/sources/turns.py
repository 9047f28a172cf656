"""Texts and lists of turns as messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from quilate.messages import Message, Role, Text
from quilate.tuning.sources.values import Unusable

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
}


def turns(value: Any, role: Role) -> tuple[Message, ...]:
    """A field's value as messages: a text (or a whole number) is one turn of `role`; messages, and
    a list of ``{"role": …, "content": TEXT}``, are taken as they are.

    Raises `Unusable` for anything else, and for what holds no words. Files with tool calls or
    images in their turns are read by `quilate.tuning.formats`.

    >>> [turn.role for turn in turns([{"role": "user", "content": "Hi"}], "user")]
    ['user']
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        found: tuple[Message, ...] = (Message(role, (Text(value),)),)
    elif isinstance(value, Message):
        found = (value,)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        found = tuple(map(_turn, value))
    else:
        raise Unusable("not_text", f"a {type(value).__name__} where a text should be")
    if not any(turn.text.strip() or len(turn.parts) > 1 or turn.tool_calls for turn in found):
        raise Unusable("empty", "there is no text in it")
    return found


def _turn(value: Any) -> Message:
    if isinstance(value, Message):
        return value
    if not isinstance(value, Mapping):
        raise Unusable("not_text", f"a {type(value).__name__} in a list of turns")
    role = _ROLES.get(str(value.get("role")))
    content = value.get("content")
    if role is None or not isinstance(content, str):
        raise Unusable("not_text", "a turn that is not {role, content} with a text")
    return Message(role, (Text(content),))


def as_prompt(value: Any) -> tuple[Message, ...]:
    """A prompt's turns. Raises `Unusable` where no turn of it is the user's, or where it ends
    with the assistant's."""
    found = turns(value, "user")
    if all(turn.role != "user" for turn in found):
        raise Unusable("no_user_turn", "the prompt has no turn of the user")
    if found[-1].role == "assistant":
        raise Unusable("prompt_ends_with_answer", "the prompt ends with a turn of the assistant")
    return found


def as_completion(value: Any) -> tuple[Message, ...]:
    """A completion's turns. Raises `Unusable` where it does not begin and end with the
    assistant's, or holds a turn of anybody but the assistant and tools."""
    found = turns(value, "assistant")
    ends = (found[0].role, found[-1].role)
    if ends != ("assistant", "assistant") or any(
        turn.role not in ("assistant", "tool") for turn in found
    ):
        raise Unusable("not_the_assistants", "a completion holds turns of the assistant alone")
    return found
