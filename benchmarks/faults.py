"""What becomes of requests when three in ten go wrong.

    python -m benchmarks.faults [--quick]

10,000 requests (1,000 with --quick), 64 at a time, half of them streamed, go through
`quilate.model("openai/…")` under one budget of tokens to the fault server, which spoils 30%
of what it gets: 429 with and without Retry-After, 500, 503, 529, slow and stalled replies, cut and
reset connections, truncated JSON, HTML, invalid UTF-8, huge replies, duplicated and reordered
stream events, errors in mid-stream. Eight keys share the load, as eight quotas. The budget is made
to run out near the end.

- `accounted`: the share of requests that ended in exactly one response or one typed error;
- `max_attempts`: the most that the server saw of any one request (the policy allows 4);
- `untyped_errors`: exceptions that are no `QuilateError`;
- `wrong_answers`: responses whose text is not what the server said, which is what it was asked,
  or a megabyte of one word;
- `budget_overshoot_requests`: requests begun when the answers already paid for had used the budget;
- `budget_tokens`, `counted_tokens`, `billed_tokens`: the limit, what the client counted, and what
  the server worked for, which tells nobody of replies that break off before their usage;
- `rss_growth_mb`: resident memory at the end above that after the first tenth.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from quilate import QuilateError, ask, model
from quilate.middleware.base import Wrapper
from quilate.middleware.budget import Budget, Budgeted
from quilate.models import Event, Finished, Model, Request, Response
from quilate.testing.faults import FaultServer, fault_server

CONCURRENCY = 64
SHARE = 0.3
KEYS = 8
DEADLINE = 4.0
HUGE_BYTES, HUGE_WORD = 2**20, "palabra"
BUDGET_FOR = 0.8


@dataclass
class Ledger:
    """What was seen, kept apart from the budget's own account."""

    limit: int
    paid: int = 0  # tokens of the answers that came, and of the errors that say theirs
    overshoot: int = 0
    ended: Counter[int] = field(default_factory=Counter)  # how often each request ended
    outcomes: Counter[str] = field(default_factory=Counter)
    untyped: int = 0
    wrong: int = 0


class Watched(Wrapper):
    """Counts the requests that begin although the budget is used up."""

    def __init__(self, inner: Model, ledger: Ledger) -> None:
        super().__init__(inner)
        self._ledger = ledger

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        self._ledger.overshoot += self._ledger.paid >= self._ledger.limit
        return await self.inner.generate(request)

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        self._ledger.overshoot += self._ledger.paid >= self._ledger.limit
        return self.inner.stream(request)


async def one(asked: Model, number: int, ledger: Ledger) -> None:
    """One request to its end, entered once for each response or error that comes of it."""
    request = replace(ask(f"request number {number}"), deadline=DEADLINE)
    try:
        response = await (whole(asked, request) if number % 2 else asked.generate(request))
    except QuilateError as error:
        usage = getattr(error, "usage", None)
        ledger.paid += usage.total_tokens if usage else 0
        ledger.outcomes[type(error).__name__] += 1
        ledger.ended[number] += 1
    except Exception as error:
        ledger.untyped += 1
        ledger.outcomes[f"untyped {type(error).__name__}"] += 1
    else:
        ledger.paid += response.usage.total_tokens
        said = response.text.split()
        ledger.wrong += said != f"request number {number}".split() and set(said) != {HUGE_WORD}
        ledger.outcomes["answered"] += 1
        ledger.ended[number] += 1


async def whole(asked: Model, request: Request) -> Response:
    """The response at a stream's end, which there must be exactly one of."""
    finished = [e async for e in asked.stream(request) if isinstance(e, Finished)]
    (last,) = finished
    return last.response


async def run(server: FaultServer, count: int) -> tuple[Ledger, float]:
    """All the requests; the ledger, and the growth of resident memory in MB."""
    name = f"@{server.address}/v1"
    first = await model(f"openai/echo{name}").generate(ask("request number 0"))
    limit = int(first.usage.total_tokens * count * BUDGET_FOR)
    ledger, budget = Ledger(limit), Budget(tokens=limit)
    models = [
        Budgeted(
            Watched(model(f"openai/mix:{SHARE}:{key}{name}", api_key=f"key-{key}"), ledger), budget
        )
        for key in range(KEYS)
    ]
    numbers = iter(range(1, count + 1))

    async def work(some: Iterator[int]) -> None:
        for number in some:
            await one(models[number % KEYS], number, ledger)

    async def together(some: Iterator[int]) -> None:
        await asyncio.gather(*(work(some) for _ in range(CONCURRENCY)))

    await together(itertools.islice(numbers, count // 10))
    before = resident_mb()
    await together(numbers)
    return ledger, resident_mb() - before


def resident_mb() -> float:
    """Resident memory of this process, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Measure, print what came of the requests, and one line of JSON last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 requests instead of 10,000")
    count = 1_000 if parser.parse_args().quick else 10_000
    with fault_server() as server:
        server.set(huge_bytes=HUGE_BYTES)
        ledger, growth = asyncio.run(run(server, count))
        counted = server.report()
    for outcome, times in ledger.outcomes.most_common():
        print(f"{outcome:24} {times:7}")
    print(f"The server saw {counted['total']} requests: {counted['requests']}")
    exactly_once = sum(times == 1 for times in ledger.ended.values())
    line = {
        "requests": count,
        "accounted": exactly_once / count,
        "answered": ledger.outcomes["answered"],
        "max_attempts": counted["max_attempts"],
        "untyped_errors": ledger.untyped,
        "wrong_answers": ledger.wrong,
        "budget_overshoot_requests": ledger.overshoot,
        "budget_tokens": ledger.limit,
        "counted_tokens": ledger.paid,
        "billed_tokens": counted["billed_tokens"],
        "rss_growth_mb": round(growth, 1),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
