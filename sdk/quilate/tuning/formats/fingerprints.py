"""Telling whether two examples teach the same."""

import json

from quilate import codec
from quilate.messages import Message
from quilate.tuning.examples import AnyExample, Judged
from quilate.tuning.formats.chat import plain
from quilate.tuning.formats.exact import lists_of
from quilate.tuning.formats.tools import flat_wire


def fingerprint(example: AnyExample) -> str:
    """SHA-256, as hex, of what an example teaches: its messages, tools and verdict, not its id or
    metadata. The same on every machine and in every version that keeps the messages' JSON.

    Raises `quilate.tuning.formats.NotCarried` for tool arguments that JSON cannot hold.

    >>> from quilate.messages import assistant, user
    >>> from quilate.tuning.examples import Example
    >>> one = Example("1", (user("2 + 2?"),), (assistant("4"),))
    >>> other = Example("2", (user("2 + 2?"),), (assistant("4"),), metadata={"source": "b"})
    >>> fingerprint(one) == fingerprint(other), len(fingerprint(one))
    (True, 64)
    """
    kind = type(example).__name__
    verdict = str(example.good) if isinstance(example, Judged) else ""
    tools = json.dumps(flat_wire(example.tools), sort_keys=True)
    lists = [
        json.dumps(
            plain(codec.to_data(getattr(example, column), tuple[Message, ...])), sort_keys=True
        )
        for column in lists_of(example)
    ]
    return codec.digest(kind, verdict, tools, *lists)
