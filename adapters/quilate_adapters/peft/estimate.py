"""What a training will need: steps, and memory, reckoned without loading weights.

The activations are not guessed by a formula for one architecture: the model runs forward once on
tensors that have shapes but no memory (torch's FakeTensorMode), and what autograd would keep for
the way back is added up.
"""

from dataclasses import asdict, dataclass
from typing import Any

from quilate.errors import ConfigurationError
from quilate.tuning.trainers import Estimate
from quilate_adapters.peft.layers import linear_layers, shapes_of
from quilate_adapters.peft.libraries import library, quiet
from quilate_adapters.peft.memory import free_for, resident
from quilate_adapters.peft.plan import Plan
from quilate_adapters.peft.precision import name_of, threads_of

# Bytes a trained number: itself, its gradient, AdamW's two moments, and the best of it so far.
_TRAINED = 5 * 4
# What trl and its like take once they are loaded, measured.
_LIBRARIES = 250_000_000
_CUDA_CONTEXT = 500_000_000
# glibc keeps the memory of freed tensors below 32 MB, in pieces. Measured on SmolLM2-135M at four
# settings (batches of 2 to 16, both precisions), the batch's part of the peak is this much larger
# than its tensors; with MALLOC_MMAP_THRESHOLD_=65536 it is not larger, and steps are slower.
_SLACK = {"bf16": 1.45, "fp32": 1.7, "cuda": 1.1}


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes by what they are for."""

    weights: int
    adapter: int
    activations: int
    logits: int
    process: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.adapter + self.activations + self.logits + self.process


def estimate(plan: Plan) -> tuple[Estimate, bool]:
    """The estimate of a training, and whether it fits only if activations are computed again on the
    way back (gradient checkpointing: a third more time, a fraction of the memory)."""
    free = free_for(plan.device)
    held = resident()
    full, recomputed = _needs(plan, held)
    again = full.total > free and recomputed.total < full.total
    need = recomputed if again else full
    return (
        Estimate(
            steps=plan.steps,
            trained_parameters=plan.parameters,
            memory_bytes=need.total,
            free_bytes=free,
            seconds=None,
            device=name_of(plan.device),
            parts=asdict(need),
            details=_details(plan, again),
        ),
        again,
    )


def refuse_what_does_not_fit(found: Estimate, plan: Plan) -> None:
    """Raise `ConfigurationError` for a training that would run out of memory."""
    if found.fits:
        return
    training = plan.recipe.training
    ways = []
    if training.batch_size > 1:
        ways.append(
            f"a smaller batch_size (now {training.batch_size}; with accumulate: "
            f"{training.batch_size * training.accumulate // max(1, training.batch_size // 2)} and "
            f"batch_size: {max(1, training.batch_size // 2)} the steps are the same)"
        )
    ways.append(f"a smaller max_length (the longest example has {plan.rows.longest} tokens)")
    raise ConfigurationError(
        f"This training needs about {_gb(found.memory_bytes)}, and {found.device} has "
        f"{_gb(found.free_bytes)} for it.",
        where=f"recipe {plan.recipe.name}",
        remedy=f"Choose {', or '.join(ways)}, or a smaller base.",
    )


def _needs(plan: Plan, held: int) -> tuple[Need, Need]:
    """What is needed at the worst batch, and what if activations are computed again."""
    saved, weights, width, blocks = _measure(plan)
    training = plan.recipe.training
    sequences = training.batch_size * (2 if plan.recipe.method == "dpo" else 1)
    supervised = sum(
        sorted((row.supervised for row in plan.rows.kept), reverse=True)[: training.batch_size]
    )
    cuda = plan.device.type == "cuda"
    rest = {
        "weights": weights,
        "adapter": plan.parameters * _TRAINED,
        "logits": _logits(plan, supervised),
        "process": _CUDA_CONTEXT if cuda else held + _LIBRARIES,
    }
    slack = _SLACK["cuda" if cuda else "bf16" if plan.bf16 else "fp32"]
    rest["logits"] = int(rest["logits"] * slack)
    inputs_of_blocks = sequences * plan.rows.longest * width * 4 * blocks
    again = inputs_of_blocks + saved // max(1, blocks)
    return (
        Need(activations=int(saved * slack), **rest),
        Need(activations=int(again * slack), **rest),
    )


def _logits(plan: Plan, supervised: int) -> int:
    """At supervised positions alone: logits, their float32 copy, their logarithms, probabilities
    for the entropy, and two gradients."""
    vocabulary = plan.config.get_text_config().vocab_size
    return int(supervised * vocabulary * (20 if plan.bf16 else 24))


def _measure(plan: Plan) -> tuple[int, int, int, int]:
    """Bytes that autograd keeps of a batch, bytes of the weights, hidden width, and blocks."""
    torch = library("torch")
    training = plan.recipe.training
    sequences = training.batch_size * (2 if plan.recipe.method == "dpo" else 1)
    shape = (sequences, plan.rows.longest)
    with quiet():
        model = library("peft").get_peft_model(shapes_of(plan.config), plan.adapter())
        base = model.get_base_model()
        text = plan.config.get_text_config()
        frozen = [p for p in base.parameters() if not p.requires_grad]
        weights = sum(p.numel() for p in frozen) * 4
        if plan.recipe.training.quantize_base == "nf4":
            # Half a byte a number of a linear layer; on a CPU the float32 ones are there before.
            linear = sum(
                one.inputs * one.outputs for one in linear_layers(shapes_of(plan.config)).values()
            )
            rest = weights - linear * 4 + linear // 2
            weights = rest if plan.device.type == "cuda" else rest + weights
        saved = _saved_bytes(torch, base, shape, plan)
    return saved, weights, int(text.hidden_size), int(text.num_hidden_layers)


def _saved_bytes(torch: Any, base: Any, shape: tuple[int, int], plan: Plan) -> int:
    fake = library("torch._subclasses.fake_tensor:FakeTensorMode")
    with fake():
        _give_fake_tensors(torch, base)
        own = {p.untyped_storage()._cdata for p in base.parameters()}
        kept: dict[int, Any] = {}

        def keep(tensor: Any) -> Any:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                kept[storage._cdata] = storage  # held, so that no other takes its address
            return tensor

        ids = torch.zeros(shape, dtype=torch.long)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        cast = torch.autocast("cpu", torch.bfloat16, enabled=plan.bf16)
        with hooks, cast:
            base.base_model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
        return sum(int(storage.nbytes()) for storage in kept.values())


def _give_fake_tensors(torch: Any, model: Any) -> None:
    """Replace a model's tensors without memory by such that say they are on the CPU: autocast
    looks at that."""
    for module in model.modules():
        for name, old in list(module._parameters.items()):
            if old is not None:
                new = torch.empty(old.shape, dtype=old.dtype, device="cpu")
                module._parameters[name] = torch.nn.Parameter(new, old.requires_grad)
        for name, old in list(module._buffers.items()):
            if old is not None:
                module._buffers[name] = torch.empty(old.shape, dtype=old.dtype, device="cpu")


def _details(plan: Plan, again: bool) -> dict[str, bool | int | str]:
    return {
        **threads_of(plan.device),
        "batch_size": plan.recipe.training.batch_size,
        "longest": plan.rows.longest,
        "examples": len(plan.rows.kept),
        "precision": "bf16" if plan.bf16 else "fp32",
        "recomputed": again,
        "dropped": len(plan.rows.dropped),
    }


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
