"""How long a training will take, by timing steps of small models of the same shapes.

No weights are loaded: a model of the base's configuration with one block, and one with four, take
real steps with weights at random. Their difference is the time of three blocks; the rest of the
smaller one is that of embeddings and output layer. The whole is reckoned from the two.
"""

import random
import time
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from quilate.errors import ConfigurationError
from quilate_adapters.peft.head import score_supervised_alone
from quilate_adapters.peft.layers import linear_layers, lora_config, shapes_of, targeted
from quilate_adapters.peft.libraries import library, quiet
from quilate_adapters.peft.plan import Plan

_REPEATS, _MORE = 3, 4
# Measured on SmolLM2-135M: a held-out loss goes through the model once, and keeps nothing for a way
# back; activations that are computed again are one more such way.
_ONE_WAY = 0.4


@dataclass(frozen=True, slots=True)
class StepTime:
    """Seconds of an optimiser step on one batch: of a block of the model, and of the rest."""

    block: float
    rest: float

    def of(self, blocks: int) -> float:
        """Seconds of a step of a model with so many blocks.

        >>> StepTime(block=0.05, rest=0.5).of(30)
        2.0
        """
        return self.rest + blocks * self.block


def seconds_of(plan: Plan, heldout: int, *, recompute: bool, free: int) -> float | None:
    """Seconds that a training with `heldout` held-out examples takes, with their losses on the way.

    None where no step can be timed: on a GPU, for pairs (DPO), in 4 bits, for layers that are
    adapted by their number, and where `free` bytes do not hold embeddings and four blocks.
    """
    training = plan.recipe.training
    timed = plan.recipe.method == "sft" and training.quantize_base == "none"
    if not timed or plan.device.type != "cpu":
        return None
    found = _step_time(plan, free)
    if found is None:
        return None
    step = found.of(_blocks(plan))
    evaluations = plan.steps // plan.evaluate_every * -(-heldout // training.batch_size)
    ways = plan.steps * training.accumulate * (1 + _ONE_WAY * recompute)
    return step * (ways + evaluations * _ONE_WAY)


def _blocks(plan: Plan) -> int:
    return int(plan.config.get_text_config().num_hidden_layers)


def _step_time(plan: Plan, free: int) -> StepTime | None:
    few, more = 1, min(_MORE, _blocks(plan))
    try:
        configs = [_shortened(plan.config, blocks) for blocks in (few, more)]
        if more == few or _bytes_of(configs[1]) * 2 > free:
            return None
        with quiet(), library("torch").random.fork_rng(devices=[]):
            models = [_adapted(plan, config) for config in configs]
            batch = _typical_batch(plan)
            # By turns, so that a machine that is busy for a while is so for both.
            turns = [[_seconds_of_step(model, batch, plan.bf16) for model in models]
                     for _ in range(_REPEATS + 1)][1:]  # the first warms up  # fmt: skip
    except (ConfigurationError, ValueError, TypeError, KeyError):
        return None  # this architecture has no such smaller one, or its layers are named by number
    block = max(0.0, median(long - short for short, long in turns) / (more - few))
    return StepTime(block, max(0.0, median(short for short, _ in turns) - few * block))


def _shortened(config: Any, blocks: int) -> Any:
    """The configuration of a language model like this with fewer blocks."""
    text = config.get_text_config()
    told = {**text.to_dict(), "num_hidden_layers": blocks}
    told.pop("quantization_config", None)
    if told.get("layer_types"):
        told["layer_types"] = told["layer_types"][:blocks]
    return type(text).from_dict(told)


def _bytes_of(config: Any) -> int:
    return sum(int(one.numel()) * 4 for one in shapes_of(config).parameters())


def _adapted(plan: Plan, config: Any) -> Any:
    """A model of the configuration, its weights at random, with the recipe's adapter."""
    torch, transformers = library("torch"), library("transformers")
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    names = targeted(plan.recipe.lora, linear_layers(model))
    adapter = lora_config(plan.recipe.lora, names, plan.recipe.base)
    model = library("peft").get_peft_model(model, adapter)
    score_supervised_alone(model.get_base_model())
    return model


def _seconds_of_step(model: Any, batch: tuple[Any, Any], bf16: bool) -> float:
    torch = library("torch")
    since = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = model(input_ids=batch[0], labels=batch[1], fused_lm_head=True).loss
    loss.backward()
    return time.perf_counter() - since


def _typical_batch(plan: Plan) -> tuple[Any, Any]:
    """Token ids and labels, (rows, tokens) each, of a batch as long as they are on average."""
    torch = library("torch")
    rows, size = list(plan.rows.kept), min(plan.recipe.training.batch_size, len(plan.rows.kept))
    random.Random(0).shuffle(rows)  # noqa: S311 - no secret
    batches = [rows[at : at + size] for at in range(0, len(rows), size)]
    length = round(mean(max(row.length for row in batch) for batch in batches))
    learned = min(length - 1, max(1, round(mean(row.supervised for row in rows))))
    ids = torch.randint(0, plan.config.get_text_config().vocab_size, (size, length))
    labels = ids.clone()
    labels[:, : length - learned] = -100
    return ids, labels
