"""Asking a model for a probe: bounded requests, their cost added up, shared draws made once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from quilate.errors import InvalidRequest, MalformedReply
from quilate.messages import user
from quilate.models import (
    FREE,
    Cost,
    Event,
    Finished,
    Model,
    Request,
    Response,
    Sampling,
    TextDelta,
    Usage,
)
from quilate.probing.report import Found, ignored, unknown

DRAWS = 4
"""Answers drawn for each setting. Two free texts of 32 tokens are equal by chance less than once
in 30 draws even for a model that repeats itself, so four are all equal less than once in 20,000."""

DRAWN_TOKENS = 32

HOT = 1.0
"""The highest temperature that every provider takes."""

HOTTEST = 2.0
"""The highest that any takes."""

_STORY = "Write the beginning of a story that nobody has ever told. Begin right away."
_THINKING = 2048


class Session:
    """One probe of one model. Every request passes through it, so that it knows what was spent.

    `settings` are those that the model declares and did not refuse; requests that need a steady
    answer, or a short one, use what is there.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str | None = None,
        deadline: float = 60.0,
        include_bad_key: bool = False,
    ) -> None:
        self.model, self.name, self.deadline = model, name, deadline
        self.include_bad_key = include_bad_key
        self.settings = {
            setting
            for setting in ("temperature", "max_tokens", "seed")
            if model.info.capabilities.has(setting)
        }
        self.calls = 0
        self.usage, self.cost = Usage(), FREE
        self._hot: tuple[str, ...] = ()
        self._draw = 0

    def has(self, capability: str) -> bool:
        """What the model declares."""
        return self.model.info.capabilities.has(capability)

    def spent(self, usage: Usage, cost: Cost) -> None:
        """Add what a call took."""
        self.calls += 1
        self.usage, self.cost = self.usage + usage, self.cost + cost

    async def begin(self) -> Response:
        """The first question, which finds out whether the model takes temperature 0. Raises
        whatever the model raises: without an answer there is nothing to probe."""
        try:
            return await self.ask(self.steady("Say hello."))
        except InvalidRequest:
            if "temperature" not in self.settings:
                raise
        self.settings.discard("temperature")
        return await self.ask(self.steady("Say hello."))

    def steady(self, text: str, *, tokens: int = 64, **fields: Any) -> Request:
        """A question to be answered in the likeliest words, `tokens` of them at most."""
        return Request((user(text),), sampling=self.sampling(tokens=tokens), **fields)

    def sampling(
        self, *, tokens: int | None = 64, temperature: float = 0.0, **more: Any
    ) -> Sampling:
        """Settings, those that the model does not take left out. Models that think get room."""
        if tokens is not None and self.has("reasoning"):
            tokens += _THINKING
        return Sampling(
            temperature=temperature if "temperature" in self.settings else None,
            max_tokens=tokens if "max_tokens" in self.settings else None,
            **more,
        )

    async def ask(self, request: Request) -> Response:
        """One answer, in time."""
        response = await self.model.generate(replace(request, deadline=self.deadline))
        self.spent(response.usage, response.cost)
        return response

    async def listen(self, request: Request) -> tuple[list[Event], Response]:
        """A stream's deltas and its final response."""
        deltas: list[Event] = []
        async for event in self.model.stream(replace(request, deadline=self.deadline)):
            if isinstance(event, Finished):
                self.spent(event.response.usage, event.response.cost)
                return deltas, event.response
            deltas.append(event)
        raise AssertionError("a stream ends with Finished or an error")

    async def hot(self) -> tuple[str, ...]:
        """Free answers at the high temperature, each from a seed of its own where seeds are
        taken: what the narrowing settings are measured against. Drawn once for all checks."""
        if not self._hot:
            self._hot = await self.draws(seeds=self.seeds(1))
        return self._hot

    def seeds(self, first: int) -> Sequence[int]:
        """A seed for each of `DRAWS` answers, where seeds are taken."""
        return range(first, first + DRAWS) if "seed" in self.settings else ()

    async def draws(
        self, *, temperature: float = HOT, seeds: Sequence[int] = (), **more: Any
    ) -> tuple[str, ...]:
        """What the model wrote, thoughts too, for `DRAWS` free answers to one question."""
        texts = []
        for number in range(DRAWS):
            if seeds:
                more["seed"] = seeds[number]
            texts.append(written(await self.ask(self.free(temperature=temperature, **more))))
        return tuple(texts)

    def free(
        self, *, temperature: float = HOT, logprobs: int | None = None, **more: Any
    ) -> Request:
        """The open question, an epoch of its own each time, so that no cache answers."""
        self._draw += 1
        sampling = self.sampling(tokens=DRAWN_TOKENS, temperature=temperature, **more)
        return Request((user(_STORY),), sampling=sampling, epoch=self._draw, logprobs=logprobs)


async def close(model: Model) -> None:
    """Close a model that was opened for the probe."""
    ending = getattr(model, "aclose", None)
    if ending is not None:
        await ending()


def broken(session: Session, capability: str, error: MalformedReply) -> Found:
    """What it means that Quilate refused a reply that is not what was asked for: the endpoint
    ignores what its adapter declares, or a model was asked in words and did not follow."""
    wrong = error.what.rpartition("is not what was asked for: ")[2][:160]
    if session.has(capability) and "cut off" not in error.what:
        return ignored(f"declared, but the endpoint does not do it: {wrong}")
    return unknown(f"not followed, and refused by Quilate: {wrong}")


def written(response: Response) -> str:
    """All that the model wrote: a thinking model may not come to its answer within the tokens."""
    return response.message.reasoning + response.text


def thought(response: Response) -> bool:
    """Whether the model thinks before it answers, as far as the response tells: a text that did
    not come was not come to."""
    shown = response.message.reasoning or response.usage.reasoning_tokens
    return bool(shown) or not response.text.strip()


def joined(deltas: list[Event]) -> str:
    """The text of a stream's deltas."""
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
