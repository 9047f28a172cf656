"""The Target over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from quilate import errors
from quilate.evaluators import Output, Sample
from quilate.middleware.retry import Tries
from quilate.models import Cost
from quilate.providers import Endpoint, PerLoop, building_client
from quilate_adapters.http import faults, filling, replies
from quilate_adapters.http.replies import Unreadable

if TYPE_CHECKING:
    import httpx2


@dataclass(frozen=True, slots=True)
class Paths:
    """Compiled JMESPath expressions into the reply, or None."""

    answer: Any = None
    contexts: Any = None
    usage: Any = None
    cost: Any = None


def target(
    url: str,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    answer: str | None = None,
    contexts: str | None = None,
    usage: str | None = None,
    cost: str | None = None,
    stream: replies.Stream | None = None,
    timeout: float = 60.0,
    attempts: int = 4,
) -> "HttpTarget":
    """An HTTP endpoint as a target: the sample goes out in `params` or `body`, and `answer` says
    where the answer stands in the JSON that comes back (without it, the whole reply is the answer).

    Strings in `body` and `params` are Jinja templates over the sample (`question`, `messages`,
    `metadata`, …). `headers`, `params` and `url` take ``${NAME}`` from the environment, and what it
    holds is never shown. `answer`, `contexts` (retrieved passages), `usage` and `cost` (US dollars)
    are JMESPath expressions. With `stream` they are applied to each event, and the answer's pieces
    are joined. `timeout` is in seconds and for each of at most `attempts` tries. Raises
    `ConfigurationError` for what cannot be sent or read this way.

    >>> target("http://127.0.0.1:9/ask", body={"q": "{{ question }}"}, answer="reply").where
    'http://127.0.0.1:9/ask'
    """
    where = faults.public(url)
    if stream not in (None, "sse", "jsonl"):
        raise errors.ConfigurationError(
            f"`stream` is {stream!r}.", where=where, remedy="Write sse or jsonl, or leave it out."
        )
    Endpoint("http", "target", url)  # raises for what is no URL
    for name, templates in (("body", body), ("params", params)):
        filling.check(templates, where, name)
    if not (isinstance(timeout, int | float) and timeout > 0):
        raise errors.ConfigurationError(
            f"`timeout` is {timeout!r}.", where=where, remedy="Write a number of seconds above 0."
        )
    Tries(attempts)  # raises for what is no number of tries
    _check_json(body, where)
    given = (("answer", answer), ("contexts", contexts), ("usage", usage), ("cost", cost))
    sent_headers = {name: str(value) for name, value in (headers or {}).items()}
    return HttpTarget(
        url=url,
        method=method.upper(),
        headers=sent_headers,
        params=dict(params or {}),
        body=body,
        paths=Paths(**{name: replies.compiled(path, name, where) for name, path in given}),
        stream=stream,
        timeout=timeout,
        attempts=attempts,
        secrets=frozenset(faults.secrets_of(url, sent_headers, params, body)),
    )


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """A target behind HTTP; made by `target`.

    Calls that fail in a way that may pass are tried again, as a model's are; an attempt that is
    cancelled closes its connection. Raises a `ModelError`: by HTTP status, `DeadlineExceeded`,
    `ConnectionFailed`, `MalformedReply`.
    """

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    paths: Paths = Paths()
    stream: replies.Stream | None = None
    timeout: float = 60.0
    attempts: int = 4
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    _clients: "PerLoop[httpx2.AsyncClient]" = field(
        default_factory=lambda: PerLoop(_client), repr=False, compare=False
    )

    @property
    def where(self) -> str:
        """The place, for errors."""
        return faults.public(self.url)

    def provenance(self) -> dict[str, Any]:
        """What decides its answers, for a run's record; headers' values as they were written."""
        paths = {
            name: path.expression
            for name in ("answer", "contexts", "usage", "cost")
            if (path := getattr(self.paths, name)) is not None
        }
        return {
            "target": "http",
            "url": self.where,
            "method": self.method,
            "headers": {name: _written(value) for name, value in self.headers.items()},
            "params": faults.without_secrets(self.params),
            "body": faults.without_secrets(self.body),
            "stream": self.stream,
            **paths,
        }

    async def __call__(self, sample: Sample) -> Output:
        """Answer one sample."""
        secrets = set(self.secrets)
        request = self._request(filling.values_of(sample), secrets)
        return await Tries(self.attempts).make(lambda _: self._attempt(request, secrets))

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop()
        if client is not None:
            await client.aclose()

    def _request(self, values: Mapping[str, Any], secrets: set[str]) -> dict[str, Any]:
        """The arguments of httpx2's ``stream``."""

        def known(text: str) -> str:
            return filling.from_environment(text, self.where, secrets)

        settings: dict[str, Any] = {
            "method": self.method,
            "url": known(self.url),
            "headers": {name: known(value) for name, value in self.headers.items()},
        }
        if self.params:
            settings["params"] = {
                # Not both in one text: nothing of a sample may read the environment.
                name: known(value) if _reads_environment(value) else _as_parameter(filled)
                for name, value in self.params.items()
                for filled in [filling.filled(value, values, self.where, f"params.{name}")]
            }
        if self.body is not None:
            body = filling.filled(self.body, values, self.where)
            kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
            text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
            settings["content"] = _encoded(text, self.where)
            if not any(name.lower() == "content-type" for name in self.headers):
                settings["headers"]["content-type"] = kind
        return settings

    async def _attempt(self, request: Mapping[str, Any], secrets: set[str]) -> Output:
        with building_client(self.where):
            client = self._clients.get()
        with faults.translated(self.where, self.timeout, secrets):
            async with asyncio.timeout(self.timeout), client.stream(**request) as reply:
                body = replies.bounded(reply.aiter_bytes())
                if reply.status_code >= 300:
                    said = b"".join([piece async for piece in body])
                    raise faults.of_status(self.method, self.url, reply, said, secrets)
                if self.stream is not None:
                    return await self._streamed(body, self.stream)
                return self._whole(replies.text_of(b"".join([piece async for piece in body])))

    def _whole(self, text: str) -> Output:
        if self.paths.answer is None and not self._reads_more():
            return Output(text)
        value = replies.json_of(text)
        output = self._more(value, Output(""))
        if self.paths.answer is None:
            return replace(output, text=text)
        answer = replies.answer_in(self.paths.answer, value)
        if answer is None:
            raise self._nothing(value)
        return replace(output, text=answer)

    async def _streamed(self, body: AsyncIterator[bytes], form: replies.Stream) -> Output:
        pieces: list[str] = []
        output, data = Output(""), ""
        async for data in replies.events(replies.lines(body), form):
            if self.paths.answer is None and not self._reads_more():
                pieces.append(data)
                continue
            value = replies.json_of(data)
            output = self._more(value, output)
            path = self.paths.answer
            piece = data if path is None else replies.answer_in(path, value)
            if piece is None and isinstance(value, dict) and value.get("error"):
                said = replies.short(value["error"])
                raise Unreadable(f"The stream holds an error: {said}", transient=True)
            if piece is not None:
                pieces.append(piece)
        if not pieces:
            raise self._nothing(data)
        return replace(output, text="".join(pieces))

    def _reads_more(self) -> bool:
        return any((self.paths.contexts, self.paths.usage, self.paths.cost))

    def _more(self, value: Any, output: Output) -> Output:
        """The output with the passages, usage and cost that a reply (or an event) has."""
        paths = self.paths
        hits = replies.hits_in(paths.contexts, value) if paths.contexts else None
        usage = replies.usage_in(paths.usage, value) if paths.usage else None
        cost = replies.number_in(paths.cost, value) if paths.cost else None
        return replace(
            output,
            hits=output.hits if hits is None else hits,
            context=output.context if hits is None else hits,
            usage=output.usage if usage is None else usage,
            cost=output.cost if cost is None else Cost(cost, "estimated"),
        )

    def _nothing(self, reply: Any) -> Unreadable:
        path = self.paths.answer
        at = f" at `{path.expression}`" if path else ""
        return Unreadable(f"The reply has nothing{at}: {replies.short(reply)}")


def _client() -> "httpx2.AsyncClient":
    import httpx2

    # Time limits are ours: one for the whole attempt. How many run at once is the run's affair.
    return httpx2.AsyncClient(timeout=None, limits=httpx2.Limits(max_connections=None))


def _check_json(body: Any, where: str) -> None:
    try:
        json.dumps(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.ConfigurationError(
            f"`body` is not JSON: {error}.", where=where, remedy="Write what JSON can hold."
        ) from None


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise errors.InvalidRequest(
            f"The sample holds text that UTF-8 cannot encode: {error.reason}.",
            where=where,
            provider="http",
            remedy="Read it again with its right encoding, or take that character out.",
        ) from None


def _written(value: str) -> str:
    return value if _reads_environment(value) else "[as given]"


def _reads_environment(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def _as_parameter(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
