"""The Model over Anthropic's Messages API."""

import json
import os
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from quilate.errors import AuthenticationError, ConfigurationError
from quilate.models import (
    Capabilities,
    Event,
    Finished,
    ModelInfo,
    Request,
    Response,
    Timing,
    TokenCount,
)
from quilate.providers import Endpoint, PerLoop, as_identity, bounded, malformed, with_more
from quilate.registry import require
from quilate_adapters.anthropic.events import Assembly
from quilate_adapters.anthropic.faults import identified, translated, unreachable
from quilate_adapters.anthropic.profiles import KNOWN_FEATURES, profile_of
from quilate_adapters.anthropic.replies import response
from quilate_adapters.anthropic.requests import Body, body, counted

OFFICIAL = "https://api.anthropic.com"

_LONGEST_WHOLE = 21_333
"""Above so many max_tokens an answer can take more than ten minutes, and connections on which
nothing comes for so long are cut on the way: such answers are read as a stream."""

_MAX_BYTES, _MAX_FILE_BYTES = 16 * 2**20, 512 * 2**20
"""Of one answer, far more than any model writes; and of a batch's results."""


def model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    max_tokens_default: int | None = None,
    gateway: bool = False,
    capabilities: Collection[str] = (),
) -> "AnthropicMessages":
    """The model `name` of Anthropic, or of the server at `base_url` that speaks its Messages API.

    The key comes from `api_key` or, for Anthropic and for a server named by
    ``ANTHROPIC_BASE_URL``, from ``ANTHROPIC_API_KEY``; a `base_url` given here never receives the
    environment's key or its ``ANTHROPIC_CUSTOM_HEADERS``. `base_url` may end in ``/v1`` or not.

    The API wants a limit of tokens: `max_tokens_default` is the one for requests without
    (16,384 for Claude, thinking included; 4,096 elsewhere). `gateway` says that the server at
    `base_url` only passes everything on to Anthropic, so that its models' own capabilities hold.
    `capabilities` names what some other server is known to have beyond what llama.cpp's has
    (``tools``, ``images``, …). No connection opens before the first call.

    >>> model("local", base_url="http://127.0.0.1:8080").info.identity
    'anthropic:http://127.0.0.1:8080:local'
    """
    private = base_url is not None
    if base_url is None:
        base_url = os.environ.get("ANTHROPIC_BASE_URL") or OFFICIAL
        api_key = api_key or os.environ.get("ANTHROPIC_API_KEY")
    address = base_url.rstrip("/").removesuffix("/v1")
    return AnthropicMessages(
        Endpoint("anthropic", name, address, api_key),
        max_tokens_default=max_tokens_default,
        gateway=gateway,
        capabilities=capabilities,
        private=private,
    )


