"""Texts that are too long for what embeds or reranks them: an error, never cut off in silence."""

from collections.abc import Sequence

from quilate.errors import ContextLengthExceeded


def check_lengths(
    tokens: Sequence[int], limit: int | None, *, what: str, where: str, remedy: str
) -> None:
    """Raise `ContextLengthExceeded` for the first of the lengths above `limit`; None: no limit.

    >>> check_lengths([3, 9], 8, what="Text", where="embedder x", remedy="Cut it.")
    Traceback (most recent call last):
    quilate.errors.ContextLengthExceeded: embedder x: Text 1 (counted from 0) has 9 tokens, ...
    """
    for i, count in enumerate(tokens):
        if limit is not None and count > limit:
            raise ContextLengthExceeded(
                f"{what} {i} (counted from 0) has {count:,} tokens, and {limit:,} fit.",
                where=where,
                remedy=remedy,
            )
