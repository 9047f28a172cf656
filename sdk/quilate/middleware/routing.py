"""Several models as one: the next answers when one cannot, in order, by price or by speed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from quilate.codec import digest
from quilate.errors import (
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    MalformedReply,
    ModelError,
    RateLimited,
    ServerError,
    Unsupported,
)
from quilate.middleware.ambient import Ambient, ambient
from quilate.middleware.base import close_stream
from quilate.middleware.deadlines import without_time
from quilate.middleware.ordering import ORDERS, By, Order
from quilate.middleware.retry import _billed, _lost, _with_lost
from quilate.models import (
    Capabilities,
    Event,
    Finished,
    Likelihood,
    Model,
    ModelInfo,
    Request,
    Response,
    TokenCount,
)

if TYPE_CHECKING:
    from quilate.decisions import Decision, Question

T = TypeVar("T")

PASSING: tuple[type[ModelError], ...] = (
    RateLimited,
    ServerError,
    ConnectionFailed,
    DeadlineExceeded,
    MalformedReply,
)
"""The errors on which the next model is tried, unless told otherwise: another may not have them."""


def route(
    models: "Iterable[str | Model | Callable[..., Any]]",
    *,
    by: By = "order",
    on: type[ModelError] | tuple[type[ModelError], ...] = PASSING,
    attempts: int = 2,
) -> Ambient:
    """One model made of several: where one fails with an error of `on`, the next answers.

    They are tried in the order given; with ``by="cost"`` in that of the estimated price of the
    request, unknown prices last; with ``by="latency"`` in that of the time that recent calls took
    (until the first event, for streams). Strings are opened as by `quilate.model`, with
    `attempts` tries each; a model given keeps its own. The request's `deadline` holds for all of
    them together, its `first_event_deadline` for each. A stream goes on to the next model only
    before its first event.

    A model that lacks what a request needs is passed over. The capabilities of the whole are those
    that every model has, so that what is planned by them works whoever answers.
    `Response.model` names who answered; its usage and cost are those of the answer and of what
    the models before it charged for replies that were of no use. The error of a call that nobody
    answered is the last one, with the others as its notes and all their usage and cost.

    >>> from quilate import sync
    >>> from quilate.models import ask
    >>> from quilate.testing import ScriptedModel
    >>> def down(request: Request) -> str:
    ...     raise ServerError("down")
    >>> model = route([ScriptedModel(down), "scripted/hola"], attempts=1)
    >>> sync.run(model.generate(ask("?"))).text
    'hola'
    """
    from quilate.registry import model as opened

    given = [] if isinstance(models, str) else list(models)
    if not given:
        raise ConfigurationError(
            "A route needs a list of models to go to.",
            remedy='Write route(["openai/…", "anthropic/…"]).',
        )
    for kind in on if isinstance(on, tuple) else (on,):
        if not (isinstance(kind, type) and issubclass(kind, ModelError)):
            raise ConfigurationError(
                f"`on` holds {kind!r}, which is no kind of ModelError.",
                remedy="Write on=ServerError, or on=(ServerError, RateLimited).",
            )
    members = [
        model if isinstance(model, Ambient) else opened(model, attempts=attempts) for model in given
    ]
    if not isinstance(by, str) or by not in ORDERS:
        raise ConfigurationError(
            f"Models cannot be routed by '{by}'.", remedy=f"Choose from {', '.join(ORDERS)}."
        )
    return ambient(Routed(members, ORDERS[by](members), by=by, on=on))


class Routed:
    """Models of which the first that can answers; `route` makes it."""

    def __init__(
        self,
        members: Sequence[Model],
        order: Order,
        *,
        by: By,
        on: type[ModelError] | tuple[type[ModelError], ...],
    ) -> None:
        self._members, self._order, self._by = members, order, by
        self._on: tuple[type[ModelError], ...] = on if isinstance(on, tuple) else (on,)
        self._passing: tuple[type[ModelError], ...] = (*self._on, Unsupported)

    @property
    def info(self) -> ModelInfo:
        """All the models and the policy: no cache mixes them with another's answers."""
        infos = [member.info for member in self._members]
        lengths = [info.context_length for info in infos if info.context_length is not None]
        errors = sorted(kind.__name__ for kind in self._on)
        names = [info.name for info in infos]
        identity = digest(self._by, *errors, *(info.identity for info in infos))
        return ModelInfo(
            name=f"route({', '.join(names)})",
            provider="route",
            identity=f"route:{identity}",
            context_length=min(lengths, default=None),
            capabilities=_common([info.capabilities for info in infos]),
            details={"by": self._by, "on": errors, "models": names},
        )

    async def generate(self, request: Request) -> Response:
        """Answer once, by the first model that does."""
        answer, failed = await self._try("generate", request, _named_answer)
        return _billed(answer, failed)

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece, by the first model that begins to."""

        async def begin(
            model: Model, request: Request
        ) -> tuple[Event, Model, AsyncIterator[Event]]:
            events = model.stream(request)
            first = await anext(events, None)
            if first is None:
                raise MalformedReply("The stream ended without an event.", where=model.info.name)
            return first, model, events

        (first, model, rest), failed = await self._try("stream", request, begin)
        try:
            yield _with_lost(_with_name(first, model), failed)
            async for event in rest:
                yield _with_lost(_with_name(event, model), failed)
        except ModelError as error:
            error.usage, error.cost = _lost([*failed, error])
            raise
        finally:
            await close_stream(rest)

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score continuations, by the first model that does."""
        return await self._pass_on(
            "loglikelihood", context, lambda model, asked: model.loglikelihood(asked, continuations)
        )

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count input tokens, by the first model that does."""
        return await self._pass_on(
            "count_tokens", request, lambda model, request: model.count_tokens(request)
        )

    async def decide(self, request: Request, questions: "Sequence[Question]") -> "list[Decision]":
        """A provider's own decisions, by the first model that has them."""
        return await self._pass_on(
            "decide", request, lambda model, request: model.decide(request, questions)
        )

    async def aclose(self) -> None:
        """Close all the models."""
        for member in self._members:
            await member.aclose()  # type: ignore[attr-defined]  # standard models have it

    async def _pass_on(
        self, method: str, request: Request, call: Callable[[Any, Request], Awaitable[T]]
    ) -> T:
        return (await self._try(method, request, call))[0]

    async def _try(
        self, method: str, request: Request, call: Callable[[Any, Request], Awaitable[T]]
    ) -> tuple[T, list[ModelError]]:
        """The answer of the first member that gives one, and the errors of those before it."""
        began, failed = monotonic(), list[tuple[int, ModelError]]()
        for member in self._order.first_to_last(method, request):
            started = monotonic()
            try:
                left = replace(
                    without_time(request, started - began),
                    first_event_deadline=request.first_event_deadline,
                )
                answer = await call(self._members[member], left)
            except ModelError as error:
                failed.append((member, error))
                if not isinstance(error, self._passing):
                    error.usage, error.cost = _lost(_errors(failed))
                    raise
                if request.deadline is not None and monotonic() - began >= request.deadline:
                    break
            else:
                self._remember(method, failed, member, began, started)
                return answer, _errors(failed)
        raise self._all_failed(failed)

    def _remember(
        self,
        method: str,
        failed: list[tuple[int, ModelError]],
        member: int,
        began: float,
        started: float,
    ) -> None:
        """Tell the order how long the call took the member that answered, and the first that was
        really asked."""
        now = monotonic()
        self._order.took(method, member, now - started)
        asked = [other for other, error in failed if not isinstance(error, Unsupported)]
        if asked:
            self._order.took(method, asked[0], now - began)

    def _all_failed(self, failed: list[tuple[int, ModelError]]) -> ModelError:
        """The last error that says more than that a model lacks something, with the others."""
        telling = [error for _, error in failed if not isinstance(error, Unsupported)]
        raised = (telling or [error for _, error in failed])[-1]
        for member, error in failed:
            if error is not raised:
                raised.add_note(
                    f"Before that, {self._members[member].info.name}: "
                    f"{type(error).__name__}: {error}"
                )
        raised.usage, raised.cost = _lost(_errors(failed))
        return raised


def _errors(failed: Sequence[tuple[int, ModelError]]) -> list[ModelError]:
    return [error for _, error in failed]


async def _named_answer(model: Model, request: Request) -> Response:
    """The model's answer, with the name of who answered."""
    return _named(await model.generate(request), model)


def _named(response: Response, model: Model) -> Response:
    return response if response.model else replace(response, model=model.info.name)


def _with_name(event: Event, model: Model) -> Event:
    return Finished(_named(event.response, model)) if isinstance(event, Finished) else event


def _common(all_capabilities: Sequence[Capabilities]) -> Capabilities:
    """The features that all have, with what the first says of them."""
    first = all_capabilities[0].features
    return Capabilities(
        {
            name: first[name]
            for name in first
            if all(capabilities.has(name) for capabilities in all_capabilities)
        }
    )
