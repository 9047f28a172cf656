"""A random sample of a stream, of fixed size and seed."""

import math
import random
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """A sample of `size` items, each as likely as any other to be in it (Li 1994, Algorithm L).

    It says beforehand how many items it passes over, so that the others cost nothing.

    >>> drawn = Reservoir(2, seed=0)
    >>> for number in range(1000):
    ...     drawn.offer(lambda: number)
    >>> len(drawn.items)
    2
    """

    def __init__(self, size: int, *, seed: int) -> None:
        self._kept: list[tuple[int, T]] = []
        self._size, self._random = size, random.Random(seed)  # noqa: S311 — no secret
        self._seen, self._next, self._weight = 0, 0, 1.0

    @property
    def items(self) -> list[T]:
        """The sample, in the order in which it was met."""
        return [item for _, item in sorted(self._kept, key=lambda one: one[0])]

    def offer(self, make: Callable[[], T]) -> None:
        """The next item of the stream, which is made where it is kept."""
        position = self._seen
        self._seen += 1
        if position < self._next or not self._size:
            return
        if len(self._kept) < self._size:
            self._kept.append((position, make()))
            self._next = position + 1
            if len(self._kept) == self._size:
                self._leap()
            return
        self._kept[self._random.randrange(self._size)] = (position, make())
        self._leap()

    def _leap(self) -> None:
        self._weight *= math.exp(math.log(1.0 - self._random.random()) / self._size)
        rest = math.log1p(-self._weight) if self._weight < 1.0 else -math.inf
        draw = math.log(1.0 - self._random.random())
        self._next = self._seen + (math.floor(draw / rest) if rest < 0.0 else 2**63)
