"""Work on shards on a Ray cluster."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from quilate.registry import require

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def engine(address: str | None = None) -> "RayEngine":
    """The Ray cluster at `address` (``auto``: the one that this machine is part of), or one of this
    machine alone, started here. The store must lie where every node sees it."""
    return RayEngine(require("ray", extra="ray"), address)


class RayEngine:
    """Each item is one task of the cluster; answers come in the order of the items."""

    def __init__(self, ray: Any, address: str | None) -> None:
        self._ray = ray
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            options: dict[str, Any] = {} if address is None else {"address": address}
            ray.init(log_to_driver=False, include_dashboard=False, **options) if (
                address is None
            ) else ray.init(log_to_driver=False, **options)

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """The answers in order; at most twice as many tasks as the cluster's processors run."""
        task = self._ray.remote(function)
        most = 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        waiting, running = iter(items), deque[Any]()
        try:
            while True:
                running += (task.remote(item) for item in islice(waiting, most - len(running)))
                if not running:
                    return
                try:
                    yield self._ray.get(running.popleft())
                except self._ray.exceptions.RayTaskError as error:
                    raise (error.cause or error) from None
        finally:
            for left in running:
                self._ray.cancel(left)

    def close(self) -> None:
        """Nothing is held: the cluster stays as it was found."""
