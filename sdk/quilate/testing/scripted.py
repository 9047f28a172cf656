"""Scripted models for tests and benchmarks: control flow and faults, never quality."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from quilate.codec import digest
from quilate.models import (
    FREE,
    Capabilities,
    Event,
    ModelInfo,
    Request,
    Response,
    Sampling,
    TextDelta,
    Usage,
    events_of,
    reply,
)

_WORDS = re.compile(r"\s*\S+")
_ANYTHING = ("stream", "temperature", "top_p", "top_k", "seed", "max_tokens", "stop", "reasoning")


class ScriptedModel:
    """A model that answers with what `script` says: a text for all, or a function of the request
    that gives a text or a `Response`, or raises a `ModelError`. A text ends at `stop` and at
    `max_tokens`, a word being a token.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> sync.run(ScriptedModel("hola").generate(ask("?"))).text
    'hola'
    """

    def __init__(
        self,
        script: str | Callable[[Request], Any] = "ok",
        *,
        name: str = "scripted",
        capabilities: Capabilities | None = None,
    ) -> None:
        self._script = script
        self.calls = 0
        source = script if isinstance(script, str) else name
        self.info = ModelInfo(
            name=f"scripted/{name}",
            provider="scripted",
            identity=f"scripted:{name}:{digest(source)[:16]}",
            capabilities=capabilities or Capabilities.declared(*_ANYTHING),
        )

    async def generate(self, request: Request) -> Response:
        """The scripted answer; an awaitable that the script returns is awaited."""
        self.calls += 1
        answer = self._script if isinstance(self._script, str) else self._script(request)
        if hasattr(answer, "__await__"):
            answer = await answer
        if isinstance(answer, Response):
            return answer
        return _within(str(answer), request.sampling)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """The scripted answer word by word."""
        response = await self.generate(request)
        for event in events_of(response):
            if not isinstance(event, TextDelta):
                yield event
                continue
            for piece in re.findall(r"\S+\s*|\s+", event.text):
                yield TextDelta(piece)


def _within(text: str, sampling: Sampling) -> Response:
    """The reply that a text makes under the sampling's limits."""
    for stop in sampling.stop:
        text = text.partition(stop)[0]
    words, reason = len(text.split()), "stop"
    if sampling.max_tokens is not None and words > sampling.max_tokens:
        words, reason = sampling.max_tokens, "length"
        text = "".join(_WORDS.findall(text)[:words])
    usage = Usage(1, words)
    return reply(text, finish_reason=reason, usage=usage, cost=FREE)


def scripted(text: str, *, capabilities: Capabilities | None = None) -> ScriptedModel:
    """The factory behind ``scripted/TEXT``: a model that always answers TEXT."""
    return ScriptedModel(text, name=text, capabilities=capabilities)
