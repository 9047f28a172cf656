"""All that a training needs to know before it loads weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quilate.tuning.examples import AnyExample
from quilate.tuning.recipe import Recipe, TrainingSpec
from quilate_adapters.peft.base import Base, find_base, open_config
from quilate_adapters.peft.four_bit import check_installed
from quilate_adapters.peft.layers import (
    linear_layers,
    lora_config,
    shapes_of,
    targeted,
    trained_parameters,
)
from quilate_adapters.peft.precision import bf16, device
from quilate_adapters.peft.tokenising import Rows, tokenise
from quilate_adapters.peft.tokenizer import Tokenizer, open_tokenizer


@dataclass(frozen=True)
class Plan:
    """A recipe with its base, its examples as tokens, and what of the base is adapted."""

    recipe: Recipe
    base: Base
    config: Any
    tokenizer: Tokenizer
    rows: Rows
    layers: tuple[str, ...]
    parameters: int
    bf16: bool
    device: Any
    steps: int

    @property
    def evaluate_every(self) -> int:
        """Steps between two held-out losses."""
        return self.recipe.training.evaluate_every or max(1, math.ceil(self.steps / 10))

    @property
    def save_every(self) -> int:
        """Steps between two checkpoints."""
        return self.recipe.training.save_every or self.evaluate_every

    def adapter(self) -> Any:
        """PEFT's settings of the adapter."""
        return lora_config(self.recipe.lora, self.layers, self.recipe.base)


def plan(recipe: Recipe, examples: Sequence[AnyExample]) -> Plan:
    """Check a recipe and its examples against the base, without loading its weights.

    Raises `ModelFileError`, `ConfigurationError` and `DataError`, as the parts do.
    """
    if recipe.training.quantize_base == "nf4":
        check_installed()
    base = find_base(recipe.base)
    config = open_config(base)
    shapes = shapes_of(config)
    layers = linear_layers(shapes)
    names = targeted(recipe.lora, layers)
    chosen = device()
    computes_bf16 = bf16(recipe.training, chosen)
    tokenizer = open_tokenizer(base, config.get_text_config().vocab_size)
    rows = tokenise(
        examples,
        tokenizer,
        recipe.method,
        max_length=limit(recipe.training, config),
        what="training examples",
    )
    return Plan(
        recipe=recipe,
        base=base,
        config=config,
        tokenizer=tokenizer,
        rows=rows,
        layers=tuple(names),
        parameters=trained_parameters(recipe.lora, layers, names),
        bf16=computes_bf16,
        device=chosen,
        steps=steps_of(recipe.training, len(rows.kept)),
    )


def limit(training: TrainingSpec, config: Any) -> int:
    """Tokens that an example may have: the recipe's, and no more than the base can read."""
    window = getattr(config.get_text_config(), "max_position_embeddings", None)
    return min(training.max_length, window) if window else training.max_length


def steps_of(training: TrainingSpec, rows: int) -> int:
    """Optimiser steps of a training on so many rows.

    >>> steps_of(TrainingSpec(batch_size=8, epochs=3), 20)
    9
    """
    if training.steps is not None:
        return training.steps
    batches = math.ceil(rows / training.batch_size)
    return max(1, math.ceil(training.epochs * math.ceil(batches / training.accumulate)))
