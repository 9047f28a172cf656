"""The Batch API: many requests at half the price, answered within a day.

A batch goes round the middleware: nothing is retried, repaired or emulated. What the model cannot
take raises before anything is sent, and a `JsonFormat` takes the native route or none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from quilate.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidRequest,
    ModelError,
    Unsupported,
)
from quilate.middleware.contract import Contracted
from quilate.models import ChoiceFormat, Cost, JsonFormat, Request, Response, Timing
from quilate.providers import encoded, malformed, status_error
from quilate_adapters.openai import chat_reply, chat_request, responses_reply, responses_request
from quilate_adapters.openai.chat import OpenAIChat
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.faults import reading, sent_error, translated
from quilate_adapters.openai.responses import OpenAIResponses

_DISCOUNT = 0.5
_MAX_REQUESTS, _MAX_BYTES = 50_000, 200 * 2**20
_ENDED = ("completed", "expired", "cancelled", "failed")


async def submit(model: Any, requests: Sequence[Request]) -> str:
    """Hand in requests; returns the batch's id, by which its results can be had later, from any
    process. Needs the capability ``batch``."""
    adapter = _adapter(model)
    lines = [
        _line(adapter, i, _admitted(model, adapter, request)) for i, request in enumerate(requests)
    ]
    content = b"\n".join(lines)
    if not 1 <= len(lines) <= _MAX_REQUESTS or len(content) > _MAX_BYTES:
        raise InvalidRequest(
            f"The batch has {len(lines)} requests and {len(content) / 2**20:.0f} MiB.",
            provider=adapter.wire.at.provider,
            where=adapter.wire.at.where,
            remedy=f"One takes 1 to {_MAX_REQUESTS:,} requests and {_MAX_BYTES // 2**20} MiB.",
        )
    with reading(adapter.wire.at, {}), translated(adapter.wire.at):
        client = adapter.wire.client()
        file = await client.files.create(file=("requests.jsonl", content), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id,
            endpoint=_endpoint(adapter),
            completion_window="24h",
            metadata={"requests": str(len(lines))},
        )
        return str(batch.id)


async def results(model: Any, batch_id: str) -> list[Response | ModelError] | None:
    """What each request came to, in the order in which they were handed in; None while the batch
    has not ended."""
    adapter = _adapter(model)
    wire = adapter.wire
    with translated(wire.at):
        batch = await wire.client().batches.retrieve(batch_id)
    with reading(wire.at, {}):
        return await _results(adapter, batch)


async def _results(
    adapter: OpenAIChat | OpenAIResponses, batch: Any
) -> list[Response | ModelError] | None:
    wire = adapter.wire
    if batch.status not in _ENDED:
        return None
    if batch.status == "failed":
        said = "; ".join(e.message or "" for e in (batch.errors and batch.errors.data) or ())
        raise InvalidRequest(
            f"The batch {batch.id} was not taken: {said}.",
            provider=wire.at.provider,
            where=wire.at.where,
        )
    found: dict[str, Any] = {}
    for file_id in (batch.output_file_id, batch.error_file_id):
        if file_id:
            found |= await _lines(wire, file_id)
    metadata = batch.metadata or {}
    total = int(metadata.get("requests") or (batch.request_counts and batch.request_counts.total))
    return [_outcome(adapter, found.get(str(i)), batch.status) for i in range(total)]


async def run(
    model: Any, requests: Sequence[Request], *, poll_seconds: float = 60.0
) -> list[Response | ModelError]:
    """Hand in requests and wait for what they come to, asking every `poll_seconds`."""
    from anyio import sleep

    batch_id = await submit(model, requests)
    while True:
        found = await results(model, batch_id)
        if found is not None:
            return found
        await sleep(poll_seconds)


def _adapter(given: Any) -> OpenAIChat | OpenAIResponses:
    """The adapter inside a model that `quilate.model` made."""
    while not isinstance(given, OpenAIChat | OpenAIResponses):
        given = getattr(given, "inner", None)
        if given is None:
            raise ConfigurationError("This is no model of the openai adapter's.")
    if not given.info.capabilities.has("batch"):
        raise Unsupported("This model takes no batches.", where=given.info.name, provider="openai")
    return given


def _endpoint(adapter: OpenAIChat | OpenAIResponses) -> str:
    return "/v1/chat/completions" if isinstance(adapter, OpenAIChat) else "/v1/responses"


def _admitted(given: Any, adapter: OpenAIChat | OpenAIResponses, request: Request) -> Request:
    """The request as a batch takes it, by the contract that the model was opened with. What is
    emulated round an adapter does not go with a batch: there its own word counts."""
    has = adapter.info.capabilities.has
    choice = request.tool_choice not in (None, "auto")
    for what, is_refused in (
        ("deadlines", (request.deadline, request.first_event_deadline) != (None, None)),
        ("choices", isinstance(request.format, ChoiceFormat)),
        ("JSON formats", isinstance(request.format, JsonFormat) and not has("json_schema")),
        ("tools", bool(request.tools) and not has("tools")),
        ("a choice of tools", bool(request.tools) and choice and not has("tool_choice")),
    ):
        if is_refused:
            raise Unsupported(
                f"A batch takes no {what} for this model.",
                where=adapter.info.name,
                provider=adapter.info.provider,
                remedy="Leave them out, or ask the model outside a batch.",
            )
    while given is not adapter and not isinstance(given, Contracted):
        given = given.inner
    policy = given._unsupported if isinstance(given, Contracted) else "raise"
    return Contracted(adapter, unsupported=policy)._admit(request)


def _line(adapter: OpenAIChat | OpenAIResponses, number: int, request: Request) -> bytes:
    make = chat_request.body if isinstance(adapter, OpenAIChat) else responses_request.body
    entry = {
        "custom_id": str(number),
        "method": "POST",
        "url": _endpoint(adapter),
        "body": make(adapter.wire, request),
    }
    return encoded(adapter.wire.at, entry)


async def _lines(wire: Connection, file_id: str) -> dict[str, Any]:
    with translated(wire.at):
        content = (await wire.client().files.content(file_id)).content
        entries = [json.loads(line) for line in content.split(b"\n") if line.strip()]
    return {entry["custom_id"]: entry for entry in entries}


def _outcome(
    adapter: OpenAIChat | OpenAIResponses, entry: Any, status: str
) -> Response | ModelError:
    """What became of one request, by its line of the results."""
    at = adapter.wire.at
    entry = entry if isinstance(entry, Mapping) else {}
    answer, error = entry.get("response"), entry.get("error")
    if isinstance(answer, Mapping) and isinstance(answer.get("body"), Mapping):
        body, code = answer["body"], answer.get("status_code")
        if code != 200:
            found = body.get("error")
            said = found if isinstance(found, Mapping) else {"message": found}
            return status_error(
                at,
                code if isinstance(code, int) else 0,
                said.get("message") or body,
                code=f"{said.get('code')} {said.get('type')}",
                request_id=answer.get("request_id"),
            )
        return _read(adapter, body)
    expired = isinstance(error, Mapping) and error.get("code") == "batch_expired"
    if expired or (not error and status == "expired"):
        return DeadlineExceeded(
            "The batch ended before it came to this request.", provider=at.provider, where=at.where
        )
    if not error and status == "cancelled":
        return ModelError(
            "The batch was cancelled before it came to this request.",
            provider=at.provider,
            where=at.where,
        )
    return sent_error(at, error) if error else malformed(at, "The batch has no such result.")


def _read(adapter: OpenAIChat | OpenAIResponses, body: Mapping[str, Any]) -> Response | ModelError:
    # Log-probabilities come only where they were asked for: 20 is the most that can be.
    request = Request((), logprobs=20)
    try:
        if isinstance(adapter, OpenAIChat):
            answer = chat_reply.response(adapter.wire.at, request, body, {}, Timing())
        else:
            answer = responses_reply.response(adapter.wire, request, body, {}, Timing())
    except ModelError as refused:
        return refused
    return replace(answer, cost=_discounted(answer.cost))


def _discounted(cost: Cost) -> Cost:
    return cost if cost.usd is None else replace(cost, usd=cost.usd * _DISCOUNT)
