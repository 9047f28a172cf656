"""The wire: JSON to the server and back, through the SDK's client."""

import json
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from quilate.errors import AuthenticationError
from quilate.providers import Endpoint, PerLoop, bounded, building_client, encoded, malformed
from quilate.registry import require
from quilate_adapters.openai.faults import reading, sent_error, translated

OFFICIAL = "https://api.openai.com/v1"
_MAX_BYTES = 16 * 2**20
"""Of one answer: far more than any model writes, and little enough to hold many at once."""
_MAX_FILE_BYTES = 512 * 2**20
"""Of a file, such as a batch's results: OpenAI's own limit."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply's JSON object, its headers and its request id."""

    body: dict[str, Any]
    headers: Mapping[str, str]


class Connection:
    """An endpoint with its clients, one for each event loop. Nothing opens before the first call.

    Bodies go out and come in as plain JSON, so that neither a reply outside the SDK's types nor the
    cost of its transformations matters.
    """

    def __init__(self, at: Endpoint, *, max_bytes: int = _MAX_BYTES) -> None:
        self.at = at
        self.official = is_official(at.base_url)
        self._max_bytes = max_bytes
        self._clients: PerLoop[Any] = PerLoop(self._make)

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """The reply to a body; raises a `ModelError`, or a `ConfigurationError` for an environment
        of which no client can be made."""
        import httpx2

        with translated(self.at):
            sent = encoded(self.at, body)
            reply = await self.client().post(path, cast_to=httpx2.Response, content=sent)
        with reading(self.at, reply.headers):
            return Reply(_object(self.at, _parsed(self.at, reply)), reply.headers)

    async def events(
        self, path: str, body: Mapping[str, Any], headers: dict[str, str]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON objects of a stream; the reply's headers go into `headers`."""
        with translated(self.at):
            sdk, sent = require("openai", extra="openai"), encoded(self.at, body)
            stream = await self.client().post(
                path, cast_to=object, content=sent, stream=True, stream_cls=sdk.AsyncStream[object]
            )
        try:
            headers.update(stream.response.headers)
            with reading(self.at, headers):
                _check_events(self.at, headers)
            while True:
                with reading(self.at, headers):
                    with translated(self.at):
                        event = await anext(stream, None)
                    if event is None:
                        return
                    found = _object(self.at, event)
                yield found
        finally:
            await stream.close()

    def check_ready(self) -> None:
        """Raise what every call would: no package, no key."""
        require("openai", extra="openai")
        self._check_key()

    def client(self) -> Any:
        """The SDK's client of the running loop."""
        self._check_key()
        return self._clients.get()

    def _check_key(self) -> None:
        if self.official and not self.at.key:
            raise AuthenticationError(
                "There is no API key for OpenAI.",
                provider=self.at.provider,
                where=self.at.where,
                remedy="Set OPENAI_API_KEY and leave base_url out, or pass api_key=….",
            )

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop()
        if client is not None:
            await client.close()

    def _make(self) -> Any:
        sdk = require("openai", extra="openai")
        with building_client(self.at.where):
            http = sdk.DefaultAsyncHttpxClient(
                base_url=self.at.base_url,
                timeout=None,
                limits=_limits(),
                event_hooks={"response": [self._bound]},
            )
        # Retries, deadlines and concurrency are Quilate's own layers. The SDK insists on some key.
        client = sdk.AsyncOpenAI(
            api_key=self.at.key or "none",
            base_url=self.at.base_url,
            max_retries=0,
            timeout=None,
            http_client=http,
        )
        named = (os.environ.get("OPENAI_BASE_URL") or "").rstrip("/")
        if not self.official and self.at.base_url != named:
            # The environment's headers and account are no business of somebody else's server.
            client.organization = client.project = None
            client._custom_headers = {}
        return client

    async def _bound(self, response: Any) -> None:
        is_file = response.request.url.path.endswith("/content")
        limit = max(self._max_bytes, _MAX_FILE_BYTES) if is_file else self._max_bytes
        response.stream = bounded(response.stream, limit)


def is_official(base_url: str) -> bool:
    """Whether OpenAI itself answers there, in whatever region.

    >>> is_official("https://eu.api.openai.com/v1"), is_official("https://api.openai.com.evil/v1")
    (True, False)
    """
    return f".{urlsplit(base_url).hostname}".endswith(".api.openai.com")


def _limits() -> Any:
    import httpx2

    return httpx2.Limits(max_connections=1000, max_keepalive_connections=100)


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "of no content type")


def _check_events(at: Endpoint, headers: Mapping[str, str]) -> None:
    if "event-stream" not in _kind(headers):
        raise malformed(
            at,
            f"The reply is not a stream of events but {_kind(headers)}.",
            "Check that base_url is the server's API address (often ending /v1).",
        )


def _parsed(at: Endpoint, reply: Any) -> Any:
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError) as error:
        said = str(error)
    raise malformed(
        at,
        f"The reply is not JSON but {_kind(reply.headers)}: {said}.",
        "Check that base_url is the server's API address (often ending /v1).",
    )


def _object(at: Endpoint, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise malformed(
            at,
            f"The reply is not a JSON object: {str(found)[:100]!r}.",
            "Check that base_url is the server's API address (often ending /v1).",
        )
    if found.get("error"):
        raise sent_error(at, found["error"])
    return found
