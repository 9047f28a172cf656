"""The Model over the Responses API."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing

from quilate.decisions import Decision, Question
from quilate.models import Event, Finished, Request, Response, Timing
from quilate.providers import Endpoint
from quilate_adapters.openai import responses_reply, responses_request
from quilate_adapters.openai.chat import ended_early, info
from quilate_adapters.openai.connection import Connection
from quilate_adapters.openai.decisions import decide
from quilate_adapters.openai.faults import reading
from quilate_adapters.openai.responses_stream import Reading

_PATH = "/responses"


class OpenAIResponses:
    """A model behind the Responses API, used without state: nothing is stored at OpenAI, and its
    reasoning comes encrypted and goes back with the conversation.

    `capabilities` names what the model has beyond what is known of it.
    """

    def __init__(self, at: Endpoint, *, capabilities: Collection[str] = ()) -> None:
        self.wire = Connection(at)
        self.info = info(self.wire, "responses", capabilities)

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        body = responses_request.body(self.wire, request)
        started = time.perf_counter()
        reply = await self.wire.post(_PATH, body)
        timing = Timing(time.perf_counter() - started)
        return responses_reply.response(self.wire, request, reply.body, reply.headers, timing)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        body = responses_request.body(self.wire, request, stream=True)
        at, pieces, headers = self.wire.at, Reading(self.wire.at), dict[str, str]()
        started, first_at = time.perf_counter(), None
        async with aclosing(self.wire.events(_PATH, body, headers)) as events:
            async for event in events:
                with reading(at, headers):
                    found = list(pieces.add(event))
                for ours in found:
                    first_at = first_at or time.perf_counter()
                    yield ours
        if pieces.whole is None:
            raise ended_early(at, headers)
        timing = Timing(time.perf_counter() - started, first_at and first_at - started)
        yield Finished(responses_reply.response(self.wire, request, pieces.whole, headers, timing))

    async def decide(self, request: Request, questions: Sequence[Question]) -> list[Decision]:
        """One decision a question, by OpenAI's decisions endpoint (capability ``decide``)."""
        return await decide(self.wire, request, questions)

    def check_ready(self) -> None:
        """Raise what every call would: no package, no key."""
        self.wire.check_ready()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self.wire.aclose()
