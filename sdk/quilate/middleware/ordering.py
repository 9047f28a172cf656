"""In which order to try several models: as given, by price, or by speed."""

import itertools
import statistics
from collections import deque
from collections.abc import Sequence
from typing import Literal

from quilate.models import Model, ModelInfo, Request, Usage

By = Literal["order", "cost", "latency"]

_REMEMBERED = 15
_EXPLORE_EVERY = 16
_OUTPUT_TOKENS = 256
_CHARACTERS_A_TOKEN = 4


class Order:
    """The members as they were given, by their place."""

    def __init__(self, members: Sequence[Model]) -> None:
        self._members = members
        self._given = list(range(len(members)))

    def first_to_last(self, method: str, request: Request) -> list[int]:
        """The places of the members in the order in which to try them."""
        return self._given

    def took(self, method: str, first: int, seconds: float) -> None:
        """A call that tried the member `first` at first was answered after so many seconds."""


class ByCost(Order):
    """The cheapest for the request first; unknown prices last; as given among equals."""

    def first_to_last(self, method: str, request: Request) -> list[int]:
        """The places of the members, by estimated price."""
        usage = _expected(request)
        return sorted(self._given, key=lambda member: price(self._members[member].info, usage))


class ByLatency(Order):
    """The quickest of late first: by the median of the last times, the untried before all.

    A member's time is that of the calls that tried it first, whoever answered them: so failures
    cost it what they cost the caller. Now and then the one measured longest ago goes first, for a
    model that was slow may have become quick.
    """

    def __init__(self, members: Sequence[Model]) -> None:
        super().__init__(members)
        self._times: dict[tuple[str, int], deque[float]] = {}
        self._measured: dict[tuple[str, int], int] = {}
        self._calls = itertools.count(1)

    def first_to_last(self, method: str, request: Request) -> list[int]:
        """The places of the members, by their recent times."""
        quickest = sorted(self._given, key=lambda member: self._median(method, member))
        if next(self._calls) % _EXPLORE_EVERY == 0:
            quickest.sort(key=lambda m: self._measured.get((method, m), 0) != self._oldest(method))
        return quickest

    def took(self, method: str, first: int, seconds: float) -> None:
        """Remember a time."""
        key = (method, first)
        self._times.setdefault(key, deque(maxlen=_REMEMBERED)).append(seconds)
        self._measured[key] = next(self._calls)

    def _median(self, method: str, member: int) -> float:
        times = self._times.get((method, member))
        return statistics.median(times) if times else -1.0

    def _oldest(self, method: str) -> int:
        return min(self._measured.get((method, member), 0) for member in self._given)


ORDERS: dict[By, type[Order]] = {"order": Order, "cost": ByCost, "latency": ByLatency}


def _expected(request: Request) -> Usage:
    """The tokens that a request may take: its text at four characters a token, and the limit of
    its answer, or some tokens where it has none. Enough to compare prices by."""
    characters = sum(len(message.text) for message in request.messages)
    output = request.sampling.max_tokens or _OUTPUT_TOKENS
    return Usage(characters // _CHARACTERS_A_TOKEN + 1, output)


def price(info: ModelInfo, usage: Usage) -> float:
    """What a call may cost in US dollars: nothing for a local model, infinity where nobody knows.

    >>> price(ModelInfo("llamacpp/m", "llamacpp", "file", sha256="ab"), Usage(10, 10))
    0.0
    """
    from quilate.providers.endpoint import Endpoint
    from quilate.providers.prices import estimate

    if info.sha256 is not None:
        return 0.0
    base_url = info.details.get("base_url")
    if base_url is None:
        return float("inf")
    name = info.name.removeprefix(f"{info.provider}/")
    usd = estimate(Endpoint(info.provider, name, base_url), name, usage).usd
    return float("inf") if usd is None else usd
