"""The Model over Chat Completions."""

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing

from quilate.decisions import Decision, Question
from quilate.errors import ConnectionFailed
from quilate.models import Event, Finished, ModelInfo, Request, Response, Timing
from quilate.providers import Endpoint, as_identity, with_more
from quilate_adapters.openai import chat_reply, chat_request, profiles
from quilate_adapters.openai.chat_stream import Assembly
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.decisions import decide
from quilate_adapters.openai.faults import reading

_PATH = "/chat/completions"


def info(
    wire: Connection,
    api: profiles.Api,
    more: Collection[str] = (),
    lacks: Collection[str] = (),
) -> ModelInfo:
    """Who the model behind an endpoint is, and what it takes over one of the APIs."""
    at = wire.at
    known = profiles.official(at.name, api) if wire.official else profiles.compatible(api, lacks)
    return ModelInfo(
        name=f"{at.provider}/{at.name}",
        provider=at.provider,
        identity=at.identity + (f":{api}" if api != "chat" else "") + as_identity(more),
        capabilities=with_more(at, known, more, profiles.TRANSLATED),
        quota=at.quota,
        details={"base_url": at.public_url},
    )


class OpenAIChat:
    """A model behind Chat Completions, OpenAI's own or a compatible server's.

    `capabilities` names what it has beyond what is known of it (of a compatible server: beyond
    what all of them have), such as ``tools``, ``tool_choice``, ``images`` or ``reasoning``;
    `lacks` what a compatible server has not. Prices are
    genai-prices' and said to be estimated; those of a server that it does not know are unknown.
    """

    def __init__(
        self, at: Endpoint, *, capabilities: Collection[str] = (), lacks: Collection[str] = ()
    ) -> None:
        self.wire = Connection(at)
        self.info = info(self.wire, "chat", capabilities, lacks)

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        body = chat_request.body(self.wire, request)
        started = time.perf_counter()
        reply = await self.wire.post(_PATH, body)
        timing = Timing(time.perf_counter() - started)
        return chat_reply.response(self.wire.at, request, reply.body, reply.headers, timing)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        body = chat_request.body(self.wire, request, stream=True)
        at, whole, headers = self.wire.at, Assembly(self.wire.at), dict[str, str]()
        started, first_at = time.perf_counter(), None
        async with aclosing(self.wire.events(_PATH, body, headers)) as chunks:
            async for chunk in chunks:
                with reading(at, headers):
                    events = list(whole.add(chunk))
                for event in events:
                    first_at = first_at or time.perf_counter()
                    yield event
        if whole.finish is None:
            raise ended_early(at, headers)
        timing = Timing(time.perf_counter() - started, first_at and first_at - started)
        with reading(at, headers):
            completion = whole.completion()
        yield Finished(chat_reply.response(at, request, completion, headers, timing))

    async def decide(self, request: Request, questions: Sequence[Question]) -> list[Decision]:
        """One decision a question, by OpenAI's decisions endpoint (capability ``decide``)."""
        return await decide(self.wire, request, questions)

    def check_ready(self) -> None:
        """Raise what every call would: no package, no key."""
        self.wire.check_ready()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self.wire.aclose()


def ended_early(at: Endpoint, headers: Mapping[str, str]) -> ConnectionFailed:
    """A stream that stopped before its end."""
    return ConnectionFailed(
        "The stream ended before the answer did.",
        provider=at.provider,
        where=at.where,
        request_id=at.quiet(headers.get("x-request-id") or "") or None,
    )