class AnthropicMessages:
    """A model behind the Messages API.

    System messages go to the front, wherever they stand. Thinking comes back as `Reasoning` parts
    with their signatures, and goes back unchanged; newer models give its text only when asked:
    ``extra={"thinking": {"type": "adaptive", "display": "summarized"}}``. A pause of the
    provider's own tools (``pause_turn``) has the finish reason ``unknown``, a full context window
    ``length``; a refusal is a `ContentRefused`.

    Usage counts as input what was read from the cache (`cached_tokens`) and what was written to
    it. Reading costs a tenth of the price or less, writing a quarter more: both are in the cost,
    which is genai-prices' and said to be estimated.
    """

    def __init__(
        self,
        at: Endpoint,
        *,
        max_tokens_default: int | None = None,
        gateway: bool = False,
        capabilities: Collection[str] = (),
        private: bool = False,
    ) -> None:
        self._at, self._private = at, private
        self._official = urlsplit(at.base_url).hostname == urlsplit(OFFICIAL).hostname
        self._profile = profile_of(at.name, claude=self._official or gateway)
        self._max_tokens = max_tokens_default or self._profile.default_max_tokens
        known = Capabilities.declared(*sorted(self._profile.features))
        takes = with_more(at, known, capabilities, KNOWN_FEATURES)
        self._profile = replace(self._profile, features=frozenset(takes.features))
        self._clients: PerLoop[Any] = PerLoop(self._open_client)
        given = {"max_tokens": max_tokens_default, "gateway": gateway}
        options = "".join(f":{name}={value}" for name, value in given.items() if value)
        self.info = ModelInfo(
            name=f"anthropic/{at.name}",
            provider="anthropic",
            identity=at.identity + options + as_identity(capabilities),
            context_length=self._profile.context_length,
            capabilities=takes,
            details={"base_url": at.public_url},
            quota=at.quota,
        )

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        sent = self.body(request)
        if self._profile.claude and sent["max_tokens"] > _LONGEST_WHOLE:
            async with aclosing(self.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        return event.response
        started = time.perf_counter()
        reply = await self.send("post", "/v1/messages", sent)
        timing = Timing(time.perf_counter() - started)
        with identified(reply.headers):
            return self.read(json_of(self._at, reply), timing, reply.headers)

    async def stream(self, request: Request) -> AsyncGenerator[Event]:
        """Answer piece by piece."""
        sent = {**self.body(request), "stream": True}
        started = time.perf_counter()
        first: float | None = None
        assembly, headers = Assembly(self._at, headless=not self._profile.claude), dict[str, str]()
        with identified(headers):
            async with aclosing(self._wire_events(sent, headers)) as events:
                async for wire_event in events:
                    for event in assembly.feed(wire_event):
                        first = first or time.perf_counter() - started
                        yield event
                    if assembly.complete:
                        break
            timing = Timing(time.perf_counter() - started, first)
            whole = self.read(assembly.message(), timing, headers)
        yield Finished(whole)

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count the input tokens of a request, by the provider's own tokenizer."""
        reply = await self.send("post", "/v1/messages/count_tokens", counted(self.body(request)))
        found = json_of(self._at, reply)
        tokens = found.get("input_tokens") if isinstance(found, dict) else None
        if not isinstance(tokens, int):
            raise malformed(self._at, f"The reply is no count of tokens: {str(found)[:200]}.")
        return TokenCount(tokens, exact=True)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop()
        if client is not None:
            await client.close()

    def body(self, request: Request) -> Body:
        """What a request is on the wire; raises `Unsupported` for what the model cannot take."""
        return body(self._at, self._profile, request, self._max_tokens)

    def read(self, message: Any, timing: Timing, headers: Any = None) -> Response:
        """The response that a message on the wire is, or the error that it stands for."""
        return response(self._at, message, timing=timing, headers=headers)

    @property
    def at(self) -> Endpoint:
        """Where the model is served."""
        return self._at

    async def send(self, method: str, path: str, sent: Body | None = None) -> Any:
        """The HTTP reply to a call; raises Quilate's errors."""
        import httpx2

        with translated(self._at):
            client = self._clients.get()
            # The SDK's own types are passed by: they cost more than all the rest of a call, and
            # take whatever a server says for valid.
            if method == "get":
                return await client.get(path, cast_to=httpx2.Response)
            return await client.post(path, body=sent, cast_to=httpx2.Response)

    async def _wire_events(self, sent: Body, headers: dict[str, str]) -> AsyncGenerator[Any]:
        """The decoded events of a stream; `headers` is filled with those of the reply."""
        sdk = require("anthropic", extra="anthropic")
        with translated(self._at):
            stream = await self._clients.get().post(
                "/v1/messages",
                body=sent,
                cast_to=object,
                stream=True,
                stream_cls=sdk.AsyncStream[object],
            )
            try:
                headers.update(stream.response.headers)
                _check_type(self._at, headers, "event-stream")
                async for event in sdk.AsyncStream.raw_events(stream.response):
                    if event.data:
                        yield json.loads(event.data)
            finally:
                await stream.close()

    def check_ready(self) -> None:
        """Raise what every call would: no package, no key."""
        require("anthropic", extra="anthropic")
        if self._official and not self._at.key:
            raise AuthenticationError(
                "There is no API key for Anthropic.",
                provider="anthropic",
                where=self._at.where,
                remedy="Set ANTHROPIC_API_KEY, or pass api_key=….",
            )

    def _open_client(self) -> Any:
        self.check_ready()
        sdk = require("anthropic", extra="anthropic")
        headers: dict[str, Any] = {}
        if self._private:  # the environment's headers may hold a secret for another server
            lines = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").split("\n")
            headers = {line.partition(":")[0].strip(): sdk.Omit() for line in lines if ":" in line}
        if not self._at.key:
            headers["Authorization"] = sdk.Omit()
        try:
            # A reply that sends the request elsewhere is not followed: the key stays here.
            http = sdk.DefaultAsyncHttpxClient(
                timeout=None, follow_redirects=False, event_hooks={"response": [_bound]}
            )
        except (ValueError, OSError, ImportError) as error:
            # What it makes of proxy and certificate settings in the environment.
            raise unreachable(self._at, error) from None
        # Retries and deadlines are Quilate's own; so are traces. An empty key keeps the SDK from
        # looking for one in the environment.
        return sdk.AsyncAnthropic(
            api_key=self._at.key or "",
            base_url=self._at.base_url,
            max_retries=0,
            timeout=None,
            default_headers=headers,
            open_telemetry=False,
            http_client=http,
        )


async def _bound(response: Any) -> None:
    is_file = response.request.url.path.endswith("/results")  # of a batch
    response.stream = bounded(response.stream, _MAX_FILE_BYTES if is_file else _MAX_BYTES)


def json_of(at: Endpoint, reply: Any) -> Any:
    """The JSON of an HTTP reply; raises `MalformedReply` for anything else."""
    _check_type(at, reply.headers, "json")
    with translated(at):
        return json.loads(reply.content)


def _check_type(at: Endpoint, headers: Any, wanted: str) -> None:
    kind = headers.get("content-type", "none")
    if wanted not in kind:
        raise malformed(
            at,
            f"The reply is of type '{kind}'.",
            "Check that base_url is the server's Anthropic-compatible address.",
        )


def adapter_of(given: Any) -> AnthropicMessages:
    """The adapter inside a model that `quilate.model` made."""
    while not isinstance(given, AnthropicMessages):
        given = getattr(given, "inner", None)
        if given is None:
            raise ConfigurationError("This is no model of Anthropic's.")
    return given
