"""The Message Batches API: many requests at half the price, answered within a day.

A batch goes round the middleware: nothing is retried, repaired or emulated. What the model cannot
take raises before anything is sent, and a `JsonFormat` takes the native route or none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from quilate.errors import DeadlineExceeded, ModelError
from quilate.models import Cost, Model, Request, Response, Timing
from quilate.providers import malformed
from quilate_adapters.anthropic.faults import error_within, translated
from quilate_adapters.anthropic.model import AnthropicMessages, adapter_of, json_of

_PATH = "/v1/messages/batches"
_DISCOUNT = 0.5


async def submit(model: Model, requests: Sequence[Request]) -> str:
    """Hand in requests; returns the batch's id, by which its results can be had for 29 days."""
    adapter = adapter_of(model)
    entries = [{"custom_id": str(i), "params": adapter.body(r)} for i, r in enumerate(requests)]
    reply = await adapter.send("post", _PATH, {"requests": entries})
    return str(_batch(adapter, json_of(adapter.at, reply))["id"])


async def results(model: Model, batch_id: str) -> list[Response | ModelError] | None:
    """What each request came to, in the order in which they were handed in; None while the batch
    has not ended."""
    adapter = adapter_of(model)
    found = json_of(adapter.at, await adapter.send("get", f"{_PATH}/{batch_id}"))
    batch = _batch(adapter, found)
    if batch["processing_status"] != "ended":
        return None
    # Not the batch's own `results_url`: the key goes to no address that a reply names.
    reply = await adapter.send("get", f"{_PATH}/{batch_id}/results")
    with translated(adapter.at):
        lines = [json.loads(line) for line in reply.content.split(b"\n") if line.strip()]
    try:
        by_id = {line["custom_id"]: line["result"] for line in lines}
        total = sum(batch["request_counts"].values())
    except (KeyError, TypeError, AttributeError):
        raise malformed(adapter.at, "The batch's results cannot be read.") from None
    return [_outcome(adapter, by_id.get(str(i))) for i in range(total)]


async def run(
    model: Model, requests: Sequence[Request], *, poll_seconds: float = 60.0
) -> list[Response | ModelError]:
    """Hand in requests and wait for what they come to, asking every `poll_seconds`."""
    from anyio import sleep

    batch_id = await submit(model, requests)
    while True:
        found = await results(model, batch_id)
        if found is not None:
            return found
        await sleep(poll_seconds)


def _batch(adapter: AnthropicMessages, found: Any) -> Mapping[str, Any]:
    fields = ("id", "processing_status", "request_counts")
    if not isinstance(found, dict) or any(name not in found for name in fields):
        raise malformed(adapter.at, "The reply is not a batch.")
    return found


def _outcome(adapter: AnthropicMessages, result: Any) -> Response | ModelError:
    """What became of one request, by its line of the results."""
    result = result if isinstance(result, Mapping) else {}
    kind, error = result.get("type"), result.get("error")
    if kind == "succeeded":
        try:
            answer = adapter.read(result.get("message"), Timing())
        except ModelError as refused:
            return refused
        return replace(answer, cost=_discounted(answer.cost))
    if kind == "errored" and isinstance(error, Mapping):
        return error_within(adapter.at, error)
    at = adapter.at
    if kind == "expired":
        return DeadlineExceeded(
            "The batch ended before it came to this request.", provider=at.provider, where=at.where
        )
    if kind == "canceled":
        return ModelError(
            "The batch was cancelled before it came to this request.",
            provider=at.provider,
            where=at.where,
        )
    return malformed(at, "The batch has no result for this request.")


def _discounted(cost: Cost) -> Cost:
    return cost if cost.usd is None else replace(cost, usd=cost.usd * _DISCOUNT)
