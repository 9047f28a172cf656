"""Dividing a conversation into what is given and what is learned."""

from collections.abc import Sequence
from typing import Any

from quilate.messages import Message
from quilate.tuning.formats.values import NotCarried


def divided(messages: Sequence[Message]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Prompt and completion: the completion are the last turns of the assistant, with what tools
    answered between them. Raises `NotCarried` where the conversation ends otherwise.

    >>> from quilate.messages import assistant, user
    >>> prompt, completion = divided([user("a"), assistant("b"), user("c"), assistant("d")])
    >>> len(prompt), len(completion)
    (3, 1)
    """
    start = len(messages)
    while start and messages[start - 1].role in ("assistant", "tool"):
        start -= 1
    # Results at the beginning of the completion answer calls of the prompt.
    while start < len(messages) and messages[start].role == "tool":
        start += 1
    checked_completion(messages[start:])
    return tuple(messages[:start]), tuple(messages[start:])


def answered(messages: Sequence[Message]) -> tuple[tuple[Message, ...], dict[str, Any]]:
    """The conversation up to its last answer, and metadata with the turns after it, which teach
    nothing (``unanswered``: people end by saying thanks).

    >>> from quilate.messages import assistant, user
    >>> messages, about = answered([user("a"), assistant("b"), user("Thanks")])
    >>> len(messages), about
    (2, {'unanswered': [{'role': 'user', 'content': 'Thanks'}]})
    """
    end = len(messages)
    while end and messages[end - 1].role in ("user", "system"):
        end -= 1
    rest = [{"role": turn.role, "content": turn.text} for turn in messages[end:]]
    if not end or not rest:
        return tuple(messages), {}
    return tuple(messages[:end]), {"unanswered": rest}


def checked_completion(completion: Sequence[Message]) -> None:
    """Raise `NotCarried` where the turns are not those that an assistant learns."""
    if not completion:
        raise NotCarried("no_completion", "it does not end with a turn of the assistant")
    if completion[-1].role != "assistant":
        raise NotCarried("no_completion", f"it ends with a turn of role {completion[-1].role}")
    foreign = next((turn.role for turn in completion if turn.role in ("system", "user")), None)
    if foreign is not None:
        raise NotCarried("foreign_turn", f"a turn of role {foreign} is in the completion")


def checked_prompt(prompt: Sequence[Message]) -> None:
    """Raise `NotCarried` for a prompt without turns, which TRL's trainers cannot take."""
    if not prompt:
        raise NotCarried("no_prompt", "the prompt has no turns")
