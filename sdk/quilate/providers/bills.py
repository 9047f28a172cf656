"""What a reply that is of no use was paid for."""

from collections.abc import Iterator
from contextlib import contextmanager

from quilate.errors import ModelError
from quilate.models import Cost, Usage


@contextmanager
def billed(usage: Usage, cost: Cost) -> Iterator[None]:
    """Errors raised inside carry what the reply that they are about used and cost, so that a
    budget counts it.

    >>> try:
    ...     with billed(Usage(5, 2), Cost()):
    ...         raise ModelError("The reply is of no use.")
    ... except ModelError as error:
    ...     error.usage.total_tokens
    7
    """
    try:
        yield
    except ModelError as error:
        error.usage, error.cost = usage, cost
        raise
