"""The Model protocol and its values: what is asked of a model, and what it answers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from quilate.messages import Message, Text, user

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]
CostBasis = Literal["exact", "estimated", "unknown"]
Provenance = Literal["declared", "probed", "live"]


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether a model has a feature, and how we know."""

    supported: bool
    provenance: Provenance = "declared"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, as data. Nothing in Quilate asks an adapter for its class.

    Names in use: ``stream``, ``tools``, ``json_schema``, ``choices`` (answers constrained to a
    list of strings), ``logprobs``, ``choice_logprobs``, ``loglikelihood``,
    ``decide``, ``temperature``, ``seed``,
    ``images``, ``audio``, ``files``.

    >>> Capabilities.declared("stream", "logprobs").has("logprobs")
    True
    """

    features: Mapping[str, Capability] = field(default_factory=dict)

    @classmethod
    def declared(cls, *names: str) -> "Capabilities":
        """The named features, declared by the adapter."""
        return cls({name: Capability(True) for name in names})

    def has(self, name: str) -> bool:
        """True when the feature is known to be supported."""
        found = self.features.get(name)
        return found is not None and found.supported


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Who a model is.

    `identity` decides what may share a cache entry: two models that could ever answer
    differently must have different identities (a local model's holds its file's SHA-256, a
    hosted model's its provider, base URL and name).
    """

    name: str
    provider: str
    identity: str
    context_length: int | None = None
    sha256: str | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. None leaves a setting to the provider; `stop` are strings."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer must be JSON that is valid under `schema`."""

    schema: Mapping[str, Any]
    name: str = "answer"


@dataclass(frozen=True, slots=True)
class ChoiceFormat:
    """The answer must be exactly one of `choices`."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that is asked of a model in one call.

    `logprobs` asks for that many alternatives at each position (0: the chosen token alone).
    `deadline` is seconds for the whole call. `extra` goes to the provider as it is. `epoch` tells
    repeated draws of one request apart in caches and cassettes; no provider sees it.

    >>> ask("Hola").messages[0].role
    'user'
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    format: JsonFormat | ChoiceFormat | None = None
    logprobs: int | None = None
    deadline: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    epoch: int = 0


def ask(text: str, **settings: Any) -> Request:
    """A request of one user message; `settings` are fields of `Sampling`."""
    return Request((user(text),), sampling=Sampling(**settings))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call. `input_tokens` counts cached ones too, `output_tokens` reasoning too."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Cost:
    """Money in US dollars. A sum is as sure as its least sure part: exact, estimated, unknown.

    >>> Cost(0.5, "exact") + Cost(None, "unknown")
    Cost(usd=0.5, basis='unknown')
    """

    usd: float | None = None
    basis: CostBasis = "unknown"

    def __add__(self, other: "Cost") -> "Cost":
        order: tuple[CostBasis, ...] = ("exact", "estimated", "unknown")
        known = [cost.usd for cost in (self, other) if cost.usd is not None]
        basis = max(self.basis, other.basis, key=order.index)
        return Cost(sum(known) if known else None, basis)


FREE = Cost(0.0, "exact")
"""The cost of a call that runs on this machine."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token, its natural-log probability, and the likeliest alternatives at its position."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds to the whole answer and to its first token."""

    total_s: float = 0.0
    first_token_s: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered.

    `choice_logprobs`, for a request whose format is a `ChoiceFormat` and a model with capability
    ``choice_logprobs``, holds the natural-log probability of each whole choice as the answer.
    `raw` is the provider's own object as JSON; journals and caches do not keep it.
    """

    message: Message
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    cost: Cost = Cost()
    logprobs: tuple[TokenLogprob, ...] | None = None
    choice_logprobs: Mapping[str, float] | None = None
    timing: Timing = Timing()
    id: str | None = None
    raw: Any = None

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream, with the same response that `generate` would give."""

    response: Response


Event = TextDelta | Finished


def reply(text: str, **fields: Any) -> Response:
    """A response of one text part, for adapters and tests."""
    return Response(Message("assistant", (Text(text),)), **fields)


class Model(Protocol):
    """A chat model, local or hosted.

    `generate` raises a `quilate.errors.ModelError` and nothing else; cancelling it stops the
    work. `stream` yields `TextDelta`s and then exactly one `Finished`.
    """

    @property
    def info(self) -> ModelInfo:
        """Who this is and what it can do."""
        ...

    async def generate(self, request: Request) -> Response:
        """Answer once."""
        ...

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Answer piece by piece."""
        ...


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Natural-log probability of a continuation, over `tokens` tokens."""

    logprob: float
    tokens: int
    greedy: bool


class LikelihoodModel(Protocol):
    """A model with capability ``loglikelihood``: it can score given continuations."""

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score each continuation as the answer to `context` (chat template applied)."""
        ...
