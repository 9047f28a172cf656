"""The Reranker over a server's ``/v1/rerank``, as llama.cpp, vLLM, Jina and Cohere have it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from quilate.errors import ConnectionFailed, ModelError
from quilate.providers import (
    Endpoint,
    PerLoop,
    TooLarge,
    bounded,
    building_client,
    encoded,
    malformed,
    patiently,
    raise_alone,
    status_error,
)
from quilate.retrievers import RerankerInfo

_AT_ONCE = 64
_MAX_BYTES = 16 * 2**20
"""Of one reply: some hundred bytes a passage come, unless the documents come back with them."""


def reranker(name: str, *, base_url: str, api_key: str | None = None) -> "ServerReranker":
    """The reranker `name` of the server at `base_url` (such as ``http://127.0.0.1:8080/v1``); no
    connection opens before the first call. Scores are the server's own: higher is better.

    >>> reranker("bge", base_url="http://127.0.0.1:8080/v1").info.name
    'server/bge'
    """
    return ServerReranker(Endpoint("server", name, base_url.rstrip("/"), api_key))


class ServerReranker:
    """Scores passages by calls of 64; a passage that the model cannot take whole is an error of
    the server's. Raises a `ModelError`, or a `ConfigurationError` for an environment of which no
    client can be made."""

    def __init__(self, at: Endpoint) -> None:
        self._at = at
        self.info = RerankerInfo(f"{at.provider}/{at.name}", at.identity)
        self._clients: PerLoop[Any] = PerLoop(self._make)

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given."""
        scores: list[float] = []
        for start in range(0, len(passages), _AT_ONCE):
            some = list(passages[start : start + _AT_ONCE])
            scores += await patiently(self._at, partial(self._some, query, some))
        return scores

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop()
        if client is not None:
            await client.aclose()

    def _make(self) -> Any:
        import httpx2

        key = self._at.key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        with building_client(self._at.where):
            return httpx2.AsyncClient(
                timeout=None, headers=headers, event_hooks={"response": [_bound]}
            )

    async def _some(self, query: str, texts: list[str]) -> list[float]:
        body = {
            "model": self._at.name,
            "query": query,
            "documents": texts,
            "top_n": len(texts),
            "return_documents": False,
        }
        return _scores(self._at, await self._post(body), len(texts))

    async def _post(self, body: dict[str, Any]) -> Any:
        import httpx2

        at, sent = self._at, encoded(self._at, body)
        headers = {"content-type": "application/json"}
        try:
            client = self._clients.get()
            reply = await client.post(f"{at.base_url}/rerank", content=sent, headers=headers)
        except TooLarge as error:
            failed: ModelError = malformed(at, f"The reply is too large: {error}.")
        except httpx2.DecodingError as error:
            failed = malformed(at, f"The reply cannot be read: {error}.")
        except httpx2.HTTPError as error:
            failed = ConnectionFailed(
                f"The connection failed: {at.quiet(error)}.",
                provider=at.provider,
                where=at.where,
                remedy="Check that the server runs there and that the address is right.",
            )
        else:
            return _read(at, reply)
        raise_alone(failed)


async def _bound(response: Any) -> None:
    response.stream = bounded(response.stream, _MAX_BYTES)


def _read(at: Endpoint, reply: Any) -> Any:
    """The JSON of a reply; raises for an error's, with its request id."""
    request_id = reply.headers.get("x-request-id")
    if reply.status_code != 200:
        raise status_error(
            at, reply.status_code, _said(reply), headers=reply.headers, request_id=request_id
        )
    body = _json(reply)
    if body is None:
        raise malformed(at, "The reply is not JSON.", "Check base_url.")
    return body


def _json(reply: Any) -> Any:
    try:
        return reply.json()
    except (ValueError, RecursionError):
        return None


def _said(reply: Any) -> Any:
    """What an error's body says."""
    body = _json(reply)
    if body is None:
        return reply.text or reply.reason_phrase
    error = body.get("error", body) if isinstance(body, dict) else body
    said = error.get("message") or error.get("detail") if isinstance(error, dict) else None
    return said or error


def _scores(at: Endpoint, body: Any, count: int) -> list[float]:
    """The scores by their indices; each passage must have one."""
    import math

    try:
        found = {int(entry["index"]): float(entry["relevance_score"]) for entry in body["results"]}
        scores = [found[i] for i in range(count)]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise malformed(at, f"The reply does not hold a score for each of {count}.") from None
    if len(body["results"]) != count or not all(map(math.isfinite, scores)):
        raise malformed(at, f"The reply does not hold one finite score for each of {count}.")
    return scores
