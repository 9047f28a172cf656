"""Goodput under a limit that moves, beside a client that knows the limit.

    python -m benchmarks.adaptive [--quick]

A server takes 8 calls at once, then 64, then 16, for as long each, and answers any further one
with a 429 at once, without a Retry-After. A call takes it 400 ms. 128 tasks ask as fast as they
can, through `quilate.model("openai/…")` as anyone would open it: it has to find the limits out.
The other client is the same model without retries or adaptive concurrency, behind a semaphore that
is resized at the very moment the server's limit moves. Goodput is the number of calls answered
within the time; both sides run in turn against one server, and the median ratio is reported.
`ratio_by_limit` holds the ratio while each of the limits stood.
`refused` is the share of our calls that the server refused, `failed` how many of our requests
ended in an error in all runs.
"""

import argparse
import asyncio
import json
import statistics
from collections import deque
from dataclasses import dataclass, field

from quilate import ask, model
from quilate.errors import ModelError
from quilate.models import Model
from quilate.testing.faults import FaultServer, fault_server

LIMITS = (8, 64, 16)
TASKS = 128
LATENCY = 0.4


class Places:
    """A semaphore whose size can change under way."""

    def __init__(self) -> None:
        self._size = self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def resize(self, size: int) -> None:
        """Change the number of places; who is in stays in."""
        self._size = size
        self._admit()

    async def __aenter__(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        await turn

    async def __aexit__(self, *_: object) -> None:
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < self._size:
            self._taken += 1
            self._waiting.popleft().set_result(None)


@dataclass
class Tally:
    """Requests that were answered in time, under each limit, and that failed."""

    answered: list[int] = field(default_factory=lambda: [0])
    failed: int = 0


def bare(name: str) -> Model:
    """The adapter alone, without the standard wrappers."""
    found = model(name)
    while hasattr(found, "inner"):
        found = found.inner
    return found


async def drive(server: FaultServer, asked: Model, seconds: float, places: Places | None) -> Tally:
    """Ask for as long as the three limits hold, `seconds` each."""
    tally, over = Tally(), asyncio.Event()

    async def one(number: int) -> None:
        try:
            await asked.generate(ask(f"request {number}"))
        except ModelError:
            tally.failed += not over.is_set()
        else:
            tally.answered[-1] += not over.is_set()

    async def work(first: int) -> None:
        number = first
        while not over.is_set():
            if places is None:
                await one(number)
            else:
                async with places:
                    await one(number)
            number += TASKS

    await asked.generate(ask("warm up: imports and the first connection"))
    await move(server, LIMITS[0], places)
    tasks = [asyncio.create_task(work(first)) for first in range(TASKS)]
    for limit in (*LIMITS[1:], None):
        await asyncio.sleep(seconds)
        if limit is not None:
            await move(server, limit, places)
            tally.answered.append(0)
    over.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return tally


async def move(server: FaultServer, limit: int, places: Places | None) -> None:
    """Set the server's limit, and that of the client that knows it."""
    await asyncio.to_thread(server.set, limit=limit)
    if places is not None:
        places.resize(limit)


def run(server: FaultServer, seconds: float, number: int) -> tuple[float, list[float], float, int]:
    """Both sides once: the ratio, that of each limit, the share refused and the number failed of
    ours."""
    server.set(reset=True, latency=LATENCY)
    name = f"openai/echo@{server.address}/v1"
    known = asyncio.run(drive(server, bare(name), seconds, Places()))
    server.set(reset=True)
    # A key of its own for each run, so that none begins with what an earlier one learnt.
    ours = asyncio.run(drive(server, model(name, api_key=f"run-{number}"), seconds, None))
    counted = server.report()
    refused = counted["requests"].get("limited", 0) / counted["total"]
    ratio = sum(ours.answered) / sum(known.answered)
    by_limit = [mine / best for mine, best in zip(ours.answered, known.answered, strict=True)]
    print(
        f"answered {ours.answered} (knowing the limit: {known.answered}), ratio {ratio:.3f}, "
        f"refused {refused:.2%}, failed {ours.failed} ({known.failed})",
        flush=True,
    )
    return ratio, by_limit, refused, ours.failed


def main() -> None:
    """Measure, print a line a run, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run")
    parser.add_argument("--seconds", type=float, default=25.0, help="for each limit")
    options = parser.parse_args()
    with fault_server() as server:
        runs = [run(server, options.seconds, n) for n in range(1 if options.quick else 3)]
    ratios, by_limit, refused, failed = zip(*runs, strict=True)
    line = {
        "goodput_ratio": round(statistics.median(ratios), 3),
        "ratio_by_limit": [
            round(statistics.median(ratios), 3) for ratios in zip(*by_limit, strict=True)
        ],
        "refused": round(statistics.median(refused), 4),
        "failed": sum(failed),
        "limits": LIMITS,
        "seconds_a_limit": options.seconds,
        "latency_ms": LATENCY * 1000,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
