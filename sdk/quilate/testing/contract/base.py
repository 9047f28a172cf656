"""What the parts of the kit share: the model under test, and requests that ask for little."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from quilate.errors import ConnectionFailed, ModelError
from quilate.messages import Message, user
from quilate.middleware.ambient import Ambient
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.standard import standard
from quilate.models import Event, Finished, Model, Request, Response, Sampling
from quilate.sync import iterate, run

QUESTION = "Name three colours of the rainbow."
LONG = "Count from 1 to 200, one number a line."


class Kit:
    """The fixtures of every part."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> Model:
        """The adapter's model: a subclass gives it."""
        raise NotImplementedError("Give your class a fixture `model`, of class scope.")

    @pytest.fixture(scope="class")
    @classmethod
    def is_language_model(cls) -> bool:
        """Whether the model draws tokens by itself."""
        return True

    @pytest.fixture(scope="class")
    @classmethod
    def opened(cls, model: Model) -> Iterator[Ambient]:
        """The model as `quilate.model` opens it, without retries but those of `Reconnecting`."""
        opened = standard(Reconnecting(model), attempts=1)
        yield opened
        run(opened.aclose())


class Reconnecting(Wrapper):
    """A model whose call is made once more where its connection broke before anything came: a
    server may close an idle connection just as it is used again. Other errors are not retried, so
    that none hides; an adapter's own retries are counted by `FaultContract`."""

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        try:
            return await self.inner.generate(request)
        except ConnectionFailed:
            return await self.inner.generate(request)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        for is_last in (False, True):
            events, begun = self.inner.stream(request), False
            try:
                async for event in events:
                    begun = True
                    yield event
                return
            except ConnectionFailed:
                if begun or is_last:
                    raise
            finally:
                await close_stream(events)


def bare(model: Model) -> Model:
    """The adapter's own model, without what is around it."""
    while isinstance(model, Wrapper):
        model = model.inner
    return model


def has(model: Model, name: str) -> bool:
    """Whether the model declares a capability."""
    return model.info.capabilities.has(name)


def asking(model: Model, *messages: Message | str, max_tokens: int = 16, **fields: Any) -> Request:
    """A request with the settings that the model takes: greedy, seeded and short."""
    wanted = {"temperature": 0.0, "seed": 1, "max_tokens": max_tokens}
    sampling = Sampling(**{n: value for n, value in wanted.items() if has(model, n)})  # type: ignore[arg-type]
    said = tuple(user(m) if isinstance(m, str) else m for m in messages or (QUESTION,))
    return Request(said, sampling=sampling, **fields)


def with_sampling(request: Request, **settings: Any) -> Request:
    """The request with other sampling settings."""
    return replace(request, sampling=replace(request.sampling, **settings))


def answer(model: Model, request: Request) -> Response:
    """The whole answer, from sync code."""
    return run(model.generate(request))


def streamed(model: Model, request: Request) -> tuple[list[Event], Response]:
    """The deltas of a stream and the response of its `Finished`, which comes once and last."""
    *deltas, last = iterate(model.stream(request))
    assert isinstance(last, Finished)  # noqa: S101
    assert not any(isinstance(delta, Finished) for delta in deltas)  # noqa: S101
    return deltas, last.response


def answer_or_error(model: Model, request: Request, *allowed: type[ModelError]) -> Response | None:
    """The answer, or None for an error of a kind that is allowed."""
    try:
        return answer(model, request)
    except allowed:
        return None
