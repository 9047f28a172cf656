"""The contract: what a model cannot do is refused before the call, what it did not do after it."""

import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Literal

from quilate.errors import ConfigurationError, InvalidRequest, MalformedReply, Unsupported
from quilate.messages import Audio, File, Image
from quilate.middleware.admission import fault
from quilate.middleware.base import Wrapper, close_stream
from quilate.middleware.json_schema import violation
from quilate.models import Event, Finished, Model, ModelInfo, Request, Response, Sampling

Policy = Literal["raise", "warn"]

_SETTINGS = ("temperature", "top_p", "top_k", "seed", "max_tokens", "stop")
_PARTS = {Image: "images", Audio: "audio", File: "files"}


class UnsupportedSetting(UserWarning):
    """A setting that the model does not take was left out."""


class Contracted(Wrapper):
    """Holds a model to what it declares, so that no setting is ignored without a word.

    A request that makes no sense (`admission`) is an `InvalidRequest`. One for what the model's
    capabilities lack raises `Unsupported`; with ``unsupported="warn"`` a
    setting is left out with an `UnsupportedSetting` warning instead (parts of a message never
    are). A reply without the log-probabilities or the forced tool call that were asked for, or
    with a tool call that no given tool allows, is a `MalformedReply`.

    >>> from quilate import sync
    >>> from quilate.models import Capabilities, ask
    >>> from quilate.testing import ScriptedModel
    >>> plain = ScriptedModel("hola", capabilities=Capabilities.declared("stream"))
    >>> sync.run(Contracted(plain).generate(ask("?", temperature=0)))
    Traceback (most recent call last):
    quilate.errors.Unsupported: scripted/scripted: This model does not take temperature...
    """

    def __init__(self, inner: Model, *, unsupported: Policy = "raise") -> None:
        super().__init__(inner)
        if unsupported not in ("raise", "warn"):
            raise ConfigurationError(
                f"unsupported is {unsupported!r}.", remedy="It is 'raise' or 'warn'."
            )
        self._unsupported = unsupported

    @property
    def info(self) -> ModelInfo:
        """The model's own, but for its identity where settings are left out: what it then answers
        must not come out of a cache for a model that refuses them."""
        info = self.inner.info
        if self._unsupported == "raise":
            return info
        return replace(info, identity=f"{info.identity}:unsupported={self._unsupported}")

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        request = self._admit(request)
        response = await self.inner.generate(request)
        self._verify(request, response)
        return response

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece; the whole is verified before `Finished` is given out."""
        request = self._admit(request)
        events = self.inner.stream(request)
        try:
            async for event in events:
                if isinstance(event, Finished):
                    self._verify(request, event.response)
                yield event
        finally:
            await close_stream(events)

    def _admit(self, request: Request) -> Request:
        wrong = fault(request)
        if wrong is not None:
            raise InvalidRequest(
                wrong.what,
                where=self.info.name,
                provider=self.info.provider,
                remedy=wrong.remedy,
            )
        has = self.info.capabilities.has
        lacking = [name for name in _wanted_settings(request) if not has(name)]
        if lacking and self._unsupported == "raise":
            raise self._refused(
                ", ".join(lacking),
                "Leave it out, or open the model with "
                'unsupported="warn" to have it left out for you.',
            )
        for part in (part for message in request.messages for part in message.parts):
            name = _PARTS.get(type(part))
            if name is not None and not has(name):
                known = self.info.capabilities.features.get(name)
                note = known.note if known else ""
                raise self._refused(name, note or "Leave them out, or use a model that does.")
        if not lacking:
            return request
        warnings.warn(
            f"{self.info.name} does not take {', '.join(lacking)}: left out.",
            UnsupportedSetting,
            stacklevel=4,
        )
        return _without(request, lacking)

    def _refused(self, what: str, remedy: str) -> Unsupported:
        return Unsupported(
            f"This model does not take {what}.",
            where=self.info.name,
            provider=self.info.provider,
            remedy=remedy,
        )

    def _verify(self, request: Request, response: Response) -> None:
        if request.logprobs is not None and response.logprobs is None:
            raise self._broken(
                response, "The reply has no log-probabilities, which were asked for."
            )
        calls = response.tool_calls
        if not calls:
            if request.tools and request.tool_choice not in (None, "auto", "none"):
                raise self._broken(
                    response,
                    f"The reply calls no tool, and {request.tool_choice!r} was to be called.",
                )
            return
        if not request.tools or request.tool_choice == "none":
            raise self._broken(
                response, f"The reply calls the tool '{calls[0].name}', and no call was allowed."
            )
        tools = {tool.name: tool for tool in request.tools}
        forced = request.tool_choice in tools and request.tool_choice
        for call in calls:
            tool = tools.get(call.name)
            if tool is None or (forced and call.name != forced):
                raise self._broken(
                    response,
                    f"The reply calls the tool '{call.name}', which was not "
                    f"offered: {forced or ', '.join(tools)}.",
                )
            wrong = violation(dict(call.arguments), tool.parameters)
            if wrong:
                raise self._broken(
                    response,
                    f"The arguments of the tool call '{call.name}' do not validate: {wrong}.",
                )

    def _broken(self, response: Response, what: str) -> MalformedReply:
        error = MalformedReply(what, where=self.info.name, provider=self.info.provider)
        error.usage, error.cost = response.usage, response.cost
        return error


def _wanted_settings(request: Request) -> Iterator[str]:
    for name in _SETTINGS:
        if getattr(request.sampling, name) not in (None, ()):
            yield name
    if request.logprobs is not None:
        yield "logprobs"
    if request.reasoning is not None:
        yield "reasoning"


def _without(request: Request, names: list[str]) -> Request:
    defaults = Sampling()
    sampling = replace(
        request.sampling, **{name: getattr(defaults, name) for name in names if name in _SETTINGS}
    )
    others = {name: None for name in names if name not in _SETTINGS}
    return replace(request, sampling=sampling, **others)  # type: ignore[arg-type]
