"""The Model over Chat Completions."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from weakref import WeakKeyDictionary

from quilate.errors import AuthenticationError, ConnectionFailed, ContentRefused, redact
from quilate.models import (
    Capabilities,
    ChoiceFormat,
    Event,
    Finished,
    ModelInfo,
    Request,
    Response,
    TextDelta,
    Timing,
    TokenLogprob,
)
from quilate.registry import require
from quilate_adapters.openai.endpoint import OFFICIAL, Endpoint
from quilate_adapters.openai.faults import malformed, translated
from quilate_adapters.openai.requests import arguments
from quilate_adapters.openai.responses import response, token_logprobs

_FEATURES = (
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "max_tokens",
    "stop",
    "logprobs",
    "json_schema",
)


def model(name: str, *, base_url: str | None = None, api_key: str | None = None) -> "OpenAIChat":
    """The model `name` of OpenAI, or of the compatible server at `base_url`.

    The key comes from `api_key` or, for OpenAI and for a server named by `OPENAI_BASE_URL`, from
    `OPENAI_API_KEY`; a `base_url` given here never receives the environment's key. No connection
    opens before the first call.

    >>> model("local", base_url="http://127.0.0.1:8080/v1").info.identity
    'openai:http://127.0.0.1:8080/v1:local'
    """
    if base_url is None:
        base_url = os.environ.get("OPENAI_BASE_URL") or OFFICIAL
        api_key = api_key or os.environ.get("OPENAI_API_KEY")
    return OpenAIChat(Endpoint(name, base_url.rstrip("/"), api_key))


class OpenAIChat:
    """A model behind Chat Completions.

    A `ChoiceFormat` goes out as a JSON Schema with an `enum`, and the label is read out of the
    reply; with `logprobs` asked for it goes out plain, so that the first token is the label's.
    Either way a reply that is none of the choices is a `MalformedReply`. Prices are genai-prices'
    and said to be estimated; those of a server it does not know are unknown.
    """

    def __init__(self, at: Endpoint) -> None:
        self._at = at
        # A connection belongs to the event loop it was opened on.
        self._clients: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self.info = ModelInfo(
            name=f"openai/{at.name}",
            provider="openai",
            identity=f"openai:{redact(at.base_url)}:{at.name}",
            capabilities=Capabilities.declared(*_FEATURES),
        )

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        settings = arguments(self._at, request)
        client = self._client()
        started = time.perf_counter()
        with translated(self._at, request.deadline):
            async with asyncio.timeout(request.deadline):
                completion = await client.chat.completions.create(**settings)
        choice = self._only_choice(completion)
        self._check_refusal(getattr(choice.message, "refusal", None))
        return response(
            self._at,
            request,
            text=choice.message.content or "",
            finish=choice.finish_reason,
            logprobs=token_logprobs(choice),
            last=completion,
            usage=completion.usage,
            timing=Timing(time.perf_counter() - started),
        )

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece. The text of a `ChoiceFormat` comes whole, once it is checked."""
        started = time.perf_counter()
        text, refusal = "", ""
        logprobs: list[TokenLogprob] = []
        finish = first_at = last = usage = None
        whole = isinstance(request.format, ChoiceFormat)
        async with aclosing(self._chunks(request)) as chunks:
            async for chunk in chunks:
                last, usage = chunk, chunk.usage or usage
                for choice in chunk.choices[:1]:
                    logprobs += token_logprobs(choice)
                    finish = choice.finish_reason or finish
                    refusal += choice.delta.refusal or ""
                    if piece := choice.delta.content:
                        first_at = first_at or time.perf_counter()
                        text += piece
                        if not whole:
                            yield TextDelta(piece)
        self._check_refusal(refusal)
        if finish is None:
            raise ConnectionFailed(
                "The stream ended before the answer did.", provider="openai", where=self._at.where
            )
        result = response(
            self._at,
            request,
            text=text,
            finish=finish,
            logprobs=logprobs,
            last=last,
            usage=usage,
            timing=Timing(time.perf_counter() - started, first_at and first_at - started),
        )
        if whole:
            yield TextDelta(result.text)
        yield Finished(result)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    async def _chunks(self, request: Request) -> AsyncGenerator[Any, None]:
        """The parsed chunks; the deadline covers the waits, not what the reader does between."""
        settings = arguments(self._at, request)
        create = self._client().chat.completions.create
        now, wait = asyncio.get_running_loop().time(), request.deadline
        until = None if wait is None else now + wait
        with translated(self._at, request.deadline):
            async with asyncio.timeout_at(until):
                stream = await create(
                    **settings, stream=True, stream_options={"include_usage": True}
                )
        try:
            while True:
                with translated(self._at, request.deadline):
                    async with asyncio.timeout_at(until):
                        chunk = await anext(stream, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            await stream.close()

    def _client(self) -> Any:
        sdk = require("openai", extra="openai")
        if self._at.official and not self._at.key:
            raise AuthenticationError(
                "There is no API key for OpenAI.",
                provider="openai",
                where=self._at.where,
                remedy="Set OPENAI_API_KEY, or pass api_key=….",
            )
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            # Retries happen in Quilate's own layer alone. The SDK insists on some key.
            client = self._clients[loop] = sdk.AsyncOpenAI(
                api_key=self._at.key or "none", base_url=self._at.base_url, max_retries=0
            )
        return client

    def _only_choice(self, completion: Any) -> Any:
        choices = getattr(completion, "choices", None)
        if not choices or getattr(choices[0], "message", None) is None:
            raise malformed(
                self._at,
                "The reply is not a chat completion.",
                "Check that base_url is the server's OpenAI-compatible address (often ending /v1).",
            )
        return choices[0]

    def _check_refusal(self, refusal: str | None) -> None:
        if refusal:
            raise ContentRefused(
                f"The model refused: {refusal}", provider="openai", where=self._at.where
            )
