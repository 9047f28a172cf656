"""The Model over litellm."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import aclosing
from functools import cached_property
from typing import Any

from quilate.errors import ConnectionFailed
from quilate.models import Event, Finished, ModelInfo, Request, Response, Timing
from quilate.providers import as_identity, feature_names, malformed, with_more
from quilate_adapters.litellm.faults import translated
from quilate_adapters.litellm.loading import litellm
from quilate_adapters.litellm.overheard import overhear
from quilate_adapters.litellm.route import Route, capabilities, surroundings
from quilate_adapters.litellm.translation import arguments, joined, response
from quilate_adapters.openai.chat_stream import Assembly
from quilate_adapters.openai.profiles import TRANSLATED as OPENAI_TRANSLATED
from quilate_adapters.openai.settings import misread

TRANSLATED = OPENAI_TRANSLATED - {"batch", "decide"}


def model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    capabilities: Collection[str] = (),
) -> "LiteLLMChat":
    """The model that litellm calls `name`, ``PROVIDER/MODEL``, at the provider or at `base_url`.

    Without `api_key` litellm looks for the provider's usual variable in the environment; a
    `base_url` never receives such a key. `capabilities` names what the model takes beyond what
    litellm says of it (of a server that speaks like OpenAI's: beyond what all of them take).
    litellm is imported at the first use, which takes seconds.

    >>> model("openai/local", base_url="http://127.0.0.1:8080/v1").info.identity
    'litellm:http://127.0.0.1:8080/v1:openai/local'
    """
    at = Route("litellm", name, (base_url or "").rstrip("/"), api_key)
    return LiteLLMChat(at, more=capabilities)


class LiteLLMChat:
    """A model behind litellm.

    What it takes is what litellm says that the provider does; a parameter outside that is refused
    here, and never dropped by litellm. Prices are litellm's tables', and said to be estimated.
    """

    def __init__(self, at: Route, *, more: Collection[str] = ()) -> None:
        self._at, self._more = at, feature_names(more)

    @cached_property
    def info(self) -> ModelInfo:
        """Who this is; what a provider's model takes is read from litellm at the first use."""
        at = self._at
        return ModelInfo(
            name=f"litellm/{at.name}",
            provider="litellm",
            identity=":".join((at.identity, *surroundings(at))) + as_identity(self._more),
            capabilities=with_more(at, capabilities(at), self._more, TRANSLATED),
            quota=at.quota,
        )

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        with translated(self._at):
            ask, settings = litellm().acompletion, arguments(self._at, request)
            started = time.perf_counter()
            reply = await ask(**settings)
            completion, hidden = reply.model_dump(mode="json"), _hidden(reply)
        timing = Timing(time.perf_counter() - started)
        choices = completion.get("choices") or [{}]
        blocks = (choices[0].get("message") or {}).get("thinking_blocks") or ()
        return response(self._at, request, completion, hidden, blocks, timing)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        at, whole = self._at, Assembly(self._at)
        hidden: dict[str, Any] = {}
        thoughts: list[Mapping[str, Any]] = []
        litellm()  # its import is no part of the call's time
        started, first_at = time.perf_counter(), None
        async with aclosing(self._chunks(request, hidden)) as chunks:
            async for chunk in chunks:
                try:
                    for choice in chunk.get("choices") or ():
                        thoughts += (choice.get("delta") or {}).get("thinking_blocks") or ()
                    events = list(whole.add(chunk))
                except (TypeError, AttributeError, KeyError, IndexError) as error:
                    raise misread(at, error) from None
                for event in events:
                    first_at = first_at or time.perf_counter()
                    yield event
        refusal = hidden.pop("refusal", None)
        if first_at is None and not refusal and whole.finish in (None, "stop"):
            raise malformed(at, "The stream held nothing.")
        timing = Timing(time.perf_counter() - started, first_at and first_at - started)
        completion = whole.completion()
        completion["choices"][0]["message"]["refusal"] = refusal
        yield Finished(response(at, request, completion, hidden, joined(thoughts), timing))

    async def _chunks(
        self, request: Request, hidden: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks as JSON; what litellm keeps beside them goes into `hidden`, and so does a
        refusal, which it loses."""
        at = self._at
        with translated(at):
            stream = await litellm().acompletion(**arguments(at, request, stream=True))
        overheard = overhear(at, stream)
        try:
            while True:
                with translated(at):
                    chunk = await anext(stream, None)
                if overheard is not None and overheard.fault is not None:
                    raise overheard.fault
                if chunk is None:
                    break
                hidden.update({k: v for k, v in _hidden(chunk).items() if v is not None})
                yield chunk.model_dump(mode="json", exclude_none=True)
        finally:
            await stream.aclose()
        if overheard is not None and overheard.refusal:
            hidden["refusal"] = overheard.refusal
        # litellm ends every stream with a reason of its own; this is the provider's.
        if stream.received_finish_reason is None:
            raise ConnectionFailed(
                "The stream ended before the answer did.", provider=at.provider, where=at.where
            )


def _hidden(reply: Any) -> Mapping[str, Any]:
    return getattr(reply, "_hidden_params", None) or {}
