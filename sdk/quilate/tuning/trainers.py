"""What trains and what converts: protocols, and the values that they give.

A trainer is found by name in the entry-point group ``quilate.trainers``; ours is ``peft``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from quilate.tuning.examples import AnyExample
from quilate.tuning.recipe import LoraSpec, ParitySpec, Recipe


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a training will need: optimiser `steps`, peak `memory_bytes` of this process, `seconds`
    where a step could be timed, and the machine's free memory.

    `parts` are the bytes by what they are for: ``weights``, ``adapter``, ``activations``,
    ``logits``, ``process``. `details` say how it was reckoned, as values that reports put into
    words: ``threads``, ``batch_size``, ``longest`` (tokens), ``examples``, ``precision``
    (``bf16``, ``fp32``), ``recomputed`` (activations, on the way back), ``dropped`` (examples). A
    trainer may leave out any of them, and add others.
    """

    steps: int
    trained_parameters: int
    memory_bytes: int
    free_bytes: int
    seconds: float | None
    device: str
    parts: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, bool | int | str] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether the memory suffices."""
        return self.memory_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True)
class LossPoint:
    """The loss at a step, in nats a supervised token: on the training batch, or held out."""

    step: int
    loss: float
    heldout: bool = False


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: the PEFT adapter's folder and how it went.

    `best_step` is the one whose weights are kept (the least held-out loss); `stopped` says why it
    ended: ``done``, ``patience``.
    """

    adapter: Path
    base: str
    steps: int
    best_step: int
    stopped: str
    losses: tuple[LossPoint, ...]
    supervised_tokens: int
    seconds: float
    device: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Watch(Protocol):
    """Told of progress: `done` of `total` steps, and the last loss."""

    def __call__(self, done: int, total: int, point: LossPoint | None, /) -> None:
        """Called after each step, from the thread that trains."""
        ...


class Trainer(Protocol):
    """Trains an adapter. Loads nothing heavy before its first call."""

    def estimate(
        self, recipe: Recipe, examples: Sequence[AnyExample], heldout: Sequence[AnyExample] = ()
    ) -> Estimate:
        """What the training will need, held-out losses included; trains nothing."""
        ...

    def train(
        self,
        recipe: Recipe,
        examples: Sequence[AnyExample],
        heldout: Sequence[AnyExample],
        folder: Path,
        *,
        watch: Watch | None = None,
    ) -> Trained:
        """Train into `folder`; called again on the folder of a killed training, it goes on from its
        last checkpoint, and ends with the same weights."""
        ...


@dataclass(frozen=True, slots=True)
class Parity:
    """How near the served model (GGUF base with its GGUF adapter) is to the trained one.

    Over `positions` of held-out prompts with their answers: mean `kl` from the trained model to
    the served one in nats a token, the share `top1` of positions whose likeliest token is the same,
    and the same two of the base without the adapter on both sides (`base_kl`, `base_top1`): the
    noise of quantised arithmetic. `greedy_same` of `prompts` have equal greedy answers.
    """

    positions: int
    prompts: int
    kl: float
    top1: float
    base_kl: float
    base_top1: float
    greedy_same: int
    passed: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Converted:
    """A GGUF LoRA adapter and what is known of it. `residual` is the relative size of what the
    conversion left out, by module (of DoRA and LoKr; empty for an exact one)."""

    file: Path
    sha256: str
    rank: int
    modules: int
    residual: Mapping[str, float] = field(default_factory=dict)


class Converter(Protocol):
    """Brings a trained adapter back to what serves it."""

    def convert(self, adapter: Path, base: Path, file: Path) -> Converted:
        """The PEFT adapter in folder `adapter` as a GGUF LoRA for the GGUF model `base`."""
        ...

    def parity(
        self, adapter: Path, base: Path, file: Path, prompts: Sequence[AnyExample], spec: ParitySpec
    ) -> Parity:
        """Compare the trained model with ``base`` + ``file`` as llama.cpp serves them."""
        ...

    def merge(self, adapter: Path, base: Path, file: Path) -> Path:
        """Write the GGUF model `base` with the PEFT adapter merged into it, as F16."""
        ...

    def quantize(self, source: Path, file: Path, kind: str) -> Path:
        """Write a GGUF model that is F16, BF16 or F32 in a smaller type, such as ``Q8_0``."""
        ...

    def check_quantize(self, source: Path, file: Path, kind: str) -> None:
        """Raise what `quantize` would raise of its arguments, at once."""
        ...

    def divergence(self, reference: Path, other: Path, texts: Sequence[str]) -> tuple[float, float]:
        """Mean KL divergence, in nats a token, from one GGUF model to another on `texts`, and the
        share of tokens before which both find the same likeliest."""
        ...


def scale_of(lora: LoraSpec) -> float:
    """What the product of an adapter's matrices is multiplied by, where no pattern says otherwise.

    >>> scale_of(LoraSpec(rank=16)), scale_of(LoraSpec(rank=16, alpha=16, rslora=True))
    (2.0, 4.0)
    """
    alpha = lora.alpha or 2.0 * lora.rank
    return float(alpha / (lora.rank**0.5 if lora.rslora else lora.rank))
