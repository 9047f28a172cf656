"""The Model protocol and its values: what is asked of a model, and what it answers."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from quilate.messages import Message, Reasoning, Text, ToolCall, user

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]
CostBasis = Literal["exact", "estimated", "unknown"]
Provenance = Literal["declared", "probed", "live"]
Effort = Literal["none", "low", "medium", "high"]
Route = Literal["native", "tool", "grammar", "prompted"]


FEATURES = frozenset(
    (
        *("temperature", "top_p", "top_k", "seed", "max_tokens", "stop", "reasoning"),
        *("stream", "tools", "tool_choice", "parallel_tool_calls", "json_schema", "choices"),
        *("logprobs", "choice_logprobs", "images", "audio", "files"),
        *("loglikelihood", "decide", "count_tokens", "batch"),
    )
)
"""Every capability that Quilate knows; `Capabilities` says what each means."""


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether a model has a feature, and how we know. The `note` of one that it has not says how
    to get it, for the error."""

    supported: bool
    provenance: Provenance = "declared"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, as data. Nothing in Quilate asks an adapter for its class.

    What is not declared is not supported: `quilate.model` refuses a request that needs it, or
    emulates it (tools, JSON, choices). The names (`FEATURES`):

    - settings: ``temperature``, ``top_p``, ``top_k``, ``seed``, ``max_tokens``, ``stop``,
      ``reasoning`` (an effort);
    - answers: ``stream``, ``tools``, ``tool_choice`` (forced calls), ``parallel_tool_calls``
      (several calls at once can be forbidden), ``json_schema``,
      ``choices`` (constrained to a list of strings), ``logprobs``, ``choice_logprobs``;
    - parts: ``images``, ``audio``, ``files``;
    - further methods: ``loglikelihood``, ``decide``, ``count_tokens``, ``batch``.

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
    hosted model's its provider, base URL and name). `quota` names what provider limits count
    together (an endpoint and a key, hashed): models of one quota share their concurrency; None
    for what has no such limits.
    """

    name: str
    provider: str
    identity: str
    context_length: int | None = None
    sha256: str | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    details: Mapping[str, Any] = field(default_factory=dict)
    quota: str | None = None


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
    """The answer must be JSON that is valid under `schema`.

    Where the provider's own structured output cannot express the schema, another route is taken
    (`Response.route` says which); with `strict` that is a `SchemaUnsupported` instead.
    """

    schema: Mapping[str, Any]
    name: str = "answer"
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ChoiceFormat:
    """The answer must be exactly one of `choices`."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that is asked of a model in one call.

    `tool_choice` is ``auto``, ``none``, ``required`` or the name of a tool; None is ``auto``.
    `parallel_tool_calls` False asks for one call at a time. `logprobs` asks for that many
    alternatives at each position (0: the chosen token alone). `reasoning` is how much to think
    before the answer; None leaves it to the provider. `cache_prefix` is a hint: the tools and that
    many leading messages stand at the beginning of many requests, so providers that take hints
    should cache them. `deadline` is seconds for the whole call, `first_event_deadline` until
    something of the answer comes. `extra` goes to the provider as it is. `epoch` tells repeated
    draws of one request apart in caches and cassettes; no provider sees it.

    >>> ask("Hola").messages[0].role
    'user'
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    format: JsonFormat | ChoiceFormat | None = None
    logprobs: int | None = None
    reasoning: Effort | None = None
    cache_prefix: int = 0
    deadline: float | None = None
    first_event_deadline: float | None = None
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
class RateLimit:
    """What a reply's headers say is left of a quota, and seconds until it is whole again."""

    requests: int | None = None
    requests_reset: float | None = None
    tokens: int | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered.

    `choice_logprobs`, for a request whose format is a `ChoiceFormat` and a model with capability
    ``choice_logprobs``, holds the natural-log probability of each whole choice as the answer.
    `model` is the name of who answered, as the provider gives it. `route` says how a format was
    imposed, and `emulated` names what Quilate did in the model's place. `raw` is the provider's
    own object as JSON; journals and caches keep neither it nor `rate_limit`.
    """

    message: Message
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    cost: Cost = Cost()
    logprobs: tuple[TokenLogprob, ...] | None = None
    choice_logprobs: Mapping[str, float] | None = None
    timing: Timing = Timing()
    id: str | None = None
    model: str | None = None
    route: Route | None = None
    emulated: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    raw: Any = None

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the answer asks for."""
        return self.message.tool_calls


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A further piece of what the model thinks."""

    reasoning: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A further piece of a tool call: of the JSON text of its arguments. `id` says which call."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream, with the same response that `generate` would give."""

    response: Response


Event = TextDelta | ReasoningDelta | ToolCallDelta | Finished


def events_of(response: Response) -> Iterator[Event]:
    """A whole response as the events of a stream, one delta a part.

    >>> [type(event).__name__ for event in events_of(reply("hola"))]
    ['TextDelta', 'Finished']
    """
    for part in response.message.parts:
        if isinstance(part, Text) and part.text:
            yield TextDelta(part.text)
        elif isinstance(part, Reasoning) and part.reasoning:
            yield ReasoningDelta(part.reasoning)
        elif isinstance(part, ToolCall):
            yield ToolCallDelta(part.id, part.name, json.dumps(dict(part.arguments)))
    yield Finished(response)


def reply(text: str, **fields: Any) -> Response:
    """A response of one text part, for adapters and tests."""
    return Response(Message("assistant", (Text(text),)), **fields)


class Model(Protocol):
    """A chat model, local or hosted.

    `generate` raises a `quilate.errors.ModelError` and nothing else; cancelling it stops the
    work and closes its connection. `stream` yields deltas and then exactly one `Finished`, whose
    response is what `generate` would have given. Deadlines, retries, formats and concurrency are
    not an adapter's business: `quilate.middleware.standard` puts them around it.
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


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many input tokens a request has; `exact` False: an estimate."""

    tokens: int
    exact: bool


class TokenCounter(Protocol):
    """A model with capability ``count_tokens``."""

    async def count_tokens(self, request: Request) -> TokenCount:
        """Count the input tokens of a request, by the provider's or the model's own tokenizer."""
        ...


class LikelihoodModel(Protocol):
    """A model with capability ``loglikelihood``: it can score given continuations."""

    async def loglikelihood(
        self, context: Request, continuations: Sequence[str]
    ) -> list[Likelihood]:
        """Score each continuation as the answer to `context` (chat template applied)."""
        ...
